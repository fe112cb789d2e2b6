"""The manager of the trials: what was taken although its answer was lost is not taken for refused."""

from typing import Any

import aiohttp
import pytest

from tests.faults.desk import WRONG_STATE, Desk, Refused


class Told(Desk):
    """It is told that the step was taken already, and then these states."""

    states: list[str]

    async def ask(self, method: str, path: str, told: object = None, **more: Any) -> Any:
        if method == "POST":
            raise Refused(409, {"code": WRONG_STATE})
        return {"state": self.states.pop(0)}


async def desk(*states: str) -> Told:
    async with aiohttp.ClientSession() as session:
        made = Told(session, ["http://127.0.0.1:1"], "key")
    made.states = list(states)
    return made


@pytest.mark.parametrize("states", [("stopping", "stopped"), ("stopped", "stopped")])
async def test_a_stop_whose_answer_was_lost_is_a_stop(states: tuple[str, ...]) -> None:
    assert await (await desk(*states)).stop("c1", 1.0) > 0


@pytest.mark.parametrize("state", ["draining", "done"])
async def test_a_drain_whose_answer_was_lost_is_a_drain(state: str) -> None:
    assert await (await desk(state)).drain("c1") > 0


async def test_a_drain_that_was_refused_is_said_to_be() -> None:
    with pytest.raises(Refused):
        await (await desk("stopped")).drain("c1")


async def test_a_stop_that_was_refused_is_said_to_be() -> None:
    with pytest.raises(Refused):
        await (await desk("draft")).stop("c1", 1.0)
