"""The errors of the outbound side's own transactions. A class's docstring doubles as its message."""

from collections.abc import Mapping, Sequence
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


class ApprovalNeeded(RingbackError):
    """A second key must approve the campaign."""

    def __init__(self, needed: Sequence[str], digest: str, missing: Sequence[str]) -> None:
        """`needed`: why it needs an approval (`kind`, `contacts`). `digest`: of what is to be approved. `missing`:
        parts that are not what was approved, or `none`.
        """
        super().__init__(f"needed because of {', '.join(needed)}; not approved: {', '.join(missing)}")
        self.needed, self.digest, self.missing = tuple(needed), digest, tuple(missing)


class ApprovalMismatch(RingbackError):
    """What was read is not what is there."""

    def __init__(self, digest: str, hashes: Mapping[str, str], changed: Sequence[str]) -> None:
        super().__init__(f"it is {digest} now")
        self.digest, self.hashes, self.changed = digest, dict(hashes), tuple(changed)


class SecondKeyNeeded(RingbackError):
    """Who made, imported or changed something does not approve it."""


class Overlaps(RingbackError):
    """Another campaign of the kind has the same accounts and items."""

    def __init__(self, campaign: str, name: str, contacts: int, counted_all: bool) -> None:
        """`contacts`: how many, at least where not all were counted."""
        super().__init__(f"{contacts} of {campaign}")
        self.campaign, self.name, self.contacts, self.counted_all = campaign, name, contacts, counted_all


class ChangedMeanwhile(RingbackError):
    """The campaign is not as it was read."""

    def __init__(self, version: int) -> None:
        super().__init__(f"its version is {version}")
        self.version = version


class WindowsWider(RingbackError):
    """The windows are not within those that were approved."""

    def __init__(self, allowed: Sequence[Sequence[int]]) -> None:
        """`allowed`: [opens_ms, closes_ms] after midnight."""
        super().__init__(str(allowed))
        self.allowed = allowed


class NoEmergency(RingbackError):
    """There is no such exception to the quiet hours, and there can be none."""


class Lacks(NamedTuple):
    """What a campaign's switch lacks. `pointer`: the member of the campaign that names it."""

    pointer: str
    detail: str


class CannotDial(RingbackError):
    """The campaign's switch, trunk group or queue is unknown, or the switch did not declare what dialling needs."""

    def __init__(self, lacks: Sequence[Lacks]) -> None:
        super().__init__("; ".join(lack.detail for lack in lacks))
        self.lacks = tuple(lacks)
