"""The rows of what callers do, as rounds write them and parts read them."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class CallbackRequest(NamedTuple):
    """Somebody is to be called back. Times in ms, by the switch's clock."""

    id: str
    tenant: str
    source: str
    call_id: str
    number: str | None  # E.164; None: the caller's number is withheld, or cannot be told
    queue: str | None
    origin: str  # queue | agent
    agent: str | None  # who promised
    asked_at_ms: int
    due_at_ms: int | None
    note: str | None
    written_at_ms: int  # by the log's clock


class Caller(NamedTuple):
    """Who has begun to call: an inbound call with a number that can be told."""

    tenant: str
    number: str  # E.164
    call_id: str
    opened_at_ms: int  # by the switch's clock


class Asked(NamedTuple):
    """A caller to be asked about; `key`: the engine's key of the call."""

    key: int
    caller: Caller
    tries: int = 0


class Words(NamedTuple):
    """What is said to a caller, or shown to an agent."""

    rule: str  # of the service standard, as in commands
    message: str  # its key
    text: Mapping[str, Any]  # {zh, en}


class KnownCaller(NamedTuple):
    """A caller whom a part knows."""

    call_id: str
    announcement: Words | None  # played to the caller as long as nobody has answered
    prompt: Words | None  # shown to each agent to whom the call is offered
