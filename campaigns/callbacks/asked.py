"""A callback that is asked for, and what speaks against it."""

from typing import NamedTuple

from campaigns.imports import cells, numbers
from campaigns.imports.cells import Wrong
from cti.errors import RingbackError

API, QUEUE, AGENT = "api", "queue", "agent"
ORIGINS = (API, QUEUE, AGENT)


class CallbackAsked(NamedTuple):
    """`number`: E.164; `zones`: where its owner may be. `due_ms` None: as soon as the hours allow. `agreed_ms`: the
    caller asked for this time, and `agreed_by` agreed. `origin`: one of ORIGINS; `agent`: who promised it; `call`: in
    which it was asked for. `request`: the id of the call side's row.
    """

    tenant: str
    number: str
    zones: tuple[str, ...]
    switch: str
    trunk_group: str
    queue: str | None
    channel: str
    asked_ms: int
    due_ms: int | None
    customer_class: str = "resident"
    agreed_ms: int | None = None
    agreed_by: str | None = None
    reason: str | None = None
    result: str | None = None
    note: str | None = None
    reference: str | None = None
    origin: str = API
    agent: str | None = None
    call: str | None = None
    request: str | None = None


class NeverOpens(RingbackError):
    """No hours are known in which the call is allowed."""


class AlreadyThere(RingbackError):
    """The number has a callback that is open and keeps this promise too: nobody is called twice for one matter."""

    def __init__(self, callback: str) -> None:
        super().__init__(f"{callback} is open for this number")
        self.callback = callback


class TooMany(RingbackError):
    """So many callbacks are open that no more is taken."""

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} callbacks are open")
        self.most = most


def read_number(text: str, zone: str | None = None) -> tuple[str, tuple[str, ...]]:
    """E.164, and the candidate zones: those of the number, and the one that is named. Raises Wrong."""
    read = numbers.normalised(cells.cleaned(text))
    if isinstance(read, numbers.Mistake):
        raise Wrong(read.rule, read.what)
    zones = tuple(sorted({*read.zones, *([zone] if zone else [])}))
    if not zones:
        raise Wrong("ZONE", "nobody knows the time zone of this number: name it as `zone`")
    return read.e164, zones
