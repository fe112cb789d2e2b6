"""Whether a campaign's switch can be dialled on, by what it declared. The queue cannot be checked: nobody declares
which queues there are.
"""

import json
from collections.abc import Collection, Iterator

from campaigns.context import Context
from campaigns.core.reasons import Channel
from campaigns.dialler.message_ways import ways_of
from campaigns.errors import CannotDial, Lacks
from campaigns.ledger.lanes import Lane
from campaigns.ledger.rows import CampaignRow
from cti.dial.declared import (
    HEARTBEAT,
    OUTBOUND,
    commands_lacked,
    has_heartbeats,
    is_outbound,
    takes_agent_first,
    trunk_groups,
)
from cti.hosting import DeclaredSwitch


async def check(context: Context, row: CampaignRow) -> None:
    """Raises CannotDial with all that is missing."""
    declared = await context.declared(row.tenant, row.switch)
    lacks = [*lacking(declared, row), *no_way(declared, row, context.channels(row.tenant))]
    if lacks:
        raise CannotDial(lacks)


def lacking(declared: DeclaredSwitch | None, row: CampaignRow) -> Iterator[Lacks]:
    """What the campaign needs and its switch did not declare."""
    if declared is None:
        yield Lacks("/switch", f"The switch {row.switch} is not declared")
        return
    declaration = declared.declaration
    if not is_outbound(declaration):
        yield Lacks("/switch", f"The switch {row.switch} did not declare `outbound`: {OUTBOUND}")
    for command in commands_lacked(declaration):
        yield Lacks("/switch", f"The switch {row.switch} did not declare the command {command}")
    if not has_heartbeats(declaration):
        yield Lacks("/switch", f"The switch {row.switch} reports no {HEARTBEAT}")
    if row.trunk_group not in trunk_groups(declaration):
        yield Lacks("/trunk_group", f"The switch {row.switch} did not declare the trunk group {row.trunk_group}")
    if Channel.AGENT in json.loads(row.channels):
        yield from _no_agents(declared, row)


def _no_agents(declared: DeclaredSwitch, row: CampaignRow) -> Iterator[Lacks]:
    """Without an agent who is there first the called party would hear nothing."""
    if not takes_agent_first(declared.declaration):
        yield Lacks("/channels", f"The switch {row.switch} did not declare `agent_first`: it cannot reserve an agent")
    if row.queue is None:
        yield Lacks("/queue", "The channel `agent` needs a queue whose agents call")


def no_way(declared: DeclaredSwitch | None, row: CampaignRow, channels: Collection[Channel]) -> Iterator[Lacks]:
    """Fax needs a message gateway that declares it. An SMS waits for one, as for a gateway that is away: the campaign
    calls those whom no message can reach. `channels`: those that the tenant's gateway declares.
    """
    ways = ways_of(Lane(row.tenant, row.switch, row.trunk_group), declared, channels)
    if Channel.FAX in json.loads(row.channels) and Channel.FAX not in ways:
        yield Lacks("/channels", "No message gateway of the tenant declares fax")
