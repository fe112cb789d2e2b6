"""A switch declares itself anew while its orders are under way: each has an end, and nobody is called on a guess."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cti.rows import SwitchRow
from tests.campaigns.dialler.made import (
    CAMPAIGN,
    attempts_of,
    campaign,
    contact,
    contact_of,
    live_numbers_of,
    put,
)
from tests.ready import ready_sqlite
from tests.scheduler import TENANT, Scene, scene
from tests.simulation.dialling_switch import DiallingSwitch

NUMBER = "+8613800000001"
HOUR_S = 3_600
DIALS_NO_MORE: dict[str, Any] = {"commands": ["deflectCall"], "facts": None, "if_other_ready": False}


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(ready_sqlite(tmp_path / "ringback.db")) as scene_:
        yield scene_


async def dialled(it: Scene, word: str) -> DiallingSwitch:
    """An order is at the switch."""
    switch = await DiallingSwitch.declared(it, {NUMBER: [word]})
    await switch.to(5)
    of = campaign()
    await put(it, of, [contact(of, 1, NUMBER)])
    await switch.to(8)
    assert it.store.dial is not None
    order = await it.store.dial.order(TENANT, f"{CAMPAIGN}-1.1")
    assert order is not None
    assert order.state == "sent"
    return switch


async def declare(it: Scene, source: str, declaration: Any) -> None:
    assert await it.store.ledger.put_switch(SwitchRow(TENANT, "s1", source, json.dumps(declaration)))


@pytest.mark.parametrize("source", ["/switches/s1", "/switches/anew"])
async def test_a_switch_that_dials_no_more_leaves_no_order_without_an_end(it: Scene, source: str) -> None:
    """It is heard of no more, and asked in vain."""
    switch = await dialled(it, "neverSeen")
    await declare(it, source, DIALS_NO_MORE)
    switch.gone = True
    await it.to(60)
    assert (await contact_of(it, f"{CAMPAIGN}-1")).state == "unknown"
    await it.to(HOUR_S)
    [attempt] = await attempts_of(it, f"{CAMPAIGN}-1")
    assert (attempt.disposition, attempt.counted) == ("unknown", 1)
    assert await live_numbers_of(it) == []


async def test_another_switch_of_its_name_does_not_say_that_it_never_rang(it: Scene) -> None:
    switch = await dialled(it, "neverSeen")
    anew = await DiallingSwitch.declared(it, {})
    known = json.loads((await it.store.ledger.switches())[0].declaration)
    await declare(it, "/switches/anew", known)
    switch.gone = True
    await anew.to(60)
    assert ("done", 202) in [(state, status) for _, state, status in anew.results], "it has answered the question"
    assert anew.received == []
    assert (await contact_of(it, f"{CAMPAIGN}-1")).state == "unknown"
