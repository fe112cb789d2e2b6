"""Campaigns: made, read, moved from state to state, with their history."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, or_, select, update

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
        CampaignStep.PAUSE: "paused",
        CampaignStep.RESUME: "resumed",
        CampaignStep.STOP: "stopping",
        CampaignStep.STOP_ACKNOWLEDGED: "stopped",
        CampaignStep.ALL_FINAL: "done",
        CampaignStep.EXPIRY: "expired",
    }
)
"""What a step is called in the history."""

_ENDS = frozenset({CampaignState.STOPPED, CampaignState.DONE, CampaignState.EXPIRED})

_insert = insertion(campaigns)


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
) -> CampaignRow:
    """The campaign after a step, with a line of history. `why`: of a pause. `live`: of a stop.

    Raises WrongState; Stale where the row is not as it was read.
    """
    state = moved(CampaignState(row.state), step)
    if state is None:
        raise WrongState(row.state, step.value, allowed_in(step))
    begins = step in {CampaignStep.START, CampaignStep.RESUME}
    after = row._replace(
        state=state.value,
        paused_why=why if step is CampaignStep.PAUSE else None,
        live=live if step is CampaignStep.STOP else row.live,
        started_at_ms=at_ms if step is CampaignStep.START else row.started_at_ms,
        resumed_at_ms=at_ms if begins else row.resumed_at_ms,
        ended_at_ms=at_ms if state in _ENDS else row.ended_at_ms,
        version=row.version + 1,
    )
    mine = (campaigns.c.id == row.id, campaigns.c.version == row.version)
    if connection.execute(update(campaigns).where(*mine).values(after._asdict())).rowcount != 1:
        raise Stale("campaigns")
    add_history(connection, row.id, at_ms, TOLD_AS[step], who, why=why)
    return after


def touch(connection: Connection, row: CampaignRow) -> CampaignRow:
    """The campaign with its next version, so that a turn which has read it is undone. Raises Stale."""
    mine = (campaigns.c.id == row.id, campaigns.c.version == row.version)
    if connection.execute(update(campaigns).where(*mine).values(version=row.version + 1)).rowcount != 1:
        raise Stale("campaigns")
    return row._replace(version=row.version + 1)


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
    line = HistoryRow(campaign, (last or 0) + 1, at_ms, what, why, rule, until_ms, who)
    connection.execute(insert(history).values(line._asdict()))


def _row(found: Row[Any] | tuple[Any, ...]) -> CampaignRow:
    return CampaignRow._make(found)
