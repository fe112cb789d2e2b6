"""A part of a day on the virtual clock: the product, a switch with agents, and a manager who asks for callbacks."""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from cti.switches.simulated.pbx import Fact
from tests.campaigns.api.site import Reply, Site
from tests.campaigns.shipped import ms
from tests.ready import ready_sqlite
from tests.scheduler import START_MS, scene
from tests.simulation.dialling_switch import DiallingSwitch

DAY = "2026-03-02"  # a Monday
NUMBER = "+8613800001234"
REACHED = "agent:reached"


class TellingSwitch(DiallingSwitch):
    """It keeps what it told of calls."""

    def __init__(self, *given: Any, **named: Any) -> None:
        self.told: list[Fact] = []
        super().__init__(*given, **named)

    def _hear(self, facts: Sequence[Fact]) -> None:
        self.told += [fact for fact in facts if ".call." in fact["type"]]
        super()._hear(facts)


class Day:
    """`at`: times of that day in Shanghai, as 15:00 or 15:00:30."""

    def __init__(self, site: Site, switch: TellingSwitch) -> None:
        self.site, self.switch = site, switch

    async def to(self, at: str) -> None:
        await self.switch.to((self.ms(at) - START_MS) / 1000)

    @staticmethod
    def ms(at: str) -> int:
        return ms(f"{DAY} {at}")

    async def ask(self, due: str, *, number: str = NUMBER, **more: Any) -> Reply:
        """A callback at a time of that day."""
        body = {"number": number, "due_at": f"{DAY}T{due}:00+08:00", "switch": "s1", "trunk_group": "main",
                "queue": "service", **more}  # fmt: skip
        return await self.site.ask("POST", "/v1/callbacks", body)

    async def promised(self, due: str, **more: Any) -> dict[str, Any]:
        answer = await self.ask(due, **more)
        assert answer.status == 201, answer.body
        shown: dict[str, Any] = answer.json
        return shown

    async def callback(self, one: Mapping[str, Any]) -> dict[str, Any]:
        """As it is now."""
        shown: dict[str, Any] = (await self.site.ask("GET", f"/v1/callbacks/{one['id']}")).json
        return shown

    async def contact(self, one: Mapping[str, Any]) -> dict[str, Any]:
        path = f"/v1/campaigns/{one['campaign']}/contacts/{one['contact']}"
        shown: dict[str, Any] = (await self.site.ask("GET", path, key="revealer")).json
        return shown

    def calls(self) -> list[tuple[str, str]]:
        """(number, time of that day) of every order that came in."""
        return [(one.number, clock(one.at_ms)) for one in self.switch.received]

    def kinds(self) -> list[str]:
        """What the switch told of calls."""
        return [str(fact["type"]).split(".")[2] for fact in self.switch.told]

    async def attempts(self, one: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Its calls, refusals left out."""
        decided = (await self.contact(one))["attempts"]
        return [each for each in decided if each["decision"] != "refused"]

    async def metric(self, name: str, **labels: str) -> float:
        """Of the counters of this process."""
        for collector in self.site.context.metrics.collectors:
            for family in collector.collect():
                for sample in family.samples:
                    if sample.name == name and sample.labels == labels:
                        return float(sample.value)
        return 0.0


def clock(at_ms: int) -> str:
    """15:00:00 in Shanghai."""
    seconds = (at_ms - ms(f"{DAY} 00:00")) // 1000
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


@contextlib.asynccontextmanager
async def day(
    folder: Path, at: str, scripts: Mapping[str, Sequence[str]], *, agents: int = 2, agent_first: bool = True
) -> AsyncIterator[Day]:
    """From this time on."""
    begins = scene(ready_sqlite(folder / "ringback.db"), start_ms=ms(f"{DAY} {at}"))
    async with begins as it, aiohttp.ClientSession() as session:
        site = Site(it, session)
        await site.add_key("manager", "campaigns:read campaigns:write")
        await site.add_key("revealer", "campaigns:read campaigns:write numbers:reveal")
        switch = await TellingSwitch.declared(it, scripts, agents=agents, agent_first=agent_first)
        assert isinstance(switch, TellingSwitch)
        await switch.to((ms(f"{DAY} {at}") - START_MS) / 1000 + 6)  # heard, and its lane owned
        yield Day(site, switch)
