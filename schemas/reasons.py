"""The closed lists of outcomes: what became of a call, an offer, an event, a command.

A value here is a metric's label, a column's value and a word of the documentation: it is never renamed.
"""

from enum import StrEnum


class Outcome(StrEnum):
    """How a call ended (contract: the call record)."""

    ANSWERED = "answered"
    ABANDONED = "abandoned"
    FAILED = "failed"
    LOST = "lost"  # nothing heard for call_idle_max_s
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
    UNKNOWN_TYPE = "unknown_type"  # this release does not know the type
    NEWER_VERSION = "newer_version"  # a later version of a type
    NO_SUCH_CALL = "no_such_call"  # a result or report without a call; the command with its id is settled
    NO_SUCH_LEG = "no_such_leg"  # names a connection that the call does not have
    NO_SUCH_COMMAND = "no_such_command"  # a result for a command that the call does not have
    WRONG_STATE = "wrong_state"  # the leg, call or agent is in a state that has no such transition
    ALREADY_OPEN = "already_open"  # starts an interval that already runs, such as a second hold of a held leg
    NOT_OPEN = "not_open"  # ends an interval that does not run
    NO_CHANGE = "no_change"  # repeats what is already known
    TOO_MANY_EVENTS = "too_many_events"  # the call has as many events as it may have
    TIMELINE_EXPIRED = "timeline_expired"  # the call's timeline is no longer kept
    REUSED_TOO_SOON = "reused_too_soon"  # an opening within 300 s after the same call id was cleared


class DeadLetter(StrEnum):
    """Why an entry of the log was set aside, byte for byte."""

    UNREADABLE = "unreadable"  # a Kafka record without a value, or with headers that make no CloudEvent
    INVALID = "invalid"  # not JSON, or an event that breaks the contract
    ID_CONFLICT = "id_conflict"  # a known id with other bytes
    TOO_LARGE = "too_large"  # more bytes than an event may have; only the beginning is kept
    BAD_TIME = "bad_time"  # stamped before 1980, or more than a day ahead of the log's clock
    CALL_TOO_LARGE = "call_too_large"  # the call already has as many events or bytes as it may have
    WRONG_PARTITION = "wrong_partition"  # a Kafka record without a key, or not where its key or event belongs
    POISON = "poison"  # the engine failed on it: a defect of Ringback
    UNKNOWN_TENANT = "unknown_tenant"  # a record of another topic than events, for a tenant without any API key
    LOST = "lost"  # records of such a topic that Kafka deleted before they were read: their offsets alone are known


class InterventionOutcome(StrEnum):
    """What became of an intervention."""

    DONE = "done"
    REFUSED = "refused"
    UNANSWERED = "unanswered"  # no result 2 s after its expiry; never repeated
    OVERTAKEN = "overtaken"  # it came too late, or its state had passed


FINAL_STATES: frozenset[str] = frozenset(InterventionOutcome)
"""Whoever is in one of these stays there."""


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
