"""What a rehearsal reads: a sample of the contacts that are not final, and what calls of the kind came to of late."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, select

from campaigns.core.reasons import FINAL_STATES, Channel, Disposition
from campaigns.ledger import attempts as tried
from campaigns.ledger.compiled import import_no
from campaigns.ledger.imported import last_no
from campaigns.ledger.progress import DIALLED, DONE
from campaigns.ledger.rows import AttemptRow, CampaignRow, ContactRow
from campaigns.ledger.tables import OPEN, attempts, campaigns, contacts, imports
from cti.sql.bulk import selection

SAMPLE = 1_000
CAMPAIGNS_MAX, CALLS_MAX = 5, 2_000  # the last campaigns of a kind, and the last calls of each
CALLED = (Channel.AUTO.value, Channel.AGENT.value)
_BY_ID = selection(contacts, [contacts.c.id])
_FINAL = frozenset(state.value for state in FINAL_STATES)


class Sample(NamedTuple):
    """`open`: contacts that are not final, in all imports."""

    contacts: Sequence[tuple[ContactRow, Sequence[AttemptRow]]]
    open: int


class Experience(NamedTuple):
    """Calls of one disposition, and how long they took on average, ringing included."""

    disposition: Disposition
    calls: int
    mean_ms: int


def sample(connection: Connection, row: CampaignRow) -> Sample:
    """At most SAMPLE contacts, evenly over the order of the files."""
    last = last_no(connection, row.id)
    picked = sorted({1 + at * last // SAMPLE for at in range(SAMPLE)}) if last > SAMPLE else range(1, last + 1)
    wanted = [(f"{row.id}-{no}",) for no in picked]
    found = (ContactRow._make(contact) for contact in _BY_ID.returning(connection, wanted))
    done = set(connection.scalars(select(imports.c.no).where(imports.c.campaign == row.id, imports.c.state == DONE)))
    rows = [contact for contact in found if contact.state not in _FINAL and import_no(contact.hours_class) in done]
    rows.sort(key=lambda contact: contact.no)
    of_them = tried.of_contacts(connection, [contact.id for contact in rows])
    count = select(func.count()).where(contacts.c.campaign == row.id, OPEN)
    return Sample([(contact, of_them[contact.id]) for contact in rows], int(connection.scalar(count) or 0))


def experience(connection: Connection, tenant: str, kind: str) -> list[Experience]:
    """What the tenant's last campaigns of this kind came to."""
    totals: dict[str, tuple[int, int]] = {}
    for campaign in _last(connection, tenant, kind):
        for disposition, calls, lasted_ms in connection.execute(_calls(campaign)):
            before = totals.get(disposition, (0, 0))
            totals[disposition] = (before[0] + int(calls), before[1] + int(lasted_ms))
    return [Experience(Disposition(name), calls, total // calls) for name, (calls, total) in sorted(totals.items())]


def _last(connection: Connection, tenant: str, kind: str) -> Sequence[str]:
    columns = campaigns.c
    query = select(columns.id).where(columns.tenant == tenant, columns.kind == kind, columns.started_at_ms.is_not(None))
    return connection.scalars(query.order_by(columns.made_at_ms.desc()).limit(CAMPAIGNS_MAX)).all()


def _calls(campaign: str) -> Select[Any]:
    columns = attempts.c
    last = (
        select(columns.disposition, (columns.ended_at_ms - columns.sent_at_ms).label("lasted_ms"))
        .where(
            columns.campaign == campaign,
            columns.decision == DIALLED,
            columns.channel.in_(CALLED),
            columns.disposition.is_not(None),
            columns.disposition != Disposition.UNKNOWN.value,
            columns.sent_at_ms.is_not(None),
            columns.ended_at_ms >= columns.sent_at_ms,
        )
        .order_by(columns.decided_at_ms.desc())
        .limit(CALLS_MAX)
        .subquery()
    )
    return select(last.c.disposition, func.count(), func.sum(last.c.lasted_ms)).group_by(last.c.disposition)
