"""How the people of one place behave: as in life, or quick enough to show the rules within minutes."""

from typing import NamedTuple


class Span(NamedTuple):
    """Evenly spread between two durations, in seconds."""

    from_s: float
    to_s: float


class Habits(NamedTuple):
    """Durations in seconds, chances in [0, 1]."""

    menu: Span  # from the first ring at the switch to the queue
    patience_least_s: float
    patience_mean_s: float  # beyond the least, exponential
    answer: Span
    late_answer: Span  # of an agent who answers about when the order to take the call away arrives
    answers_late: float
    ignores: float
    rejects: float
    talk: Span
    holds: float  # chance of one more hold, asked again up to three times
    hold: Span
    holds_long: float  # of the holds
    long_hold: Span
    leaves_while_held: float  # of the holds
    mutes: float
    mute: Span
    customer_holds: float
    transfers_blind: float
    transfers_attended: float
    consultation: Span
    agent_first: float  # of the calls: the agent hangs up first
    agent_first_with_reason: float  # of those
    network_drops: float
    after_call: Span
    breaks: float  # chance, after a call's work, of a break
    break_: Span
    away: Span  # how long an agent stays not ready when ordered so


REALISTIC = Habits(
    menu=Span(4, 15),
    patience_least_s=8,
    patience_mean_s=150,
    answer=Span(1.5, 9),
    late_answer=Span(11.7, 12.6),
    answers_late=0.02,
    ignores=0.04,
    rejects=0.02,
    talk=Span(8, 40),
    holds=0.2,
    hold=Span(5, 40),
    holds_long=0.12,
    long_hold=Span(50, 140),
    leaves_while_held=0.05,
    mutes=0.06,
    mute=Span(3, 25),
    customer_holds=0.02,
    transfers_blind=0.02,
    transfers_attended=0.03,
    consultation=Span(5, 25),
    agent_first=0.06,
    agent_first_with_reason=0.5,
    network_drops=0.01,
    after_call=Span(4, 16),
    breaks=0.03,
    break_=Span(60, 300),
    away=Span(45, 120),
)

BRISK = REALISTIC._replace(
    menu=Span(0.3, 1.5),
    patience_least_s=3,
    patience_mean_s=40,
    answer=Span(0.5, 5),
    answers_late=0.05,
    ignores=0.12,
    rejects=0.05,
    talk=Span(2, 8),
    holds=0.35,
    hold=Span(2, 20),
    holds_long=0.3,
    long_hold=Span(16, 40),
    mute=Span(2, 17),
    consultation=Span(2, 8),
    agent_first=0.15,
    after_call=Span(1, 4),
    break_=Span(5, 15),
    away=Span(8, 15),
)

HURRIED = BRISK._replace(
    patience_mean_s=20,
    answer=Span(0.5, 4),
    talk=Span(1.5, 5),
    holds=0.6,
    holds_long=0.6,
    long_hold=Span(15.5, 33),
    transfers_attended=0.08,
    transfers_blind=0.05,
)
"""Half a minute shows late rings, long holds and transfers."""

HABITS = {"realistic": REALISTIC, "brisk": BRISK, "hurried": HURRIED}
