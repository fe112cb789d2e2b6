"""Where a message goes, by what switch and gateway declare; and what a campaign with faxes needs to start."""

import json
from typing import Any

import pytest

from campaigns.core.reasons import Channel
from campaigns.dialler.ability import no_way
from campaigns.dialler.message_ways import Way, live_channels, ways_of
from campaigns.ledger.lanes import Lane
from cti.dial.rows import MESSAGE_GATEWAY
from cti.hosting import DeclaredSwitch
from tests.campaigns.dialler.rows import campaign_row

LANE = Lane("grid", "s1", "main")
BOTH = frozenset({Channel.SMS, Channel.FAX})
BY_SWITCH = Way("s1", "/switches/s1", "main")
BY_GATEWAY = Way(MESSAGE_GATEWAY, MESSAGE_GATEWAY, "s1 main")


def declared(*commands: str, **more: Any) -> DeclaredSwitch:
    return DeclaredSwitch("s1", "/switches/s1", {"outbound": 1, "commands": list(commands), **more})


@pytest.mark.parametrize(
    ("switch", "channels", "ways"),
    [
        (declared("makeCall", "sendMessage"), BOTH, {Channel.SMS: BY_SWITCH, Channel.FAX: BY_GATEWAY}),
        (declared("makeCall"), BOTH, {Channel.SMS: BY_GATEWAY, Channel.FAX: BY_GATEWAY}),
        (declared("makeCall"), {Channel.SMS}, {Channel.SMS: BY_GATEWAY}),
        (declared("makeCall", "sendMessage"), set(), {Channel.SMS: BY_SWITCH}),
        (declared("makeCall"), set(), {}),
        (None, {Channel.FAX}, {Channel.FAX: BY_GATEWAY}),
    ],
)
def test_a_message_goes_to_the_switch_that_declares_it_else_to_the_gateway(
    switch: DeclaredSwitch | None, channels: set[Channel], ways: dict[Channel, Way]
) -> None:
    assert ways_of(LANE, switch, channels) == ways


@pytest.mark.parametrize(
    ("heard", "live", "channels"),
    [(True, True, BOTH), (True, False, {Channel.SMS}), (False, True, {Channel.FAX}), (False, False, set())],
)
def test_each_channel_is_live_by_its_own_way(heard: bool, live: bool, channels: set[Channel]) -> None:
    ways = {Channel.SMS: BY_SWITCH, Channel.FAX: BY_GATEWAY}
    assert live_channels(ways, switch_heard=heard, gateway_live=live) == channels


@pytest.mark.parametrize(
    ("wanted", "has", "pointers"),
    [
        (["fax", "auto"], set(), ["/channels"]),
        (["fax", "auto"], {Channel.SMS}, ["/channels"]),
        (["fax", "auto"], BOTH, []),
        (["sms", "auto"], set(), []),
        (["auto"], set(), []),
    ],
)
def test_a_campaign_with_faxes_needs_a_gateway_that_declares_fax(
    wanted: list[str], has: set[Channel], pointers: list[str]
) -> None:
    row = campaign_row(channels=json.dumps(wanted))
    assert [lacks.pointer for lacks in no_way(declared("makeCall"), row, has)] == pointers
