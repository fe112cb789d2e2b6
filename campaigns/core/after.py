"""The one table of what an outcome does to a contact.

1. `after` is total: an outcome that does not fit leaves the contact as it is.
2. A final contact is never re-opened by a late fact. The fact corrects the attempt (`revised`), and with it the
   figures; only a new round (a changed outage) begins again.
3. A call without an outcome is held at once: the contact is `unknown`. After 30 min the attempt is final and counted;
   the contact stays held until a fact or a person says what happened, or the fallback takes over.
4. An important contact of an outage is reached when somebody confirmed; after the third attempt a person works on it
   while calling goes on.
5. A disposition has its greatest number a contact: congestion beyond it is failedOther, for others a person decides.
6. A promise to pay with a date is not final before that day has ended: then it is broken, and calling goes on. One
   without a date is final, and so is one beyond the campaign's end. It holds as long as its attempt is a promise: a
   late fact that makes something else of it takes it back.
7. What a person said of an attempt stands: later facts of the switch add that it rang, and an agent's code alone
   overrules it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from campaigns.core.campaign import Campaign
from campaigns.core.contact import Attempt, Contact, Step, exempt, promise_ends_ms, wants_no_calls
from campaigns.core.dispositions import MINUTE_MS, TABLE
from campaigns.core.reasons import FINAL_STATES, Channel, Disposition, FallbackKind, State
from campaigns.core.zones import local_day, zone_named

_PROMISED = Disposition.PROMISED_TO_PAY
UNKNOWN_FINAL_AFTER_MS = TABLE[Disposition.UNKNOWN].minutes * MINUTE_MS


class Dialled(NamedTuple):
    """An order was made: a new attempt."""

    at_ms: int
    channel: Channel
    number: str


class Ended(NamedTuple):
    """What an attempt came to, the first time or anew. `named_ms`: a time that an agent named with it: of callbackAsked
    the one agreed on, of promisedToPay by when. `coded`: it is the code of an agent.
    """

    n: int
    at_ms: int
    disposition: Disposition
    rang: bool = False
    confirmed: bool = False
    agreed_at_ms: int | None = None
    promise_date: str | None = None
    cut: bool = False
    named_ms: int | None = None
    coded: bool = False


class NeverDialled(NamedTuple):
    """The order certainly rang nowhere, or was withdrawn."""

    n: int
    at_ms: int


class HeldLong(NamedTuple):
    """An attempt is unknown for 30 min: final and counted. `since_ms`, `rang`: as of the hold, which nobody may have
    seen begin.
    """

    n: int
    since_ms: int
    rang: bool = False


class Word(NamedTuple):
    """A person's word on a contact in `person` or `unknown`."""

    at_ms: int
    disposition: Disposition
    agreed_at_ms: int | None = None
    promise_date: str | None = None


class HandedOver(NamedTuple):
    """The fallback took over."""


class Closed(NamedTuple):
    """Settled, suppressed, cancelled or expired."""

    state: State


class NewRound(NamedTuple):
    """What was told has changed: everything begins again, but for the retired numbers."""


Outcome = Dialled | Ended | NeverDialled | HeldLong | Word | HandedOver | Closed | NewRound


def after(contact: Contact, outcome: Outcome, campaign: Campaign) -> Contact:
    """The contact after an outcome."""
    return _EFFECTS[type(outcome)](contact, outcome, campaign)


def owes_notice(contact: Contact, campaign: Campaign) -> bool:
    """A written notice stands for this contact: its fallback, or what is due in writing to who does not want calls."""
    return (
        contact.state in {State.FALLBACK, State.SUPPRESSED}
        and campaign.fallback is not FallbackKind.PERSON
        and not any(_closes(attempt, contact, campaign) in _TOLD for attempt in contact.this_round)
    )


_TOLD = frozenset({State.REACHED, State.PROMISED, State.PAID, State.DISPUTED})
"""A late fact of one of these recalls a notice that has not been exported."""


def _dialled(contact: Contact, outcome: Dialled, campaign: Campaign) -> Contact:
    if contact.final:
        return contact
    n = max((attempt.n for attempt in contact.attempts), default=0) + 1
    attempt = Attempt(n, contact.round, outcome.channel, outcome.number, outcome.at_ms)
    return _settled(replace(contact, attempts=(*contact.attempts, attempt)), campaign)


def _ended(contact: Contact, outcome: Ended, campaign: Campaign) -> Contact:
    attempt = contact.attempt(outcome.n)
    if attempt is None:
        return contact
    if outcome.disposition is Disposition.UNKNOWN and not attempt.written:
        if attempt.step is not Step.OPEN:
            return contact  # that nothing is known is no news
        return _settled(_with(contact, _hold(attempt, outcome.at_ms, outcome.rang)), campaign)
    if attempt.by_person and not outcome.coded:
        return _settled(_with(contact, replace(attempt, rang=attempt.rang or outcome.rang)), campaign)
    disposition = _counted_as(contact, attempt, outcome.disposition)
    over = replace(
        attempt,
        step=Step.OVER,
        ended_ms=outcome.at_ms,
        disposition=disposition,
        counted=TABLE[disposition].counts and _may_count(contact, attempt, campaign),
        rang=outcome.rang or (attempt.rang and attempt.step is Step.HELD),  # over, it was only not excluded
        confirmed=outcome.confirmed,
        agreed_at_ms=_agreed_ms(outcome),
        cut=outcome.cut,
        revised=attempt.revised or (_is_final(attempt) and attempt.disposition is not disposition),
        promise_date=_promise_date(outcome, campaign) or attempt.promise_date if disposition is _PROMISED else None,
        by_person=False,
    )
    return _settled(_with(contact, over), campaign)


def _agreed_ms(outcome: Ended) -> int | None:
    if outcome.agreed_at_ms is not None or outcome.disposition is not Disposition.CALLBACK_ASKED:
        return outcome.agreed_at_ms
    return outcome.named_ms


def _promise_date(outcome: Ended, campaign: Campaign) -> str | None:
    if outcome.promise_date is not None or outcome.named_ms is None or zone_named(campaign.zone) is None:
        return outcome.promise_date
    return local_day(outcome.named_ms, campaign.zone).isoformat()


def _never_dialled(contact: Contact, outcome: NeverDialled, campaign: Campaign) -> Contact:
    attempt = contact.attempt(outcome.n)
    if attempt is None or attempt.step not in {Step.OPEN, Step.HELD}:
        return contact
    gone = replace(
        attempt,
        step=Step.NOT_DIALLED,
        ended_ms=outcome.at_ms,
        disposition=None,
        counted=False,
        revised=attempt.revised or _is_final(attempt),
    )
    return _settled(_with(contact, gone), campaign)


def _held_long(contact: Contact, outcome: HeldLong, campaign: Campaign) -> Contact:
    """End a held attempt. Where a late fact has used up the three meanwhile, it still counts as a call of its day."""
    attempt = contact.attempt(outcome.n)
    if attempt is None or attempt.step not in {Step.OPEN, Step.HELD}:
        return contact
    held = attempt if attempt.step is Step.HELD else _hold(attempt, outcome.since_ms, outcome.rang)
    if _may_count(contact, attempt, campaign):
        held = replace(held, counted=True)
    else:
        held = replace(held, step=Step.OVER, rang=True)
    return _settled(_with(contact, held), campaign)


def _hold(attempt: Attempt, since_ms: int, rang: bool) -> Attempt:
    unknown = Disposition.UNKNOWN
    return replace(attempt, step=Step.HELD, ended_ms=since_ms, disposition=unknown, rang=attempt.rang or rang)


def _word(contact: Contact, outcome: Word, campaign: Campaign) -> Contact:
    if outcome.disposition is Disposition.UNKNOWN:
        return contact
    if contact.state is State.UNKNOWN and contact.held is not None:
        held = contact.held
        said = Ended(
            held.n,
            outcome.at_ms,
            outcome.disposition,
            rang=held.rang or outcome.disposition is not Disposition.INVALID_NUMBER,  # nobody has said that it did not
            confirmed=True,
            agreed_at_ms=outcome.agreed_at_ms,
            promise_date=outcome.promise_date,
        )
        heard = _ended(contact, said, campaign)
        attempts = tuple(replace(each, by_person=each.n == held.n or each.by_person) for each in heard.attempts)
        return replace(heard, attempts=attempts)
    if contact.state is not State.PERSON:
        return contact
    return _decided_on(contact, outcome, campaign)


def _decided_on(contact: Contact, outcome: Word, campaign: Campaign) -> Contact:
    """The word on a `person` stands in the ledger as an attempt of that person, none of the three."""
    last = contact.attempts[-1] if contact.attempts else None
    said = Attempt(
        n=1 if last is None else last.n + 1,
        round=contact.round,
        channel=Channel.PERSON,
        number="" if last is None else last.number,
        at_ms=outcome.at_ms,
        step=Step.OVER,
        ended_ms=outcome.at_ms,
        disposition=outcome.disposition,
        confirmed=True,
        agreed_at_ms=outcome.agreed_at_ms,
        promise_date=outcome.promise_date if outcome.disposition is _PROMISED else None,
        by_person=True,
    )
    attempts = (*contact.attempts, said)
    decided = replace(contact, attempts=attempts, decided_upto=said.n)
    return _settled(_with_promise(decided), campaign)


def _handed_over(contact: Contact, _outcome: HandedOver, campaign: Campaign) -> Contact:
    if contact.final:
        return contact
    if campaign.fallback is FallbackKind.PERSON:
        return _settled(replace(contact, handed_over=True), campaign)
    return replace(contact, state=State.FALLBACK)


def _closed(contact: Contact, outcome: Closed, _campaign: Campaign) -> Contact:
    if contact.final or outcome.state not in FINAL_STATES:
        return contact
    return replace(contact, state=outcome.state)


def _new_round(contact: Contact, _outcome: NewRound, _campaign: Campaign) -> Contact:
    return replace(contact, round=contact.round + 1, state=State.WAITING, handed_over=False, promise_date=None)


_EFFECTS: Mapping[type[Outcome], Callable[..., Contact]] = MappingProxyType(
    {
        Dialled: _dialled,
        Ended: _ended,
        NeverDialled: _never_dialled,
        HeldLong: _held_long,
        Word: _word,
        HandedOver: _handed_over,
        Closed: _closed,
        NewRound: _new_round,
    }
)


def _settled(contact: Contact, campaign: Campaign) -> Contact:
    """The contact with the state that its attempts give."""
    return contact if contact.final else replace(contact, state=_state(contact, campaign))


def _state(contact: Contact, campaign: Campaign) -> State:
    closing = (_closes(attempt, contact, campaign) for attempt in contact.this_round)
    closed = next((state for state in closing if state is not None), None)
    if closed is not None:
        return closed
    if any(attempt.step is Step.OPEN for attempt in contact.this_round):
        return State.IN_PROGRESS
    if contact.held is not None and not contact.handed_over:
        return State.UNKNOWN
    return State.PERSON if _for_a_person(contact, campaign) else State.WAITING


def _closes(attempt: Attempt, contact: Contact, campaign: Campaign) -> State | None:
    """The final state that an attempt brings about."""
    state = None if attempt.disposition is None else TABLE[attempt.disposition].state
    if state in {State.REACHED, State.SUPPRESSED} and exempt(contact, campaign) and not attempt.confirmed:
        return None  # of OUT-1: who wants no calls is told by a person
    if state is State.PROMISED and promise_ends_ms(contact, campaign) is not None:
        return None
    return state


def _for_a_person(contact: Contact, campaign: Campaign) -> bool:
    """The fallback, one disposition too often; of an important contact the third attempt, or that it opted out."""
    if contact.handed_over:
        return True
    if exempt(contact, campaign) and (contact.counted >= campaign.attempts_max or wants_no_calls(contact)):
        return True
    since = list(_since_decided(contact))
    limits = ((disposition, row.at_most) for disposition, row in TABLE.items() if row.beyond is None)
    return any(limit is not None and since.count(disposition) >= limit for disposition, limit in limits)


def _since_decided(contact: Contact) -> Iterator[Disposition]:
    """The dispositions of calls since a person last decided."""
    for attempt in contact.this_round:
        if attempt.n > contact.decided_upto and attempt.disposition is not None and not attempt.written:
            yield attempt.disposition


def _counted_as(contact: Contact, attempt: Attempt, disposition: Disposition) -> Disposition:
    """Congestion beyond its third is failedOther. A message is no call, and does not count among them."""
    row = TABLE[disposition]
    if row.beyond is None or row.at_most is None or attempt.written:
        return disposition
    others = [
        other.disposition
        for other in contact.this_round
        if contact.decided_upto < other.n != attempt.n and not other.written
    ]
    return row.beyond if others.count(disposition) >= row.at_most else disposition


def _may_count(contact: Contact, attempt: Attempt, campaign: Campaign) -> bool:
    """A call, and one of the three is left: a late fact never makes a fourth of it."""
    others = sum(other.counted for other in contact.this_round if other.n != attempt.n)
    return not attempt.written and (exempt(contact, campaign) or others < campaign.attempts_max)


def _is_final(attempt: Attempt) -> bool:
    return attempt.step in {Step.OVER, Step.NOT_DIALLED} or attempt.counted


def _with(contact: Contact, attempt: Attempt) -> Contact:
    """The contact with this attempt in the place of its former self."""
    attempts = tuple(attempt if other.n == attempt.n else other for other in contact.attempts)
    return _with_promise(replace(contact, attempts=attempts))


def _with_promise(contact: Contact) -> Contact:
    """The contact with the promise that its attempts give: that of the last which is one."""
    dates = [attempt.promise_date for attempt in contact.this_round if attempt.disposition is _PROMISED]
    date = dates[-1] if dates else None
    return contact if date == contact.promise_date else replace(contact, promise_date=date)
