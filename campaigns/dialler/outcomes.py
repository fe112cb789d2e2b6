"""What has become of a dial order, for the contact that it was made for: pure, and the same whoever asks.

`cti.dial.silence` says how the order stands; the disposition is that of `campaigns.core.dispositions`, from the call's
record, the switch's answer, the order's result or the message's report.

1. What is over gives `Ended` or `NeverDialled`; then the order, its questions and its facts are done with (`settle`,
   `acknowledge`).
2. What nobody knows is held at once: `Ended` with `unknown`. The order stays, so that an answer or a late fact may
   still release it; after 30 min comes `HeldLong`. The same outcome is given at every look: `after` takes it once.
3. Two calls of one order are an alarm. The first that opened is the outcome, once all have ended or are silent.
4. If a lost or stale call left no evidence, the disposition is unknown and the switch is asked.
5. An agent's word may come a minute after the call (ACW-1): where one spoke and has not said what came of it, that is
   waited for.
6. A message that was sent, whether its result is known or not, and of which no report comes for 30 min is unknown: it
   ends so, and calling goes on.

All times are milliseconds since the Unix epoch. `now_ms` is the ledger's clock.
"""

from collections.abc import Sequence
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from campaigns.core.after import UNKNOWN_FINAL_AFTER_MS, Ended, HeldLong, NeverDialled
from campaigns.core.dispositions import Evidence, OrderEnd, confirmed, may_have_rung, said_by, verdict
from campaigns.core.reasons import Channel, Disposition, KeyAction, NotDialled
from campaigns.dialler.evidence import Script, of_answer, of_fact, of_order, of_report
from campaigns.dialler.order_ids import attempt_no
from campaigns.kinds import QUEUE_KEY, known_kinds
from campaigns.ledger.rows import AttemptColumns, CampaignRow
from cti.dial import silence
from cti.dial.rows import (
    ASK_AGAIN_MS,
    CLEAR_CONNECTION,
    MAKE_CALL,
    SILENT_MS,
    SNAPSHOT_CALL,
    DialFact,
    OrderState,
    SourceWord,
)

UNSETTLED = frozenset({"open", "sent"})  # states of orders
CANNOT_DIAL = "cannot_dial"
WORD_MS = 60_000  # ACW-1: so long an agent may work after a call
UNKNOWN = Evidence(order=OrderEnd.NO_RESULT)


class Judgement(NamedTuple):
    """`outcome`: for `after`; None: nothing new. `columns`: of the attempt's row, beside those that `after` gives.

    `ask`: put a snapshotCall now. `settle`: the order and all orders about it are done with. `acknowledge`: facts to
    delete with it. `two_calls`: an alarm. `pause`: why the campaign is to pause. `look_at_ms`: when there is something
    new to judge though nothing is heard; None: no clock can tell.
    """

    outcome: Ended | NeverDialled | HeldLong | None
    columns: AttemptColumns
    ask: bool = False
    settle: bool = False
    acknowledge: tuple[DialFact, ...] = ()
    two_calls: bool = False
    pause: str | None = None
    look_at_ms: int | None = None


class KnownOrder(NamedTuple):
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
    return _script(row.kind, row.queue is not None, Channel.AGENT.value in row.channels)


@cache
def _script(kind_name: str, has_queue: bool, agent_first: bool) -> Script:
    kind = known_kinds()[kind_name]
    if agent_first:
        return Script(has_gate=False, keys=MappingProxyType({}), agent_first=True)
    keys = {**kind.keys, QUEUE_KEY: KeyAction.QUEUE} if has_queue else dict(kind.keys)
    return Script(kind.gate is not None, MappingProxyType(keys))


def judged(
    order: OrderState,
    asks: Sequence[OrderState],
    facts: Sequence[DialFact],
    word: SourceWord | None,
    now_ms: int,
    script: Script,
) -> Judgement:
    """`asks`: every order about this one; `facts`: all with its id."""
    questions = tuple(ask for ask in asks if ask.order.command == SNAPSHOT_CALL)
    dropped = any(ask.order.command == CLEAR_CONNECTION and ask.result == "done" for ask in asks)
    known = KnownOrder(
        order=order, asks=questions, dropped=dropped, facts=tuple(facts), word=word, now_ms=now_ms, script=script
    )
    found = silence.judge(order, questions, facts, word, now_ms)
    match found:
        case silence.NotSentYet():
            return Judgement(None, {}, look_at_ms=order.order.expires_at_ms)
        case silence.NeverRang(why):
            return _never(known, "withdrawn" if why == "withdrawn" else "not_dialled")
        case silence.Refused(reason):
            return _refused(known, reason)
        case silence.Waiting(until_ms):
            return Judgement(None, _sent(known), look_at_ms=until_ms)
        case silence.Live(fact, until_ms):
            return _live(known, fact, until_ms)
        case silence.AskNow():
            return _unknown(known, ask=True)
        case silence.Unknown(final, ask_again):
            return _unknown(known, final=final, ask=ask_again)
        case silence.CallEnded(fact, answer):
            return _ended(known, fact, answer)
        case silence.TwoCalls(calls):
            return _two_calls(known, calls)


# -- it rang nowhere ---------------------------------------------------------------------------------------------------


def _never(known: KnownOrder, decision: str, pause: str | None = None) -> Judgement:
    columns = {**_sent(known), "decision": decision}
    outcome = NeverDialled(known.n, known.now_ms)
    return Judgement(outcome, columns, settle=True, acknowledge=tuple(known.facts), pause=pause)


def _refused(known: KnownOrder, reason: str) -> Judgement:
    evidence = Evidence(order=OrderEnd.REFUSED, refusal=reason, agent_first=known.script.agent_first)
    return _by(known, evidence, known.within(known.order.result_at_ms), _sent(known))


# -- it goes on --------------------------------------------------------------------------------------------------------


def _live(known: KnownOrder, fact: DialFact | None, until_ms: int | None) -> Judgement:
    if known.order.order.command != MAKE_CALL:
        return _without_report(known)
    return Judgement(None, _of_call(known, fact), look_at_ms=until_ms)


def _without_report(known: KnownOrder) -> Judgement:
    """A message that was sent: all must be read up to where its report is overdue."""
    overdue_ms = (known.order.result_at_ms or known.order.sent_at_ms or known.now_ms) + SILENT_MS
    if known.now_ms <= overdue_ms:
        return Judgement(None, _sent(known), look_at_ms=overdue_ms + 1)
    if not silence.is_read(known.order, known.word, overdue_ms):
        return Judgement(None, _sent(known))
    return _over(known, Disposition.UNKNOWN, UNKNOWN, known.now_ms, _sent(known))


# -- nobody knows ------------------------------------------------------------------------------------------------------


def _unknown(known: KnownOrder, *, final: bool = False, ask: bool = False) -> Judgement:
    if known.order.order.command != MAKE_CALL:
        return _without_report(known)
    fact = known.facts[0] if known.facts else None
    return _held(known, known.now_ms, _of_call(known, fact), _rang(fact), final=final, ask=ask)


def _held(
    known: KnownOrder,
    since_ms: int,
    columns: AttemptColumns,
    rang: bool,
    *,
    final: bool,
    ask: bool,
    final_at_ms: int | None = None,
) -> Judgement:
    if final:
        return Judgement(HeldLong(known.n, since_ms, rang), columns, ask=ask)
    held = Ended(known.n, since_ms, Disposition.UNKNOWN, rang=rang)
    instants = [at_ms for at_ms in (final_at_ms, *_question_times(known)) if at_ms is not None and at_ms > known.now_ms]
    return Judgement(held, columns, ask=ask, look_at_ms=min(instants, default=None))


def _question_times(known: KnownOrder) -> list[int]:
    """When a question is to be put again, and when silence is final: at these times at the latest."""
    expiries = [ask.order.expires_at_ms for ask in known.asks]
    return [max(expiries) + ASK_AGAIN_MS, min(expiries) + UNKNOWN_FINAL_AFTER_MS] if expiries else []


def _held_end(known: KnownOrder, at_ms: int, columns: AttemptColumns, rang: bool) -> Judgement:
    """The call is over, or was refused, and what came of it is not known. However late that is heard, it is asked about
    before it is final; but an order that was settled has had its questions, which are read no more.
    """
    if known.order.state not in UNSETTLED:
        final_at_ms = at_ms + UNKNOWN_FINAL_AFTER_MS
        is_final = known.now_ms >= final_at_ms
        return _held(known, at_ms, columns, rang, final=is_final, ask=False, final_at_ms=final_at_ms)
    expiries = [ask.order.expires_at_ms for ask in known.asks]
    final = bool(expiries) and known.now_ms >= min(expiries) + UNKNOWN_FINAL_AFTER_MS
    answered = any(ask.answer is not None for ask in known.asks)
    ask = not final and not answered and (not expiries or known.now_ms >= max(expiries) + ASK_AGAIN_MS)
    return _held(known, at_ms, columns, rang, final=final, ask=ask)


# -- it is over --------------------------------------------------------------------------------------------------------


def _ended(known: KnownOrder, fact: DialFact | None, answer: OrderState | None) -> Judgement:
    if known.order.order.command != MAKE_CALL:
        return _reported(known, fact)
    if answer is not None:
        evidence = of_answer(answer, fact, known.script)
        return _by(known, evidence, known.within(answer.ended_at_ms), _of_call(known, fact, answer))
    assert fact is not None, "a call that has ended did so by a fact or by an answer"
    evidence = of_fact(fact, known.script, dropped=known.dropped)
    if verdict(evidence) is Disposition.UNKNOWN:  # lost or stale: the switch may know more
        answer = next((ask for ask in known.asks if ask.answer == "ended"), None)
        evidence = evidence if answer is None else of_answer(answer, fact, known.script)
    word_ms = known.within(fact.ended_at_ms) + WORD_MS
    if _is_word_due(evidence) and known.now_ms < word_ms:
        return Judgement(None, _of_call(known, fact, answer), look_at_ms=word_ms)
    return _by(known, evidence, known.within(fact.ended_at_ms), _of_call(known, fact, answer))


def _is_word_due(evidence: Evidence) -> bool:
    """An agent spoke, and may still say what came of it."""
    spoke = evidence.agent_first and evidence.answered and not evidence.cut
    return spoke and said_by(evidence.code) is None


def _reported(known: KnownOrder, fact: DialFact | None) -> Judgement:
    evidence = UNKNOWN if fact is None else of_report(fact)
    at_ms = known.within(None if fact is None else fact.ended_at_ms)
    return _by(known, evidence, at_ms, _sent(known))


def _two_calls(known: KnownOrder, calls: Sequence[DialFact]) -> Judgement:
    first, *others = calls
    live = [fact for fact in others if fact.ended_at_ms is None and known.now_ms <= fact.appended_at_ms + SILENT_MS]
    if first.ended_at_ms is None:
        alone = judged(known.order, known.asks, [first], known.word, known.now_ms, known.script)
        ends = alone.settle and not live
        return alone._replace(
            outcome=None if alone.settle and live else alone.outcome,
            settle=ends,
            acknowledge=tuple(known.facts) if ends else (),
            two_calls=True,
        )
    if live:
        look_at_ms = max(fact.appended_at_ms for fact in live) + SILENT_MS + 1
        return Judgement(None, _of_call(known, first), two_calls=True, look_at_ms=look_at_ms)
    return _ended(known, first, None)._replace(two_calls=True)


def _by(known: KnownOrder, evidence: Evidence, at_ms: int, columns: AttemptColumns) -> Judgement:
    """The judgement by evidence of an end."""
    found = verdict(evidence)
    if found is NotDialled.NOT_SUPPORTED:
        return _never(known, "not_dialled", CANNOT_DIAL)
    if isinstance(found, NotDialled):
        return _never(known, "not_dialled")
    if found is Disposition.UNKNOWN and known.order.order.command == MAKE_CALL:
        return _held_end(known, at_ms, columns, any(_rang(fact) for fact in known.facts))
    return _over(known, found, evidence, at_ms, columns)


def _over(
    known: KnownOrder, disposition: Disposition, evidence: Evidence, at_ms: int, columns: AttemptColumns
) -> Judgement:
    rang = may_have_rung(evidence) or any(_rang(fact) for fact in known.facts)
    cut = evidence.cut and disposition is Disposition.ANSWERED_INCOMPLETE
    outcome = Ended(
        known.n,
        at_ms,
        disposition,
        rang=rang,
        confirmed=confirmed(evidence),
        cut=cut,
        named_ms=evidence.named_ms,
        coded=said_by(evidence.code) is not None,
    )
    return Judgement(outcome, columns, settle=True, acknowledge=tuple(known.facts))


# -- columns of the attempt --------------------------------------------------------------------------------------------


def _sent(known: KnownOrder) -> AttemptColumns:
    return {} if known.order.sent_at_ms is None else {"sent_at_ms": known.order.sent_at_ms}


def _of_call(known: KnownOrder, fact: DialFact | None, answer: OrderState | None = None) -> AttemptColumns:
    """What is known of the call; of a live one, as far as it has come."""
    return {**_sent(known), **of_order(fact, answer)}


def _rang(fact: DialFact | None) -> bool:
    return fact is not None and (fact.rang_at_ms is not None or fact.answered_at_ms is not None)
