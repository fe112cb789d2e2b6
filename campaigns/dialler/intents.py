"""What one turn is to write: outcomes first, then deadlines, then calls as the pace has room for. Pure.

Campaigns dial in the order of their priority, those of one priority in turn. What hinders a whole lane (the switch, a
clock, the trunk group, a freeze, a pause) changes no contact.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from campaigns.core.after import Closed, Dialled, HeldLong, NeverDialled, after
from campaigns.core.campaign import NOT_BEGUN, Campaign
from campaigns.core.contact import exempt
from campaigns.core.decide import Close, Dial, Fallback, decide
from campaigns.core.operator_rules import OperatorRules
from campaigns.core.reasons import WRITTEN, Channel, State, Why
from campaigns.core.waiting import WaitUntil
from campaigns.dialler import orders
from campaigns.dialler.case import Case, Known, Moment
from campaigns.dialler.judging import Judged, News, next_question
from campaigns.dialler.message_ways import Ways
from campaigns.dialler.order_ids import attempt_no
from campaigns.dialler.quiet_rings import rang_quietly
from campaigns.do_not_call.entries import ENTERED, entry_of
from campaigns.ledger import do_not_call, notices
from campaigns.ledger.compiled import class_row
from campaigns.ledger.people import line_keys
from campaigns.ledger.rows import AttemptRow, CampaignRow, ContactRow, DoNotCallRow, RefusalRow
from campaigns.ledger.tables import FAR
from campaigns.ledger.turns import Dialling, Found, Writes
from campaigns.rendering import Part, Said
from campaigns.written_notices.owing import Owed, notice_of

ORDER_VALID_MIN_MS = 250  # what expires sooner would never leave
OF_THE_LANE = frozenset(
    {
        Why.FROZEN, Why.CAMPAIGN_PAUSED, Why.FAILURE_SPIKE, Why.SWITCH_AWAY, Why.SWITCH_CLOCK, Why.CLOCK_STEP,
        Why.TRUNK_FULL, Why.QUEUE_BUSY, Why.MESSAGE_GATEWAY_AWAY,
    }
)  # fmt: skip


@dataclass
class Room:
    """How many orders this turn may still make: `lane` calls in all, `calls` and `messages` for each campaign.
    `is_portion`: the trunk group would take more calls than that.
    """

    lane: int
    calls: dict[str, int]
    messages: dict[str, int]
    is_portion: bool = False

    def takes(self, campaign: str) -> bool:
        """Whether one more order of the campaign may be made."""
        calls = min(self.lane, self.calls.get(campaign, 0))
        return calls > 0 or self.messages.get(campaign, 0) > 0


@dataclass
class TurnTally:
    """The counts that go to the metrics once the turn is committed."""

    refused: Counter[str] = field(default_factory=Counter)
    attempts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    missed: Counter[tuple[str, str]] = field(default_factory=Counter)
    promises: Counter[str] = field(default_factory=Counter)
    quiet_rings: int = 0
    two_calls: int = 0
    unknown: int = 0
    not_dialled: int = 0
    final: set[str] = field(default_factory=set)  # contacts that have become final
    done: set[str] = field(default_factory=set)  # campaigns with such
    ended: set[str] = field(default_factory=set)  # campaigns with an attempt that has ended
    pauses: dict[str, str] = field(default_factory=dict)  # campaign -> why
    taken: dict[str, object] = field(default_factory=dict)


class LaneView(NamedTuple):
    """The lane, as far as an order depends on it."""

    source: str
    ways: Ways
    live_messages: frozenset[Channel]
    group_caller_id: str | None
    full_queues: frozenset[str] = frozenset()  # campaigns whose queue is too full for press 0


class Intents:
    """Builds the writes of one turn."""

    def __init__(
        self,
        writes: Writes,
        moment: Moment,
        lane: LaneView,
        rules: OperatorRules,
        callers: orders.Callers,
        campaigns: Mapping[str, tuple[CampaignRow, Campaign]],
        found: Found,
        known: Known,
        cases: Mapping[str, Case],
    ) -> None:
        self.writes, self.tally = writes, TurnTally()
        self._moment, self._lane, self._rules, self._callers = moment, lane, rules, callers
        self._campaigns, self._found, self._known, self._read = campaigns, found, known, cases
        self._cases: dict[str, Case] = {}
        self._written: set[str] = set()  # contacts
        self.entries: dict[str, DoNotCallRow] = {}
        self.owed: list[Case] = []
        self.recalled: list[Case] = []
        self.blocked = False  # something is due that only the lane hinders
        self.passed = 0  # contacts that were due, and must wait for something of their own

    def case(self, contact: str) -> Case | None:
        """The contact as this turn has it, from now on looked at; None: it is not there, or another lane's."""
        if contact not in self._cases:
            if contact not in self._read:
                return None
            self._cases[contact] = self._read[contact]
            self._cases[contact].bar(self._known.barred)
        return self._cases[contact]

    # -- outcomes ------------------------------------------------------------------------------------------------------

    def outcomes(self, judged: Judged) -> None:
        touched: dict[str, Case] = {}
        acting = {*self._found.past, *self._found.in_vain}
        for news in judged.news:
            case = self.case(news.contact)
            if case is None:
                self.writes.settled += news.settled
                self.writes.acknowledged += news.facts
                continue
            touched[case.row.id] = case
            self._outcome(case, news)
        for case in touched.values():
            if case.moved or case.row.id in acting:
                self._finish(case)
            else:  # evidence alone moves no instant
                self._write(case)
        self.writes.settled += judged.orphans
        self.writes.acknowledged += judged.stray

    def _outcome(self, case: Case, news: News) -> None:
        judgement, n = news.judgement, attempt_no(news.order.order.id)
        self._note_ring(case, n, judgement.columns.get("rang_at_ms"))
        case.note(n, judgement.columns)
        if judgement.outcome is not None:
            case.apply(judgement.outcome)
            self._entered(case, n)
        # What is held for a contact that is final keeps its number until it is final itself.
        if judgement.settle or (case.contact.final and isinstance(judgement.outcome, HeldLong)):
            self.writes.settled += news.settled
            self.writes.acknowledged += judgement.acknowledge or news.facts
        elif judgement.ask:
            self.writes.questions.append(next_question(news, self._moment.ledger_ms))
        if judgement.pause is not None:
            self.tally.pauses[case.of.id] = judgement.pause
        if news.key != self.tally.taken.get(news.order.order.id):
            self.tally.two_calls += judgement.two_calls
        self.tally.not_dialled += isinstance(judgement.outcome, NeverDialled)
        self.tally.taken[news.order.order.id] = news.key

    def _entered(self, case: Case, n: int) -> None:
        """Who asked not to be called, or is somebody else: nobody calls the number from now on, in this turn too."""
        attempt = case.attempts.get(n)
        if attempt is None or attempt.disposition not in ENTERED or case.read[n].disposition == attempt.disposition:
            return
        entry = entry_of(attempt, str(attempt.disposition), self._moment.now_ms)
        self.entries[entry.line] = entry
        self._known.barred[entry.line] = entry.reason

    def not_to_be_called(self) -> None:
        """Those whom calls have shown not to be called."""
        entries = list(self.entries.values())
        if entries:
            self.writes.then.append(lambda connection: do_not_call.keep(connection, entries))

    def _note_ring(self, case: Case, n: int, rang_at_ms: object) -> None:
        """Whether a telephone rang outside of the hours of its own zones."""
        row = case.attempts.get(n)
        if row is None or row.rang_at_ms is not None or not isinstance(rang_at_ms, int):
            return
        self.tally.quiet_rings += rang_quietly(case, row, rang_at_ms)

    # -- deadlines -----------------------------------------------------------------------------------------------------

    def deadlines(self) -> None:
        """Those on which a deadline acts, whatever the hours and pauses; and those that waited in vain."""
        for contact in (*self._found.past, *self._found.in_vain):
            if contact not in self._cases and (case := self.case(contact)) is not None:
                if case.of.state in NOT_BEGUN:
                    case.apply(Closed(State.EXPIRED))
                self._finish(case)

    def _finish(self, case: Case) -> None:
        """Schedule a contact and write what has become of it."""
        case.schedule(self._known, self._moment.now_ms)
        self._write(case)

    def _write(self, case: Case) -> None:
        row = case.contact_row(self._moment.now_ms)
        changed = case.changed_attempts()
        if row == case.row and not changed:
            return
        self._written.add(row.id)
        self.writes.campaigns[case.of.id] = case.of.version
        (self.writes.contacts if row != case.row else self.writes.held).append(row)
        self.writes.attempts += [attempt for attempt in changed if attempt.n in case.read]
        for free in case.freed():
            self.writes.freed.add(free)
            self._known.busy.discard(free[0])
        for day, by in case.day_changes():
            self.writes.days[day] = self.writes.days.get(day, 0) + by
            self._known.calls[day] = self._known.calls.get(day, 0) + by
        if row.hours_class != case.row.hours_class:
            self.writes.classes.add(class_row(row))
        self._count(case, changed)
        self.owed += [case] if case.owes else []
        self.recalled += [case] if case.recalls else []

    def _count(self, case: Case, changed: Iterable[AttemptRow]) -> None:
        for attempt in changed:
            was = case.read[attempt.n]
            ended = attempt.step in {"over", "not_dialled"} or bool(attempt.counted)
            is_new = (attempt.step, attempt.disposition, attempt.counted) != (was.step, was.disposition, was.counted)
            if ended and is_new:
                what = attempt.disposition if attempt.step != "not_dialled" else "not_dialled"
                self.tally.attempts[case.of.kind, attempt.channel, str(what)] += 1
                self.tally.ended.add(case.of.id)
            self.tally.unknown += attempt.step == "held" and was.step != "held"
        self.tally.missed.update((case.of.kind, deadline) for deadline in case.missed)
        if case.promise is not None and case.promise != case.row.promise:
            self.tally.promises[case.promise] += 1
        if case.contact.final and not case.was_final:
            self.tally.final.add(case.row.id)
            self.tally.done.add(case.of.id)

    def notices(self) -> None:
        """Those that contacts owe now, and those that a late fact takes back."""
        now_ms, rates = self._moment.now_ms, self._rules.penalties
        owed = [Owed(case.of, case.contact_row(now_ms), list(case.attempts.values())) for case in self.owed]
        made = [notice_of(owing, now_ms, rates) for owing in owed]
        taken_back = {(case.row.id, case.row.round) for case in self.recalled}
        if made:
            self.writes.then.append(lambda connection: notices.put(connection, made))
        if taken_back:
            self.writes.then.append(lambda connection: notices.recall(connection, taken_back, now_ms))

    # -- calls ---------------------------------------------------------------------------------------------------------

    def dial(self, room: Room, shift: int) -> None:
        """`shift`: rotates the campaigns of one priority."""
        rows = sorted((self._campaigns[id_][0] for id_ in self._found.due), key=lambda row: (row.priority, row.id))
        for _, same in groupby(rows, key=lambda row: row.priority):
            campaigns = list(same)
            at = shift % len(campaigns)
            self._in_turn([row.id for row in (*campaigns[at:], *campaigns[:at])], room)

    def _in_turn(self, campaigns: Sequence[str], room: Room) -> None:
        """One contact of each, again and again."""
        queues = deque((campaign, deque(self._found.due[campaign])) for campaign in campaigns)
        while queues:
            campaign, contacts = queues.popleft()
            while contacts and room.takes(campaign) and self._look(contacts.popleft(), room) is not True:
                pass
            if contacts and room.takes(campaign):
                queues.append((campaign, contacts))
            elif contacts:
                self.blocked = True

    def _look(self, contact: str, room: Room) -> bool:
        """Decide about a due contact; whether it took its campaign's turn."""
        if contact in self._written:  # what has become of it goes first; the next turn looks again
            self.blocked = True
            return False
        case = self.case(contact)
        if case is None:
            return False
        case.bar(self._known.barred)
        decision = self._decided(case)
        match decision:
            case Dial():
                return self._dial(case, decision, room)
            case WaitUntil(_, why, _) if why in OF_THE_LANE:
                self.blocked = True
            case WaitUntil():
                self.passed += 1
                self._refuse(case, decision)
            case Fallback() | Close():
                self.passed += 1
                self._finish(case)
        return False

    def _decided(self, case: Case, *, amount_known: bool = True) -> Dial | WaitUntil | Fallback | Close:
        moment = self._moment
        world = case.world(
            self._known,
            moment,
            live_messages=self._lane.live_messages,
            queue_free=case.of.id not in self._lane.full_queues,
            amount_known=amount_known,
        )
        return decide(case.contact, case.campaign, world, moment.now_ms)

    def _refuse(self, case: Case, decision: WaitUntil) -> None:
        case.wait(decision, self._known, self._moment.now_ms)
        refusal = self._refusal(case, decision)
        if refusal is not None:
            self.writes.refusals.append(refusal)
            self.tally.refused[refusal.why] += 1
            case.row = case.row._replace(why=refusal.why)
        self._write_always(case)

    def _write_always(self, case: Case) -> None:
        self.writes.campaigns[case.of.id] = case.of.version
        self.writes.contacts.append(case.contact_row(self._moment.now_ms))

    def _refusal(self, case: Case, decision: WaitUntil) -> RefusalRow | None:
        """Where the reason is not that of the last one."""
        row, why = case.row, decision.why
        if why is None or why.value == row.why:
            return None
        n = max((attempt.n for attempt in case.contact.attempts), default=0) + 1
        now_ms = self._moment.now_ms
        return RefusalRow(
            contact=row.id, at_ms=now_ms, why=why.value, campaign=row.campaign, n=n, round=row.round,
            rule=decision.rule, until_ms=decision.at_ms,
        )  # fmt: skip

    def _dial(self, case: Case, dial: Dial, room: Room) -> bool:
        written = dial.channel in WRITTEN
        rooms = room.messages if written else room.calls
        if rooms.get(case.of.id, 0) <= 0 or (not written and room.lane <= 0):
            self.blocked = True
            return False
        expires_ms = self._expiry(dial)
        if expires_ms is None:
            return False
        part = Part.MESSAGE if written else Part.CALL
        said = orders.said_on(case.of, case.row, self._moment.now_ms, self._rules, self._callers, (part,))
        if isinstance(said, str):
            decision = self._decided(case, amount_known=False)
            if isinstance(decision, WaitUntil):
                self._refuse(case, decision)
            return False
        self._make(case, dial, said, expires_ms)
        rooms[case.of.id] -= 1
        room.lane -= not written
        return True

    def _expiry(self, dial: Dial) -> int | None:
        """By the ledger's clock; None: it would be over before it could leave."""
        moment = self._moment
        before_ms = min(dial.dial_before_ms, dial.dial_before_ms + moment.ledger_ms - moment.now_ms)
        wait_ms = orders.AGENT_WAIT_S * 1_000 if dial.channel is Channel.AGENT else 0
        expires_ms = min(moment.ledger_ms + moment.order_valid_ms + wait_ms, before_ms)
        return expires_ms if expires_ms >= moment.ledger_ms + ORDER_VALID_MIN_MS else None

    def _make(self, case: Case, dial: Dial, said: Said, expires_ms: int) -> None:
        moment, lane, written = self._moment, self._lane, dial.channel in WRITTEN
        before = case.contact
        case.contact = after(before, Dialled(moment.now_ms, dial.channel, dial.number), case.campaign)
        attempt = case.contact.attempts[-1]
        basis = orders.OrderBasis(
            campaign=case.of, contact_row=case.row, contact=before, n=attempt.n, dial=dial, said=said,
            now_ms=moment.now_ms, ledger_ms=moment.ledger_ms, expires_at_ms=expires_ms, source=lane.source,
        )  # fmt: skip
        if written:
            order, columns = orders.message_order(basis, lane.ways[dial.channel])
        else:
            order, columns = orders.call_order(basis, lane.group_caller_id)
        account = case.contact.account
        lines = () if written else line_keys(account, orders.split_number(dial.number)[0])
        days = () if written else case.days_at(moment.now_ms)
        busy, refusal = self._if_busy(case, lines)
        self._known.busy.update(lines)
        for day in days:
            self._known.calls[day] = self._known.calls.get(day, 0) + 1
        case.schedule(self._known, moment.now_ms)
        row = case.contact_row(moment.now_ms)._replace(why=None)
        if row.hours_class != case.row.hours_class:
            self.writes.classes.add(class_row(row))
        made = orders.new_attempt(case.row, order, dial, columns, attempt)
        self.writes.campaigns[case.of.id] = case.of.version
        capped = not exempt(case.contact, case.campaign)
        self.writes.dialling.append(Dialling(row, made, order, lines, days, capped, busy, refusal))

    def _if_busy(self, case: Case, lines: Sequence[str]) -> tuple[ContactRow, RefusalRow | None]:
        """What is written where another has the number or the person: the contact waits for it. Which of the two it is
        the sweep finds out that looks for those who wait in vain.
        """
        decision = WaitUntil(None, Why.NUMBER_BUSY, "")
        refusal = self._refusal(case, decision)
        return case.row._replace(
            next_at_ms=FAR, waits_for=lines[0] if lines else None, why=Why.NUMBER_BUSY.value
        ), refusal
