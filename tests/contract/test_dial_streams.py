"""Subscriptions to dial orders: the newest has the epoch, an older one resumes once none has lived for a while."""

from cti.adapters.clock import VirtualClock
from cti.adapters.store import Store
from cti.dial.rows import STREAM_ALIVE_MS
from tests.contract.dialling import SWITCH, claim, claimed, dial_of, order, put, subscribe
from tests.contract.rows import START_MS, TENANT


async def test_nobody_resumes_while_one_lives_or_may_come_again(dialled: Store, clock: VirtualClock) -> None:
    dial, epoch = dial_of(dialled), await subscribe(dialled)
    clock.move_to(START_MS + STREAM_ALIVE_MS)
    assert await dial.prolong(TENANT, SWITCH, epoch)
    for later_ms in (0, STREAM_ALIVE_MS, 2 * STREAM_ALIVE_MS - 1):
        clock.move_to(START_MS + STREAM_ALIVE_MS + later_ms)
        assert await dial.resume(TENANT, SWITCH) is None
    assert not (await claim(dialled, epoch)).refused, "nothing was changed"
    clock.move_to(START_MS + 3 * STREAM_ALIVE_MS)
    resumed = await dial.resume(TENANT, SWITCH)
    assert resumed == epoch + 1
    assert (await claim(dialled, epoch)).refused


async def test_of_two_that_resume_one_does(dialled: Store, clock: VirtualClock) -> None:
    dial, epoch = dial_of(dialled), await subscribe(dialled)
    await dial.leave(TENANT, SWITCH, epoch)
    clock.move_to(START_MS + STREAM_ALIVE_MS)
    resumed = await dial.resume(TENANT, SWITCH)
    assert resumed is not None
    assert await dial.resume(TENANT, SWITCH) is None
    await put(dialled, order("a"))
    assert await claimed(dialled, resumed) == ["a"]


async def test_there_is_nothing_to_resume_where_nobody_ever_subscribed(dialled: Store) -> None:
    assert await dial_of(dialled).resume(TENANT, "never") is None


async def test_less_than_a_call_a_second_is_one_in_so_many(dialled: Store, clock: VirtualClock) -> None:
    epoch = await subscribe(dialled)
    await put(dialled, *(order(f"o{n}") for n in range(3)))
    dates = []
    for second in range(8):
        clock.move_to(START_MS + second * 1000)
        if await claimed(dialled, epoch, 0.4):
            dates.append(second)
    assert dates == [0, 3, 6], "2.5 s at least between two"


async def test_the_smallest_limit_that_can_be_declared_is_a_call_an_hour(dialled: Store, clock: VirtualClock) -> None:
    epoch = await subscribe(dialled)
    await put(dialled, order("a"))
    assert await claimed(dialled, epoch, 5e-324) == ["a"]
    await put(dialled, order("b"))
    assert await claimed(dialled, epoch, 5e-324) == []
