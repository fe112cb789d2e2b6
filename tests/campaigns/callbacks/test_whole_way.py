"""From the queue to the callback: a caller presses 1, goes, and is called back by an agent who was reserved first."""

from typing import Any

import pytest
from sqlalchemy import Connection

from campaigns.callbacks import requests
from campaigns.callbacks.asked import CallbackAsked
from campaigns.ledger import audit
from cti.callers.requests import put_requests
from cti.callers.rows import CallbackRequest
from cti.switches.simulated.commands import Verdict
from cti.switches.simulated.options import FACTS
from tests.campaigns.api.site import site
from tests.scheduler import START_MS, TENANT, event
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


async def test_a_request_that_cannot_be_dealt_with_holds_up_no_other(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = requests.put

    def put(connection: Connection, asked: CallbackAsked, *more: Any) -> Any:
        if asked.number == NUMBER:
            raise ValueError("a defect")
        return inner(connection, asked, *more)

    monkeypatch.setattr(requests, "put", put)
    async with site(url) as it:
        await DiallingSwitch.declared(it.it, {})
        rows = [
            CallbackRequest(f"r{no}", TENANT, "/switches/s1", "call", number, "service", "queue", None, START_MS, None,
                            None, START_MS)
            for no, number in enumerate((NUMBER, "+8613800005678"))
        ]  # fmt: skip
        await it.in_ledger(lambda connection: put_requests(connection, rows))
        await it.it.to(20)
        (one,) = (await it.ask("GET", "/v1/callbacks", key="revealer")).json["callbacks"]
        assert one["number"] == "+8613800005678"
        lines = await it.context.reader.run(audit.lines, TENANT)
        assert [line["about"] for line in lines if line["what"] == "callback_refused"] == ["r0"]
        assert it.it.store.callbacks is not None
        assert await it.it.store.callbacks.read() == []
