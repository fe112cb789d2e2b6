"""Checks of the ledger. Pure: facts in, findings out."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from cti.adapters.ledger.inspection import LedgerFacts, SqliteWriting
from cti.cli.doctor_findings import Finding, fault, ok, warning
from cti.leases.ports import Holdings

POSTGRESQL_MIN = 150_000  # as the server numbers its versions
SKEW_MAX_MS = 500.0
SOON, VERY_SOON = 0.5, 0.9  # an unread entry's age as a share of its retention
SYNCHRONOUS_FULL = 2
MIGRATE = "run `ringback migrate`, or start this release: it does the same"


class Reach(NamedTuple):
    """One partition: how far the ledger has read, what the log still holds, and how old the first unread entry is."""

    partition: int
    position: int
    gone: int  # the last position that the log has dropped
    last: int
    aged: float  # the first unread entry's age as a share of its retention; 0 where nothing is unread


def judge_schema(facts: LedgerFacts) -> Finding:
    check = "schema"
    if facts.current:
        return ok(check, f"revision {facts.revision}")
    wanted = f"revision {facts.newest}"
    if facts.revision is None and not facts.tables:
        return warning(check, "the database is empty", wanted, MIGRATE)
    if facts.revision is None:
        found = ", ".join(sorted(facts.tables)[:5])
        return fault(check, f"tables of somebody else: {found}", wanted, "give Ringback a database of its own")
    if facts.revision in facts.known:
        return warning(check, f"revision {facts.revision}, of an older release", wanted, MIGRATE)
    mend = "run the release that wrote it; there is no way back to an older one but a backup"
    return fault(check, f"revision {facts.revision}, of a newer release", wanted, mend)


def judge_parts(facts: LedgerFacts) -> Iterator[Finding]:
    """The schemas of the other parts that are installed."""
    for state in facts.parts:
        check, wanted = f"schema of {state.chain}", f"revision {state.newest}"
        if state.current:
            yield ok(check, wanted)
        elif state.revision is None or state.revision in state.known:
            yield warning(check, f"revision {state.revision or 'none'}", wanted, MIGRATE)
        else:
            mend = "install the release that wrote it; there is no way back to an older one but a backup"
            yield fault(check, f"revision {state.revision}, of a newer release", wanted, mend)


def judge_server(facts: LedgerFacts) -> Iterator[Finding]:
    if facts.kind == "postgresql":
        check, wanted = "postgresql version", "PostgreSQL 15 or later"
        if facts.version_number < POSTGRESQL_MIN:
            yield fault(check, facts.version, wanted, "upgrade the server, or use another one")
        else:
            yield ok(check, facts.version)
    if facts.server_ahead_ms is not None:
        yield judge_clock("clock of the database", facts.server_ahead_ms)


def judge_clock(check: str, ahead_ms: float) -> Finding:
    """`ahead_ms`: the server's clock minus this machine's."""
    found = f"{abs(ahead_ms):.0f} ms {'ahead of' if ahead_ms >= 0 else 'behind'} this machine's"
    if abs(ahead_ms) <= SKEW_MAX_MS:
        return ok(check, found)
    return warning(
        check, found, f"within {SKEW_MAX_MS:.0f} ms", "let NTP (chrony, timesyncd) set both machines' clocks"
    )


def judge_sqlite(journal_mode: str, writing: SqliteWriting | None, why: str) -> Iterator[Finding]:
    """`why`: the error when the file could not be opened for writing."""
    check, wanted = "sqlite file", "writable, in WAL mode, synchronous=FULL"
    if journal_mode != "wal":
        mend = "give Ringback a file of its own; its first start sets the mode"
        yield warning(check, f"journal_mode={journal_mode}", wanted, mend)
    elif writing is None:
        mend = "the file and its folder must belong to the user who runs Ringback, on a disk that is not full"
        yield fault(check, f"cannot be written: {why}", wanted, mend)
    elif writing.synchronous != SYNCHRONOUS_FULL:
        found = f"synchronous={writing.synchronous}"
        yield fault(check, found, wanted, "this SQLite takes no notice of the setting: use another build of Python")
    else:
        yield ok(check, "writable, in WAL mode, synchronous=FULL")


def judge_partitions(positions: Mapping[int, int], wanted: int, mend: str) -> Finding:
    check = "partitions"
    if not positions:
        return ok(check, f"none yet; the first start makes {wanted}")
    if len(positions) == wanted:
        return ok(check, str(wanted))
    return fault(
        check, f"the ledger has {len(positions)}", f"{wanted}, by the settings", f"{mend}: it is fixed for life"
    )


def judge_owners(before: Holdings[int], after: Holdings[int]) -> Iterator[Finding]:
    """From two reads of heartbeats, further apart than an engine may be silent."""
    if not after.resources:
        return
    check = "engines"
    if not after.heartbeats:
        yield warning(check, "no engine has written a heartbeat", "one at least", "start `ringback serve`, or engines")
        return
    silent = {owner for owner, heartbeat in after.heartbeats.items() if before.heartbeats.get(owner) == heartbeat}
    living = after.heartbeats.keys() - silent
    if silent:
        mend = "start it again, or leave it: the others take over what it had, and remove it after a minute"
        yield warning(check, f"silent: {', '.join(sorted(silent))}", "a heartbeat a second", mend)
    if living:
        yield ok(check, f"{len(living)} alive")
    unread = [lease.resource for lease in after.resources if lease.owner not in living]
    check, wanted = "owners", "a living engine for each partition"
    if unread:
        found = f"no engine reads {', '.join(map(str, unread))}"
        mend = "start an engine" if not living else "look at the engines' logs: `ownership_waits`, `engine_waits`"
        yield fault(check, found, wanted, mend)
    else:
        yield ok(check, f"{len(after.resources)} partitions are read")


def judge_reach(reaches: list[Reach]) -> Iterator[Finding]:
    """Whether the log still holds what the ledger has not read, and for how long."""
    check, worst = "unread events", max((reach.aged for reach in reaches), default=0.0)
    for reach in reaches:
        where = f"partition {reach.partition}: read to {reach.position}"
        if reach.position < reach.gone:
            mend = (
                "the events between are lost to this ledger: raise the retention, then `ringback rebuild` from the log"
            )
            yield fault(check, f"{where}, the log begins at {reach.gone + 1}", "all that is unread is there", mend)
        elif reach.position > reach.last:
            mend = (
                "log and ledger do not belong together (another cluster, another backup, or topics made anew): give "
                "the ledger its log back, or begin a new ledger with `ringback rebuild`"
            )
            yield fault(check, f"{where}, the log ends at {reach.last}", "a log that reaches as far", mend)
    lag = sum(max(reach.last - max(reach.position, reach.gone), 0) for reach in reaches)
    if worst >= SOON:
        found = f"the oldest of {lag} has lived {worst:.0%} of its retention"
        mend = "start engines, or raise the retention (RINGBACK_TIMELINE_DAYS, RINGBACK_KAFKA_RETENTION_DAYS) now"
        yield (fault if worst >= VERY_SOON else warning)(check, found, f"less than {SOON:.0%}", mend)
    elif reaches and all(reach.gone <= reach.position <= reach.last for reach in reaches):
        yield ok(check, f"{lag}, all in the log")


def judge_dead_letters(waiting: Mapping[str, int]) -> Finding:
    check = "dead letters"
    if not waiting:
        return ok(check, "none waits")
    found = ", ".join(f"{reason} {count}" for reason, count in waiting.items())
    mend = "`ringback dead-letters list` shows them; `ringback dead-letters replay` puts back what can be used"
    return warning(check, f"{sum(waiting.values())} wait: {found}", "none", mend)
