"""Backpressure: a key whose events outrun the engine waits, then gets 429; other keys notice nothing of it."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from cti.errors import LedgerAway
from cti.gateway.backpressure import APPENDS_MAX, Account, Backpressure
from cti.gateway.pulse import Pulse
from cti.web.limits import Limits
from cti.web.refusal import Refusal
from tests.integration.gateway_site import BATCH, TENANT, Site, event, site_at

LIMITS = Limits(lag_events=20, key_events=20, lag_wait_s=30.0)


class Ledger:
    """Positions of a ledger, and how often they were asked for."""

    def __init__(self) -> None:
        self.at: dict[int, int] = {}
        self.asked = 0
        self.away = False

    async def positions(self) -> dict[int, int]:
        self.asked += 1
        if self.away:
            raise LedgerAway
        return dict(self.at)


class Seconds:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """Backpressure over a log that takes all at once: each event the next position of partition 0."""

    def __init__(self, **limits: Any) -> None:
        self.ledger, self.pulse, self.clock = Ledger(), Pulse(), Seconds()
        self.limits = LIMITS.model_copy(update=limits)
        self.pressure = Backpressure(self.ledger, self.pulse, self.limits, self.clock)
        self.position = 0
        self.commit(0)
        self.pressure._progress.positions()

    async def post(self, key: str, events: int) -> int:
        async def append() -> dict[int, int]:
            self.position += events
            return {0: self.position}

        return (await self.pressure.append(key, TENANT, events, append))[0]

    def commit(self, position: int) -> None:
        self.pulse.committed({0: position})


async def started(posting: Coroutine[Any, Any, int]) -> asyncio.Task[int]:
    """A post that is on its way, and has come as far as it comes without anybody's help."""
    task = asyncio.create_task(posting)
    await asyncio.wait([task], timeout=0)
    return task


async def engine_at_work(**limits: Any) -> Bench:
    """A bench whose engine has been heard of."""
    bench = Bench(**limits)
    await bench.post("first", 1)
    bench.commit(1)
    bench.pressure._progress.positions()
    return bench


async def test_a_key_waits_for_room_and_another_does_not() -> None:
    bench = await engine_at_work()
    assert await bench.post("a", 20) == 21
    waiting = await started(bench.post("a", 10))
    assert await bench.post("b", 20) == 41
    assert not waiting.done()
    bench.commit(21)
    assert await waiting == 51


async def test_beyond_what_may_wait_a_key_is_refused_at_once() -> None:
    bench = await engine_at_work()
    await bench.post("a", 20)
    waiting = await started(bench.post("a", 20))
    with pytest.raises(Refusal) as refused:
        await bench.post("a", 1)
    assert (refused.value.code, refused.value.status) == ("engine_behind", 429)
    assert refused.value.headers == {"Retry-After": "1"}
    bench.commit(21)
    await waiting
    bench.commit(41)
    assert await bench.post("a", 20) == 61


async def test_requests_that_wait_go_on_in_their_order() -> None:
    bench = await engine_at_work()
    await bench.post("a", 20)
    waiting = [await started(bench.post("a", 5)) for _ in range(4)]
    bench.commit(21)
    assert [await each for each in waiting] == [26, 31, 36, 41]


async def test_who_found_no_room_in_time_is_refused() -> None:
    bench = await engine_at_work(lag_wait_s=0.001)
    await bench.post("a", 20)
    with pytest.raises(Refusal, match="engine_behind"):
        await bench.post("a", 1)
    assert bench.ledger.asked == 0, "the ledger is asked once in position_poll_s at most"


async def test_a_fast_engine_gives_more_room() -> None:
    bench = await engine_at_work()
    await bench.post("b", 100)
    bench.commit(101)
    assert await bench.post("a", 90) == 191
    bench.clock.now += 1.0  # the 100 events of just now no longer count as its speed
    with pytest.raises(Refusal, match="engine_behind"):
        await bench.post("a", 21)


async def test_one_request_that_is_larger_than_the_bound_is_taken() -> None:
    bench = await engine_at_work()
    assert await bench.post("a", 100) == 101


async def test_what_another_process_commits_is_read_from_the_ledger() -> None:
    bench = await engine_at_work(position_poll_s=0.001)
    await bench.post("a", 20)
    waiting = asyncio.create_task(bench.post("a", 20))
    bench.ledger.at = {0: 21}
    bench.clock.now += 1.0
    assert await waiting == 41
    assert bench.ledger.asked >= 1


async def test_where_no_engine_is_at_work_the_log_takes_all() -> None:
    bench = Bench()
    for _ in range(10):
        await bench.post("a", 20)
    stopped = await engine_at_work()
    await stopped.post("a", 20)
    stopped.clock.now += stopped.limits.engine_away_s + 1
    for _ in range(10):
        await stopped.post("a", 20)


async def test_what_the_log_refused_counts_no_longer() -> None:
    bench = await engine_at_work()

    async def failing() -> dict[int, int]:
        raise ValueError("the log is away")

    for _ in range(5):
        with pytest.raises(ValueError, match="log"):
            await bench.pressure.append("a", TENANT, 20, failing)
    await bench.post("a", 20)


async def test_a_key_that_is_cancelled_lets_the_next_on() -> None:
    bench = await engine_at_work()
    await bench.post("a", 20)
    first, second = [await started(bench.post("a", 10)) for _ in range(2)]
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    bench.commit(21)
    assert await second == 31


def test_the_memory_of_a_key_is_bounded_and_counts_right() -> None:
    account = Account(TENANT)
    account.lagging = 3 * APPENDS_MAX
    for n in range(1, 3 * APPENDS_MAX + 1):
        account.appended({n % 3: n}, 1, float(n))
    assert len(account._appends) == APPENDS_MAX
    account.settle(dict.fromkeys(range(3), APPENDS_MAX - 1))
    assert account.lagging == 2 * APPENDS_MAX + 1
    account.settle(dict.fromkeys(range(3), 3 * APPENDS_MAX))
    assert (account.lagging, len(account._appends)) == (0, 0)


async def test_the_keys_that_are_counted_are_bounded() -> None:
    bench = await engine_at_work(keys_cached=10)
    for n in range(100):
        await bench.post(f"key-{n}", 1)
    assert len(bench.pressure._accounts) == 10


async def test_eight_requests_of_500_events_under_way_are_ordinary_use() -> None:
    usual = Limits()
    bench = await engine_at_work(lag_events=usual.lag_events, lag_s=usual.lag_s, key_events=usual.key_events)
    under_way = [await started(bench.post("a", 500)) for _ in range(8)]
    committed = 1
    for _ in range(40):  # the client posts again as soon as it is answered; the engine is slow
        committed += 500
        bench.commit(committed)
        bench.clock.now += usual.lag_s / 3
        done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        assert [each.exception() for each in done] == [None] * len(done)
        under_way = [each for each in under_way if each not in done]
        under_way += [await started(bench.post("a", 500)) for _ in done]
    for each in under_way:
        each.cancel()
    await asyncio.gather(*under_way, return_exceptions=True)


async def test_a_key_whose_tenant_is_alone_may_be_further_ahead() -> None:
    bench = await engine_at_work(lag_s=0.1, lag_alone_s=1.0)
    bench.pulse.present(TENANT)
    await bench.post("a", 20)
    bench.clock.now += 0.5
    bench.commit(21)
    await bench.post("a", 20)
    bench.clock.now += 0.2
    bench.commit(41)
    assert await bench.post("a", 40) == 81, "so many were committed in the last second"
    waiting = await started(bench.post("a", 40))
    assert not waiting.done()
    bench.commit(81)
    assert await waiting == 121
    for present in (None, "somebody else"):
        bench.pulse.present(present)
        bench.clock.now += 0.2
        bench.commit(bench.position)
        await bench.post("a", 20)
        bench.clock.now += 0.2
        held = await started(bench.post("a", 20))
        assert not held.done(), "within the shorter time nothing was committed"
        bench.commit(bench.position)
        await held


async def posted(site: Site, key: dict[str, str], first: int, count: int) -> tuple[int, str]:
    answer = await site.post(key, [event(n) for n in range(first, first + count)], BATCH)
    return answer.status, answer.headers.get("Retry-After", "")


async def test_at_the_door_the_key_that_floods_gets_429_and_the_other_202(store_url: str) -> None:
    async with site_at(store_url, LIMITS.model_copy(update={"lag_wait_s": 0.05, "lag_s": 1e-6})) as site:
        flooding, other = await site.key(), await site.key()

        async def commit() -> None:
            site.pulse.committed((await site.log.end()).positions)

        for first in (0, 1000):
            assert await posted(site, flooding, first, 40) == (202, "")
            await commit()
        assert await posted(site, flooding, 2000, 20) == (202, "")
        assert await posted(site, flooding, 3000, 30) == (429, "1")
        assert await posted(site, flooding, 4000, 5) == (429, "1"), "after lag_wait_s"
        assert await posted(site, other, 5000, 20) == (202, "")
        await commit()
        assert await posted(site, flooding, 3000, 30) == (202, "")
        assert len(await site.kept()) == 80 + 20 + 20 + 30


async def test_what_a_flooding_key_sends_is_not_parsed_to_be_refused(store_url: str) -> None:
    async with site_at(store_url, LIMITS.model_copy(update={"lag_s": 1e-6})) as site:
        flooding = await site.key()
        for first in (0, 1000):
            assert await posted(site, flooding, first, 20) == (202, "")
            site.pulse.committed((await site.log.end()).positions)
        assert await posted(site, flooding, 2000, 20) == (202, "")
        waiting = asyncio.create_task(posted(site, flooding, 3000, 15))
        broken = b"[" + b'{"specversion": oh' * 6  # read as JSON it is a 400, as it is until the other waits
        for _ in range(100):
            answer = await site.post(flooding, broken, BATCH)
            if answer.status != 400:
                break
        assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
        site.pulse.committed((await site.log.end()).positions)
        assert await waiting == (202, "")


async def test_at_a_door_without_an_engine_of_its_own_the_ledger_says_that_another_works() -> None:
    bench = Bench(position_poll_s=0.001)
    bench.pulse, bench.ledger.at = Pulse(), {0: 0}
    bench.pressure = Backpressure(bench.ledger, bench.pulse, bench.limits, bench.clock)
    for _ in range(3):  # another process commits all the while
        await bench.post("a", 20)
        bench.clock.now += 1.0
        bench.ledger.at = {0: bench.position}
    await bench.post("a", 20)
    with pytest.raises(Refusal, match="engine_behind"):
        await bench.post("a", 30)


async def test_a_ledger_that_is_away_stops_no_event() -> None:
    bench = await engine_at_work(position_poll_s=0.001)
    bench.ledger.away = True
    bench.clock.now += 1.0
    await bench.post("a", 20)
    waiting = await started(bench.post("a", 20))
    bench.commit(21)
    assert await waiting == 41
