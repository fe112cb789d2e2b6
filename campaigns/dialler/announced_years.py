"""Deadlines that were provisional, counted anew once the year that they reach into is announced.

A process knows the years that it began with (`campaigns.calendars`). The owner of a lane counts the working days of its
campaigns again, with the new year's file, in the campaign and in all contacts that are not final. What a manager asked
for stays, and so do the deadlines that a second key has approved, until the campaign has begun.
"""

from collections.abc import Sequence
from typing import NamedTuple

import structlog
from sqlalchemy import Connection

from campaigns.context import Context
from campaigns.core.campaign import BEGUN
from campaigns.core.deadlines import Deadlines, default_deadlines
from campaigns.core.reasons import CampaignState
from campaigns.dialler.actions import run_each
from campaigns.errors import Stale
from campaigns.ledger import attempts, audit, campaigns, provisional, withdrawing
from campaigns.ledger.compiled import campaign_of, contact_of, deadline_at_ms
from campaigns.ledger.imports import RECEIVING, RUNNING
from campaigns.ledger.rows import CampaignRow, ContactRow
from campaigns.ledger.turns import WHO, LaneRead
from cti.web.instants import rfc3339

AT_ONCE = 1_000  # contacts in one transaction
RECOUNTED = "deadlines_recounted"
UNDER_WAY = frozenset({RECEIVING, RUNNING})
CAN_BE = BEGUN | {CampaignState.DRAFT}

log = structlog.get_logger()


class Recounted(NamedTuple):
    """`moved`: something was written. `more`: contacts are left."""

    moved: bool
    more: bool


class AnnouncedYears:
    """Recounts the deadlines of one lane after a new year was announced."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._still: set[str] = set()  # campaigns that reach into a year which this process does not know

    async def look(self, lane: LaneRead) -> Recounted:
        """One piece of each campaign that has some. Raises LedgerAway, OutcomeUnknown."""
        moved = more = False
        for row in lane.campaigns:
            if not self._may(row) or row.id in lane.importing:
                continue
            own = self._own(row)
            if own.provisional:
                self._still.add(row.id)
                continue
            left = await self._recount(row, own)
            moved, more = True, more or left
        return Recounted(moved, more)

    def _may(self, row: CampaignRow) -> bool:
        is_own = bool(row.provisional) and not row.deadlines_given
        return is_own and row.id not in self._still and row.state in CAN_BE

    def _own(self, row: CampaignRow) -> Deadlines:
        rules = self._context.rules
        return default_deadlines(rules.deadlines, rules.hours.calendar, row.kind, row.received_at_ms, row.zone)

    async def _recount(self, row: CampaignRow, own: Deadlines) -> bool:
        """Whether contacts are left."""
        now_ms = self._context.now_ms()

        def act(connection: Connection) -> bool:
            return self._piece(connection, row, own, now_ms)

        try:
            left: bool = await self._context.write(run_each, act)
        except Stale:  # its manager was quicker
            return True
        if not left:
            log.info("deadlines were counted anew", action=RECOUNTED, campaign=row.id, tenant=row.tenant)
        return left

    def _piece(self, connection: Connection, row: CampaignRow, own: Deadlines, now_ms: int) -> bool:
        """The campaign is last: until then it is provisional, and what was cut off goes on. Raises Stale."""
        after = row._replace(
            notice_out_by_ms=own.notice_out_by_ms, fallback_by_ms=own.fallback_by_ms, expires_at_ms=own.expires_at_ms,
            provisional=0,
        )  # fmt: skip
        if campaigns.lock(connection, row.id, row.tenant) != row:
            raise Stale("campaigns")
        if any(state in UNDER_WAY for _, state in withdrawing.import_states(connection, row.id)):
            return True  # an import writes the deadlines that it began with
        some = provisional.with_other_deadlines(connection, after, AT_ONCE)
        if some:
            provisional.replace(connection, self._moved(connection, after, some, now_ms))
            return True
        campaigns.replace(connection, row, after)
        audit.note(connection, row.tenant, now_ms, WHO, RECOUNTED, row.id, _deadlines_changed(row, after))
        campaigns.add_history(connection, row.id, now_ms, RECOUNTED, WHO)
        return False

    def _moved(
        self, connection: Connection, after: CampaignRow, some: Sequence[ContactRow], now_ms: int
    ) -> list[ContactRow]:
        core = campaign_of(after, self._context.rules)
        tried = attempts.of_contacts(connection, [row.id for row in some])
        moved = []
        for row in some:
            new = row._replace(
                notice_out_by_ms=after.notice_out_by_ms,
                fallback_by_ms=after.fallback_by_ms,
                expires_at_ms=after.expires_at_ms,
            )
            at_ms = deadline_at_ms(new, contact_of(new, tried[row.id]), core, now_ms)
            moved.append(new._replace(deadline_at_ms=at_ms))
        return moved


def _deadlines_changed(before: CampaignRow, after: CampaignRow) -> dict[str, dict[str, str | None]]:
    """Each deadline, before and after."""

    def of(row: CampaignRow) -> dict[str, str | None]:
        instants = {
            "notice_out_by": row.notice_out_by_ms, "fallback_by": row.fallback_by_ms, "expires_at": row.expires_at_ms,
        }  # fmt: skip
        return {name: None if at_ms is None else rfc3339(at_ms) for name, at_ms in instants.items()}

    return {"before": of(before), "after": of(after)}
