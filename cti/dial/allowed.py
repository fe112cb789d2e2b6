"""Whether dialling is allowed on a ledger: on from the start where it is new; else since an operator has said so."""

from typing import NamedTuple

from sqlalchemy import Connection

from cti.errors import DialNotAllowed
from cti.sql.point import rows_of

# Sessions of this product's from before the ledger had its tables: their processes are of an older release.
_OLDER = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND starts_with(application_name, 'ringback') AND backend_start < to_timestamp(? / 1000.0)"
)
_READ = "SELECT upgraded_at_ms, allowed_at_ms, allowed_by FROM dial_allowed WHERE name = 'dial'"
_ALLOW = (
    "UPDATE dial_allowed SET allowed_at_ms = ?, allowed_by = ? WHERE name = 'dial' AND allowed_at_ms IS NULL"
    " RETURNING name"
)


class Allowed(NamedTuple):
    """The setting as it stands."""

    upgraded_at_ms: int  # when the ledger got its tables of dial orders, by the database's clock
    allowed_at_ms: int | None
    by: str | None

    @property
    def on(self) -> bool:
        return self.allowed_at_ms is not None


def read_allowed(connection: Connection) -> Allowed:
    """The setting; of a ledger whose row is missing: not allowed."""
    found = rows_of(connection, _READ)
    return Allowed._make(found[0]) if found else Allowed(0, None, None)


def require_allowed(connection: Connection) -> None:
    """Raises `DialNotAllowed`."""
    if not read_allowed(connection).on:
        raise DialNotAllowed


def allow(connection: Connection, at_ms: int, by: str) -> bool:
    """From now on, for good. False: it was allowed before."""
    return bool(rows_of(connection, _ALLOW, at_ms, by))


def older_sessions(connection: Connection) -> int:
    """How many database sessions are certainly of processes of an older release.

    One that has connected anew since the upgrade is not found; on SQLite none ever is.
    """
    if connection.dialect.name == "sqlite":
        return 0
    return int(rows_of(connection, _OLDER, float(read_allowed(connection).upgraded_at_ms))[0][0])
