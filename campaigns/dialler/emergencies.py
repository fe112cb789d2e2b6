"""An emergency of an outage: an exception to the quiet hours, asked for by one key and approved by another.

It begins with its approval and ends by itself, LAST_MS after it was asked for at the latest, or before, when somebody
ends it. The campaign's row has it, and the core judges by that (`calling_hours`, rule 4). Its version rises each time:
a turn that has read it otherwise is undone. A new one takes the place of the last only with its own approval: until
then the one before holds. To end it is to end whatever holds or was asked for.
"""

from collections.abc import Callable

from sqlalchemy import Connection

from campaigns.context import Context
from campaigns.core.calling_hours import EMERGENCY_KIND
from campaigns.core.campaign import BEGUN, NOT_BEGUN
from campaigns.core.reasons import Why
from campaigns.core.zones import DAY_MS
from campaigns.dialler.actions import Done, held, withdraw_unsent, write
from campaigns.dialler.emergency_looks import look_at_some
from campaigns.dialler.withdrawal import Withdrawn
from campaigns.errors import NoEmergency, SecondKeyNeeded, WrongState
from campaigns.ledger import campaigns, emergencies
from campaigns.ledger.approvals import key_id
from campaigns.ledger.rows import CampaignRow, EmergencyRow

ASK, APPROVE = "emergency", "approve an emergency"
ALLOWED = tuple(sorted(state.value for state in NOT_BEGUN | BEGUN))
LAST_MS = DAY_MS

Note = Callable[[Connection, EmergencyRow], None]
"""A line of the audit log, in the same transaction."""


def ask(connection: Connection, of: CampaignRow, reason: str, until_ms: int, now_ms: int, who: str) -> EmergencyRow:
    """Nothing is allowed by it yet. Raises NotFound, WrongState, NoEmergency."""
    row = _held(connection, of.tenant, of.id, ASK)
    if row.kind != EMERGENCY_KIND:
        raise NoEmergency(f"Only campaigns of the kind {EMERGENCY_KIND} have exceptions to the quiet hours")
    if not now_ms < until_ms <= now_ms + LAST_MS:
        raise NoEmergency("`until` lies in the future, and within a day from now")
    return emergencies.put(connection, EmergencyRow(row.id, 0, reason, until_ms, now_ms, who))


async def approve(context: Context, tenant: str, campaign: str, no: int, who: str, note: Note) -> CampaignRow:
    """It holds from now on. Raises NotFound, WrongState, NoEmergency, SecondKeyNeeded."""
    now_ms = context.now_ms()

    def act(connection: Connection) -> Done[CampaignRow]:
        row = _held(connection, tenant, campaign, APPROVE)
        last = emergencies.last(connection, campaign)
        if row.kind != EMERGENCY_KIND or last is None or last.no != no:
            raise NoEmergency("The last one that was asked for has another number" if last else "None was asked for")
        if last.approved_at_ms is not None or last.ended_at_ms is not None or last.until_ms <= now_ms:
            raise NoEmergency("It was decided on already, or its time is over")
        if key_id(who) == key_id(last.asked_by):
            raise SecondKeyNeeded(who)
        for before in emergencies.lasting(connection, campaign, now_ms):
            if before.no != no:
                emergencies.replace(connection, before._replace(ended_at_ms=now_ms, ended_by=who))
        approved = last._replace(approved_at_ms=now_ms, approved_by=who)
        made = emergencies.replace(connection, look_at_some(connection, approved, now_ms))
        holds = row._replace(emergency_from_ms=now_ms, emergency_until_ms=made.until_ms)
        after = campaigns.replace(connection, row, holds)
        note(connection, made)
        return Done(after, Withdrawn())

    return await write(context, act)


async def end(context: Context, tenant: str, campaign: str, who: str, note: Note) -> CampaignRow:
    """From now on the quiet hours hold again; orders that were not sent are taken back, and decided on anew.

    Raises NotFound, NoEmergency.
    """
    now_ms = context.now_ms()

    def act(connection: Connection) -> Done[CampaignRow]:
        row = held(connection, tenant, campaign)
        if emergencies.last(connection, campaign) is None:
            raise NoEmergency("None was asked for")
        lasting = emergencies.lasting(connection, campaign, now_ms)
        if not lasting:
            return Done(row, Withdrawn())
        after = campaigns.replace(connection, row, row._replace(emergency_from_ms=None, emergency_until_ms=None))
        took = withdraw_unsent(context, connection, after, Why.QUIET_HOURS, now_ms)
        for emergency in lasting:
            note(connection, emergencies.replace(connection, emergency._replace(ended_at_ms=now_ms, ended_by=who)))
        return Done(after, took)

    return await write(context, act)


def _held(connection: Connection, tenant: str, campaign: str, action: str) -> CampaignRow:
    row = held(connection, tenant, campaign)
    if row.state not in ALLOWED:
        raise WrongState(row.state, action, ALLOWED)
    return row
