"""What a turn adds to the metrics."""

from campaigns.context import Context
from campaigns.dialler.intents import TurnTally
from campaigns.ledger.turns import Writes, Written


def count_turn(context: Context, tally: TurnTally, writes: Writes, written: Written) -> None:
    """Once it is committed."""
    metrics, meter = context.metrics, context.dial_meter
    made = [dialling for dialling in writes.dialling if dialling.order.id in written.dialled]
    for dialling in made:
        meter.made(dialling.order.command)
    for question in writes.questions:
        meter.made(question.command)
    if made:
        metrics.dialled(len(made))
    for why, count in tally.refused.items():
        metrics.refused(why, count)
    for (kind, channel, disposition), count in tally.attempts.items():
        for _ in range(count):
            metrics.attempt(kind, channel, disposition)
    for (kind, deadline), count in tally.missed.items():
        for _ in range(count):
            metrics.deadline_missed(kind, deadline)
    for kept, count in tally.promises.items():
        metrics.promise(kept, count)
    for _ in range(tally.quiet_rings):
        metrics.quiet_ring()
    for _ in range(tally.two_calls):
        meter.two_calls()
    meter.not_dialled(tally.not_dialled)
    meter.unknown(tally.unknown)
