"""The writing thread. All jobs that wait go into one transaction (a group): one hop from the event loop and one back.

A group that fails is rolled back and its jobs are tried one by one, so that only the faulty one fails. A database that
is away fails them all at once. A cancelled await leaves no transaction open: the thread finishes its group.

Parts that must write together make one job of several steps (`transact`): all of them are committed, or none, in a
group and alone.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar, cast

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from cti.sql.errors import LedgerAway, OutcomeUnknown, RingbackError
from cti.sql.trouble import FULL, MALFORMED, word_of

Given = TypeVar("Given")
Made = TypeVar("Made")
Work = Callable[[Connection, Sequence[Given]], Sequence[Made]]
"""Does all payloads of one kind that wait, in their order; one result each. Runs in the thread, in a transaction.

It may run again after a rollback: it changes the database and nothing else.
"""

Step = tuple[Work[Any, Any], Any]
"""(work, payload): one of several that are done together."""

JOBS_WAITING_MAX = 1024
GROUP_WEIGHT_MAX = 4096  # rows in one transaction: some 30 ms, so that a job does not wait long for the group before it

_DOWN = (LedgerAway, OutcomeUnknown)
# The server has ended a session that was idle for too long, in a transaction or not: this process stood still. The
# driver raises it as an error of the next statement.
_ENDED = frozenset({"25P03", "25P04", "57P05"})

logger = structlog.get_logger()


class _Job:
    """One payload on its way; `fault` or `made` when it is done."""

    __slots__ = ("done", "fault", "future", "made", "payload", "weight", "work")

    def __init__(self, work: Work[Any, Any], payload: object, weight: int, future: "asyncio.Future[Any]") -> None:
        self.work = work
        self.payload = payload
        self.weight = weight
        self.future = future
        self.done: Callable[[Any], None] | None = None
        self.made: object = None
        self.fault: Exception | None = None


class SqlWriter:
    """One connection, one thread. `start` and `stop` on the loop that calls `run`."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._name = name
        driver = engine.dialect.loaded_dbapi
        self._driver_error: type[Exception] = driver.Error
        self._away_error: type[Exception] = driver.OperationalError
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._free = asyncio.Semaphore(JOBS_WAITING_MAX)
        self._connection: Connection | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self.trouble: str | None = None  # why the last transaction failed (`cti.sql.trouble`); None: it succeeded

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._main, name=self._name, daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Write what waits, then end the thread."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(thread.join)

    async def run(
        self,
        work: Work[Given, Made],
        payload: Given,
        weight: int = 1,
        done: Callable[[Made | None], None] | None = None,
    ) -> Made:
        """The result of `work` for `payload`, committed. `weight`: its rows, roughly.

        `done` is called on the loop in the order of commits, with None after a failure, cancelled or not.
        Raises `LedgerAway`, `OutcomeUnknown`, or what the work itself raised; only the second may have been written.
        """
        job = _Job(work, payload, weight, asyncio.get_running_loop().create_future())
        submitted = False
        try:
            await self._free.acquire()
            if self._thread is None:
                self._free.release()
                raise LedgerAway("its writer is not running")
            job.done = done
            self._queue.put(job)
            submitted = True
        finally:
            if not submitted and done is not None:
                done(None)
        return cast("Made", await job.future)

    async def transact(
        self, *steps: Step, weight: int = 1, done: Callable[[list[Any] | None], None] | None = None
    ) -> list[Any]:
        """The result of each step, in order, all committed in one transaction; as `run` otherwise.

        A step that raises rolls back all steps. The fence goes last.
        """
        return await self.run(_in_order, steps, weight, done)

    # -- in the thread -------------------------------------------------------------------------------------------------

    def _main(self) -> None:
        ended = False
        while not ended:
            group, ended = self._gather()
            if group:
                self._write(group)
                with suppress(RuntimeError):  # the loop was closed without stop(): no caller waits any more
                    cast("asyncio.AbstractEventLoop", self._loop).call_soon_threadsafe(self._deliver, group)
        self._drop()

    def _gather(self) -> tuple[list[_Job], bool]:
        """Wait for a job, then take all that waits beside it; True at the end of the queue."""
        group: list[_Job] = []
        weight = 0
        while weight < GROUP_WEIGHT_MAX:
            try:
                job = self._queue.get(block=not group)
            except queue.Empty:
                break
            if job is None:
                return group, True
            group.append(job)
            weight += job.weight
        return group, False

    def _write(self, group: list[_Job]) -> None:
        fault = self._attempt(group)
        self.trouble = fault.word if isinstance(fault, _DOWN) else None
        if fault is None:
            return
        if len(group) > 1 and not isinstance(fault, _DOWN):
            self._write_singly(group)
            return
        for job in group:
            job.fault = fault

    def _write_singly(self, group: list[_Job]) -> None:
        down: Exception | None = None
        for job in group:
            job.fault = down or self._attempt([job])
            self.trouble = job.fault.word if isinstance(job.fault, _DOWN) else None
            if down is None and isinstance(job.fault, _DOWN):
                down = LedgerAway(job.fault.detail, job.fault.word)  # those after it were not tried

    def _attempt(self, jobs: list[_Job]) -> Exception | None:
        """One transaction; what went wrong, if anything."""
        try:
            connection = self._connection = self._connection or self._engine.connect()
            transaction = connection.begin()
            _perform(connection, jobs)
        except (SQLAlchemyError, self._driver_error, RingbackError) as fault:
            return self._undo(fault)
        except Exception as fault:
            logger.exception("a write failed in our own code", action="write_failed", writer=self._name)
            return self._undo(fault)
        try:
            transaction.commit()
        except (SQLAlchemyError, self._driver_error) as fault:
            self._drop()
            return OutcomeUnknown(str(fault), word_of(fault))
        return None

    def _undo(self, fault: Exception) -> Exception:
        cause = fault.orig if isinstance(fault, DBAPIError) else fault
        away = isinstance(cause, self._away_error) or getattr(cause, "sqlstate", None) in _ENDED
        away = away or (isinstance(fault, DBAPIError) and fault.connection_invalidated)
        word = word_of(fault)
        away = away or word in (FULL, MALFORMED)  # not caused by the data to be written
        if away or not self._rolled_back():
            self._drop()
        return LedgerAway(str(cause), word) if away else fault

    def _rolled_back(self) -> bool:
        try:
            if self._connection is not None:
                self._connection.rollback()
        except (SQLAlchemyError, self._driver_error):
            return False
        return True

    def _drop(self) -> None:
        """Close the connection, whatever its state; the next group opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError, self._driver_error):
                connection.invalidate()
            with suppress(SQLAlchemyError, self._driver_error):
                connection.close()

    # -- back on the loop ----------------------------------------------------------------------------------------------

    def _deliver(self, group: list[_Job]) -> None:
        for job in group:
            self._free.release()
            if job.done is not None:
                job.done(job.made if job.fault is None else None)
            if job.future.done():
                continue  # the await was cancelled
            if job.fault is None:
                job.future.set_result(job.made)
            else:
                job.future.set_exception(job.fault)


def _in_order(connection: Connection, jobs: Sequence[Sequence[Step]]) -> Sequence[list[Any]]:
    return [[work(connection, [payload])[0] for work, payload in steps] for steps in jobs]


def _perform(connection: Connection, jobs: list[_Job]) -> None:
    """All jobs, those of one kind together."""
    kinds: dict[Work[Any, Any], list[_Job]] = {}
    for job in jobs:
        kinds.setdefault(job.work, []).append(job)
    for work, same in kinds.items():
        for job, made in zip(same, work(connection, [job.payload for job in same]), strict=True):
            job.made = made
