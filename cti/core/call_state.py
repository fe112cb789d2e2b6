"""What a call is while it lives: its legs now, and the intervals it has lived. Times in ms, by the switch's clock.

An interval keeps the id of the event that opened it (`cause`). Command ids derive from it, so the same interval gives
the same ids whatever arrives late.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from cti.core.facts import Fact
from cti.core.leg_set import NO_LEGS, Legs
from schemas.reasons import OfferResult, ReleasedBy


class Phase(StrEnum):
    """`null` until an event that opens a call has been seen; `ended` is final."""

    NULL = "null"
    OPEN = "open"
    ENDED = "ended"


@dataclass(slots=True, init=False)
class Offer:
    """One agent's device ringing. `together`: several rang at once, so nobody alone was responsible (ring-all)."""

    cause: str
    leg: str
    agent: str | None
    device: str | None
    queue: str | None
    at_ms: int
    end_ms: int | None
    result: OfferResult | None
    together: bool

    def __init__(
        self,
        cause: str,
        leg: str,
        agent: str | None,
        device: str | None,
        queue: str | None,
        at_ms: int,
        end_ms: int | None = None,
        result: OfferResult | None = None,
        together: bool = False,
    ) -> None:
        self.cause = cause
        self.leg = leg
        self.agent = agent
        self.device = device
        self.queue = queue
        self.at_ms = at_ms
        self.end_ms = end_ms
        self.result = result
        self.together = together


@dataclass(slots=True, init=False)
class Hold:
    """The customer hears nobody: held or muted by us, or he holds us. `leg` is where a notice is played.

    `muted`: the customer was never put on hold, the agents only muted themselves.
    """

    cause: str
    by_agent: bool
    muted: bool
    agent: str | None
    leg: str
    at_ms: int
    end_ms: int | None
    retrieved: bool  # taken back by the agent who held him, who is still on the call

    def __init__(
        self,
        cause: str,
        by_agent: bool,
        muted: bool,
        agent: str | None,
        leg: str,
        at_ms: int,
        end_ms: int | None = None,
        retrieved: bool = False,
    ) -> None:
        self.cause = cause
        self.by_agent = by_agent
        self.muted = muted
        self.agent = agent
        self.leg = leg
        self.at_ms = at_ms
        self.end_ms = end_ms
        self.retrieved = retrieved


@dataclass(slots=True, init=False)
class Wait:
    """Time in a queue."""

    cause: str
    queue: str | None
    leg: str
    at_ms: int
    end_ms: int | None

    def __init__(
        self,
        cause: str,
        queue: str | None,
        leg: str,
        at_ms: int,
        end_ms: int | None = None,
    ) -> None:
        self.cause = cause
        self.queue = queue
        self.leg = leg
        self.at_ms = at_ms
        self.end_ms = end_ms


@dataclass(slots=True, init=False)
class Talk:
    """A leg of ours and the customer's are both connected or held. `leg`: ours, or his own where there is no other."""

    leg: str
    at_ms: int
    end_ms: int | None

    def __init__(self, leg: str, at_ms: int, end_ms: int | None = None) -> None:
        self.leg = leg
        self.at_ms = at_ms
        self.end_ms = end_ms


class Transfer(NamedTuple):
    at_ms: int
    blind: bool
    to: str | None
    reason: str | None


class Release(NamedTuple):
    """Who ended the conversation, or left before there was one."""

    at_ms: int
    by: ReleasedBy
    agent: str | None
    reason: str | None


class Opening(NamedTuple):
    """What the opening events said. `kind` and `connection` are those of the first that was no stand-in."""

    direction: str | None = None
    calling: str | None = None
    called: str | None = None
    trunk: str | None = None
    correlation: str | None = None
    commandid: str | None = None
    kind: str | None = None
    connection: str | None = None


class Keys(NamedTuple):
    """What a called party, or a caller who waits, pressed."""

    at_ms: int
    digits: str


class Ended(NamedTuple):
    """A message that the called party heard."""

    at_ms: int
    message: str
    completed: bool


class Dialled(NamedTuple):
    """What only a call of a dial order has."""

    keys: tuple[Keys, ...] = ()
    messages: tuple[Ended, ...] = ()
    agent_answered_ms: int | None = None
    agent_due_ms: int | None = None  # a time that the agent named with his disposition


class Promise(NamedTuple):
    """A callback that an agent promised the customer (HOLD-3)."""

    event: str  # the id of the event that said so
    at_ms: int
    agent: str | None
    due_ms: int
    note: str | None


class Extras(NamedTuple):
    """What few calls have: kept apart so that the others do not pay for it."""

    tone: str | None = None
    machine: str | None = None
    digits: str = ""
    announcements: tuple[str, ...] = ()
    disposition: str | None = None
    identity_verified: bool = False
    survey: int | None = None
    dialled: Dialled | None = None
    pressed: tuple[Keys, ...] = ()  # while the caller waited
    promises: tuple[Promise, ...] = ()


class Tentative(NamedTuple):
    """An end that was not announced in order and that later facts may revise, or after which the id is free at once.
    Few calls have one.
    """

    absent_ms: int | None = None  # when its switch's snapshot lacked the call (also after callCleared), or it was idle
    before: "Call | None" = None  # the call as it was before that end: the next fact goes on from there
    early_ends: tuple[Fact, ...] = ()  # ends stamped before the opening (a clock set back)
    clock_stepped: bool = False  # the call ended by one of these


PHASE_NULL: Final = Phase.NULL
OPEN: Final = Phase.OPEN
ENDED: Final = Phase.ENDED
NO_EXTRAS: Final = Extras()
NOT_TENTATIVE: Final = Tentative()
NO_OPENING: Final = Opening()
NONE_RINGS: Final[dict[int, str]] = {}
NOBODY_TALKS: Final[dict[str, int]] = {}


@dataclass(slots=True, init=False)
class Call:
    """The state of one call: the fold of its facts.

    A call is never changed once `call.advance` has returned it; `advance` works on a copy. The constructor is written
    out, because that compiles to plain assignments.
    """

    subject: str
    phase: Phase
    opened_at_ms: int
    opening: Opening
    dialled: bool  # a dial order made it: it went out, and its opening carries the order's id
    latest_ms: int  # of the switch's latest fact
    queue: str | None  # the queue last waited in, else the first that an offer named
    served_queue: str | None  # that at the first answer
    legs: Legs
    offers: tuple[Offer, ...]
    ringing: dict[int, str]  # open offers: index -> leg, in order; replaced when it changes, never changed
    rang_until_ms: int | None  # when the last of the offers that rang for a while ended
    holds: tuple[Hold, ...]
    waits: tuple[Wait, ...]
    talks: tuple[Talk, ...]
    talking: dict[str, int]  # talks that go on: leg -> index; replaced when it changes, never changed
    transfers: tuple[Transfer, ...]
    first_delivered_ms: int | None
    answered_ms: int | None
    answer_cause: str | None
    first_agent: str | None
    customer_left: bool  # the customer's leg has ended: an answer is impossible
    left_waiting: bool  # the customer was in a queue then
    release: Release | None
    failed: bool
    cause: str | None
    q850: int | None
    extras: Extras
    ended_ms: int | None
    ended_by: str | None  # callCleared, stale, lost
    tentative: Tentative
    concludes: bool  # it has ended, its intervals have not: only while its facts are folded

    def __init__(
        self,
        subject: str,
        phase: Phase = PHASE_NULL,
        opened_at_ms: int = 0,
        opening: Opening = NO_OPENING,
        dialled: bool = False,
        latest_ms: int = 0,
        queue: str | None = None,
        served_queue: str | None = None,
        legs: Legs = NO_LEGS,
        offers: tuple[Offer, ...] = (),
        ringing: dict[int, str] = NONE_RINGS,
        rang_until_ms: int | None = None,
        holds: tuple[Hold, ...] = (),
        waits: tuple[Wait, ...] = (),
        talks: tuple[Talk, ...] = (),
        talking: dict[str, int] = NOBODY_TALKS,
        transfers: tuple[Transfer, ...] = (),
        first_delivered_ms: int | None = None,
        answered_ms: int | None = None,
        answer_cause: str | None = None,
        first_agent: str | None = None,
        customer_left: bool = False,
        left_waiting: bool = False,
        release: Release | None = None,
        failed: bool = False,
        cause: str | None = None,
        q850: int | None = None,
        extras: Extras = NO_EXTRAS,
        ended_ms: int | None = None,
        ended_by: str | None = None,
        tentative: Tentative = NOT_TENTATIVE,
        concludes: bool = False,
    ) -> None:
        self.subject = subject
        self.phase = phase
        self.opened_at_ms = opened_at_ms
        self.opening = opening
        self.dialled = dialled
        self.latest_ms = latest_ms
        self.queue = queue
        self.served_queue = served_queue
        self.legs = legs
        self.offers = offers
        self.ringing = ringing
        self.rang_until_ms = rang_until_ms
        self.holds = holds
        self.waits = waits
        self.talks = talks
        self.talking = talking
        self.transfers = transfers
        self.first_delivered_ms = first_delivered_ms
        self.answered_ms = answered_ms
        self.answer_cause = answer_cause
        self.first_agent = first_agent
        self.customer_left = customer_left
        self.left_waiting = left_waiting
        self.release = release
        self.failed = failed
        self.cause = cause
        self.q850 = q850
        self.extras = extras
        self.ended_ms = ended_ms
        self.ended_by = ended_by
        self.tentative = tentative
        self.concludes = concludes

    def copy(self) -> "Call":
        """A copy that shares the parts, which are immutable. Written out for speed: each event makes one."""
        return Call(
            self.subject,
            self.phase,
            self.opened_at_ms,
            self.opening,
            self.dialled,
            self.latest_ms,
            self.queue,
            self.served_queue,
            self.legs,
            self.offers,
            self.ringing,
            self.rang_until_ms,
            self.holds,
            self.waits,
            self.talks,
            self.talking,
            self.transfers,
            self.first_delivered_ms,
            self.answered_ms,
            self.answer_cause,
            self.first_agent,
            self.customer_left,
            self.left_waiting,
            self.release,
            self.failed,
            self.cause,
            self.q850,
            self.extras,
            self.ended_ms,
            self.ended_by,
            self.tentative,
            self.concludes,
        )

    @property
    def inbound(self) -> bool:
        """A call without a direction came in: the minimum of five events does not carry one."""
        return self.opening.direction in (None, "inbound")
