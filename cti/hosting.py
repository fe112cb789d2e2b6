"""What a part of the product brings into the processes that host it, and what a process lends to it.

The call side is in every process. Another part (the outbound side) is a **Part**: routes, tables, tasks and so on, as
data. `cti.wiring` finds the installed ones by the entry point group `ringback.parts` and hosts them:

- `serve` hosts everything, in one process, on SQLite too;
- `gateway` serves the routes;
- `engine` does the purging, and writes what goes beside each round;
- a process of the part's own runs its tasks, where the part names one.
"""

import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple, Protocol

from prometheus_client.registry import Collector
from sqlalchemy import Connection

from cti.callers.ports import CallbackRequests, KnowsCallers
from cti.commands import find_commands
from cti.dial.ports import DialMeter, DialOrders, DialStreams
from cti.errors import SettingsMistake
from cti.leases.alone import AloneNamed, new_owner
from cti.leases.ownership import SharedNamed
from cti.leases.ports import NamedLeases, NamedOwnership
from cti.ports import Clock, WallClock
from cti.rows import Round
from cti.sql.database import Database
from cti.sql.schema import Chain
from cti.sql.scrubbing import MarkedColumns
from cti.topics import DeadLetterBox, PartTopics, Topic
from cti.web.auth import SCOPES
from cti.web.codes import CODES, Code
from cti.web.limits import Limits
from cti.web.route import Route

GROUP = "ringback.parts"
GATEWAY, ENGINE = "gateway", "engine"  # the processes of the call side
WHOLE = frozenset({GATEWAY, ENGINE})  # one process that hosts everything
NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")

BesideRound = Callable[[Connection, Round], None]
"""Statements of a part's own in the transaction of a round, in the writer's thread. They may run again after a
rollback, and they neither commit nor roll back. If they fail, the round is written without them, and the part rests
for a while; what it missed it reads in `cti.parts.missed`.
"""

Purge = Callable[[int], Awaitable[int]]
"""Drop what is too old at this time (ms since the epoch), a bounded piece of work; how much went. It ends within some
seconds (`cti.parts.tasks`).
"""


class Task(Protocol):
    """A loop of a part. A process runs it; the virtual clock of the tests steps it."""

    async def start(self) -> None:
        """Before `run`, or before the first step. The door opens after some seconds, started or not."""

    async def run(self) -> None:
        """Until cancelled."""

    async def step(self) -> bool:
        """Do all that can be done now; whether anything was done."""

    def next_ms(self) -> float:
        """When there is something to do again, by the host's clock."""

    async def stop(self) -> None:
        """Give up what is held. `run` has ended."""


class DeclaredSwitch(NamedTuple):
    """What a switch says of itself."""

    switch: str
    source: str
    declaration: Mapping[str, Any]  # the body of PUT /v1/switches/ID, without `source`


Declared = Callable[[str, str], Awaitable[DeclaredSwitch | None]]
"""The declaration of a tenant's switch; None: there is none. Raises LedgerAway."""


async def nothing_declared(_tenant: str, _switch: str) -> DeclaredSwitch | None:
    """The default of `Host.declared`."""
    return None


class CalledLeg(NamedTuple):
    """The called party's leg of a live call: the switch's call id, and its connection."""

    subject: str
    connection: str


FindLeg = Callable[[str, str], Awaitable[CalledLeg | None]]
"""The called party's leg of a tenant's call, by our call id; None: there is none, or its switch gave it no name. Raises
LedgerAway.
"""


async def no_leg(_tenant: str, _call_id: str) -> CalledLeg | None:
    """The default of `Host.called_leg`."""
    return None


StillLive = Callable[[Collection[str]], Awaitable[set[str]]]
"""Those of these calls, by our call ids, that have not ended. Raises LedgerAway."""


async def nothing_lives(_call_ids: Collection[str]) -> set[str]:
    """The default of `Host.still_live`."""
    return set()


Tenants = Callable[[], Awaitable[set[str]]]
"""Every tenant that has, or had, an API key. Raises LedgerAway."""


async def no_tenants() -> set[str]:
    """The default of `Host.tenants`."""
    return set()


@dataclass(frozen=True, slots=True)
class Host:
    """What a process lends to its parts."""

    clock: Clock  # for waiting: no setting of the machine's clock moves it
    wall: WallClock
    database: Database | None  # None: the store is in memory
    leases: Callable[[str], NamedLeases]  # of a lease group
    shared: bool  # whether other processes may be on the same store
    dial: DialOrders | None = None  # None: the store is in memory, and nothing is dialled
    dial_meter: DialMeter | None = None
    declared: Declared = nothing_declared
    called_leg: FindLeg = no_leg
    speed: float = 1.0  # how many times as fast as real time the clocks run, in a trial
    dial_streams: DialStreams | None = None  # for a part that sends orders itself
    callbacks: CallbackRequests | None = None  # None: the store is in memory
    still_live: StillLive = nothing_lives
    declared_of_source: Declared = nothing_declared  # by the tenant and the source of its events
    personal: Sequence[MarkedColumns] = ()  # of the call side: where numbers of persons may stand
    topics: PartTopics | None = None  # None: there is no Kafka
    dead_letters: DeadLetterBox | None = None  # None: the store is in memory
    tenants: Tenants = no_tenants

    def ownership(
        self, group: str, resources: Collection[str] = (), changed: Callable[[], None] = lambda: None
    ) -> NamedOwnership:
        """One more process of a lease group. `changed` is called when its `changes` has something to say."""
        leases, owner = self.leases(group), new_owner(group)
        if self.shared:
            return SharedNamed(leases, self.clock, resources, changed, owner)
        return AloneNamed(leases, resources, owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A part in one process. Nothing runs yet."""

    shared: object = None  # what the handlers of its routes get first
    tasks: Sequence[Task] = ()
    purge: Purge | None = None
    beside_round: BesideRound | None = None
    callers: KnowsCallers | None = None  # asked in the process of the engine
    collectors: Sequence[Collector] = ()  # its metrics, in no registry yet


def no_routes(_limits: Limits) -> Sequence[Route]:
    """The default of `routes`: a part without routes."""
    return ()


def no_schemas() -> Mapping[str, Any]:
    """The default of `schemas`."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part as data: nothing is opened by making one."""

    name: str
    open: Callable[[Host], Opened]  # in a process that hosts it
    runs_in: str = ENGINE  # the process that runs its tasks: engine, gateway or one of its own
    chain: Chain | None = None  # its tables; a writer of the chain's name is in `Host.database`
    channels: Sequence[str] = ()  # of NOTIFY
    lease_groups: Sequence[str] = ()
    topics: Sequence[Topic] = ()
    routes: Callable[[Limits], Sequence[Route]] = no_routes
    schemas: Callable[[], Mapping[str, Any]] = no_schemas  # components that its routes refer to
    scopes: Sequence[str] = ()  # of API keys
    codes: Mapping[str, Code] = field(default_factory=dict)  # problem codes, to be given to `Refusal`
    variables: Sequence[str] = ()  # environment variables that it reads


class Hosted(NamedTuple):
    """A part, and what it opened in this process."""

    part: Part
    opened: Opened

    def tasks_in(self, roles: Collection[str]) -> Sequence[Task]:
        """Those that a process with these roles runs."""
        return self.opened.tasks if self.part.runs_in in roles or set(roles) >= WHOLE else ()


def find_parts() -> list[Part]:
    """The installed parts, by name. Raises `SettingsMistake` where one cannot be used."""
    found = [_loaded(point) for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)]
    check(found)
    return found


def _loaded(point: EntryPoint) -> Part:
    try:
        part = point.load()
    except Exception as fault:  # a module may raise anything
        raise SettingsMistake(f"part {point.name} cannot be loaded: {fault}") from fault
    if not isinstance(part, Part) or part.name != point.name:
        raise SettingsMistake(f"part {point.name}: {point.value} is no Part of that name")
    return part


def check(parts: Sequence[Part]) -> None:
    """Check that names are valid and unique, also among those of the call side. Raises `SettingsMistake`."""
    for part in parts:
        groups = [name for name in (part.name, part.runs_in, *part.lease_groups) if not NAME.fullmatch(name)]
        if groups:
            raise SettingsMistake(f"part {part.name}: {groups[0]!r} is no name: a-z, 0-9 and _, 31 at most")
    taken = {("scope", name) for name in SCOPES} | {("code", name) for name in CODES}
    taken |= {("part", "cti"), ("lease group", ENGINE), ("tables", "cti")}
    for part in parts:
        for what, name in _names(part):
            if (what, name) in taken:
                raise SettingsMistake(f"part {part.name}: the {what} {name} is taken")
            taken.add((what, name))


def _names(part: Part) -> Iterator[tuple[str, str]]:
    yield "part", part.name
    yield from (("scope", name) for name in part.scopes)
    yield from (("code", name) for name in part.codes)
    yield from (("lease group", name) for name in part.lease_groups)
    yield from (("channel", name) for name in part.channels)
    yield from (("topic", topic.name) for topic in part.topics)
    yield from (("number of dead letters", str(topic.dead_letters_from)) for topic in part.topics if topic.is_read)
    if part.chain is not None:
        yield "tables", part.chain.name


def scopes_of(parts: Sequence[Part]) -> list[str]:
    """Every scope that a key may have: those of the call side, then those of parts."""
    return [*SCOPES, *(scope for part in parts for scope in part.scopes)]


def chains_of(parts: Sequence[Part]) -> list[Chain]:
    """The chains of those that have tables."""
    return [part.chain for part in parts if part.chain is not None]


def topics_of(parts: Sequence[Part]) -> list[Topic]:
    """The topics of parts."""
    return [topic for part in parts for topic in part.topics]


def variables_of(parts: Sequence[Part]) -> set[str]:
    """The environment variables that parts and their command lines read."""
    commands, _ = find_commands()
    lists = [*(part.variables for part in parts), *(getattr(command, "VARIABLES", ()) for command in commands.values())]
    return {name for names in lists for name in names}
