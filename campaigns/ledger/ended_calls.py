"""The calls that ended last: of a campaign, of all campaigns that lead to a queue."""

from sqlalchemy import ColumnElement, Connection, select

from campaigns.core.reasons import WRITTEN, Channel
from campaigns.ledger.rows import AttemptRow
from campaigns.ledger.tables import UNDER_WAY, attempts, campaigns

_NO_CALL = sorted(channel.value for channel in WRITTEN | {Channel.PERSON})


def last_calls(connection: Connection, campaign: str, since_ms: int, limit: int) -> list[AttemptRow]:
    """Calls of a campaign that were decided since then and came to something, the last ended first."""
    return _last(connection, attempts.c.campaign == campaign, since_ms, limit)


def last_to_queue(
    connection: Connection, tenant: str, switch: str, queue: str, since_ms: int, limit: int
) -> list[AttemptRow]:
    """The same of all campaigns under way whose key 0 leads to a queue of a switch."""
    columns = campaigns.c
    here = (columns.tenant == tenant, columns.switch == switch, columns.queue == queue)
    leading = list(connection.scalars(select(columns.id).where(*here, UNDER_WAY)))
    return _last(connection, attempts.c.campaign.in_(leading), since_ms, limit) if leading else []


def _last(connection: Connection, which: ColumnElement[bool], since_ms: int, limit: int) -> list[AttemptRow]:
    columns = attempts.c
    ended = (columns.ended_at_ms >= since_ms, columns.decided_at_ms >= since_ms, columns.disposition.is_not(None))
    query = select(attempts).where(which, *ended, columns.channel.not_in(_NO_CALL))
    query = query.order_by(columns.ended_at_ms.desc(), columns.contact, columns.n.desc()).limit(limit)
    return [AttemptRow._make(row) for row in connection.execute(query)]
