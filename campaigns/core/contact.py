"""A contact: an account in a campaign, its numbers and its attempts.

Figures are not kept, they are counted from the attempts of the round: so whatever arrives late, they agree. A number
that was invalid, suspended, a fax or the wrong party's is retired for good.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

from campaigns.core.campaign import Campaign
from campaigns.core.dispositions import TABLE, Followup
from campaigns.core.reasons import FINAL_STATES, WRITTEN, Channel, Disposition, State
from campaigns.core.zones import instant, zone_named


class Step(StrEnum):
    """How far an attempt is."""

    OPEN = "open"
    HELD = "held"  # nobody knows what became of it
    OVER = "over"
    NOT_DIALLED = "not_dialled"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One order. `at_ms`: decided. `ended_ms`: its call's end, or since when it is held. `rang`: or may have rung.

    `cut`: the network released it while people talked (CB-5). `promise_date`: of its promise to pay. `by_person`: a
    person said what became of it, and no later fact of the switch overrules that.
    """

    n: int
    round: int
    channel: Channel
    number: str
    at_ms: int
    step: Step = Step.OPEN
    ended_ms: int | None = None
    disposition: Disposition | None = None
    counted: bool = False
    rang: bool = False
    confirmed: bool = False
    agreed_at_ms: int | None = None
    revised: bool = False
    cut: bool = False
    promise_date: str | None = None
    by_person: bool = False

    @property
    def written(self) -> bool:
        return self.channel in WRITTEN


class Phone(NamedTuple):
    """A number in E.164 and where its owner may be."""

    number: str
    zones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contact:
    """`decided_upto`: the attempts up to this one were looked at by a person, who let calling go on.

    `handed_over`: the fallback is a person's work, who has it. `barred`: numbers that are not called (do-not-call);
    what is written still goes there, but to `strangers`: these are another person's. `outdated_upto`: what the attempts
    up to this one say is right no more (`campaigns.core.revisions`). `promise_date`: of the last attempt of the round
    that is a promise to pay still.
    `call_at_ms`: not before (CB-2); `keep_by_ms`: by then the promise of it is kept; `agreed_at_ms`: the customer asked
    for this time (CB-1).
    """

    account: str
    customer_class: str
    phones: tuple[Phone, ...]
    important: bool = False
    state: State = State.WAITING
    round: int = 1
    attempts: tuple[Attempt, ...] = ()
    decided_upto: int = 0
    handed_over: bool = False
    promise_date: str | None = None
    barred: frozenset[str] = frozenset()
    strangers: frozenset[str] = frozenset()
    outdated_upto: int = 0
    call_at_ms: int | None = None
    keep_by_ms: int | None = None
    agreed_at_ms: int | None = None

    @property
    def final(self) -> bool:
        return self.state in FINAL_STATES

    @property
    def this_round(self) -> tuple[Attempt, ...]:
        return tuple([attempt for attempt in self.attempts if attempt.round == self.round])

    @property
    def counted(self) -> int:
        """How many of the three (TRY-1) are used."""
        return sum(attempt.counted for attempt in self.this_round)

    @property
    def held(self) -> Attempt | None:
        """The attempt whose outcome nobody knows."""
        return next((attempt for attempt in self.this_round if attempt.step is Step.HELD), None)

    @property
    def retired(self) -> frozenset[str]:
        """Numbers that are not dialled again."""
        return frozenset(
            [
                attempt.number
                for attempt in self.attempts
                if attempt.disposition is not None and TABLE[attempt.disposition].then is Followup.NEXT_NUMBER
            ]
        )

    @property
    def notice_out_ms(self) -> int | None:
        """When the person was first tried or told, as `notice_out_by` asks: a counted attempt, a delivered message."""
        met = [
            attempt.at_ms
            for attempt in self.this_round
            if attempt.counted or (attempt.written and attempt.disposition is Disposition.REACHED)
        ]
        return min(met, default=None)

    def attempt(self, n: int) -> Attempt | None:
        return next((attempt for attempt in self.attempts if attempt.n == n), None)


def exempt(contact: Contact, campaign: Campaign) -> bool:
    """Called without a cap until somebody confirms (OUT-1)."""
    return contact.important and campaign.important_until_confirmed


def undecided(contact: Contact) -> Iterator[Attempt]:
    """Attempts whose outcome may still come in time: open, or held and not yet final."""
    for attempt in contact.this_round:
        if attempt.step is Step.OPEN or (attempt.step is Step.HELD and not attempt.counted):
            yield attempt


def wants_no_calls(contact: Contact) -> bool:
    """It opted out in a call since a person last decided about it."""
    return any(
        attempt.disposition is Disposition.OPTED_OUT and attempt.n > contact.decided_upto
        for attempt in contact.this_round
    )


def begun(contact: Contact) -> bool:
    """Whether somebody was, or may have been, rung or written to; or a person works on it. A campaign that drains goes
    on with such alone.
    """
    return contact.state is State.PERSON or any(
        attempt.step in {Step.OPEN, Step.HELD}
        or (attempt.step is Step.OVER and (attempt.counted or attempt.rang or attempt.written))
        for attempt in contact.attempts
    )


def exhausted(contact: Contact, campaign: Campaign) -> bool:
    """No attempt is left (TRY-1)."""
    return not exempt(contact, campaign) and contact.counted >= campaign.attempts_max


def promise_ends_ms(contact: Contact, campaign: Campaign) -> int | None:
    """When a promise to pay is broken: as its day ends in the campaign's zone. None: it has no date that is known, or
    the campaign ends before: then it is the last word.
    """
    if contact.promise_date is None or zone_named(campaign.zone) is None:
        return None
    ends_ms = instant(date.fromisoformat(contact.promise_date) + timedelta(days=1), 0, campaign.zone)
    if campaign.expires_at_ms is not None and campaign.expires_at_ms <= ends_ms:
        return None
    return ends_ms


def promise_open_ms(contact: Contact, campaign: Campaign, now_ms: int) -> int | None:
    """Until when a promise to pay is waited for; None: there is none, or it is broken."""
    ends_ms = promise_ends_ms(contact, campaign)
    return None if ends_ms is None or ends_ms <= now_ms else ends_ms


def fallback_acts_ms(contact: Contact, campaign: Campaign) -> int | None:
    """When the contact is handed over at the latest: at `fallback_by`, or when the promise is broken that it gave."""
    by_ms, broken_ms = campaign.fallback_by_ms, promise_ends_ms(contact, campaign)
    return by_ms if by_ms is None or broken_ms is None else max(by_ms, broken_ms)


def blocking(contact: Contact, campaign: Campaign) -> Attempt | None:
    """The open attempt that must end before the next. A message to an important contact stops no call."""
    return next(
        (
            attempt
            for attempt in contact.this_round
            if attempt.step is Step.OPEN and not (attempt.written and exempt(contact, campaign))
        ),
        None,
    )
