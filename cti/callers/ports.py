"""What callers do, as protocols for parts.

Methods that take a connection are statements in a transaction of the caller's, in its writer's thread; they may run
again after a rollback. All others are awaited, and raise `errors.LedgerAway`.
"""

import asyncio
from collections.abc import Collection, Sequence
from typing import Protocol

from sqlalchemy import Connection

from cti.callers.rows import CallbackRequest, Caller, KnownCaller


class CallbackRequests(Protocol):
    """Callbacks that callers asked for (QUEUE-1) and that agents promised (HOLD-3), until somebody takes them.

    A request is written once; its id derives from its cause. Of a tenant that nobody serves they go after a week.
    """

    async def read(self, limit: int = 100) -> list[CallbackRequest]:
        """Those that nobody has taken, of all tenants, the first written first."""

    def take(self, connection: Connection, ids: Collection[str]) -> set[str]:
        """Delete these; the ids of those that were there: another process may have been quicker. Whoever has nobody to
        call, or cannot, takes a request too, and keeps what became of it.
        """

    def wake(self, event: asyncio.Event) -> None:
        """Set `event` at new requests, of other processes too. One can be missed: look now and then."""


class KnowsCallers(Protocol):
    """What a part knows of callers. The engine asks once the births of a round are committed, and waits for nothing: a
    call goes on as if nobody knew its caller until the part has said so, and a part that fails harms none.
    """

    async def look(self, callers: Sequence[Caller]) -> Sequence[KnownCaller]:
        """Those whom the part knows. The same calls may be asked about again: after a failure, by the next owner of
        their partition.
        """

    async def left(self, call_ids: Collection[str]) -> None:
        """Known calls that have ended. One can be missed: a part that acts on it asks which calls still live
        (`Host.still_live`).
        """
