"""After an emergency was approved, whoever waits is looked at: the hours for which he waits may hold no more.

The first of them are looked at in the transaction of the approval (`emergencies`), the others in pieces by the owner of
the lane: a storm has a million of them, and no transaction may last that long.
"""

from sqlalchemy import Connection

from campaigns.context import Context
from campaigns.dialler.actions import held, run_each
from campaigns.errors import NotFound
from campaigns.ledger import contacts, emergencies
from campaigns.ledger.rows import CampaignRow, EmergencyRow
from campaigns.ledger.turns import LaneRead

AT_ONCE = 1_000  # contacts in one transaction


def look_at_some(connection: Connection, row: EmergencyRow, now_ms: int) -> EmergencyRow:
    """One piece. The campaign's row is locked."""
    upto = contacts.look_at_some(connection, row.campaign, row.looked_to or 0, now_ms, AT_ONCE)
    return row._replace(looked_to=upto)


class EmergencyLooks:
    """Lets the waiting contacts of one lane be looked at again when an emergency begins."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._done: set[tuple[str, int]] = set()  # campaigns, and since when the emergency holds

    async def look(self, lane: LaneRead) -> bool:
        """One piece of each campaign that has some; whether any was left. Raises LedgerAway, OutcomeUnknown."""
        found = False
        for row in lane.campaigns:
            since_ms = row.emergency_from_ms
            if since_ms is None or (row.id, since_ms) in self._done:
                continue
            if await self._look(row):
                found = True
            else:
                self._done.add((row.id, since_ms))
        return found

    async def _look(self, row: CampaignRow) -> bool:
        now_ms = self._context.now_ms()
        if not await self._context.reader.run(_left, row.id, now_ms):
            return False

        def act(connection: Connection) -> None:
            held(connection, row.tenant, row.id)
            for emergency in _left(connection, row.id, now_ms):
                emergencies.replace(connection, look_at_some(connection, emergency, now_ms))

        try:
            await self._context.write(run_each, act)
        except NotFound:
            return False
        return True


def _left(connection: Connection, campaign: str, now_ms: int) -> list[EmergencyRow]:
    """The emergency that holds, where contacts are left."""
    lasting = emergencies.lasting(connection, campaign, now_ms)
    return [
        emergency for emergency in lasting if emergency.approved_at_ms is not None and emergency.looked_to is not None
    ]
