"""The statements of parts in a round's transaction, guarded: a part that fails costs the round nothing but time.

| what happens | what follows |
| --- | --- |
| it raises, its statement fails, or it breaks the transaction | `PartFailed`: rolled back, written again without it |
| twice in a row it takes longer than SLOW_S | the same |
| the database itself fails (`of_database`) | as for any statement of ours |

A part that has failed rests, for REST_MIN_S at first and twice as long each time; the rounds that it misses are noted
in their own transactions (`cti.parts.missed`). It is never a reason to set an event aside.
"""

import sqlite3
import time
from collections.abc import Callable, Collection, Sequence

from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, event

from cti.errors import RingbackError
from cti.parts.health import BESIDE, Caught, PartHealth
from cti.parts.missed import note_missed
from cti.rows import Round
from cti.sql.bulk import driver_of
from cti.sql.trouble import of_database

SLOW_S = 1.0  # in the transaction of a round, which every command waits for
REST_MIN_S, REST_MAX_S = 1.0, 60.0

Write = Callable[[Connection, Round], None]


class PartFailed(RingbackError):
    """A part failed beside a round; nothing was written."""

    def __init__(self, part: str, why: str) -> None:
        self.part = part
        super().__init__(f"{part}: {why}")


class TransactionBroken(Exception):
    """A part left the round's transaction in another state than it found it in."""


class BesideRound:
    """One part's statements. `write` runs in the writer's thread."""

    def __init__(self, part: str, write: Write, health: PartHealth, elapsed: Callable[[], float]) -> None:
        """`elapsed`: seconds, by a monotonic clock."""
        self.part = part
        self._write, self._health, self._elapsed = write, health, elapsed
        self._rest_s = 0.0  # the last rest; 0: it is well
        self._rests_until_ms = float("-inf")
        self._slow = 0  # times in a row
        self._inside = False
        self._guarded: Connection | None = None

    @property
    def rests(self) -> bool:
        return self._rest_s > 0 and self._health.now_ms() < self._rests_until_ms

    def write(self, connection: Connection, round_: Round) -> None:
        """Raises `PartFailed`, or what the database raised."""
        self._guard(connection)
        before, began_s = _state(connection), self._elapsed()
        self._inside = True
        with Caught(BaseException) as caught:  # the writer's thread must survive whatever it is
            self._write(connection, round_)
        self._inside = False
        self._judge(connection, before, caught.fault, self._elapsed() - began_s)

    def _judge(self, connection: Connection, before: object, fault: BaseException | None, took_s: float) -> None:
        whole = _is_whole(connection, before)
        self._slow = self._slow + 1 if took_s > SLOW_S else 0
        if self._slow > 1:
            fault = TimeoutError(f"it took {took_s:.1f} s, as the last time")
        elif fault is not None and of_database(fault):
            raise fault
        elif fault is None and not whole:
            fault = TransactionBroken("it ended the round's transaction, or left it in error")
        if not (whole or connection.closed or connection.in_transaction()):
            connection.invalidate()  # what it left open must not become part of another transaction
        if fault is not None:
            self._fail(fault)
            raise PartFailed(self.part, str(fault) or type(fault).__name__) from fault
        if self._rest_s:
            self._rest_s = 0.0
            self._health.well(self.part, BESIDE)

    def missed(self) -> None:
        """Count a round that was committed without it."""
        self._health.missed(self.part)

    def _fail(self, fault: BaseException) -> None:
        self._slow = 0
        self._rest_s = min(max(self._rest_s * 2, REST_MIN_S), REST_MAX_S)
        self._rests_until_ms = self._health.now_ms() + self._rest_s * 1000
        self._health.failed(self.part, BESIDE, fault)

    def _guard(self, connection: Connection) -> None:
        """Let no part commit half a round: it could be neither undone nor written again."""
        if connection is not self._guarded:
            self._guarded = connection
            event.listen(connection, "commit", self._refuse_commit)

    def _refuse_commit(self, _: Connection) -> None:
        if self._inside:
            raise TransactionBroken("it tried to commit the round's transaction")


class BesideRounds:
    """Those of all parts."""

    def __init__(self) -> None:
        self._parts: list[BesideRound] = []

    def __bool__(self) -> bool:
        return bool(self._parts)

    def add(self, part: str, write: Write, health: PartHealth, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._parts.append(BesideRound(part, write, health, elapsed))

    def write(self, connection: Connection, round_: Round, without: Collection[str]) -> Sequence[str]:
        """Write what each part has to write; who was left out."""
        left_out = []
        for part in self._parts:
            if part.part in without or part.rests:
                left_out.append(part.part)
            else:
                part.write(connection, round_)
        if left_out:
            note_missed(connection, left_out, round_.fences)
        return left_out

    def committed_without(self, left_out: Collection[str]) -> None:
        """Count a round that is committed."""
        for part in self._parts:
            if part.part in left_out:
                part.missed()


def _state(connection: Connection) -> object:
    """The driver's transaction, without asking the server. psycopg begins one with the first statement."""
    driver = driver_of(connection)
    return driver.in_transaction if isinstance(driver, sqlite3.Connection) else driver.info.transaction_status


def _is_whole(connection: Connection, before: object) -> bool:
    """Whether the round's transaction is open and can be committed. `before`: its state before the part."""
    if connection.closed or connection.invalidated or not connection.in_transaction():
        return False
    state = _state(connection)
    return state in (before, TransactionStatus.INTRANS)
