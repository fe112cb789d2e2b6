"""The rows of what callers do, as rounds write them and parts read them."""

from typing import NamedTuple


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
