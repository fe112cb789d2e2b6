"""The errors of the outbound side's own transactions. A class's docstring doubles as its message."""

from collections.abc import Sequence
from typing import NamedTuple

from cti.errors import RingbackError


class Stale(RingbackError):
    """Something has changed since it was read; nothing was written."""


class NotFound(RingbackError):
    """The tenant has none of that id."""


class WrongState(RingbackError):
    """This is not allowed in its state. `state`: of the campaign, or of the contact."""

    def __init__(self, state: str, action: str, allowed: Sequence[str] = ()) -> None:
        super().__init__(f"{action} is not allowed in state {state}")
        self.state, self.action, self.allowed = state, action, tuple(allowed)


class NoSuchOutage(RingbackError):
    """No contact of the campaign has this outage."""


class AlreadyCancelled(RingbackError):
    """The outage is cancelled: it gets no other time any more."""


class ContactsChanged(RingbackError):
    """Another number of contacts was expected than is there."""

    def __init__(self, expected: int, there: int) -> None:
        super().__init__(f"{expected} contacts were expected, {there} are there")
        self.expected, self.there = expected, there


class SettlementsSilent(RingbackError):
    """Nobody tells who has paid; so nobody is dunned."""

    def __init__(self, heard_ms: int | None) -> None:
        """`heard_ms`: when payments were last told; None: never."""
        super().__init__(f"last told: {heard_ms}")
        self.heard_ms = heard_ms


class Lacks(NamedTuple):
    """What a campaign's switch lacks. `pointer`: the member of the campaign that names it."""

    pointer: str
    detail: str


class CannotDial(RingbackError):
    """The campaign's switch, trunk group or queue is unknown, or the switch did not declare what dialling needs."""

    def __init__(self, lacks: Sequence[Lacks]) -> None:
        super().__init__("; ".join(one.detail for one in lacks))
        self.lacks = tuple(lacks)
