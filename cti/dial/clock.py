"""The ledger's clock: dial orders expire by it, and it dates what is sent."""

from collections.abc import Callable

from sqlalchemy import Connection

from cti.sql.point import rows_of

_SERVER_MS = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::int8"


class LedgerClock:
    """PostgreSQL's own, or the one handed in: of a process that has its SQLite file alone, or of a test."""

    def __init__(self, local: Callable[[], float] | None) -> None:
        """None: ask PostgreSQL."""
        self._local = local

    def now_ms(self, connection: Connection) -> int:
        """Now, not when the transaction began."""
        if self._local is not None:
            return int(self._local())
        return int(rows_of(connection, _SERVER_MS)[0][0])
