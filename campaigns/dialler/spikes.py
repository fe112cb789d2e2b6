"""When dialling should rest by itself: pure.

1. **Failure spike.** A trunk fault must not turn a campaign into letters. Once there are 50 calls since the campaign
   was started or last resumed, it pauses if the operator's share of the last 50 met failedOther, congestion or
   invalidNumber. Messages do not count, nor do orders that rang nowhere.
2. **Queue guard.** The product does not see how full a switch's queue is; it sees what became of those who pressed 0.
   After three of them in a row whom no agent answered, nobody is called for 15 min after the last; one who is answered
   ends that.
"""

from collections.abc import Iterable, Sequence

from campaigns.core.dispositions import MINUTE_MS
from campaigns.core.reasons import Channel, Disposition
from campaigns.kinds import QUEUE_KEY
from campaigns.ledger.rows import AttemptRow

LOOKED_AT = 50
FAILURES = frozenset({Disposition.FAILED_OTHER, Disposition.CONGESTION, Disposition.INVALID_NUMBER})
DROPPED_MAX = 3
QUEUE_RESTS_MS = 15 * MINUTE_MS

_FAILURES = frozenset(each.value for each in FAILURES)
_UNCALLED = frozenset({Channel.SMS.value, Channel.FAX.value, Channel.PERSON.value})


def is_spike(ended: Sequence[AttemptRow], percent: int) -> bool:
    """`ended`: attempts that were decided since the last start and have ended, the last ended first, LOOKED_AT calls or
    more of them if there are so many. `percent`: 1 to 100; more: never.
    """
    calls = [row.disposition for row in ended if _is_call(row)][:LOOKED_AT]
    failed = sum(disposition in _FAILURES for disposition in calls)
    return len(calls) == LOOKED_AT and failed * 100 >= percent * LOOKED_AT


def queue_rests_until_ms(ended: Iterable[AttemptRow]) -> int | None:
    """Until when the queue is taken to be too full for press 0; None: it is not.

    `ended`: attempts of all campaigns that lead to the queue, the last ended first.
    """
    dropped: list[int] = []
    for row in ended:
        if not _is_call(row) or row.ended_at_ms is None:
            continue
        if row.disposition == Disposition.NO_AGENT.value:
            dropped.append(row.ended_at_ms)
        elif QUEUE_KEY in (row.digits or "") and row.disposition == Disposition.REACHED.value:
            break  # an agent answered
        if len(dropped) == DROPPED_MAX:
            return dropped[0] + QUEUE_RESTS_MS
    return None


def is_queue_free(ended: Iterable[AttemptRow], now_ms: int) -> bool:
    """`World.queue_free` of a campaign with a queue."""
    until_ms = queue_rests_until_ms(ended)
    return until_ms is None or now_ms >= until_ms


def _is_call(row: AttemptRow) -> bool:
    return row.disposition is not None and row.channel not in _UNCALLED
