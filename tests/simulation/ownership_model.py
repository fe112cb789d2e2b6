"""A small world of engines that share partitions: the real decisions, the ledger in memory, and a time of whole looks.

Every action is one atomic step of one engine or of the world, so that any interleaving, and any pause between two
steps, is a sequence of actions. What must hold after each is in `World.check` and where a step asserts it.
"""

import copy
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

from cti.leases.memory import MemoryLeases, MemoryNamedLeases
from cti.leases.ownership import SILENT_MS, Watch
from cti.leases.ports import Wanted

Found = TypeVar("Found")
PASS_MS = 1_000.0
FAULTS = ("ledger", "start", "crash", "leave", "unknown")
Action = tuple[str, str]  # what, and which engine


def at_once(step: Coroutine[Any, Any, Found]) -> Found:
    """The ledger in memory never waits."""
    try:
        step.send(None)
    except StopIteration as end:
        return end.value  # type: Found
    raise AssertionError("it waited")


def twin(thing: Found) -> Found:
    """A copy with containers of its own."""
    other = copy.copy(thing)
    for name, value in vars(thing).items():
        setattr(other, name, copy.copy(value))
    return other


class Process:
    """One engine process: its decisions, what it wants to take, and what the engine in it believes to own."""

    def __init__(self, name: str) -> None:
        self.watch: Watch[Any, Any] = Watch(name)
        self.wanted: list[Wanted[Any]] = []
        self.reads: dict[Any, int] = {}  # partition: epoch, as the engine proper knows it
        self.heartbeat = 1

    def epochs(self) -> list[dict[Any, int]]:
        """All that it remembers of epochs."""
        watch = self.watch
        held = {partition: claim.epoch for partition, claim in watch.held.items()}
        return [self.reads, watch._reported, watch.giving, held, {one.resource: one.epoch for one in self.wanted}]


class World:
    """Everything, at one instant."""

    def __init__(self, engines: int, partitions: int, faults: int) -> None:
        self.now_ms = 0.0
        self.away, self.faults = False, faults
        self.partitions: Any = partitions
        self.started = 0
        self.ledger: Any = self._ledger()
        self.processes: dict[str, Process] = {}
        self.committed: dict[tuple[Any, int], str] = {}  # (partition, epoch): who committed there
        self.silent_ms: dict[str, float] = {}  # since an engine's last heartbeat, time with the ledger away left out
        self.moves = 0
        for _ in range(engines):
            self.do_start()

    def _ledger(self) -> Any:
        return MemoryLeases()

    def copy(self) -> "World":
        other = twin(self)
        other.ledger = twin(self.ledger)
        other.processes = {name: twin(process) for name, process in self.processes.items()}
        for process in other.processes.values():
            process.watch = twin(process.watch)
        return other

    # -- actions -------------------------------------------------------------------------------------------------------

    def actions(self) -> Iterator[Action]:
        """What can happen next."""
        yield "pass", ""
        yield from [("ledger", ""), ("start", "")] if self.faults else []
        for name, process in self.processes.items():
            yield "turn", name
            yield from [("take", name)] if process.wanted else []
            yield from [("engine", name)] if process.reads or process.watch.changed() else []
            yield from [(fault, name) for fault in FAULTS[2 : None if process.wanted else -1] if self.faults]

    def do(self, action: Action) -> None:
        what, name = action
        self.faults -= what in FAULTS
        getattr(self, f"do_{what}")(*[self.processes[name]] if name else [])
        self.check()

    def do_start(self) -> None:
        self.started += 1
        name = f"e{999 - self.started}"  # a newcomer is the first by name: what is settled by name is in its favour
        self.processes[name] = Process(name)
        self.silent_ms[name] = 0.0
        at_once(self.ledger.join(name, self.partitions))

    def do_pass(self) -> None:
        """Time, for everybody."""
        self.now_ms += PASS_MS
        for name in self.silent_ms:
            self.silent_ms[name] += 0.0 if self.away else PASS_MS

    def do_ledger(self) -> None:
        self.away = not self.away

    def do_crash(self, process: Process) -> None:
        del self.processes[process.watch.owner]

    def do_leave(self, process: Process) -> None:
        if not self.away:
            at_once(self.ledger.leave(process.watch.owner))
            self.do_crash(process)

    def do_turn(self, process: Process) -> None:
        """Write a heartbeat and what was released, look and judge. Taking is a step of its own: much may precede it."""
        name, watch = process.watch.owner, process.watch
        if self.away:
            watch.away()
            return
        process.heartbeat, self.silent_ms[name] = process.heartbeat + 1, 0.0
        at_once(self.ledger.heartbeat(name, process.heartbeat))
        at_once(self.ledger.release(name, dict(watch.giving)))
        process.wanted = watch.judge(self.now_ms, self.now_ms, at_once(self.ledger.holdings())).take

    def do_unknown(self, process: Process) -> None:
        """A take that stands, and whose answer is lost."""
        self.do_take(process, answered=False)

    def do_take(self, process: Process, answered: bool = True) -> None:
        wanted, process.wanted = process.wanted, []
        if self.away:
            process.watch.away()
            return
        before = dict(self.ledger._owners)
        claims = at_once(self.ledger.take(process.watch.owner, wanted))
        process.watch.gained(claims if answered else ())
        self.moves += len(claims)
        for former in {before[claim.resource] for claim in claims} - {"", process.watch.owner}:
            assert self.silent_ms[former] >= SILENT_MS, f"{former} was taken from though its heartbeat rose"

    def do_engine(self, process: Process) -> None:
        """The engine commits what it believes to own, then hears what has changed: lets go, and loads what is new."""
        self._commit(process)
        changes = process.watch.changes()
        for partition in changes.lost:
            process.reads.pop(partition, None)
        process.reads |= {claim.resource: claim.epoch for claim in changes.take}
        for partition in changes.release:
            process.reads.pop(partition)
        process.watch.released(changes.release)

    def _commit(self, process: Process) -> None:
        if self.away:
            return
        epochs = {partition: self.ledger._claims[partition].epoch for partition in process.reads}
        gone = [partition for partition, epoch in process.reads.items() if epochs[partition] != epoch]
        for partition in gone:
            del process.reads[partition]
        if gone:
            process.watch.lost(gone)
            return
        for read in process.reads.items():
            assert self.ledger._owners[read[0]] == process.watch.owner, "a former owner's commit was not refused"
            assert self.committed.setdefault(read, process.watch.owner) == process.watch.owner, "two under one epoch"

    def check(self) -> None:
        """After every step: no partition is read by two engines under the same epoch."""
        reading = [read for process in self.processes.values() for read in process.reads.items()]
        assert len(reading) == len(set(reading)), f"two read under one epoch: {reading}"

    def settle(self, looks: int) -> None:
        """The faults end: everybody turns, in order, for so many looks; then every engine has its share."""
        self.away = False
        for _ in range(looks):
            self.do(("pass", ""))
            for process in list(self.processes.values()):
                for step in (self.do_turn, self.do_take, self.do_engine):
                    step(process)
                    self.check()

    def settled(self) -> None:
        """Every partition is read by one live engine, which the ledger names; shares differ by at most one."""
        if not self.processes:
            return
        owners = self.ledger._owners
        for name, process in self.processes.items():
            mine = {partition for partition, owner in owners.items() if owner == name}
            assert process.reads.keys() == mine == process.watch.held.keys(), (
                f"{name} reads {process.reads}, not {mine}"
            )
        assert set(owners.values()) <= self.processes.keys(), f"not everything is owned: {owners}"
        shares = [len(process.reads) for process in self.processes.values()]
        assert max(shares) - min(shares) <= 1, f"unfair: {shares}"


class NamedWorld(World):
    """Lanes instead of partitions; they come and go while the processes share them."""

    def __init__(self, processes: int, lanes: int, faults: int) -> None:
        self.names = [f"lane {n:02}" for n in range(lanes)]
        super().__init__(processes, lanes, faults)

    def _ledger(self) -> Any:
        self.partitions = self.names
        return MemoryNamedLeases()

    def actions(self) -> Iterator[Action]:
        yield from super().actions()
        if self.faults and not self.away:
            yield from [("add", name) for name in self.names if name not in self.ledger._owners]
            yield from [("retire", name) for name in self.ledger._owners]

    def do(self, action: Action) -> None:
        what, name = action
        if what in {"add", "retire"}:
            self.faults -= 1
            at_once(getattr(self.ledger, what)([name]))
            self.check()
        else:
            super().do(action)
