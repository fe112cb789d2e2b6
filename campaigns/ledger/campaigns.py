"""Campaigns: made, read, moved from state to state, with their history."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, and_, case, func, insert, or_, select, update

from campaigns.core.campaign import CAMPAIGN_TABLE, moved
from campaigns.core.reasons import CampaignState, CampaignStep
from campaigns.errors import Stale, WrongState
from campaigns.ledger.rows import CampaignRow, HistoryRow
from campaigns.ledger.tables import UNDER_WAY, campaigns, history
from cti.sql.bulk import insertion
from cti.sql.point import all_of, rows_of

CREATED = "created"
TOLD_AS: Mapping[CampaignStep, str] = MappingProxyType(
    {
        CampaignStep.START: "started",
        CampaignStep.APPROVE: "approved",
        CampaignStep.APPROVAL_VOID: "approval_void",
        CampaignStep.SCHEDULE: "scheduled",
        CampaignStep.NOT_STARTED: "not_started",
        CampaignStep.STILL_APPROVED: "not_started",
        CampaignStep.DRAIN: "draining",
        CampaignStep.PAUSE: "paused",
        CampaignStep.RESUME: "resumed",
        CampaignStep.RESUME_DRAIN: "resumed",
        CampaignStep.STOP: "stopping",
        CampaignStep.STOP_ACKNOWLEDGED: "stopped",
        CampaignStep.ALL_FINAL: "done",
        CampaignStep.EXPIRY: "expired",
        CampaignStep.REVISION: "revised",
    }
)
"""What a step is called in the history."""

_HELD_UP = frozenset(  # with a reason that is shown until it is moved again
    {CampaignStep.PAUSE, CampaignStep.NOT_STARTED, CampaignStep.STILL_APPROVED, CampaignStep.APPROVAL_VOID}
)
_KEEPS_REASON = frozenset({CampaignStep.APPROVE, CampaignStep.DRAIN})  # in a pause
_ENDS = frozenset({CampaignState.STOPPED, CampaignState.DONE, CampaignState.EXPIRED})

_insert = insertion(campaigns)


class Schedule(NamedTuple):
    """When a campaign starts by itself, with how many contacts; whether beside another of the same (0, 1)."""

    at_ms: int
    contacts: int
    overlap: int


def make(connection: Connection, row: CampaignRow) -> None:
    """A new campaign, and the first line of its history."""
    _insert(connection, [row])
    add_history(connection, row.id, row.made_at_ms, CREATED, row.made_by)


_BY_ID = all_of(campaigns, "WHERE id = ?")


def read(connection: Connection, campaign: str, tenant: str | None = None) -> CampaignRow | None:
    """None: there is none, or it is another tenant's."""
    found = rows_of(connection, _BY_ID, campaign)
    row = _row(found[0]) if found else None
    return row if row is None or tenant in {None, row.tenant} else None


def page(
    connection: Connection,
    tenant: str,
    *,
    state: str | None = None,
    switches: Collection[str] | None = None,
    after: tuple[int, str] | None = None,
    limit: int,
) -> list[CampaignRow]:
    """A tenant's campaigns, the newest first, after (made_at_ms, id). `switches` None: of any."""
    query = select(campaigns).where(campaigns.c.tenant == tenant)
    if state is not None:
        query = query.where(campaigns.c.state == state)
    if switches is not None:
        query = query.where(campaigns.c.switch.in_(sorted(switches)))
    if after is not None:
        made_at_ms, campaign = after
        older = campaigns.c.made_at_ms < made_at_ms
        query = query.where(or_(older, and_(campaigns.c.made_at_ms == made_at_ms, campaigns.c.id < campaign)))
    query = query.order_by(campaigns.c.made_at_ms.desc(), campaigns.c.id.desc()).limit(limit)
    return [_row(found) for found in connection.execute(query)]


def of_lane(connection: Connection, tenant: str, switch: str, trunk_group: str) -> list[CampaignRow]:
    """Those of a trunk group that have not ended."""
    columns = campaigns.c
    here = (columns.tenant == tenant, columns.switch == switch, columns.trunk_group == trunk_group)
    return [_row(found) for found in connection.execute(select(campaigns).where(*here, UNDER_WAY))]


def lock(connection: Connection, campaign: str, tenant: str, *, share: bool = False) -> CampaignRow | None:
    """The campaign as it is, locked until the transaction ends: no turn changes it or one of its contacts meanwhile."""
    query = select(campaigns).where(campaigns.c.id == campaign, campaigns.c.tenant == tenant)
    found = connection.execute(query.with_for_update(read=share)).one_or_none()
    return None if found is None else _row(found)


def state_of(campaign: str) -> Select[str]:
    """Its state, as a query that may lock its row; of one that drains `draining`, though it is paused."""
    drains = case((campaigns.c.draining == 1, CampaignState.DRAINING.value), else_=campaigns.c.state)
    over = campaigns.c.state.not_in((CampaignState.PAUSED.value,))
    return select(case((over, campaigns.c.state), else_=drains)).where(campaigns.c.id == campaign)


def allowed_in(step: CampaignStep) -> list[str]:
    """The states that allow a step."""
    return sorted(before.value for before, taken in CAMPAIGN_TABLE if taken is step)


def set_state(
    connection: Connection,
    row: CampaignRow,
    step: CampaignStep,
    who: str,
    at_ms: int,
    *,
    why: str | None = None,
    live: str | None = None,
    schedule: Schedule | None = None,
) -> CampaignRow:
    """The campaign after a step, with a line of history. `why`: of a pause, of what was not started or is void; of an
    approval its digest. `live`: of a stop. `schedule`: of one that is to start by itself.

    Raises WrongState; Stale where the row is not as it was read.
    """
    state = moved(CampaignState(row.state), step)
    if state is None:
        raise WrongState(row.state, step.value, allowed_in(step))
    begins = step in {CampaignStep.START, CampaignStep.RESUME, CampaignStep.RESUME_DRAIN}
    kept_why = row.paused_why if step in _KEEPS_REASON and state is CampaignState.PAUSED else None
    start_at_ms, start_contacts, start_overlap = schedule or (None, None, None)
    after = row._replace(
        state=state.value,
        paused_why=why if step in _HELD_UP else kept_why,
        live=live if step is CampaignStep.STOP else row.live,
        started_at_ms=at_ms if step is CampaignStep.START else row.started_at_ms,
        resumed_at_ms=at_ms if begins else row.resumed_at_ms,
        ended_at_ms=at_ms if state in _ENDS else None,
        start_at_ms=start_at_ms,
        start_contacts=start_contacts,
        start_overlap=start_overlap,
        draining=1 if step is CampaignStep.DRAIN else row.draining,
        version=row.version + 1,
    )
    mine = (campaigns.c.id == row.id, campaigns.c.version == row.version)
    if connection.execute(update(campaigns).where(*mine).values(after._asdict())).rowcount != 1:
        raise Stale("campaigns")
    add_history(connection, row.id, at_ms, TOLD_AS[step], who, why=why, until_ms=start_at_ms)
    return after


def replace(connection: Connection, row: CampaignRow, after: CampaignRow) -> CampaignRow:
    """Other settings, and the next version: a turn that has read the old ones is undone. Raises Stale."""
    after = after._replace(version=row.version + 1)
    mine = (campaigns.c.id == row.id, campaigns.c.version == row.version)
    if connection.execute(update(campaigns).where(*mine).values(after._asdict())).rowcount != 1:
        raise Stale("campaigns")
    return after


def touch(connection: Connection, row: CampaignRow) -> CampaignRow:
    """The campaign with its next version, so that a turn which has read it is undone. Raises Stale."""
    return replace(connection, row, row)


def add_history(
    connection: Connection,
    campaign: str,
    at_ms: int,
    what: str,
    who: str,
    *,
    why: str | None = None,
    rule: str | None = None,
    until_ms: int | None = None,
) -> None:
    """One more line. The campaign's row is locked by the caller, or new: numbers rise by one."""
    last = connection.scalar(select(func.max(history.c.no)).where(history.c.campaign == campaign))
    line = HistoryRow(
        campaign=campaign, no=(last or 0) + 1, at_ms=at_ms, what=what, why=why, rule=rule, until_ms=until_ms, who=who
    )
    connection.execute(insert(history).values(line._asdict()))


def _row(found: Row[Any] | tuple[Any, ...]) -> CampaignRow:
    return CampaignRow._make(found)
