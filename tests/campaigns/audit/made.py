"""A long audit log, written as the product writes it, and ways to tamper with it."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import Connection, Engine, delete, insert, select, update

from campaigns.ledger import audit as log
from campaigns.ledger.rows import AuditRow
from campaigns.ledger.tables import audit, audit_heads
from cti.sql.connections import database_url, writer_engine

START_MS = 1_772_413_200_000
CAMPAIGN = "c0123456789abcde"
TENANTS = ("grid", "other")


@contextmanager
def writing(url: str) -> Iterator[Engine]:
    engine = writer_engine(database_url(url))
    try:
        yield engine
    finally:
        engine.dispose()


def fill(engine: Engine, count: int, tenant: str = "grid", at_ms: int = START_MS) -> None:
    """So many entries, one after the other."""
    with engine.begin() as connection:
        for n in range(count):
            about, details = f"{CAMPAIGN}-{n}", {"n": n, "reason": "错误文件"}
            log.note(connection, tenant, at_ms + n, "manager (k1)", "contact_shown", about, details)


def row(connection: Connection, no: int, tenant: str = "grid") -> AuditRow:
    found = connection.execute(select(audit).where(audit.c.tenant == tenant, audit.c.no == no)).one()
    return AuditRow._make(found)


class Tampering(NamedTuple):
    """`do` is given the chance, and says at which number the fault must be found."""

    what: str
    do: Callable[[Connection, random.Random, int], int]


def _set(connection: Connection, no: int, **values: object) -> int:
    connection.execute(update(audit).where(audit.c.tenant == "grid", audit.c.no == no).values(values))
    return no


def _changed(name: str, value: object) -> Callable[[Connection, random.Random, int], int]:
    def do(connection: Connection, chance: random.Random, count: int) -> int:
        return _set(connection, chance.randrange(1, count + 1), **{name: value})

    return do


def _details_as_other_text(connection: Connection, chance: random.Random, count: int) -> int:
    """The same JSON with one blank less."""
    no = chance.randrange(1, count + 1)
    return _set(connection, no, details=row(connection, no).details.replace(": ", ":", 1))


def _gone(connection: Connection, chance: random.Random, count: int) -> int:
    no = chance.randrange(1, count)  # not the last: that is a cut
    connection.execute(delete(audit).where(audit.c.tenant == "grid", audit.c.no == no))
    return no


def _cut_at_the_end(connection: Connection, chance: random.Random, count: int) -> int:
    no = chance.randrange(1, count + 1)
    connection.execute(delete(audit).where(audit.c.tenant == "grid", audit.c.no >= no))
    return no


def _cut_at_the_beginning(connection: Connection, chance: random.Random, count: int) -> int:
    no = chance.randrange(1, count)
    connection.execute(delete(audit).where(audit.c.tenant == "grid", audit.c.no <= no))
    return 1


def _cut_at_the_beginning_with_its_checkpoint(connection: Connection, chance: random.Random, count: int) -> int:
    """As if retention had done it; but no entry says so."""
    no = chance.randrange(1, count)
    values = {"purged_no": no, "purged_hash": row(connection, no).hash}
    connection.execute(update(audit_heads).where(audit_heads.c.tenant == "grid").values(values))
    _cut = delete(audit).where(audit.c.tenant == "grid", audit.c.no <= no)
    connection.execute(_cut)
    return no


def _swapped(connection: Connection, chance: random.Random, count: int) -> int:
    """Two entries change their places, with all that they hold but their numbers."""
    one, two = sorted(chance.sample(range(1, count + 1), 2))
    first, second = row(connection, one), row(connection, two)
    for no, given in ((one, second), (two, first)):
        _set(connection, no, **{name: value for name, value in given._asdict().items() if name != "no"})
    return one


def _moved(connection: Connection, chance: random.Random, count: int) -> int:
    """One entry goes to the end of another tenant's log."""
    no = chance.randrange(1, count)
    one = audit.c.tenant == "grid", audit.c.no == no
    connection.execute(update(audit).where(*one).values(tenant="other", no=count + 9))
    return no


def _put_in(connection: Connection, chance: random.Random, count: int) -> int:
    """An entry of one's own after the last."""
    given = row(connection, chance.randrange(1, count + 1))._replace(no=count + 1)
    connection.execute(insert(audit).values(given._asdict()))
    return count + 1


def _head_back(connection: Connection, chance: random.Random, count: int) -> int:
    """The record of where the log ends says less."""
    no = chance.randrange(1, count)
    values = {"no": no, "hash": row(connection, no).hash}
    connection.execute(update(audit_heads).where(audit_heads.c.tenant == "grid").values(values))
    return no + 1


TAMPERINGS = (
    *(
        Tampering(f"{name}_changed", _changed(name, value))
        for name, value in (
            ("at_ms", 1), ("who", "somebody"), ("what", "nothing"), ("about", ""), ("details", "{}"),
            ("campaign", None), ("campaign", "cfffffffffffffff"), ("hash", "0" * 64), ("hash", None),
        )
    ),
    Tampering("same_json", _details_as_other_text),
    Tampering("gone", _gone),
    Tampering("cut_at_the_end", _cut_at_the_end),
    Tampering("cut_at_the_beginning", _cut_at_the_beginning),
    Tampering("cut_with_checkpoint", _cut_at_the_beginning_with_its_checkpoint),
    Tampering("swapped", _swapped),
    Tampering("moved", _moved),
    Tampering("put_in", _put_in),
    Tampering("head_back", _head_back),
)  # fmt: skip
