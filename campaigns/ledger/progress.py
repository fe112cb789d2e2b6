"""The figures of a campaign: counted in indexes alone, in one transaction."""

from typing import NamedTuple

from sqlalchemy import Connection, and_, case, func, select

from campaigns.core.reasons import Channel
from campaigns.ledger.tables import (
    OPEN,
    UNENDED,
    attempts,
    contacts,
    hours_classes,
    imports,
    notices,
    outbound,
    refusals,
)

DIALLED = "dialled"
DONE = "done"
WAITING = "waiting"


class ContactFigures(NamedTuple):
    """The figures of the contacts in one state. `at_risk`: nobody was tried, and `notice_out_by` is
    before an instant.
    """

    state: str
    contacts: int
    met: int
    missed: int
    at_risk: int


class AttemptFigures(NamedTuple):
    """The figures of the attempts with one disposition; None: under way."""

    disposition: str | None
    attempts: int
    counted: int


class HoursClass(NamedTuple):
    """A class that has contacts who wait, and when the first of them is due."""

    customer_class: str
    zones: str
    next_at_ms: int


def contact_figures(connection: Connection, campaign: str, risk_before_ms: int) -> list[ContactFigures]:
    """By state."""
    columns = contacts.c
    out_by = columns.notice_out_by_ms.is_not(None)
    met = and_(out_by, columns.notice_out_ms.is_not(None), columns.notice_missed == 0)
    risk = and_(columns.notice_out_ms.is_(None), columns.notice_missed == 0, columns.notice_out_by_ms <= risk_before_ms)
    query = (
        select(
            columns.state,
            func.count(),
            func.sum(case((met, 1), else_=0)),
            func.sum(columns.notice_missed),
            func.sum(case((and_(OPEN, risk), 1), else_=0)),
        )
        .where(columns.campaign == campaign)
        .group_by(columns.state)
    )
    return [ContactFigures(state, *map(int, figures)) for state, *figures in connection.execute(query)]


def attempt_figures(connection: Connection, campaign: str) -> list[AttemptFigures]:
    """What was dialled or sent, by disposition. A person's word is no attempt."""
    columns = attempts.c
    query = (
        select(columns.disposition, func.count(), func.sum(columns.counted))
        .where(columns.campaign == campaign, columns.decision == DIALLED, columns.channel != Channel.PERSON.value)
        .group_by(columns.disposition)
    )
    return [AttemptFigures(disposition, int(n), int(counted)) for disposition, n, counted in connection.execute(query)]


def live(connection: Connection, campaign: str) -> int:
    """Attempts under way."""
    query = select(func.count()).where(attempts.c.campaign == campaign, UNENDED, attempts.c.step == "open")
    return int(connection.scalar(query) or 0)


def refused(connection: Connection, campaign: str) -> dict[str, int]:
    """Refusals by reason."""
    columns = refusals.c
    query = select(columns.why, func.count()).where(columns.campaign == campaign).group_by(columns.why)
    return {why: int(n) for why, n in connection.execute(query)}


def notices_by_state(connection: Connection, tenant: str, campaign: str) -> dict[str, int]:
    """Notices by state."""
    columns = notices.c
    query = select(columns.state, func.count()).where(columns.tenant == tenant, columns.campaign == campaign)
    return {state: int(n) for state, n in connection.execute(query.group_by(columns.state))}


def waiting_classes(connection: Connection, campaign: str) -> list[HoursClass]:
    """The classes of hours that have contacts who wait, of imports that are done."""
    first = (
        select(contacts.c.next_at_ms)
        .where(
            contacts.c.campaign == campaign,
            contacts.c.hours_class == hours_classes.c.hours_class,
            OPEN,
            contacts.c.state == WAITING,
        )
        .order_by(contacts.c.next_at_ms)
        .limit(1)
        .correlate(hours_classes)
        .scalar_subquery()
    )
    done = and_(imports.c.campaign == campaign, imports.c.no == hours_classes.c.import_no, imports.c.state == DONE)
    query = (
        select(hours_classes.c.customer_class, hours_classes.c.zones, first)
        .join(imports, done)
        .where(hours_classes.c.campaign == campaign)
    )
    return [HoursClass(*found) for found in connection.execute(query) if found[2] is not None]


def is_frozen(connection: Connection, tenant: str) -> bool:
    """Whether the tenant's dialling is frozen."""
    return bool(connection.scalar(select(outbound.c.frozen).where(outbound.c.tenant == tenant)))
