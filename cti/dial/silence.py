"""What an order has come to, judged from what is known of it: by its result, the facts of its call, the answers to
questions about it, and silence. Pure, total, and the same whoever asks.

In this order:
1. Two calls of one order: an alarm. The first that opened is the outcome.
2. A fact that the call has ended; else the switch's answer that it has.
3. Never sent, and it cannot be sent any more (withdrawn, expired); or refused as expired: certainly not dialled.
4. Any other refusal that says what happened.
5. Else the order is **silent** at some time: 5 s after its expiry where nothing is known but that it was sent; 30 min
   after the last sign of the call; never before 5 s after its expiry, because a question uses the id up at the switch.
   Until then, and until every partition has read the source beyond that time, there is nothing to judge: a log that
   lags makes nothing unknown. What a message gateway says comes into the ledger by no log.
6. A silent order is asked about (`snapshotCall`). `never_seen` is believed where nothing else was ever heard of the
   order, and the switch has the source still under which it was made: another switch may answer by its name. No answer:
   unknown; 30 min after the first unanswered question that is final.

Times are those of the ledger's clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cti.dial.rows import (
    ASK_AFTER_MS,
    ASK_AGAIN_MS,
    FINAL_RESULTS,
    MAKE_CALL,
    MESSAGE_GATEWAY,
    SILENT_MS,
    UNKNOWN_FINAL_MS,
    DialFact,
    OrderState,
    SourceWord,
)

UNSURE = frozenset({"duplicate", "error"})  # refusals after which a call may still exist


@dataclass(frozen=True, slots=True)
class NotSentYet:
    """It is open and may still be sent."""


@dataclass(frozen=True, slots=True)
class NeverRang:
    """It certainly never rang. An open order is settled by this only where `DialOrders.settle` returns its id."""

    why: str  # withdrawn | expired | refused_expired | never_seen


@dataclass(frozen=True, slots=True)
class Refused:
    """The switch did not dial, for a reason of its own."""

    reason: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing to do until then; None: until something is heard, or the log is read."""

    until_ms: int | None


@dataclass(frozen=True, slots=True)
class AskNow:
    """Ask the switch with a snapshotCall."""


@dataclass(frozen=True, slots=True)
class Live:
    """There is a call; `fact` None: only its result says so. `until_ms`: from then on it is silent, if nothing more is
    heard; None: of a message.
    """

    fact: DialFact | None
    until_ms: int | None


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The call has ended, by a fact; else by the answer to a question."""

    fact: DialFact | None
    answer: OrderState | None


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have rung, or may still ring: never dialled again on a guess. Final: it counts as an attempt."""

    final: bool
    ask_again: bool


@dataclass(frozen=True, slots=True)
class TwoCalls:
    """An alarm. The call that opened first comes first."""

    facts: tuple[DialFact, ...]


Judged = NotSentYet | NeverRang | Refused | Waiting | AskNow | Live | CallEnded | Unknown | TwoCalls


def judge(
    order: OrderState, asks: Sequence[OrderState], facts: Sequence[DialFact], word: SourceWord | None, now_ms: int
) -> Judged:
    """`asks`: every snapshotCall about the order; `facts`: the latest of each call with its id."""
    calls = _by_opening(facts)
    if len(calls) > 1:
        return TwoCalls(calls)
    fact = calls[0] if calls else None
    answer = next((ask for ask in asks if ask.answer == "ended"), None)
    if fact is not None and fact.ended_at_ms is not None:
        return CallEnded(fact, None)
    if answer is not None:
        return CallEnded(fact, answer)
    if fact is None and (unsent := _unsent(order, now_ms)) is not None:
        return unsent
    return _of_sent(order, asks, fact, word, now_ms)


def _by_opening(facts: Sequence[DialFact]) -> tuple[DialFact, ...]:
    """One fact a call, the latest of it."""
    latest: dict[tuple[str, int], DialFact] = {}
    for fact in sorted(facts, key=lambda fact: fact.revision):
        latest[fact.call_id, fact.incarnation] = fact
    return tuple(sorted(latest.values(), key=lambda fact: (fact.opened_at_ms, fact.call_id, fact.incarnation)))


def _unsent(order: OrderState, now_ms: int) -> Judged | None:
    """Judge an order without a call: never sent, or refused; None: neither."""
    if order.state == "withdrawn":
        return NeverRang("withdrawn")
    if order.sent_at_ms is None:
        return NotSentYet() if now_ms < order.order.expires_at_ms else NeverRang("expired")
    if order.result == "refused" and order.reason not in UNSURE:
        return NeverRang("refused_expired") if order.reason == "expired" else Refused(order.reason or "error")
    return None


def _of_sent(
    order: OrderState, asks: Sequence[OrderState], fact: DialFact | None, word: SourceWord | None, now_ms: int
) -> Judged:
    """Judge a sent order: whether it is silent, and then what the questions have brought."""
    sign_ms = _last_sign(order, asks, fact)
    silent_ms = order.order.expires_at_ms + ASK_AFTER_MS
    if sign_ms is not None:
        silent_ms = max(silent_ms, sign_ms + SILENT_MS)
    if order.order.command != MAKE_CALL and sign_ms is not None:
        return Live(None, None)  # a message: its reports say the rest
    if now_ms <= silent_ms:
        is_live = fact is not None or order.result == "done"
        return Live(fact, silent_ms + 1) if is_live else Waiting(silent_ms + 1)
    if not is_read(order, word, silent_ms):
        return Waiting(None)
    if order.order.command != MAKE_CALL:
        return Unknown(final=now_ms > silent_ms + UNKNOWN_FINAL_MS, ask_again=False)
    heard = sign_ms is not None or order.result is not None  # a switch that has refused it has seen the id
    believed = not heard and word is not None and word.declared
    return _asked([ask for ask in asks if _is_about(ask, silent_ms)], believed, now_ms)


def is_read(order: OrderState, word: SourceWord | None, until_ms: int) -> bool:
    """Whether all that was said of the order until then is in the ledger."""
    return order.order.switch == MESSAGE_GATEWAY or (word is not None and word.appended_at_ms > until_ms)


def _last_sign(order: OrderState, asks: Sequence[OrderState], fact: DialFact | None) -> int | None:
    """When there was last a sign of a call: a fact, a result that is no refusal, an answer that it lives."""
    signs = [ask.result_at_ms for ask in asks if ask.answer == "live"]
    signs += [order.result_at_ms] if order.result in ("accepted", "done") else []
    signs += [fact.appended_at_ms] if fact is not None else []
    return max((sign for sign in signs if sign is not None), default=None)


def _is_about(ask: OrderState, silent_ms: int) -> bool:
    """Whether the question was asked about this silence: an earlier one is answered by what came since."""
    return (ask.order.made_at_ms if ask.sent_at_ms is None else ask.sent_at_ms) > silent_ms


def _asked(asks: Sequence[OrderState], believed: bool, now_ms: int) -> Judged:
    """What the questions about a silence have brought. `believed`: an answer that the order was never seen."""
    if not asks:
        return AskNow()
    if believed and any(ask.answer == "never_seen" for ask in asks):
        return NeverRang("never_seen")
    closed = [_closed_ms(ask) for ask in asks]
    if now_ms < max(closed):
        return Waiting(max(closed))
    final = now_ms >= min(closed) + UNKNOWN_FINAL_MS
    return Unknown(final, ask_again=not final and now_ms >= max(closed) + ASK_AGAIN_MS)


def _closed_ms(ask: OrderState) -> int:
    """From when on no answer is expected."""
    if ask.result in FINAL_RESULTS and ask.result_at_ms is not None:
        return min(ask.result_at_ms, ask.order.expires_at_ms)
    return ask.order.expires_at_ms
