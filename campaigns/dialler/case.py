"""A contact while a turn works on it: what outcomes make of it, and what has to be written of that."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from campaigns.core.after import Closed, Ended, HandedOver, NewRound, Outcome, after, owes_notice
from campaigns.core.campaign import BEGUN, NOT_BEGUN, Campaign
from campaigns.core.choice import next_call, silenced
from campaigns.core.contact import Step, blocking, fallback_acts_ms
from campaigns.core.decide import Close, Dial, Fallback, decide
from campaigns.core.promises import Kept, outcome_of
from campaigns.core.reasons import WRITTEN, CampaignState, Channel, Disposition, State, Why
from campaigns.core.revisions import Renewal, renewal
from campaigns.core.waiting import GRACE_MS, SWITCH_SILENT_MAX_MS, WaitUntil, World, notice_missed_ms
from campaigns.core.zones import instant, local_day
from campaigns.dialler.orders import split_number
from campaigns.ledger.compiled import campaign_for, contact_of, judged_attempt, judged_contact
from campaigns.ledger.people import PersonDay, account_key, line_keys
from campaigns.ledger.rows import AttemptColumns, AttemptRow, CampaignRow, ContactRow
from campaigns.ledger.tables import FAR
from campaigns.ledger.turns import Found
from campaigns.outages.items import standing
from cti.dial.rows import SwitchStanding

TAKEN_OUT = frozenset({Why.IMPORT_WITHDRAWN.value, Why.PERSON_ERASED.value})
STEPS_MAX = 4  # from one decision to the next at one instant: a fallback, a close
UNLINED = WRITTEN | {Channel.PERSON}  # without a telephone line
_GOES_ON = NOT_BEGUN | BEGUN
DAYS_KEPT, ZONES_KEPT = 256, 1_024
LATE_MS = 60_000  # a fallback that is made later than this after its last instant was missed
CAP_AGAIN_MS = 900_000  # how often a person who was called often enough today is looked at again
ORDER_VALID_MS = 2_000  # what a former owner of the lane made is over when the next one begins
ORDER_VALID_MAX_MS = 300_000  # on a clock that runs faster than real time: the machine takes as long as ever


class Moment(NamedTuple):
    """What holds for all contacts of a lane now. `now_ms`, `heard_ms`: by the time of day."""

    now_ms: int
    ledger_ms: int
    heard_ms: int | None
    stream_live: bool
    clock_true: bool
    steady: bool
    frozen: bool
    order_valid_ms: int = ORDER_VALID_MS

    @property
    def heard(self) -> bool:
        """Whether the switch was heard of lately."""
        return self.heard_ms is not None and self.now_ms - self.heard_ms <= SWITCH_SILENT_MAX_MS


def moment_of(
    standing: SwitchStanding,
    now_ms: int,
    speed: float,
    *,
    frozen: bool,
    steady: bool,
) -> Moment:
    """The moment, from the standing of the switch. `speed`: how many times as fast as real time the clocks run."""
    word = standing.word
    return Moment(
        now_ms=now_ms,
        ledger_ms=standing.at_ms,
        heard_ms=heard_at(standing, now_ms, speed),
        stream_live=standing.alive,
        clock_true=word is not None and word.trusted,
        steady=steady,
        frozen=frozen,
        order_valid_ms=order_valid_ms(speed),
    )


def order_valid_ms(speed: float) -> int:
    """How long an order may leave, from when it was made."""
    return min(ORDER_VALID_MAX_MS, round(ORDER_VALID_MS * max(1.0, speed)))


def heard_at(standing: SwitchStanding, now_ms: int, speed: float) -> int | None:
    """When the switch was last heard of, by the time of day; None: never. On a clock that runs faster than real time a
    silence is as long as it is in real time.
    """
    word = standing.word
    if word is None or not word.word_at_ms:
        return None
    return now_ms - round((standing.at_ms - word.word_at_ms) / max(speed, 1.0))


@dataclass
class Known:
    """What is known of persons, with what this turn has changed of it. Numbers without their extension, accounts as
    `people.account_key`.
    """

    busy: set[str]
    calls: dict[PersonDay, int]
    barred: dict[str, str] = field(default_factory=dict)  # numbers and accounts that nobody calls, and why


class Case:
    """A contact in one turn. `contact`: its state so far in the turn. `row`, `read`: its row and attempts as read."""

    def __init__(self, of: CampaignRow, campaign: Campaign, row: ContactRow, attempts: Sequence[AttemptRow]) -> None:
        self.of, self.row = of, row
        self.campaign = campaign_for(campaign, row)
        self.read = {attempt.n: attempt for attempt in attempts}
        self.attempts = dict(self.read)
        self.contact = contact_of(row, attempts)
        self._owed = owes_notice(self.contact, self.campaign)
        self.was_final, self.moved = self.contact.final, False
        self.next_at_ms = row.next_at_ms
        self.waits_for = row.waits_for
        self.notice_missed = row.notice_missed
        self.promise = row.promise
        self.missed: list[str] = []  # deadlines, to be counted
        numbers = (phone.number for phone in self.contact.phones)
        self._lines = {number: line_keys(row.account, split_number(number)[0]) for number in numbers}
        self._days: dict[str, tuple[PersonDay, ...]] = {}

    # -- what happens to it --------------------------------------------------------------------------------------------

    def apply(self, outcome: Outcome) -> None:
        self.moved = True
        if isinstance(outcome, Ended) and self._was_rung(outcome.n):
            outcome = outcome._replace(rang=True)
        self.contact = after(self.contact, outcome, self.campaign)
        for attempt in self.contact.attempts:
            if attempt.n in self.attempts:
                self.attempts[attempt.n] = judged_attempt(self.attempts[attempt.n], attempt)

    def _was_rung(self, n: int) -> bool:
        """A fact of it has said so once."""
        row = self.attempts.get(n)
        return row is not None and (row.rang_at_ms is not None or row.answered_at_ms is not None)

    def bar(self, barred: Mapping[str, str]) -> None:
        """Numbers of it that are not called, or its account (`Known.barred`)."""
        if not barred:
            return
        why = {phone: barred.get(number) or barred.get(account) for phone, (number, account) in self._lines.items()}
        self.contact = replace(
            self.contact,
            barred=frozenset(phone for phone, reason in why.items() if reason is not None),
            strangers=frozenset(phone for phone, reason in why.items() if reason == Disposition.WRONG_PARTY),
        )

    def note(self, n: int, columns: AttemptColumns) -> None:
        """Evidence of an attempt."""
        if n in self.attempts:
            self.attempts[n] = with_evidence(self.attempts[n], columns)

    def schedule(self, known: Known, now_ms: int) -> None:
        """When to look at it again, whatever hinders the lane. What a deadline or the last attempt asks for is done."""
        self._miss(now_ms)
        if self.withdrawn:
            self.close_withdrawn()
            return
        self.renew(now_ms)
        for _ in range(STEPS_MAX):
            decision = decide(self.contact, self._unhindered(), self.calm_world(known, now_ms), now_ms)
            match decision:
                case Fallback():
                    self.apply(HandedOver())
                    continue
                case Close(state):
                    self.apply(Closed(state))
                    self.next_at_ms, self.waits_for = FAR, None
                case Dial():
                    self.next_at_ms, self.waits_for = now_ms, None
                case WaitUntil():
                    self.wait(decision, known, now_ms)
            break
        self._keep(now_ms)

    def wait(self, decision: WaitUntil, known: Known, now_ms: int) -> None:
        """Not to be looked at before; who waits for a number is woken by its leaving. A cap may end sooner than the
        day: a call that counted turns out not to have rung. What cannot be computed today may be tomorrow: a fixed
        penalty is that of its own day.
        """
        self.next_at_ms = FAR if decision.at_ms is None else decision.at_ms
        if decision.why is Why.PERSON_CAP:
            self.next_at_ms = min(self.next_at_ms, now_ms + CAP_AGAIN_MS)
        elif decision.why is Why.NO_FORMULA:
            tomorrow = local_day(now_ms, self.campaign.zone) + timedelta(days=1)
            self.next_at_ms = min(self.next_at_ms, instant(tomorrow, 0, self.campaign.zone))
        for_number = decision.why is Why.NUMBER_BUSY and blocking(self.contact, self.campaign) is None
        self.waits_for = self._busy_line(known) if for_number else None

    def _busy_line(self, known: Known) -> str | None:
        """What must become free: the person, or the number that comes next."""
        choice = next_call(self.contact, self.campaign)
        if choice is None:
            return None
        number, account = self._lines[choice.phone.number]
        return account if account in known.busy else number

    @property
    def withdrawn(self) -> bool:
        """Its import was withdrawn, or the person is erased: what is under way ends, and nothing follows."""
        return self.row.why in TAKEN_OUT

    def close_withdrawn(self) -> None:
        """Cancelled, unless an order of it may still be under way: then once that has ended."""
        self.next_at_ms, self.waits_for = FAR, None
        if not any(attempt.step is Step.OPEN for attempt in self.contact.attempts):
            self.apply(Closed(State.CANCELLED))

    def renew(self, now_ms: int, *, lettered: bool = False) -> Renewal:
        """What follows from a change of what it was told (`campaigns.core.revisions`). `lettered`: in writing too.

        A campaign that has ended, or stops, tells nobody anything more: a change has made it go on before.
        """
        if self.row.outdated_upto is None or self.withdrawn or self.campaign.state not in _GOES_ON:
            return Renewal.NOTHING
        cancelled = not standing(json.loads(self.row.items))
        found = renewal(self.contact, cancelled=cancelled, lettered=lettered)
        if found is Renewal.NEW_ROUND:
            self.apply(NewRound())
            by_ms = self.row.notice_out_by_ms
            late = by_ms is not None and by_ms <= now_ms  # nobody could keep to it
            self.row = self.row._replace(why=None, notice_out_by_ms=None if late else by_ms)
            self.next_at_ms, self.waits_for, self.notice_missed = now_ms, None, 0
        elif found is Renewal.CANCELLED:
            self.apply(Closed(State.CANCELLED))
            self.row = self.row._replace(why=Why.OUTAGE_CANCELLED.value)
        return found

    def _unhindered(self) -> Campaign:
        """The campaign without its pause: that moves no instant of a contact."""
        if self.campaign.state is not CampaignState.PAUSED:
            return self.campaign
        return replace(self.campaign, state=CampaignState.DRAINING if self.of.draining else CampaignState.RUNNING)

    def _keep(self, now_ms: int) -> None:
        """What became of its promise, once; a late fact may still say that it was kept."""
        found = outcome_of(self.contact, now_ms)
        if self.promise is None or found is Kept.KEPT:
            self.promise = None if found is None else found.value

    def _miss(self, now_ms: int) -> None:
        by_ms, fallback_ms = self.row.notice_out_by_ms, fallback_acts_ms(self.contact, self.campaign)
        unmet = self.contact.notice_out_ms is None and not self.contact.final
        if unmet and by_ms is not None and notice_missed_ms(self.contact, by_ms) <= now_ms and not self.notice_missed:
            self.notice_missed = 1
            self.missed.append("notice_out_by")
        done = self.contact.final or self.contact.handed_over
        if fallback_ms is not None and not done and now_ms > fallback_ms + GRACE_MS + LATE_MS:
            self.missed.append("fallback_by")

    # -- the world around it -------------------------------------------------------------------------------------------

    def days_at(self, at_ms: int) -> tuple[PersonDay, ...]:
        """The person on the day of this instant."""
        day = day_text(at_ms, self.campaign.days_in)
        if day not in self._days:
            numbers = sorted({number for number, _ in self._lines.values()})
            people = (account_key(self.contact.account), *(f"n:{number}" for number in numbers))
            self._days[day] = tuple(PersonDay(person, day) for person in people)
        return self._days[day]

    def calm_world(self, known: Known, now_ms: int) -> World:
        """Nothing hinders on the lane."""
        return World(
            do_not_call=silenced(self.contact, self.campaign),
            calls_today=max([known.calls.get(day, 0) for day in self.days_at(now_ms)]),
            busy_numbers=self._busy_numbers(known),
            switch_heard_ms=now_ms,
        )

    def _busy_numbers(self, known: Known) -> frozenset[str]:
        return frozenset([phone for phone, lines in self._lines.items() if not known.busy.isdisjoint(lines)])

    @property
    def lines(self) -> set[str]:
        """All that calls to the contact may take."""
        return {key for lines in self._lines.values() for key in lines}

    def world(
        self,
        known: Known,
        moment: Moment,
        *,
        live_messages: frozenset[Channel],
        queue_free: bool = True,
        amount_known: bool = True,
    ) -> World:
        """As it is. That there is room on the trunk group is asked elsewhere."""
        return World(
            do_not_call=silenced(self.contact, self.campaign),
            frozen=moment.frozen,
            calls_today=max([known.calls.get(day, 0) for day in self.days_at(moment.now_ms)]),
            busy_numbers=self._busy_numbers(known),
            amount_known=amount_known,
            switch_heard_ms=moment.heard_ms,
            stream_live=moment.stream_live,
            switch_clock_true=moment.clock_true,
            clock_steady=moment.steady,
            live_messages=live_messages,
            queue_free=queue_free,
        )

    # -- what is to be written -----------------------------------------------------------------------------------------

    def contact_row(self, now_ms: int) -> ContactRow:
        row, final = self.row, self.contact.final
        if row.notice_missed != self.notice_missed:
            row = row._replace(notice_missed=self.notice_missed)
        if row.promise != self.promise:
            row = row._replace(promise=self.promise)
        final = final or self.withdrawn
        next_at_ms, waits_for = (FAR, None) if final else (self.next_at_ms, self.waits_for)
        made = judged_contact(row, self.contact, self.campaign, next_at_ms, now_ms, waits_for=waits_for)
        return made._replace(deadline_at_ms=FAR) if final else made

    def changed_attempts(self) -> list[AttemptRow]:
        return [row for n, row in self.attempts.items() if self.read.get(n) != row]

    def freed(self) -> Iterator[tuple[str, str]]:
        """(number or person, order) of calls that have ended."""
        for n, row in self.attempts.items():
            was = self.read.get(n)
            if was is not None and has_line(was) and not has_line(row) and row.command is not None:
                for line in line_keys(self.contact.account, split_number(row.number)[0]):
                    yield line, row.command

    def day_changes(self) -> Iterator[tuple[PersonDay, int]]:
        """Calls that count for the person no more, or after all."""
        for n, row in self.attempts.items():
            was = self.read.get(n)
            by = int(counts_for_person(row)) - int(was is not None and counts_for_person(was))
            if by:
                yield from ((day, by) for day in self.days_at(row.decided_at_ms))

    @property
    def owes(self) -> bool:
        """A notice that it did not owe before."""
        return not self._owed and not self.withdrawn and owes_notice(self.contact, self.campaign)

    @property
    def recalls(self) -> bool:
        """A late fact took back what was owed."""
        return self._owed and not owes_notice(self.contact, self.campaign)


def cases_of(found: Found, campaigns: Mapping[str, tuple[CampaignRow, Campaign]]) -> dict[str, Case]:
    """A case for each contact that was read and belongs to one of these campaigns."""
    rows = ((id_, row, campaigns.get(row.campaign)) for id_, row in found.contacts.items())
    return {id_: Case(*of, row, found.attempts.get(id_, [])) for id_, row, of in rows if of is not None}


@lru_cache(maxsize=DAYS_KEPT)
def _days_of(second: int, zone: str) -> str:
    return local_day(second * 1_000, zone).isoformat()


def day_text(at_ms: int, zone: str) -> str:
    """2026-03-04: the local day of an instant."""
    return _days_of(at_ms // 1_000, zone)


def has_line(row: AttemptRow) -> bool:
    """Whether its number has a call, or may have one."""
    if row.channel in UNLINED:
        return False
    return row.step == "open" or (row.step == "held" and not row.counted)


def counts_for_person(row: AttemptRow) -> bool:
    """One of the three calls of a day: it rang, was counted, or nobody knows."""
    if row.channel in UNLINED:
        return False
    return row.step in {"open", "held"} or (row.step == "over" and bool(row.rang or row.counted))


def with_evidence(row: AttemptRow, columns: AttemptColumns) -> AttemptRow:
    """The row with what is known of its order and call."""
    values: Mapping[str, Any] = columns
    return row._replace(**values)


@lru_cache(maxsize=ZONES_KEPT)
def _zones(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def zones_of(row: AttemptRow) -> tuple[str, ...]:
    """The candidate zones of the number that an attempt called, as they were when it was decided."""
    return _zones(row.zones)
