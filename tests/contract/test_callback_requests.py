"""What callers ask for, on both databases: written once, read in order, taken in the consumer's own transaction."""

import asyncio

import pytest
from sqlalchemy import Connection

from cti.adapters.store import Store
from cti.callers.requests import KEPT_MS, ROWS_A_TIME, put_requests
from cti.callers.rows import CallbackRequest
from cti.callers.store import SqlCallbackRequests
from tests.contract.dialling import transact
from tests.contract.rows import SOURCE, START_MS, TENANT


def request(name: str, written_ms: int = START_MS, tenant: str = TENANT) -> CallbackRequest:
    return CallbackRequest(
        name, tenant, SOURCE, "call", "+8613800001234", "bills", "queue", None, START_MS, None, None, written_ms
    )


def callbacks(store: Store) -> SqlCallbackRequests:
    assert store.callbacks is not None
    return store.callbacks


async def put(store: Store, *rows: CallbackRequest) -> None:
    await transact(store, lambda connection: put_requests(connection, rows))


async def test_they_are_read_in_order_and_bounded_and_an_id_is_there_once(dialled: Store) -> None:
    await put(dialled, request("b"), request("c", START_MS - 1), request("a", START_MS + 1, "other"))
    await put(dialled, request("b", START_MS - 9), request("b"), request("d", START_MS + 2))
    assert [row.id for row in await callbacks(dialled).read()] == ["c", "b", "a", "d"]
    first = await callbacks(dialled).read(2)
    assert first == [request("c", START_MS - 1), request("b")]
    assert await callbacks(dialled).pending() == (4, START_MS - 1)


async def test_who_takes_has_them_alone_and_what_is_rolled_back_is_still_there(dialled: Store) -> None:
    await put(dialled, request("a"), request("b"))

    def fails(connection: Connection) -> set[str]:
        callbacks(dialled).take(connection, ["a"])
        raise RuntimeError("the consumer's own statement")

    with pytest.raises(RuntimeError):
        await transact(dialled, fails)
    taken = await transact(
        dialled,
        lambda connection: callbacks(dialled).take(connection, ["b", "a", "x"]),
        lambda connection: callbacks(dialled).take(connection, ["a"]),
    )
    assert taken == [{"a", "b"}, set()]
    assert await callbacks(dialled).read() == []
    assert await callbacks(dialled).pending() == (0, None)


async def test_what_nobody_takes_goes_after_a_week_a_bounded_amount_at_a_time(dialled: Store) -> None:
    rows = [request(f"{n:04}") for n in range(ROWS_A_TIME + 1)]
    await put(dialled, *rows, request("younger", START_MS + 1))
    at_ms = START_MS + KEPT_MS + 1
    gone = [await callbacks(dialled).purge(at_ms - 1), *[await callbacks(dialled).purge(at_ms) for _ in range(3)]]
    assert gone == [0, ROWS_A_TIME, 1, 0]
    assert [row.id for row in await callbacks(dialled).read()] == ["younger"]


async def test_whoever_waits_for_them_is_woken(dialled: Store) -> None:
    event = asyncio.Event()
    callbacks(dialled).wake(event)
    callbacks(dialled).on_commit()
    assert event.is_set()
