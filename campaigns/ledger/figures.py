"""What the whole ledger says of campaigns at a moment, for the metrics: a few short queries over indexes.

Contacts are counted up to a limit, and only in classes of hours that are open: a million that wait for the morning
cost nothing.
"""

from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import Connection, and_, case, func, select, true

from campaigns.core.campaign import BEGUN, DIALS
from campaigns.core.reasons import WRITTEN, CampaignState, State
from campaigns.ledger import important, outbox
from campaigns.ledger.lanes import Lane
from campaigns.ledger.notices import ACKNOWLEDGED, EXPORTED, FAILED, PENDING, RECALLED
from campaigns.ledger.rows import CampaignRow, HoursClassRow
from campaigns.ledger.tables import (
    OPEN,
    UNDER_WAY,
    UNENDED,
    attempts,
    campaigns,
    contacts,
    hours_classes,
    imports,
    notice_batches,
    notices,
    outbound,
)

CONTACTS_COUNTED_MAX = 20_000  # of each figure: more are no other news
CLASSES_LOOKED_AT_MAX = 2_000
AT_RISK_MS = 2 * 3_600_000  # `notice_out_by` is nearer than this, and nobody was tried yet

IsOpen = Callable[[CampaignRow, HoursClassRow], bool]
"""Whether the hours of a class are open now."""


class Figures(NamedTuple):
    """One look. Times None: there is nothing of the kind."""

    at_ms: int
    due: int  # contacts of running campaigns that could be dialled now by their time and hours
    oldest_due_ms: int | None
    at_risk: int
    unknown: int
    notices: dict[str, int]
    oldest_pending_ms: int | None
    campaigns: dict[str, int]
    paused: dict[str, int]  # by why
    started_ms: int | None  # the newest start of a campaign that runs
    live: dict[Lane, int]
    frozen: int  # tenants
    feeds_silent: int  # tenants whose payments are not told
    calendar_until_ms: int  # the first instant of a year that nobody has announced
    unconfirmed: int  # important customers of outages that begin within two hours
    unpublished_ms: int | None  # when the oldest row of the outbox that no topic has was made


class Feeds(NamedTuple):
    """Payments of a tenant are to be told: last after `before_ms`; `always`: also where they never were."""

    before_ms: int
    always: bool
    kind: str  # of the campaigns that need them


def look(connection: Connection, now_ms: int, is_open: IsOpen, feeds: Feeds | None, calendar_until_ms: int) -> Figures:
    """All figures, in the caller's snapshot. `feeds` None: payments need not be told. `calendar_until_ms` goes with
    them.
    """
    states, paused = _campaigns(connection)
    running = _running(connection)
    due, oldest_due_ms = _due(connection, running, now_ms, is_open)
    counted, oldest_pending_ms = _notices(connection)
    started = [row.started_at_ms for row in running.values() if row.started_at_ms is not None]
    return Figures(
        at_ms=now_ms,
        due=due,
        oldest_due_ms=oldest_due_ms,
        at_risk=_at_risk(connection, now_ms),
        unknown=_unknown(connection),
        notices=counted,
        oldest_pending_ms=oldest_pending_ms,
        campaigns=states,
        paused=paused,
        started_ms=max(started, default=None),
        live=_live(connection),
        frozen=connection.scalar(select(func.count()).where(outbound.c.frozen == 1)) or 0,
        feeds_silent=0 if feeds is None else _feeds_silent(connection, feeds),
        calendar_until_ms=calendar_until_ms,
        unconfirmed=important.unconfirmed(connection, now_ms),
        unpublished_ms=outbox.oldest_ms(connection),
    )


def _feeds_silent(connection: Connection, feeds: Feeds) -> int:
    """Tenants."""
    heard = outbound.c.settlements_heard_ms
    silent = connection.scalar(select(func.count()).where(heard < feeds.before_ms)) or 0
    if not feeds.always:
        return silent
    with_feed = select(outbound.c.tenant).where(heard.is_not(None))
    needs = (UNDER_WAY, campaigns.c.kind == feeds.kind, campaigns.c.tenant.not_in(with_feed))
    return silent + (connection.scalar(select(func.count(campaigns.c.tenant.distinct())).where(*needs)) or 0)


def _campaigns(connection: Connection) -> tuple[dict[str, int], dict[str, int]]:
    """How many by state, and how many of those that are paused by why."""
    query = select(campaigns.c.state, campaigns.c.paused_why, func.count())
    states, paused = dict[str, int](), dict[str, int]()
    for state, why, count in connection.execute(query.group_by(campaigns.c.state, campaigns.c.paused_why)):
        states[state] = states.get(state, 0) + count
        if state == CampaignState.PAUSED and why is not None:
            paused[why] = paused.get(why, 0) + count
    return states, paused


def _running(connection: Connection) -> dict[str, CampaignRow]:
    """Campaigns that would dial: of tenants that are not frozen."""
    frozen = select(outbound.c.tenant).where(outbound.c.frozen == 1)
    query = select(campaigns).where(campaigns.c.state.in_(sorted(DIALS)), campaigns.c.tenant.not_in(frozen))
    return {row.id: CampaignRow(*row) for row in connection.execute(query)}


def _due(
    connection: Connection, running: dict[str, CampaignRow], now_ms: int, is_open: IsOpen
) -> tuple[int, int | None]:
    done = and_(
        imports.c.campaign == hours_classes.c.campaign, imports.c.no == hours_classes.c.import_no,
        imports.c.state == "done",
    )  # fmt: skip
    query = select(hours_classes).join(imports, done).join(campaigns, campaigns.c.id == hours_classes.c.campaign)
    query = query.where(campaigns.c.state.in_(sorted(DIALS))).limit(CLASSES_LOOKED_AT_MAX)
    total, oldest = 0, list[int]()
    for row in (HoursClassRow(*found) for found in connection.execute(query)):
        if row.campaign in running and is_open(running[row.campaign], row):
            count, first_ms = _due_of(connection, row, now_ms)
            total += count
            oldest += [] if first_ms is None else [first_ms]
    return min(total, CONTACTS_COUNTED_MAX), min(oldest, default=None)


def _due_of(connection: Connection, row: HoursClassRow, now_ms: int) -> tuple[int, int | None]:
    which = and_(
        contacts.c.campaign == row.campaign, contacts.c.hours_class == row.hours_class, contacts.c.next_at_ms <= now_ms,
        OPEN,
    )  # fmt: skip
    some = select(contacts.c.next_at_ms).where(which).order_by(contacts.c.next_at_ms).limit(CONTACTS_COUNTED_MAX)
    found = some.subquery()
    count, first_ms = connection.execute(select(func.count(), func.min(found.c.next_at_ms))).one()
    return count, first_ms


def _at_risk(connection: Connection, now_ms: int) -> int:
    """Contacts whose first attempt is due soon and has not been counted."""
    which = and_(
        campaigns.c.state.in_(sorted(BEGUN)),
        contacts.c.campaign == campaigns.c.id, OPEN,
        contacts.c.deadline_at_ms <= now_ms + AT_RISK_MS, contacts.c.notice_out_by_ms <= now_ms + AT_RISK_MS,
        contacts.c.notice_out_ms.is_(None), contacts.c.notice_missed == 0,
    )  # fmt: skip
    some = select(true()).select_from(campaigns, contacts).where(which).limit(CONTACTS_COUNTED_MAX).subquery()
    return connection.scalar(select(func.count()).select_from(some)) or 0


def _unknown(connection: Connection) -> int:
    """Contacts that nobody calls until somebody says what became of their last call."""
    which = and_(contacts.c.campaign == campaigns.c.id, contacts.c.state == State.UNKNOWN.value)
    some = select(true()).select_from(campaigns, contacts).where(which).limit(CONTACTS_COUNTED_MAX).subquery()
    return connection.scalar(select(func.count()).select_from(some)) or 0


def _notices(connection: Connection) -> tuple[dict[str, int], int | None]:
    """By state, and when the oldest that is pending was made. What is in batches is counted by them."""
    counted, oldest = dict[str, int](), None
    for state in (PENDING, RECALLED):
        which = and_(
            notices.c.tenant == campaigns.c.tenant, notices.c.campaign == campaigns.c.id, notices.c.state == state
        )
        query = select(func.count(), func.min(notices.c.created_at_ms)).select_from(campaigns).join(notices, which)
        counted[state], first_ms = connection.execute(query).one()
        oldest = first_ms if state == PENDING else oldest
    failed = func.coalesce(notice_batches.c.failed, 0)
    whole = func.sum(notice_batches.c.notices)
    by_state = select(notice_batches.c.state, whole, func.sum(failed)).group_by(notice_batches.c.state)
    batched = {state: (int(count), int(came_back)) for state, count, came_back in connection.execute(by_state)}
    counted[EXPORTED] = batched.get(EXPORTED, (0, 0))[0]
    count, counted[FAILED] = batched.get(ACKNOWLEDGED, (0, 0))
    counted[ACKNOWLEDGED] = count - counted[FAILED]
    return counted, oldest


def _live(connection: Connection) -> dict[Lane, int]:
    """Calls that are ordered and have not ended, by trunk group."""
    key = (campaigns.c.tenant, campaigns.c.switch, campaigns.c.trunk_group)
    calls = func.sum(case((and_(attempts.c.step == "open", attempts.c.channel.not_in(sorted(WRITTEN))), 1), else_=0))
    query = (
        select(*key, calls).select_from(campaigns).join(attempts, and_(attempts.c.campaign == campaigns.c.id, UNENDED))
    )
    return {Lane(*found[:3]): int(found[3]) for found in connection.execute(query.group_by(*key)) if found[3]}
