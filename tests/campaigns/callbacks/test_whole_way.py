"""From the queue to the callback: a caller presses 1, goes, and is called back by an agent who was reserved first."""

from typing import Any

from cti.switches.simulated.commands import Verdict
from cti.switches.simulated.options import FACTS
from tests.campaigns.api.site import site
from tests.scheduler import event
from tests.simulation.dialling_switch import DiallingSwitch

NUMBER = "+8613800001234"
OPENING = {"direction": "inbound", "calling": "013800001234", "called": "95598", "connection": "c"}


class BothWays(DiallingSwitch):
    """It has inbound calls too, and plays what it is told to."""

    def take(self, command: dict[str, Any]) -> None:
        if command["command"] != "playMessage":
            super().take(command)
            return
        for state in ("accepted", "done"):
            self._answer(str(command["id"]), Verdict(state))


async def test_a_caller_who_presses_1_is_called_back(url: str) -> None:
    async with site(url) as it:
        switch = await BothWays.declared(it.it, {NUMBER: ["reached"]}, agents=2)
        outbound = switch.exchange.pbx.outbound
        plays = {"commands": [*outbound.commands, "playMessage"], "facts": list(FACTS), **outbound.declaration()}
        assert (await it.ask("PUT", "/v1/switches/s1", plays, key="admin")).status == 200
        await switch.to(10)
        await it.it.post(event("s1", "in-1", "offered", 10.0, OPENING))
        await it.it.post(event("s1", "in-1", "queued", 10.0, {"connection": "c", "queue": "service"}))
        await switch.to(135)
        await it.it.post(event("s1", "in-1", "digitsGenerated", 135.0, {"connection": "c", "digits": "1"}))
        await switch.to(136)
        (asked,) = (await it.ask("GET", "/v1/callbacks", key="revealer")).json["callbacks"]
        assert (asked["number"], asked["origin"], asked["queue"], asked["promise"]) == (
            NUMBER,
            "queue",
            "service",
            None,
        )
        assert switch.received == [], "he is still on the line"
        await it.it.post(event("s1", "in-1", "callCleared", 140.0, {}))
        await switch.to(400)
        assert [one.number for one in switch.received] == [NUMBER]
        (kept,) = (await it.ask("GET", "/v1/callbacks", key="revealer")).json["callbacks"]
        assert kept["promise"] == "kept"
        shown = await it.it.store.callbacks.read() if it.it.store.callbacks is not None else None
        assert shown == [], "the request is taken"


async def test_a_request_of_a_switch_that_cannot_dial_is_on_record(url: str) -> None:
    async with site(url) as it:
        await it.it.declare("s1")
        await it.it.to(10)
        await it.it.post(event("s1", "in-1", "offered", 10.0, OPENING))
        await it.it.post(event("s1", "in-1", "queued", 10.0, {"connection": "c", "queue": "service"}))
        await it.it.to(135)
        await it.it.post(event("s1", "in-1", "digitsGenerated", 135.0, {"connection": "c", "digits": "1"}))
        await it.it.to(160)
        assert (await it.ask("GET", "/v1/callbacks")).json["callbacks"] == []
        lines = (await it.ask("GET", "/v1/audit/head")).json
        assert lines["no"] >= 1
