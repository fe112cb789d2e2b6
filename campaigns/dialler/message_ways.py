"""Where a message's order goes: to the campaign's own switch if that declares `sendMessage`, else to the tenant's
message gateway.

A switch's `sendMessage` is for SMS; fax goes where a gateway declares it. The orders of a lane that go to the gateway
have a lane of their own there, so that the lane's dialler finds them and no other's.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from campaigns.core.reasons import Channel
from campaigns.ledger.lanes import Lane
from cti.dial.declared import takes_messages
from cti.dial.ports import DialOrders
from cti.dial.rows import MESSAGE_GATEWAY
from cti.hosting import DeclaredSwitch

BETWEEN = " "  # no switch's id and no trunk group's name has one


class Way(NamedTuple):
    """The places of an order: `switch` and `lane` as the ledger keeps them, `source` of what it becomes."""

    switch: str
    source: str
    lane: str


Ways = Mapping[Channel, Way]


def gateway_lane(lane: Lane) -> str:
    """The lane's orders at its tenant's message gateway."""
    return f"{lane.switch}{BETWEEN}{lane.trunk_group}"


def ways_of(lane: Lane, declared: DeclaredSwitch | None, channels: Collection[Channel]) -> Ways:
    """`channels`: those that the tenant's gateway declares; none: it has no gateway."""
    gateway = Way(MESSAGE_GATEWAY, MESSAGE_GATEWAY, gateway_lane(lane))
    ways = dict.fromkeys(channels, gateway)
    if declared is not None and takes_messages(declared.declaration):
        ways[Channel.SMS] = Way(lane.switch, declared.source, lane.trunk_group)
    return ways


def live_channels(ways: Ways, *, switch_heard: bool, gateway_live: bool) -> frozenset[Channel]:
    """The written channels by which something can be sent now."""
    live = {channel: gateway_live if way.switch == MESSAGE_GATEWAY else switch_heard for channel, way in ways.items()}
    return frozenset(channel for channel, is_live in live.items() if is_live)


async def is_gateway_live(dial: DialOrders, tenant: str, ways: Ways) -> bool:
    """Whether the tenant's message gateway is there; asked only where something would go to it. Raises LedgerAway."""
    if not any(way.switch == MESSAGE_GATEWAY for way in ways.values()):
        return False
    return (await dial.standing(tenant, MESSAGE_GATEWAY, MESSAGE_GATEWAY)).alive
