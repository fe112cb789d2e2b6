"""A reader of the output that goes away, as in `ringback campaign status ID | grep -q running`."""

import os

from campaigns.client.actions import start
from campaigns.client.terminal import Terminal
from campaigns.client.watching import until_over
from tests.campaigns.client.scripted_service import Service, door_to
from tests.campaigns.client.test_submission import campaign


def unread() -> Terminal:
    reader, writer = os.pipe()
    os.close(reader)
    return Terminal(os.fdopen(writer, "w", encoding="utf-8"), None)


async def test_what_was_begun_is_carried_to_its_end() -> None:
    service, terminal = Service(), unread()
    service.will("GET", "/campaigns/c1", (200, campaign("draft")), (200, campaign("running")))
    service.will("POST", "/campaigns/c1/start", (200, campaign("running")))
    async with door_to(service) as door:
        terminal.say("a first line")
        found = await start(door, "c1", True, terminal, {})
        assert found is not None
        assert found["state"] == "running"
    assert terminal.gone
    terminal.out.close()  # what is in the buffer goes nowhere, without an error


async def test_nobody_watches_any_more() -> None:
    service, terminal = Service(), unread()
    service.will("GET", "/campaigns/c1", (200, campaign("running")))
    async with door_to(service) as door:
        assert (await until_over(door, "c1", terminal))["state"] == "running"
    terminal.out.close()
