"""Who calls, and what people do: pure draws, each from a seed of its own.

A draw depends on the seed and on whom it concerns, never on what was drawn before: the same caller behaves alike
whatever the commands did to others, and a switch that is started again needs no state of a generator.
"""

from dataclasses import dataclass
from random import Random
from typing import Literal, NamedTuple

from cti.switches.simulated.habits import Habits, Span

QUEUES = ("outages", "billing", "service")
QUEUE_SHARES = (3, 5, 2)
LANGUAGES = ("zh", "en")
LANGUAGE_SHARES = (95, 5)
RELEASE_REASONS = ("silent", "inaudible", "language", "abuse", "lingering", "survey")
HOLDS_MAX = 3

StepKind = Literal[
    "talk",
    "hold",
    "heldUntilGone",
    "mute",
    "customerHold",
    "blind",
    "attended",
    "customerLeaves",
    "agentLeaves",
    "drop",
]


class Step(NamedTuple):
    """One thing that happens in a conversation, and for how long."""

    kind: StepKind
    ms: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller and his conversation, if it comes to one."""

    calling: str
    queue: str
    language: str
    vip: bool
    menu_ms: int
    patience_ms: int  # from the queue on
    steps: tuple[Step, ...]


class Reaction(NamedTuple):
    """What an agent does when his telephone rings."""

    kind: Literal["answer", "reject", "ignore"]
    after_ms: int


def draw_ms(random: Random, span: Span) -> int:
    return int(random.uniform(span.from_s, span.to_s) * 1000)


def gap_ms(seed: int, number: int, callers_per_min: float) -> int:
    """From one caller to the next: exponential, so that arrivals are a Poisson process."""
    return max(1, int(Random(f"{seed}:gap:{number}").expovariate(callers_per_min / 60_000)))


def caller(seed: int, number: int, habits: Habits) -> Caller:
    """The caller of that number; the same one whenever asked."""
    random = Random(f"{seed}:caller:{number}")
    patience_s = habits.patience_least_s + random.expovariate(1 / habits.patience_mean_s)
    return Caller(
        calling=f"+86{random.choice(('791', '792', '793', '796'))}{random.randrange(60_000_000, 89_999_999)}",
        queue=random.choices(QUEUES, QUEUE_SHARES)[0],
        language=random.choices(LANGUAGES, LANGUAGE_SHARES)[0],
        vip=random.random() < 0.05,
        menu_ms=draw_ms(random, habits.menu),
        patience_ms=int(patience_s * 1000),
        steps=_conversation(random, habits),
    )


def reaction(seed: int, call: str, offer: int, habits: Habits) -> Reaction:
    """What the agent does at the call's offer of that number."""
    random = Random(f"{seed}:offer:{call}:{offer}")
    chance = random.random()
    if chance < habits.ignores:
        return Reaction("ignore", 0)
    if chance < habits.ignores + habits.rejects:
        return Reaction("reject", draw_ms(random, Span(0.8, 3)))
    if chance < habits.ignores + habits.rejects + habits.answers_late:
        return Reaction("answer", draw_ms(random, habits.late_answer))
    return Reaction("answer", draw_ms(random, habits.answer))


def after_call_ms(seed: int, call: str, agent: str, habits: Habits) -> int:
    return draw_ms(Random(f"{seed}:after:{call}:{agent}"), habits.after_call)


def break_ms(seed: int, call: str, agent: str, habits: Habits) -> int:
    """How long a break the agent takes after this call; 0: none."""
    random = Random(f"{seed}:break:{call}:{agent}")
    return draw_ms(random, habits.break_) if random.random() < habits.breaks else 0


def away_ms(seed: int, command_id: str, habits: Habits) -> int:
    return draw_ms(Random(f"{seed}:away:{command_id}"), habits.away)


def consultation_ms(seed: int, call: str, habits: Habits) -> int:
    return draw_ms(Random(f"{seed}:consultation:{call}"), habits.consultation)


def _conversation(random: Random, habits: Habits) -> tuple[Step, ...]:
    def talk() -> Step:
        return Step("talk", draw_ms(random, habits.talk))

    steps = [talk()]
    for _ in range(HOLDS_MAX):
        if random.random() >= habits.holds:
            break
        held_ms = draw_ms(random, habits.long_hold if random.random() < habits.holds_long else habits.hold)
        if random.random() < habits.leaves_while_held:
            return (*steps, Step("heldUntilGone", held_ms))
        steps += [Step("hold", held_ms), talk()]
    if random.random() < habits.mutes:
        steps += [Step("mute", draw_ms(random, habits.mute)), talk()]
    if random.random() < habits.customer_holds:
        steps += [Step("customerHold", draw_ms(random, habits.hold)), talk()]
    chance = random.random()
    if chance < habits.transfers_blind:
        steps += [Step("blind"), talk()]
    elif chance < habits.transfers_blind + habits.transfers_attended:
        steps += [Step("attended"), talk()]
    return (*steps, _ending(random, habits))


def _ending(random: Random, habits: Habits) -> Step:
    chance = random.random()
    if chance < habits.network_drops:
        return Step("drop")
    if chance < habits.network_drops + habits.agent_first:
        with_reason = random.random() < habits.agent_first_with_reason
        return Step("agentLeaves", reason=random.choice(RELEASE_REASONS) if with_reason else "")
    return Step("customerLeaves")
