"""What has become of a dial order, for the contact that it was made for: pure, and the same whoever asks.

`cti.dial.silence` says how the order stands; the disposition is that of `campaigns.core.dispositions`, from the call's
record, the switch's answer, the order's result or the message's report.

1. What is over gives `Ended` or `NeverDialled`; then the order, its questions and its facts are done with (`settle`,
   `acknowledge`).
2. What nobody knows is held at once: `Ended` with `unknown`. The order stays, so that an answer or a late fact may
   still release it; after 30 min comes `HeldLong`. The same outcome is given at every look: `after` takes it once.
3. Two calls of one order are an alarm. The first that opened is the outcome, once all have ended or are silent.
4. A call that was lost, or went stale, and left nothing to judge by is unknown, and asked about.
5. A message that was sent and of which no report comes for 30 min is unknown: it ends so, and calling goes on.

All times are milliseconds since the Unix epoch. `now_ms` is the ledger's clock.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from campaigns.core.after import UNKNOWN_FINAL_AFTER_MS, Ended, HeldLong, NeverDialled
from campaigns.core.dispositions import Evidence, OrderEnd, confirmed, may_have_rung, verdict
from campaigns.core.reasons import Disposition, KeyAction, NotDialled
from campaigns.dialler.evidence import Script, of_answer, of_fact, of_order, of_report
from campaigns.kinds import QUEUE_KEY, known_kinds
from campaigns.ledger.rows import CampaignRow
from cti.dial import silence
from cti.dial.rows import ASK_AGAIN_MS, MAKE_CALL, SILENT_MS, DialFact, OrderState, SourceWord

ASKING, CLEARING = "snapshotCall", "clearConnection"
CANNOT_DIAL = "cannot_dial"
UNKNOWN = Evidence(order=OrderEnd.NO_RESULT)

Columns = Mapping[str, str | int | None]


class Judgement(NamedTuple):
    """`outcome`: for `after`; None: nothing new. `columns`: of the attempt's row, beside those that `after` gives.

    `ask`: put a snapshotCall now. `settle`: the order and all orders about it are done with. `acknowledge`: facts to
    delete with it. `two_calls`: an alarm. `pause`: why the campaign is to pause. `look_at_ms`: when there is something
    new to judge though nothing is heard; None: no clock can tell.
    """

    outcome: Ended | NeverDialled | HeldLong | None
    columns: Columns
    ask: bool = False
    settle: bool = False
    acknowledge: tuple[DialFact, ...] = ()
    two_calls: bool = False
    pause: str | None = None
    look_at_ms: int | None = None


class Case(NamedTuple):
    """All that is known of an order."""

    order: OrderState
    asks: Sequence[OrderState]  # the snapshotCalls
    dropped: bool  # by a clearConnection of ours
    facts: Sequence[DialFact]
    word: SourceWord | None
    now_ms: int
    script: Script

    @property
    def n(self) -> int:
        return attempt_no(self.order.order.id)

    def within(self, at_ms: int | None) -> int:
        """A time by the switch's clock; it cannot be before the order nor later than now."""
        at_ms = self.now_ms if at_ms is None else at_ms
        return max(min(at_ms, self.now_ms), self.order.sent_at_ms or self.order.order.made_at_ms)


def script_of(row: CampaignRow) -> Script:
    """What the campaign's keys do; 0 leads to its queue if it has one."""
    return _script(row.kind, row.queue is not None)


@cache
def _script(kind_name: str, has_queue: bool) -> Script:
    kind = known_kinds()[kind_name]
    keys = {**kind.keys, QUEUE_KEY: KeyAction.QUEUE} if has_queue else dict(kind.keys)
    return Script(kind.gate is not None, MappingProxyType(keys))


def contact_of_order(order_id: str) -> str:
    """The contact of a makeCall's or sendMessage's id."""
    return order_id.rsplit(".", 1)[0]


def attempt_no(order_id: str) -> int:
    """The attempt's number."""
    return int(order_id.rsplit(".", 1)[1])


def judged(
    order: OrderState,
    asks: Sequence[OrderState],
    facts: Sequence[DialFact],
    word: SourceWord | None,
    now_ms: int,
    script: Script,
) -> Judgement:
    """`asks`: every order about this one; `facts`: all with its id."""
    questions = tuple(one for one in asks if one.order.command == ASKING)
    dropped = any(one.order.command == CLEARING and one.result == "done" for one in asks)
    case = Case(order, questions, dropped, tuple(facts), word, now_ms, script)
    found = silence.judge(order, questions, facts, word, now_ms)
    match found:
        case silence.NotSentYet():
            return Judgement(None, {}, look_at_ms=order.order.expires_at_ms)
        case silence.NotDialled(why):
            return _never(case, "withdrawn" if why == "withdrawn" else "not_dialled")
        case silence.Refused(reason):
            return _refused(case, reason)
        case silence.Waiting(until_ms):
            return Judgement(None, _sent(case), look_at_ms=until_ms)
        case silence.Live(fact, until_ms):
            return _live(case, fact, until_ms)
        case silence.AskNow():
            return _unknown(case, ask=True)
        case silence.Unknown(final, ask_again):
            return _unknown(case, final=final, ask=ask_again)
        case silence.Ended(fact, answer):
            return _ended(case, fact, answer)
        case silence.TwoCalls(calls):
            return _two_calls(case, calls)


# -- it rang nowhere ---------------------------------------------------------------------------------------------------


def _never(case: Case, decision: str, pause: str | None = None) -> Judgement:
    columns = {**_sent(case), "decision": decision}
    outcome = NeverDialled(case.n, case.now_ms)
    return Judgement(outcome, columns, settle=True, acknowledge=tuple(case.facts), pause=pause)


def _refused(case: Case, reason: str) -> Judgement:
    evidence = Evidence(order=OrderEnd.REFUSED, refusal=reason)
    return _by(case, evidence, case.within(case.order.result_at_ms), _sent(case))


# -- it goes on --------------------------------------------------------------------------------------------------------


def _live(case: Case, fact: DialFact | None, until_ms: int | None) -> Judgement:
    if case.order.order.command != MAKE_CALL:
        return _without_report(case)
    return Judgement(None, _of_call(case, fact), look_at_ms=until_ms)


def _without_report(case: Case) -> Judgement:
    """A message that was sent: the log must be read up to where its report is overdue."""
    overdue_ms = (case.order.result_at_ms or case.now_ms) + SILENT_MS
    if case.now_ms <= overdue_ms:
        return Judgement(None, _sent(case), look_at_ms=overdue_ms + 1)
    if case.word is None or case.word.appended_at_ms <= overdue_ms:
        return Judgement(None, _sent(case))
    return _over(case, Disposition.UNKNOWN, UNKNOWN, case.now_ms, _sent(case))


# -- nobody knows ------------------------------------------------------------------------------------------------------


def _unknown(case: Case, *, final: bool = False, ask: bool = False) -> Judgement:
    if case.order.order.command != MAKE_CALL:
        return _over(case, Disposition.UNKNOWN, UNKNOWN, case.now_ms, _sent(case))
    fact = case.facts[0] if case.facts else None
    return _held(case, case.now_ms, _of_call(case, fact), _rang(fact), final=final, ask=ask)


def _held(
    case: Case, since_ms: int, columns: Columns, rang: bool, *, final: bool, ask: bool, final_at_ms: int | None = None
) -> Judgement:
    if final:
        return Judgement(HeldLong(case.n, since_ms, rang), columns, ask=ask)
    held = Ended(case.n, since_ms, Disposition.UNKNOWN, rang=rang)
    instants = [at_ms for at_ms in (final_at_ms, *_question_times(case)) if at_ms is not None and at_ms > case.now_ms]
    return Judgement(held, columns, ask=ask, look_at_ms=min(instants, default=None))


def _question_times(case: Case) -> list[int]:
    """When a question is to be put again, and when silence is final: at these times at the latest."""
    expiries = [ask.order.expires_at_ms for ask in case.asks]
    return [max(expiries) + ASK_AGAIN_MS, min(expiries) + UNKNOWN_FINAL_AFTER_MS] if expiries else []


def _held_end(case: Case, at_ms: int, columns: Columns, rang: bool) -> Judgement:
    """The call is over, or was refused, and what came of it is not known."""
    final_at_ms = at_ms + UNKNOWN_FINAL_AFTER_MS
    answers = [ask for ask in case.asks if ask.answer is not None]
    latest_ms = max((ask.order.expires_at_ms for ask in case.asks), default=None)
    final = case.now_ms >= final_at_ms
    ask = not final and not answers and (latest_ms is None or case.now_ms >= latest_ms + ASK_AGAIN_MS)
    return _held(case, at_ms, columns, rang, final=final, ask=ask, final_at_ms=final_at_ms)


# -- it is over --------------------------------------------------------------------------------------------------------


def _ended(case: Case, fact: DialFact | None, answer: OrderState | None) -> Judgement:
    if case.order.order.command != MAKE_CALL:
        return _reported(case, fact)
    if answer is not None:
        evidence = of_answer(answer, fact)
        return _by(case, evidence, case.within(answer.ended_at_ms), _of_call(case, fact, answer))
    assert fact is not None, "a call that has ended did so by a fact or by an answer"
    evidence = of_fact(fact, case.script, dropped=case.dropped)
    if verdict(evidence) is Disposition.UNKNOWN:  # lost or stale: the switch may know more
        answer = next((ask for ask in case.asks if ask.answer == "ended"), None)
        evidence = evidence if answer is None else of_answer(answer, fact)
    return _by(case, evidence, case.within(fact.ended_at_ms), _of_call(case, fact, answer))


def _reported(case: Case, fact: DialFact | None) -> Judgement:
    evidence = UNKNOWN if fact is None else of_report(fact)
    at_ms = case.within(None if fact is None else fact.ended_at_ms)
    return _by(case, evidence, at_ms, _sent(case))


def _two_calls(case: Case, calls: Sequence[DialFact]) -> Judgement:
    first, *others = calls
    live = [fact for fact in others if fact.ended_at_ms is None and case.now_ms <= fact.appended_at_ms + SILENT_MS]
    if first.ended_at_ms is None:
        alone = judged(case.order, case.asks, [first], case.word, case.now_ms, case.script)
        ends = alone.settle and not live
        return alone._replace(
            outcome=None if alone.settle and live else alone.outcome,
            settle=ends,
            acknowledge=tuple(case.facts) if ends else (),
            two_calls=True,
        )
    if live:
        look_at_ms = max(fact.appended_at_ms for fact in live) + SILENT_MS + 1
        return Judgement(None, _of_call(case, first), two_calls=True, look_at_ms=look_at_ms)
    return _ended(case, first, None)._replace(two_calls=True)


def _by(case: Case, evidence: Evidence, at_ms: int, columns: Columns) -> Judgement:
    """The judgement by evidence of an end."""
    found = verdict(evidence)
    if found is NotDialled.NOT_SUPPORTED:
        return _never(case, "not_dialled", CANNOT_DIAL)
    if isinstance(found, NotDialled):
        return _never(case, "not_dialled")
    if found is Disposition.UNKNOWN and case.order.order.command == MAKE_CALL:
        return _held_end(case, at_ms, columns, any(_rang(fact) for fact in case.facts))
    return _over(case, found, evidence, at_ms, columns)


def _over(case: Case, disposition: Disposition, evidence: Evidence, at_ms: int, columns: Columns) -> Judgement:
    rang = may_have_rung(evidence) or any(_rang(fact) for fact in case.facts)
    outcome = Ended(case.n, at_ms, disposition, rang=rang, confirmed=confirmed(evidence))
    return Judgement(outcome, columns, settle=True, acknowledge=tuple(case.facts))


# -- columns of the attempt --------------------------------------------------------------------------------------------


def _sent(case: Case) -> Columns:
    return {} if case.order.sent_at_ms is None else {"sent_at_ms": case.order.sent_at_ms}


def _of_call(case: Case, fact: DialFact | None, answer: OrderState | None = None) -> Columns:
    """What is known of the call; of a live one, as far as it has come."""
    return {**_sent(case), **of_order(fact, answer)}


def _rang(fact: DialFact | None) -> bool:
    return fact is not None and (fact.rang_at_ms is not None or fact.answered_at_ms is not None)
