"""Whether a campaign's switch can be dialled on, by what it declared. The queue cannot be checked: nobody declares
which queues there are.
"""

from collections.abc import Iterator

from campaigns.context import Context
from campaigns.dialler.orders import NEEDED, OUTBOUND, trunk_group
from campaigns.errors import CannotDial, Lacks
from campaigns.ledger.rows import CampaignRow
from cti.hosting import DeclaredSwitch

HEARTBEAT = "switchHeartbeat"


async def check(context: Context, row: CampaignRow) -> None:
    """Raises CannotDial with all that is missing."""
    lacks = list(lacking(await context.declared(row.tenant, row.switch), row))
    if lacks:
        raise CannotDial(lacks)


def lacking(declared: DeclaredSwitch | None, row: CampaignRow) -> Iterator[Lacks]:
    """What the campaign needs and its switch did not declare."""
    if declared is None:
        yield Lacks("/switch", f"The switch {row.switch} is not declared")
        return
    declaration = declared.declaration
    if declaration.get("outbound") != OUTBOUND:
        yield Lacks("/switch", f"The switch {row.switch} did not declare `outbound`: {OUTBOUND}")
    commands = declaration.get("commands") or ()
    for command in NEEDED:
        if command not in commands:
            yield Lacks("/switch", f"The switch {row.switch} did not declare the command {command}")
    facts = declaration.get("facts")
    if facts is not None and HEARTBEAT not in facts:
        yield Lacks("/switch", f"The switch {row.switch} reports no {HEARTBEAT}")
    if trunk_group(declaration, row.trunk_group) is None:
        yield Lacks("/trunk_group", f"The switch {row.switch} did not declare the trunk group {row.trunk_group}")
