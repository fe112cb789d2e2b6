"""The data of leases, and their store as a protocol. A resource is a partition's number or a lane's name."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from cti.rows import Changes

R = TypeVar("R", bound=int | str)  # what a group shares
NOBODY = ""


class Claimed(Protocol):
    """What an owner gets: a resource under an epoch, perhaps with more (`cti.rows.Claim`: where to read on)."""

    @property
    def resource(self) -> Any: ...

    @property
    def epoch(self) -> int: ...


C = TypeVar("C", bound=Claimed)
C_co = TypeVar("C_co", bound=Claimed, covariant=True)


class Lease(NamedTuple):
    """A resource of a group of names, owned under an epoch."""

    resource: str
    epoch: int


class Holding(NamedTuple, Generic[R]):
    """Who owns a resource; NOBODY = it is free."""

    resource: R
    epoch: int
    owner: str


class Holdings(NamedTuple, Generic[R]):
    """One look at a group: each process's last heartbeat, and every resource in order."""

    heartbeats: Mapping[str, int]
    resources: list[Holding[R]]


class Wanted(NamedTuple, Generic[R]):
    """A compare-and-set: take the resource if its epoch and its owner's heartbeat (None: unknown owner) are these."""

    resource: R
    epoch: int
    heartbeat: int | None


class Claims(Protocol[C_co]):
    """The claims of a group in which one process can have everything."""

    async def claim(self, owner: str, resources: Any, /) -> Sequence[C_co]:
        """Make these resources where they are missing; own all of the group at once, each under a raised epoch."""


class Leases(Protocol[R, C]):
    """One lease group as a store keeps it. `owner`: a name for one start of one process. `resources`: the number of
    partitions, or names.

    Everything raises `errors.LedgerAway` or `errors.OutcomeUnknown`; all but `claim` and `join` may then simply be
    tried again.
    """

    async def claim(self, owner: str, resources: Any, /) -> list[C]:
        """Make these resources where they are missing; own all of the group at once, each under a raised epoch."""

    async def join(self, owner: str, resources: Any, /) -> None:
        """Make these resources where they are missing; write the first heartbeat, 1."""

    async def heartbeat(self, owner: str, count: int) -> None:
        """Write a heartbeat, also of a process that has been removed."""

    async def holdings(self) -> Holdings[R]: ...

    async def take(self, owner: str, wanted: Sequence[Wanted[R]]) -> list[C]:
        """Compare-and-set on (epoch, heartbeat): own those that match, each under a raised epoch. Skips locked rows."""

    async def release(self, owner: str, held: Mapping[R, int]) -> None:
        """Give up what is ours under these epochs; the epochs rise, so that we commit no more there."""

    async def leave(self, owner: str) -> None:
        """Give up all that is ours; the heartbeat goes."""

    async def forget(self, heartbeats: Mapping[str, int]) -> None:
        """Remove processes whose heartbeat is still this one and that own nothing."""


class NamedLeases(Leases[str, Lease], Protocol):
    """A group of names, which may come and go while processes share them."""

    async def add(self, resources: Collection[str]) -> None:
        """Make these where they are missing or were retired; they have no owner yet."""

    async def retire(self, resources: Collection[str]) -> None:
        """Take these from their owners. Their epochs go on rising if they are added again."""


class NamedOwnership(Protocol):
    """One process's view of a group of names; `changes`, `released` and `lost` do not wait."""

    async def start(self) -> None:
        """Raises `errors.LedgerAway`."""

    async def run(self) -> None:
        """Until cancelled: look and take, again and again."""

    async def turn(self) -> None:
        """Do once what `run` repeats: for a scheduler that moves the time."""

    def changes(self) -> Changes[str, Lease]:
        """The changes since the previous call."""

    def released(self, resources: Iterable[str]) -> None:
        """Nothing of these is under way any more."""

    def lost(self, resources: Iterable[str]) -> None:
        """A commit was fenced on these, and they have been dropped."""

    async def add(self, resources: Collection[str]) -> None:
        """Add these to the group."""

    async def retire(self, resources: Collection[str]) -> None:
        """Remove these from the group; their owners get them as `lost`."""

    async def stop(self) -> None:
        """Give up everything, once nothing is under way; `run` has been cancelled."""
