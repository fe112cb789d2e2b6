"""The closed lists of outcomes: of a call, an offer, an event, a command.

Each value is a metric's label, a column's value and a term of the documentation: it is never renamed.
"""

from enum import StrEnum


class Outcome(StrEnum):
    """How a call ended (contract: the call record)."""

    ANSWERED = "answered"
    ABANDONED = "abandoned"
    FAILED = "failed"
    LOST = "lost"  # no event for call_idle_max_s
    STALE = "stale"  # absent from its switch's snapshot


class OfferResult(StrEnum):
    """How one ringing of one agent's device ended."""

    ANSWERED = "answered"
    REDIRECTED = "redirected"
    NOT_ANSWERED = "notAnswered"
    REJECTED = "rejected"
    ABANDONED = "abandoned"
    FAILED = "failed"


class ReleasedBy(StrEnum):
    """Who hung up first (END-1)."""

    CUSTOMER = "customer"
    AGENT = "agent"
    NETWORK = "network"
    UNKNOWN = "unknown"


class Ignored(StrEnum):
    """Why an event that was stored changed nothing."""

    DUPLICATE = "duplicate"  # the same id with the same bytes
    ALREADY_ENDED = "already_ended"  # after the call's end, by event time
    UNKNOWN_TYPE = "unknown_type"  # a type that this release does not know
    NEWER_VERSION = "newer_version"  # the same, in a type of a later version
    NO_SUCH_CALL = "no_such_call"  # a result or report without a call; a command of its id is settled all the same
    NO_SUCH_LEG = "no_such_leg"  # about a connection that the call does not have
    NO_SUCH_COMMAND = "no_such_command"  # a result for a command that the call does not have
    WRONG_STATE = "wrong_state"  # the leg, call or agent is in a state that has no such transition
    ALREADY_OPEN = "already_open"  # the interval runs already: a second hold of a held leg
    NOT_OPEN = "not_open"  # the end of an interval that does not run
    NO_CHANGE = "no_change"  # it repeats what is known already
    TOO_MANY_EVENTS = "too_many_events"  # beyond what one call may hold
    TIMELINE_EXPIRED = "timeline_expired"  # belongs to a call whose timeline is no longer kept
    REUSED_TOO_SOON = "reused_too_soon"  # an opening within 300 s after the same call id was cleared


class DeadLetter(StrEnum):
    """Why an entry of the log was set aside, byte for byte."""

    UNREADABLE = "unreadable"  # a record of Kafka without a value, or whose headers make no CloudEvent of it
    INVALID = "invalid"  # no JSON, or an event that breaks the contract
    ID_CONFLICT = "id_conflict"  # a known id with other bytes
    TOO_LARGE = "too_large"  # more bytes than an event may have; the first of them are kept
    BAD_TIME = "bad_time"  # stamped before 1980, or more than a day ahead of the log's clock
    CALL_TOO_LARGE = "call_too_large"  # beyond the events or bytes that one call may hold
    WRONG_PARTITION = "wrong_partition"  # written to the log under a key, or by a partitioner, that is not ours
    POISON = "poison"  # it made the engine fail; a defect of ours


class InterventionOutcome(StrEnum):
    """What became of an intervention."""

    DONE = "done"
    REFUSED = "refused"
    UNANSWERED = "unanswered"  # no result 2 s after its expiry; never repeated
    OVERTAKEN = "overtaken"  # it came too late, or its state had passed


FINAL_STATES: frozenset[str] = frozenset(InterventionOutcome)
"""Terminal states."""


class RefusalReason(StrEnum):
    """Why a switch refuses a command."""

    DUPLICATE = "duplicate"
    EXPIRED = "expired"
    INVALID_CONNECTION_STATE = "invalidConnectionState"
    NO_OTHER_AGENT = "noOtherAgent"
    NOT_SUPPORTED = "notSupported"
    BUSY = "busy"
    ERROR = "error"


class RuleMode(StrEnum):
    """How far a rule goes: measure only, ask people, or act on the call."""

    OBSERVE = "observe"
    PROMPT = "prompt"
    ENFORCE = "enforce"
