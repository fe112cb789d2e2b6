"""Exceptions to the quiet hours of a campaign: asked for, approved, ended."""

from sqlalchemy import Connection, func, select, update

from campaigns.ledger.rows import EmergencyRow
from campaigns.ledger.tables import emergencies
from cti.sql.bulk import insertion

_put = insertion(emergencies)


def last(connection: Connection, campaign: str) -> EmergencyRow | None:
    """The newest."""
    query = select(emergencies).where(emergencies.c.campaign == campaign).order_by(emergencies.c.no.desc()).limit(1)
    found = connection.execute(query).one_or_none()
    return None if found is None else EmergencyRow._make(found)


def lasting(connection: Connection, campaign: str, now_ms: int) -> list[EmergencyRow]:
    """Those whose time is not over and that nobody has ended, approved or not, the oldest first."""
    columns = emergencies.c
    mine = (columns.campaign == campaign, columns.ended_at_ms.is_(None), columns.until_ms > now_ms)
    found = connection.execute(select(emergencies).where(*mine).order_by(columns.no))
    return [EmergencyRow._make(row) for row in found]


def put(connection: Connection, row: EmergencyRow) -> EmergencyRow:
    """With the next number of its campaign, whose row is locked."""
    newest = connection.scalar(select(func.max(emergencies.c.no)).where(emergencies.c.campaign == row.campaign))
    made = row._replace(no=(newest or 0) + 1)
    _put(connection, [made])
    return made


def replace(connection: Connection, row: EmergencyRow) -> EmergencyRow:
    """What was decided about one. The campaign's row is locked."""
    mine = (emergencies.c.campaign == row.campaign, emergencies.c.no == row.no)
    connection.execute(update(emergencies).where(*mine).values(row._asdict()))
    return row
