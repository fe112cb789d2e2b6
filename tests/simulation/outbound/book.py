"""What the dialling processes keep: attempts and the lane, in the ledger's own transactions."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Column, Connection, Integer, MetaData, Table, Text, insert, select, update

from cti.errors import RingbackError
from cti.sql.point import rows_of

metadata = MetaData()

attempts = Table(
    "sim_attempts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("number", Text, nullable=False),
    Column("zones", Text, nullable=False),  # where the callee may be, with commas
    Column("state", Text, nullable=False),  # waiting | open | final
    Column("order_id", Text),  # the order under way
    Column("tries", Integer, nullable=False),  # orders made so far
    Column("asks", Integer, nullable=False),  # questions put so far
    Column("stopped", Integer, nullable=False),  # 1: never dialled again
    Column("outcome", Text),
    Column("version", Integer, nullable=False),  # rises with every change
)
lanes = Table(
    "sim_lanes",
    metadata,
    Column("lane", Text, primary_key=True),
    Column("frozen", Integer, nullable=False),
    Column("version", Integer, nullable=False),
)
not_dialled = Table(
    "sim_not_dialled",
    metadata,
    Column("order_id", Text, primary_key=True),
    Column("why", Text, nullable=False),
)
LANE = "main"

_COLUMNS = ", ".join(column.name for column in attempts.columns)
_GIVEN = ", ".join("?" for _ in attempts.columns)
_ALL = ("SELECT", _COLUMNS, "FROM sim_attempts ORDER BY name")
_ATTEMPTS = " ".join(_ALL)
_LANE = "SELECT frozen, version FROM sim_lanes"
_SET = ("UPDATE sim_attempts SET (", _COLUMNS, ") = (", _GIVEN, ")")
_REPLACE = " ".join((*_SET, "WHERE name = ? AND version = ? RETURNING name"))


class Attempt(NamedTuple):
    name: str
    number: str
    zones: str
    state: str
    order_id: str | None
    tries: int
    asks: int
    stopped: int
    outcome: str | None
    version: int


class Lane(NamedTuple):
    frozen: bool
    version: int


class Conflict(RingbackError):
    """Somebody else has changed what was read: nothing of the transaction stays."""


def create(connection: Connection) -> None:
    metadata.create_all(connection)


def begin(connection: Connection, numbers: Sequence[tuple[str, str, str]]) -> None:
    """The attempts of a history: (name, number, zones)."""
    rows = [Attempt(*one, "waiting", None, 0, 0, 0, None, 0)._asdict() for one in numbers]
    connection.execute(insert(attempts), rows)
    connection.execute(insert(lanes).values(lane=LANE, frozen=0, version=0))


def read(connection: Connection) -> tuple[list[Attempt], Lane]:
    ((frozen, version),) = rows_of(connection, _LANE)
    return [Attempt._make(row) for row in rows_of(connection, _ATTEMPTS)], Lane(bool(frozen), version)


def replace(connection: Connection, rows: Sequence[Attempt]) -> None:
    """Write attempts over those of the version before. Raises Conflict."""
    for row in rows:
        values = row._replace(version=row.version + 1)
        if not rows_of(connection, _REPLACE, *values, row.name, row.version):
            raise Conflict(row.name)


def still(connection: Connection, lane: Lane) -> None:
    """The lane is as it was read. Raises Conflict."""
    if rows_of(connection, _LANE)[0][1] != lane.version:
        raise Conflict("the lane")


def note_not_dialled(connection: Connection, noted: Sequence[tuple[str, str]]) -> None:
    """(order, why): what was taken for certainly not dialled."""
    if noted:
        connection.execute(insert(not_dialled), [{"order_id": order_id, "why": why} for order_id, why in noted])


def give_back(connection: Connection, order_ids: set[str], *, final: bool) -> None:
    """Attempts whose order was withdrawn: to be decided anew, or never again."""
    for order_id in sorted(order_ids):
        row = connection.execute(select(attempts).where(attempts.c.order_id == order_id)).first()
        if row is not None:
            was = Attempt._make(row)
            ends = final or was.stopped
            state, outcome = ("final", "stopped") if ends else ("waiting", None)
            replace(connection, [was._replace(state=state, outcome=outcome, order_id=None)])
            note_not_dialled(connection, [(order_id, "withdrawn")])


def stop(connection: Connection, names: Sequence[str]) -> list[str]:
    """No new order for these; the orders that are under way."""
    found = connection.execute(select(attempts).where(attempts.c.name.in_(names), attempts.c.state != "final"))
    rows = [Attempt._make(row) for row in found]
    for row in rows:
        ended = row._replace(state="final", outcome="stopped") if row.state == "waiting" else row
        replace(connection, [ended._replace(stopped=1)])
    return [row.order_id for row in rows if row.order_id is not None]


def set_frozen(connection: Connection, frozen: bool) -> None:
    connection.execute(update(lanes).values(frozen=int(frozen), version=lanes.c.version + 1))
