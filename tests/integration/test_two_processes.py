"""Two processes on one PostgreSQL: what the engine of the first commits reaches a switch that hangs on the second."""

import asyncio
import contextlib
from collections.abc import Sequence

from cti.adapters.clock import VirtualClock
from cti.adapters.store import open_store
from cti.dial.metrics import DialMetrics
from cti.gateway.bindings import Bindings
from cti.gateway.dialling import ClaimedOrder, DialLedger, Dialling
from cti.gateway.hub import Hub
from cti.gateway.pulse import Pulse
from cti.leases.ownership import Shared
from cti.rows import Round, SwitchRow
from cti.telemetry import Telemetry
from cti.web.limits import Limits
from tests.contract.dialling import SWITCH, dial_of, order, put
from tests.contract.rows import PARTITIONS, SOURCE, START_MS, TENANT, command, fence

WAIT_S = 20


async def test_a_command_reaches_a_stream_of_another_process_without_a_poll(postgres_ready_url: str) -> None:
    clock = VirtualClock(START_MS)
    async with (
        open_store(postgres_ready_url, clock, PARTITIONS) as one,
        open_store(postgres_ready_url, clock, PARTITIONS) as two,
    ):
        pulse = Pulse()
        two.subscribe_commands(pulse.commanded)
        hub = Hub(two.ledger, pulse, Limits(stream_poll_s=600), Telemetry(), PARTITIONS)
        task = asyncio.create_task(hub.run())
        stream = await hub.subscribe(TENANT, SOURCE, lambda: True)
        claims = await one.ledger.claim("one", PARTITIONS)
        async with asyncio.timeout(WAIT_S):
            number, rows = 0, []
            while not rows:  # the first ones may go before the two know of one another
                number += 1
                order = command(f"c{number}", number)
                await one.ledger.commit(Round(commands=[order], fences=[fence(claims[0], number, number)]))
                rows = await stream.next(0.2)
        assert rows[0].id == "c1", "none is left out"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_dial_order_reaches_a_gateway_of_another_process_without_a_poll(postgres_ready_url: str) -> None:
    clock = VirtualClock(START_MS)
    async with (
        open_store(postgres_ready_url, clock, PARTITIONS) as one,
        open_store(postgres_ready_url, clock, PARTITIONS) as two,
    ):
        limits, telemetry, got = Limits(dial_poll_s=600), Telemetry(), asyncio.Queue[str]()
        declared = (
            '{"commands":["makeCall","snapshotCall"],"outbound":1,"trunk_groups":{"trunks":{"calls_per_second":100}}}'
        )
        assert await two.ledger.put_switch(SwitchRow(TENANT, SWITCH, SOURCE, declared))
        ledger = DialLedger(dial_of(two), DialMetrics(telemetry.registry))
        dialling = Dialling(ledger, Bindings(two.ledger, limits), limits, clock.now_ms)

        class Outlet:
            def takes(self) -> int:
                return 10

            async def put(self, leaving: Sequence[ClaimedOrder]) -> None:
                for each in leaving:
                    got.put_nowait(each.order.id)

        async with dialling.subscription(TENANT, SWITCH, Outlet(), lambda: True) as subscription:
            tasks = [asyncio.create_task(dialling.run()), asyncio.create_task(subscription.run())]
            await subscription.looked.wait()
            async with asyncio.timeout(WAIT_S):
                number = 0
                while got.empty():  # the first ones may go before the two know of one another
                    number += 1
                    await put(one, order(f"o{number}"))
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(0.2):
                            assert await got.get() == "o1", "none is left out"
                            break
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def test_two_engines_share_and_hand_over_on_real_connections(postgres_ready_url: str) -> None:
    """The clock is the test's; the ledger, its connections and its locks are real."""
    clock = VirtualClock(0)
    async with (
        open_store(postgres_ready_url, clock, PARTITIONS) as first,
        open_store(postgres_ready_url, clock, PARTITIONS) as second,
    ):
        one = Shared(first.ledger, clock, PARTITIONS, lambda: None, "one")
        two = Shared(second.ledger, clock, PARTITIONS, lambda: None, "two")
        await one.start()
        assert len(one.changes().take) == PARTITIONS
        await two.start()
        taken: list[int] = []
        for _ in range(8):
            clock.move_to(clock.now_ms() + 500)
            await asyncio.gather(one.turn(), two.turn())
            one.released(one.changes().release)
            taken += [claim.partition for claim in two.changes().take]
        assert taken == [2, 3]
        await one.stop()
        clock.move_to(clock.now_ms() + 500)
        await two.turn()
        assert [claim.partition for claim in two.changes().take] == [0, 1]
