"""An agent event stamped ahead of the log counts at the time the log got it: it hides none of what follows."""

import pytest

from tests.scheduler import TENANT, Scene, event, scene


async def state_of(it: Scene, agent: str) -> str:
    (row,) = [row for row in await it.store.ledger.agents() if (row.tenant, row.agent) == (TENANT, agent)]
    return row.state


@pytest.mark.parametrize("ahead_s", [3.0, 3_600.0, 86_000.0])
@pytest.mark.parametrize("by", ["event", "snapshot"])
async def test_it_hides_nothing_that_follows(ahead_s: float, by: str) -> None:
    async with scene("memory:") as it:
        await it.declare("s1")
        await it.post(event("s1", "1001", "agentLoggedOn", 0, {"device": "8001"}, family="agent"))
        if by == "event":
            await it.post(event("s1", "1001", "agentReady", ahead_s, family="agent"))
        else:
            agents = [{"agent": "1001", "state": "ready", "device": "8001"}]
            await it.post(
                event("s1", "s1", "switchSnapshot", ahead_s, {"calls": [], "agents": agents}, family="switch")
            )
        assert await state_of(it, "1001") == "ready"
        await it.to(1)
        await it.post(event("s1", "1001", "agentNotReady", 1, {"reason": "break"}, family="agent"))
        assert await state_of(it, "1001") == "notReady"


async def test_a_little_ahead_is_taken_as_it_is() -> None:
    """Clocks differ: within 2 s the switch's order of events stands."""
    async with scene("memory:") as it:
        await it.declare("s1")
        await it.post(event("s1", "1001", "agentBusy", 1.5, family="agent"))
        await it.post(event("s1", "1001", "agentReady", 1.0, family="agent"))
        assert await state_of(it, "1001") == "busy"
