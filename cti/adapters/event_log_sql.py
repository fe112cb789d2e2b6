"""The event log as a table. Positions come from one locked row a partition, so they have no gaps and commit in order.

All appends that wait are one insert inside the writer's group commit. What this process appended stays in memory for a
while (`LogTail`); reading goes to the table only where that does not reach.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import count
from operator import itemgetter
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    extract,
    func,
    select,
    union_all,
    update,
)

from cti.adapters.clock import STEP_MS
from cti.adapters.event_log_local import LocalEventLog
from cti.adapters.ledger.tables import event_log, event_log_heads
from cti.adapters.log_clock import ServerClock
from cti.adapters.log_tail import BYTES_MAX, UNKNOWN, LogTail
from cti.adapters.partitioning import partition_of
from cti.errors import LedgerAway, LogAway, LogTruncated, OutcomeUnknown, WrongPartitions
from cti.ports import Appending, Clock, Entry, LogEnd
from cti.sql.bulk import Insertion, insertion
from cti.sql.point import Prepared, rows_of
from cti.sql.reader import SqlReader
from cti.sql.writer import SqlWriter

PURGE_ENTRIES: Final = 5_000  # a partition and call
EVER_MS: Final = 2**62  # later than any date
LOOK_ALONE_MS: Final = 1_000.0  # no other process is expected to append (SQLite: one process)
LOOK_SHARED_MS: Final = 10.0  # other processes append too

Asked = ParamSpec("Asked")
Found = TypeVar("Found")
Routed = list[tuple[int, Appending]]

_HEAD: Final = event_log_heads.c
_insert: Final = Insertion(event_log)
_insert_heads: Final = insertion(event_log_heads, tail="ON CONFLICT (partition) DO NOTHING")


class SqlEventLog(LocalEventLog):
    """`EventLog` of `cti.ports`. `server_clock`: entries are dated by the database server, else by `clock`."""

    def __init__(
        self,
        writer: SqlWriter,
        reader: SqlReader,
        clock: Clock,
        partitions: int,
        *,
        server_clock: bool = False,
        look_every_ms: float = LOOK_SHARED_MS,
        appended: Callable[[Connection], None] | None = None,
    ) -> None:
        """`appended` is called in a transaction that appends."""
        self._server_clock = ServerClock(clock, self._ask_time) if server_clock else None
        super().__init__(self._server_clock or clock, partitions)
        self._writer = writer
        self._reader = reader
        self._look_every_ms = look_every_ms
        self._looked_ms = dict.fromkeys(range(partitions), 0.0)
        self._appended = appended
        self._tails = [LogTail(UNKNOWN) for _ in range(partitions)]
        self._tickets = count()
        self._asked_ms: dict[int, float] = {}  # appends under way: since when

    async def start(self) -> None:
        """Make the heads at the first start. Raises `WrongPartitions`, `LogAway`."""
        try:
            heads = await self._writer.run(_make_heads, self._partitions)
            if self._server_clock is not None:
                await self._server_clock.start()
        except (LedgerAway, OutcomeUnknown) as fault:
            raise LogAway(fault.detail, fault.word) from fault
        share = BYTES_MAX // self._partitions
        self._tails = [LogTail(heads[partition], bytes_max=share) for partition in range(self._partitions)]

    async def stop(self) -> None:
        if self._server_clock is not None:
            await self._server_clock.stop()

    def look(self) -> None:
        """Another process has appended: read the table now, not when it is time to."""
        self._looked_ms = dict.fromkeys(self._looked_ms, 0.0)
        self._wake_all()

    async def append(self, items: Sequence[Appending]) -> list[tuple[int, int]]:
        if not items:
            return []
        routed, firsts = self._with_partitions(items)
        ticket = next(self._tickets)
        self._asked_ms[ticket] = self.now_ms()

        def done(entries: list[Entry] | None) -> None:
            del self._asked_ms[ticket]
            self._landed(routed, entries)

        try:
            entries = await self._writer.run(self._append_all, routed, weight=len(routed), done=done)
        except (LedgerAway, OutcomeUnknown) as fault:
            raise LogAway(fault.detail, fault.word) from fault
        return [(entries[first].partition, entries[first].position) for first in firsts]

    async def read(self, after: Mapping[int, int], limit: int) -> list[Entry]:
        share = max(1, limit // max(1, len(after)))  # a backlog in one partition starves no other
        now_ms = self.now_ms()
        found: list[Entry] = []
        behind: dict[int, int] = {}
        for partition, position in after.items():
            tail = self._tails[partition]
            held = tail.read(position, share)
            found += held
            if not held and (position != tail.last or abs(now_ms - self._looked_ms[partition]) >= self._look_every_ms):
                behind[partition] = position
                self._looked_ms[partition] = now_ms
        if behind:
            found += await self._ask(_read, behind, share)
        return found

    async def end(self) -> LogEnd:
        at_ms = min(self.now_ms(), next(iter(self._asked_ms.values()), self.now_ms()))
        heads = await self._ask(_heads)
        for partition, tail in enumerate(self._tails):
            if heads[partition] > tail.last:
                tail.last = UNKNOWN
        return LogEnd(heads, at_ms)

    async def purge(self, before_ms: int, latest_ms: int | None = None) -> int:
        try:
            gone = await self._writer.run(_purge, (before_ms, EVER_MS if latest_ms is None else latest_ms))
        except (LedgerAway, OutcomeUnknown) as fault:
            raise LogAway(fault.detail, fault.word) from fault
        for tail in self._tails if gone else ():
            tail.forget()  # entries purged from the log must not be served from the cache
        return gone

    # -- inside --------------------------------------------------------------------------------------------------------

    def _with_partitions(self, items: Sequence[Appending]) -> tuple[Routed, list[int]]:
        """Every item with its partition, or with all partitions; and the place of each item's first copy."""
        routed: Routed = []
        firsts: list[int] = []
        for item in items:
            firsts.append(len(routed))
            if item.everywhere:
                routed += [(partition, item) for partition in range(self._partitions)]
            else:
                routed.append((partition_of(item.key, self._partitions), item))
        return routed, firsts

    def _append_all(self, connection: Connection, batches: Sequence[Routed]) -> Sequence[list[Entry]]:
        """In the writer's thread: all batches that wait, in one insert."""
        counts = Counter(partition for batch in batches for partition, _ in batch)
        heads = _grow(connection, counts, self._server_clock is None, int(self.now_ms()))
        following = {partition: last - counts[partition] + 1 for partition, (last, _) in heads.items()}
        appended: list[list[Entry]] = []
        rows: list[tuple[int, int, int, str, bytes]] = []
        for batch in batches:
            entries = []
            for partition, item in batch:
                position, at_ms = following[partition], heads[partition][1]
                following[partition] = position + 1
                rows.append((partition, position, at_ms, item.tenant, item.body))
                entries.append(Entry(partition, position, at_ms, item.tenant, item.body, item.event))
            appended.append(entries)
        _insert(connection, rows)
        if self._appended is not None:
            self._appended(connection)
        return appended

    def _landed(self, routed: Routed, entries: list[Entry] | None) -> None:
        if entries is None:  # perhaps written: what the table holds after our last entry is unknown
            for partition, _ in routed:
                self._tails[partition].last = UNKNOWN
            return
        tails = self._tails
        for entry in entries:
            tails[entry.partition].add(entry)
        self._wake_all()

    async def _ask(
        self, query: Callable[Concatenate[Connection, Asked], Found], *args: Asked.args, **kwargs: Asked.kwargs
    ) -> Found:
        try:
            return await self._reader.run(query, *args, **kwargs)
        except LedgerAway as fault:
            raise LogAway(fault.detail, fault.word) from fault

    async def _ask_time(self) -> float:
        return await self._reader.run(_server_time)


# -- the queries -------------------------------------------------------------------------------------------------------


def _make_heads(connection: Connection, asked: Sequence[int]) -> Sequence[Mapping[int, int]]:
    """The last position of every partition, which are made if there are none."""
    if not _heads(connection):
        _insert_heads(connection, [(partition, 0, 0, 0) for partition in range(max(asked))])
    heads = _heads(connection)
    for partitions in asked:
        if len(heads) != partitions:
            raise WrongPartitions(f"made with {len(heads)}, asked for {partitions}")
    return [heads] * len(asked)


def _heads(connection: Connection) -> Mapping[int, int]:
    return dict(rows_of(connection, "SELECT partition, position FROM event_log_heads ORDER BY partition"))


_SERVER_MS: Final[ColumnElement[Any]] = extract("epoch", func.clock_timestamp()) * 1000


def _server_time(connection: Connection) -> float:
    return float(connection.execute(select(_SERVER_MS)).scalar_one())


def _grow(connection: Connection, counts: Mapping[int, int], local: bool, now_ms: int) -> Mapping[int, tuple[int, int]]:
    """Advance heads by so many entries each; (last position, date) by partition. They stay locked until the commit."""
    touched = sorted(counts)
    dialect = connection.dialect.name
    if len(touched) > 1 and dialect == "postgresql":
        # Locked in a fixed order, or two processes that append to the same partitions would deadlock.
        rows_of(connection, _locking(len(touched)), *touched)
    more = [value for partition in touched for value in (partition, counts[partition])]
    date = [now_ms, now_ms] if local else []
    found = rows_of(connection, _growing(len(touched), local), *more, *date, *touched)
    return {partition: (position, appended_at_ms) for partition, position, appended_at_ms in found}


@cache
def _locking(touched: int) -> str:
    marks = ", ".join("?" * touched)
    head = ("SELECT partition FROM event_log_heads WHERE partition IN (", marks, ")")
    return " ".join((*head, "ORDER BY partition FOR UPDATE"))


@cache
def _growing(touched: int, local: bool) -> str:
    date = "?" if local else "floor(extract(epoch FROM clock_timestamp()) * 1000)::int8"
    more = ("CASE partition", *["WHEN ? THEN ?"] * touched, "END")
    marks = ("(", ", ".join("?" * touched), ")")
    # Up to STEP_MS back the date waits; a larger difference means that the clock was set, and the date follows it.
    dated = ("CASE WHEN appended_at_ms -", date, f"BETWEEN 0 AND {STEP_MS:.0f} THEN appended_at_ms ELSE", date, "END")
    settings = ("position = position +", *more, ", appended_at_ms =", *dated)
    returned = "RETURNING partition, position, appended_at_ms"
    return " ".join(("UPDATE event_log_heads SET", *settings, "WHERE partition IN", *marks, returned))


_PURGED: Final = "SELECT partition, purged FROM event_log_heads"


def _read(connection: Connection, after: Mapping[int, int], share: int) -> list[Entry]:
    """Up to `share` entries of each partition, not parsed yet. Raises `LogTruncated`."""
    offsets = sorted(after.items())
    values: dict[str, int] = {}
    for n, (partition, position) in enumerate(offsets):
        values |= {f"partition_{n}": partition, f"after_{n}": position, f"last_{n}": position + share}
    rows = _page(len(offsets)).rows(connection, **values)
    found = [Entry(*row) for row in sorted(rows, key=itemgetter(0, 1))]
    firsts: dict[int, int] = {}
    for entry in found:
        firsts.setdefault(entry.partition, entry.position)
    purged = dict(rows_of(connection, _PURGED)) if len(firsts) < len(offsets) else {}
    for partition, position in offsets:
        if firsts.get(partition, position + 1) != position + 1 or purged.get(partition, 0) > position:
            raise LogTruncated(f"partition {partition}: position {position + 1} has gone")
    return found


@cache
def _page(partitions: int) -> Prepared:
    entry = event_log.c
    pages = (
        select(event_log).where(
            entry.partition == bindparam(f"partition_{n}"),
            entry.position > bindparam(f"after_{n}"),
            entry.position <= bindparam(f"last_{n}"),
        )
        for n in range(partitions)
    )
    return Prepared(union_all(*pages))


def _purge(connection: Connection, limits: Sequence[tuple[int, int]]) -> Sequence[int]:
    """(before_ms, latest_ms) of each: drop what is old, at most PURGE_ENTRIES of a partition."""
    return [
        sum(_purge_partition(connection, partition, before_ms, latest_ms) for partition in _heads(connection))
        for before_ms, latest_ms in limits
    ]


def _purge_partition(connection: Connection, partition: int, before_ms: int, latest_ms: int) -> int:
    mine = _HEAD.partition == partition
    purged = connection.execute(select(_HEAD.purged).where(mine).with_for_update()).scalar_one()
    last = _last_old(connection, partition, purged, before_ms, latest_ms)
    if last is None:
        return 0
    connection.execute(update(event_log_heads).where(mine).values(purged=last))
    entry = event_log.c
    return connection.execute(delete(event_log).where(entry.partition == partition, entry.position <= last)).rowcount


def _last_old(connection: Connection, partition: int, purged: int, before_ms: int, latest_ms: int) -> int | None:
    """Where the old entries end, PURGE_ENTRIES further at most; None: none is old."""
    entry, most = event_log.c, purged + PURGE_ENTRIES
    mine = and_(entry.partition == partition, entry.position > purged)
    young = entry.appended_at_ms.between(before_ms, latest_ms)
    first = select(func.min(entry.position)).where(mine, entry.position <= most, young)
    first_young = connection.execute(first).scalar()
    end = most if first_young is None else first_young - 1
    old = select(func.max(entry.position)).where(mine, entry.position <= end, entry.appended_at_ms < before_ms)
    last: int | None = connection.execute(old).scalar()
    if last is not None or first_young is not None:
        return last
    # All of these are dated later than now: they are old if the next one that is not is old.
    dated = select(entry.appended_at_ms).where(mine, entry.appended_at_ms <= latest_ms)
    next_ms = connection.execute(dated.order_by(entry.position).limit(1)).scalar_one_or_none()
    return most if next_ms is not None and next_ms < before_ms else None
