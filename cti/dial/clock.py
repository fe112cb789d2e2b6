"""The ledger's clock: dial orders expire by it, and it dates what is sent."""

from collections.abc import Callable

from sqlalchemy import Connection

from cti.dial.rows import STREAM_ALIVE_MS
from cti.sql.point import rows_of

_SERVER_MS = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::int8"


class LedgerClock:
    """PostgreSQL's own, or the one handed in: of a process that has its SQLite file alone, or of a test."""

    def __init__(self, local: Callable[[], float] | None, speed: float = 1.0) -> None:
        """`local` None: ask PostgreSQL. `speed`: how many times as fast as real time it runs, in a trial: whoever lives
        says so as often as ever by real time.
        """
        self._local = local
        self.alive_ms = round(STREAM_ALIVE_MS * max(speed, 1.0))

    def now_ms(self, connection: Connection) -> int:
        """Now, not when the transaction began."""
        if self._local is not None:
            return int(self._local())
        return int(rows_of(connection, _SERVER_MS)[0][0])
