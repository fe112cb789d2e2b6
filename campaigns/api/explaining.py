"""`explain` of a contact: what the dialler would decide about it now, from what is known at this moment."""

from collections.abc import Sequence

from campaigns.context import Context
from campaigns.core.explain import Explanation
from campaigns.core.explain_contact import explain_contact
from campaigns.core.penalty import NoFormula
from campaigns.core.waiting import World
from campaigns.core.zones import local_day
from campaigns.dialler.case import Case, Known, Moment, moment_of, order_valid_ms
from campaigns.dialler.message_ways import is_gateway_live, live_channels, ways_of
from campaigns.ledger import moment
from campaigns.ledger.compiled import campaign_of
from campaigns.ledger.lanes import Lane
from campaigns.ledger.moment import Person
from campaigns.ledger.rows import AttemptRow, CampaignRow, ContactRow
from campaigns.owed_today import owed_on
from cti.dial.declared import trunk_groups
from cti.hosting import DeclaredSwitch


async def explained(
    context: Context, row: CampaignRow, contact: ContactRow, tried: Sequence[AttemptRow]
) -> Explanation:
    """The answer of the function that the dialler asks. Raises LedgerAway."""
    case = Case(row, campaign_of(row, context.rules), contact, tried)
    now_ms = context.now_ms()
    days, until_ms = case.days_at(now_ms), now_ms + order_valid_ms(context.speed)
    lane = (row.switch, row.trunk_group)
    person = await context.reader.run(moment.person, row.tenant, days, case.lines, lane, now_ms, until_ms)
    case.bar(person.barred)
    declared = await context.declared(row.tenant, row.switch)
    now = await _moment(context, row, declared, person)
    ways = ways_of(Lane(row.tenant, *lane), declared, context.channels(row.tenant))
    gateway_live = await is_gateway_live(context.dial, row.tenant, ways)
    heard = now.stream_live and now.heard_ms is not None
    world = case.world(
        Known(busy=person.busy, calls=person.calls),
        now,
        live_messages=live_channels(ways, switch_heard=heard, gateway_live=gateway_live),
        amount_known=_is_known(context, row, contact, now.now_ms),
    )
    return explain_contact(case.contact, case.campaign, _with_room(world, row, declared, person), now.now_ms)


async def _moment(context: Context, row: CampaignRow, declared: DeclaredSwitch | None, person: Person) -> Moment:
    """A switch that has not declared itself was never heard of."""
    if declared is None:
        now_ms = context.now_ms()
        return Moment(now_ms, now_ms, None, False, True, True, person.frozen)
    standing = await context.dial.standing(row.tenant, row.switch, declared.source)
    # Steady: each dialler judges its own clocks.
    return moment_of(standing, context.now_ms(), context.speed, frozen=person.frozen, steady=True)


def _with_room(world: World, row: CampaignRow, declared: DeclaredSwitch | None, person: Person) -> World:
    groups = {} if declared is None else trunk_groups(declared.declaration)
    most = int(groups.get(row.trunk_group, {}).get("calls_at_once", row.calls_at_once))
    return world._replace(trunk_free=person.live < most)


def _is_known(context: Context, row: CampaignRow, contact: ContactRow, now_ms: int) -> bool:
    """Whether what is owed can be said on this day."""
    day = local_day(now_ms, row.zone)
    return not isinstance(owed_on(row.kind, contact, day, context.rules.penalties), NoFormula)
