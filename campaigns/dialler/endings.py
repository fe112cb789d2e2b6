"""How a campaign ends: all its contacts are final, its time is over, or its stop is acknowledged. One that stands waits
for more contacts until it is old.

Read after a turn, and written in a transaction of its own: the campaign's version keeps two diallers apart.
"""

from collections.abc import Collection

from sqlalchemy import Connection

from campaigns.context import Context
from campaigns.core.campaign import BEGUN, NOT_BEGUN, STANDING_ENDS_MS
from campaigns.core.reasons import CampaignState, CampaignStep
from campaigns.dialler import draining
from campaigns.dialler.actions import CLOSED_AT_ONCE, close_some, run_each, stop_acknowledged
from campaigns.dialler.clearing import clear_live
from campaigns.dialler.import_withdrawal import go_on
from campaigns.errors import Stale, WrongState
from campaigns.kinds import known_kinds
from campaigns.ledger import revisions, withdrawing
from campaigns.ledger.campaigns import set_state
from campaigns.ledger.rows import CampaignRow
from campaigns.ledger.turns import WHO, LaneRead
from campaigns.outages import revising
from campaigns.outages.items import can_be_revised

CHECK_MS = 30_000  # how often a campaign is looked at though nothing is known to have changed
_MAY_END = BEGUN | NOT_BEGUN


class Endings:
    """Ends the campaigns of one lane that are done. It remembers which campaigns it has looked at."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._looked: dict[str, tuple[int, bool, float]] = {}
        self._drained: dict[str, int] = {}  # versions in which nobody was left to cancel

    async def look(
        self,
        lane: LaneRead,
        changed: Collection[str],
    ) -> bool:
        """Move what has ended; whether anything was. `changed`: campaigns with contacts that have become final. One
        whose import is being withdrawn, or whose outage is being changed, does not end before.

        Raises LedgerAway, OutcomeUnknown.
        """
        moved, importing, withdrawing = False, lane.importing, lane.withdrawing
        for row in lane.campaigns:
            if row.state == CampaignState.STOPPING:
                moved = await self._stop(row) or moved
            elif row.draining and row.state in BEGUN and self._drained.get(row.id) != row.version:
                moved = await self._drain(row) or moved
            elif row.id in withdrawing and CampaignState(row.state) in _MAY_END:
                moved = any([await go_on(self._context, row, no) for no in withdrawing[row.id]]) or moved
            elif row.id in lane.revising and CampaignState(row.state) in _MAY_END:
                moved = await revising.go_on(self._context, row, lane.revising[row.id]) or moved
            elif CampaignState(row.state) in _MAY_END and self._is_due(row, row.id in importing, row.id in changed):
                moved = await self._end(row, row.id in importing) or moved
        return moved

    def _is_due(self, row: CampaignRow, importing: bool, changed: bool) -> bool:
        now_ms = self._context.clock.now_ms()
        version, was_importing, at_ms = self._looked.get(row.id, (-1, False, float("-inf")))
        if not changed and (version, was_importing) == (row.version, importing) and now_ms < at_ms + CHECK_MS:
            return False
        self._looked[row.id] = (row.version, importing, now_ms)
        return True

    async def _end(self, row: CampaignRow, importing: bool) -> bool:
        now_ms = self._context.now_ms()
        over = row.expires_at_ms is not None and row.expires_at_ms <= now_ms
        stands = known_kinds()[row.kind].stands and now_ms < row.made_at_ms + STANDING_ENDS_MS
        if importing or stands or (row.state in NOT_BEGUN and not over):
            return False
        if await self._context.reader.run(withdrawing.any_not_final, row.id):
            return False
        if can_be_revised(row.kind) and await self._context.reader.run(revisions.any_under_way, row.id):
            return False
        return await self._move(row, CampaignStep.EXPIRY if over else CampaignStep.ALL_FINAL)

    async def _drain(self, row: CampaignRow) -> bool:
        """Cancel the next of those with whom nothing was begun; once none is left, it ends as others do."""
        if await draining.go_on(self._context, row):
            return True
        self._drained[row.id] = row.version
        return False

    async def _stop(self, row: CampaignRow) -> bool:
        """Close its contacts piece by piece, clear its live calls if that was asked; stopped once nothing can leave."""
        await clear_live(self._context, row)

        def close(connection: Connection) -> int:
            return close_some(connection, row, CLOSED_AT_ONCE, self._context.now_ms())

        closed: int = await self._context.writer.run(run_each, close)
        if closed:
            return True
        if await self._context.reader.run(withdrawing.any_not_final, row.id):
            return False
        if not await stop_acknowledged(self._context, row):
            return False
        return await self._move(row, CampaignStep.STOP_ACKNOWLEDGED)

    async def _move(self, row: CampaignRow, step: CampaignStep) -> bool:
        """False: somebody was quicker."""
        now_ms = self._context.now_ms()

        def act(connection: Connection) -> CampaignRow:
            return set_state(connection, row, step, WHO, now_ms)

        try:
            await self._context.write(run_each, act)
        except (Stale, WrongState):
            return False
        return True
