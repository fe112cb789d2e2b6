"""Dial orders as two protocols: what a dialler does with them, and what a gateway does.

Methods that take a connection are statements in a transaction of the caller's, in its writer's thread; they may run
again after a rollback. All others are awaited, and raise `errors.LedgerAway` (nothing was written) or
`errors.OutcomeUnknown` (it may have been).
"""

import asyncio
from collections.abc import Collection, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection

from cti.dial.rows import (
    Ability,
    DialClaim,
    DialFact,
    DialOrderRow,
    Kept,
    OrderResult,
    OrderState,
    SwitchStanding,
)


class DialOrders(Protocol):
    """For a dialler. A lane is a trunk group of a switch; one process owns it (`cti.leases`)."""

    # -- in a transaction of the caller's ------------------------------------------------------------------------------

    def now_ms(self, connection: Connection) -> int:
        """The ledger's clock: orders expire by it."""

    def put(self, connection: Connection, orders: Sequence[DialOrderRow]) -> set[str]:
        """Make orders; the ids of those that are new. An id that is there already stays as it is.

        Raises `errors.DialNotAllowed`, and `errors.NoDialStream` for a makeCall or a sendMessage on a switch whose
        newest subscription does not live; the transaction must then be rolled back. Call `made` after the commit.
        """

    def withdraw(self, connection: Connection, tenant: str, ids: Collection[str]) -> set[str]:
        """Withdraw what no claim has marked; the ids of those withdrawn now, which are never sent. Rows are locked in
        the order of ids.
        """

    def withdraw_lane(self, connection: Connection, tenant: str, switch: str, lane: str) -> set[str]:
        """The same of each makeCall and sendMessage of a lane: what asks and what clears stays."""

    def settle(self, connection: Connection, orders: Sequence[OrderState]) -> set[str]:
        """The dialler is done with these, as it has read them; the ids of those that were still in that state.

        sent -> done; open -> withdrawn: an order that expired unsent is certainly not dialled only if its id is
        returned here.
        """

    def acknowledge(self, connection: Connection, facts: Sequence[DialFact]) -> None:
        """Delete these facts, unless they have been written again since they were read."""

    def forget(self, connection: Connection, tenant: str, ids: Collection[str]) -> int:
        """Blank what these orders, and those about them, say and were answered: whom they called, and the words. How
        many. An order that is not settled stays as it is.
        """

    def report(self, connection: Connection, facts: Sequence[DialFact]) -> None:
        """What a message gateway says of messages: facts without a call id. What is of no message of its tenant is not
        kept.
        """

    # -- each in a transaction of its own ------------------------------------------------------------------------------

    async def read_orders(
        self, tenant: str, switch: str, lane: str, after_no: int = 0, limit: int = 1_000
    ) -> list[OrderState]:
        """Orders of a lane that are not settled: open, expired unsent, and sent; after a number, by number."""

    async def read_standings(
        self, tenant: str, switch: str, lane: str, after_no: int = 0, limit: int = 1_000
    ) -> list[tuple[Any, ...]]:
        """The same without what never changes: of each `OrderState` all but `order`."""

    async def read_facts(self, tenant: str, switch: str, lane: str, limit: int = 1_000) -> list[DialFact]:
        """Facts of a lane's orders that were not acknowledged, the first appended first."""

    async def standing(self, tenant: str, switch: str, source: str) -> SwitchStanding: ...

    async def stop_acknowledged(self, tenant: str, ids: Collection[str], now_ms: int) -> bool:
        """Whether none of these can reach a person any more: each is withdrawn or settled, has a final result, or
        expired 5 s ago or earlier.
        """

    async def lane_stop_acknowledged(self, tenant: str, switch: str, lane: str, now_ms: int) -> bool:
        """The same of each makeCall and sendMessage of a lane."""

    async def order(self, tenant: str, order_id: str) -> OrderState | None: ...

    # -- without waiting -----------------------------------------------------------------------------------------------

    def made(self) -> None:
        """After the commit of a transaction with `put`: the gateway of this process claims at once."""

    def wake(self, event: asyncio.Event) -> None:
        """Set `event` at new results and facts, of other processes too. One can be missed: look now and then."""


class DialStreams(Protocol):
    """The orders of switches, for a gateway: only the newest subscription of a switch is sent dial orders."""

    async def subscribe(self, tenant: str, switch: str) -> int:
        """Raise the switch's dial epoch, and return it: earlier subscriptions claim nothing any more."""

    async def resume(self, tenant: str, switch: str) -> int | None:
        """As `subscribe`, for a subscription that is older than the newest, where that one has ended and none has lived
        for STREAM_ALIVE_MS since; None, and nothing is changed, otherwise.
        """

    async def prolong(self, tenant: str, switch: str, epoch: int) -> bool:
        """The subscription lives for STREAM_ALIVE_MS from now. False: it is no longer the newest."""

    async def leave(self, tenant: str, switch: str, epoch: int) -> None:
        """The subscription has ended: it claims nothing any more, and if it was the newest, none lives."""

    async def claim(self, tenant: str, switch: str, epoch: int, ability: Ability, most: int) -> DialClaim:
        """Mark open orders of the switch as sent, at most `most`, in the order of their numbers.

        Not claimed are a makeCall of a lane without a limit, and a makeCall or sendMessage that was made under another
        source. In any 1,000 ms of `sent_at` a lane has at most as many as its limit; with less than one a second, one
        in so many seconds. Other commands are not counted.
        Look at the clock again before the first byte: what has expired is not sent.
        After `OutcomeUnknown` nothing of this claim may be sent; what it marked is asked about.
        """

    async def set_result(self, result: OrderResult) -> Kept:
        """Keep a result in the order's row. An accepted one never replaces a final one."""

    async def order(self, tenant: str, order_id: str) -> OrderState | None: ...

    async def standing(self, tenant: str, switch: str, source: str) -> SwitchStanding: ...

    def wake_claims(self, event: asyncio.Event) -> None:
        """Set `event` when orders were made, by other processes too. One can be missed: look now and then."""


class DialMeter(Protocol):
    """What is counted about dial orders; the instruments are in `cti.dial.metrics`."""

    def made(self, command: str, count: int = 1) -> None:
        """By the dialler, after the commit."""

    def withdrawn(self, count: int = 1) -> None:
        """By the dialler, after the commit."""

    def not_dialled(self, count: int = 1) -> None:
        """By the dialler: certainly never rang."""

    def unknown(self, count: int = 1) -> None:
        """By the dialler: orders whose end is unknown."""

    def two_calls(self) -> None:
        """By the dialler: one order, two calls. An alarm."""

    def sent(self, command: str, made_to_sent_ms: float) -> None:
        """By the gateway."""

    def result(self, command: str, result: str) -> None:
        """By the gateway: a result that was kept."""

    def claim_refused(self) -> None:
        """By the gateway: another subscription is newer."""
