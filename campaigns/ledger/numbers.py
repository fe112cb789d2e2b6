"""The numbers of contacts, so that who calls is found: written with each contact, dropped when nobody is looked for in
its campaign any more.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from pydantic_core import from_json
from sqlalchemy import ColumnElement, Connection, and_, delete, or_, select, tuple_

from campaigns.core.reasons import CampaignState
from campaigns.ledger import contacts, withdrawing
from campaigns.ledger.compiled import import_no
from campaigns.ledger.rows import CampaignRow, ContactRow
from campaigns.ledger.tables import NOT_ENDED, UNDER_WAY, campaigns, numbers
from cti.sql.bulk import Insertion, insertion, selection, slices
from cti.sql.point import all_of, rows_of

UNDER_WAY_MAX, ENDED_MAX = 200, 50  # campaigns of a tenant in which a caller is looked for; of more, the newest
OUTAGE_KEPT_MS = 31 * 86_400_000  # whom an outage concerns is looked for so long after its campaign has ended
PAIRS_AT_ONCE = 4_000  # (campaign, number)
FOUND_MAX = 2_000  # contacts, of the callers of one question
ROWS_A_TIME = 500

_insert = Insertion(numbers)
_add = insertion(numbers, tail="ON CONFLICT DO NOTHING")
_find = selection(numbers, [numbers.c.campaign, numbers.c.number])
_RUNNING = all_of(
    campaigns, "WHERE tenant = ? AND", NOT_ENDED,
    f"AND started_at_ms IS NOT NULL ORDER BY made_at_ms DESC, id LIMIT {UNDER_WAY_MAX}",
)  # fmt: skip
_OUTAGES = all_of(
    campaigns, "WHERE tenant = ? AND made_at_ms >= ? AND kind = 'outage' AND state IN ('done', 'expired')",
    f"AND ended_at_ms >= ? AND started_at_ms IS NOT NULL ORDER BY made_at_ms DESC, id LIMIT {ENDED_MAX}",
)  # fmt: skip


class Match(NamedTuple):
    """A contact that has the number of a caller."""

    campaign: CampaignRow
    contact: ContactRow
    number: str


def put(connection: Connection, rows: Sequence[ContactRow]) -> None:
    """Write the numbers of contacts that are new."""
    _insert(connection, _numbers_of(rows))


def add(connection: Connection, rows: Sequence[ContactRow]) -> None:
    """Add the numbers of contacts that are there, and may have more numbers now."""
    _add(connection, sorted(_numbers_of(rows)))


def _numbers_of(rows: Sequence[ContactRow]) -> list[tuple[str, str, int]]:
    return [(row.campaign, number, row.no) for row in rows for number in _bare(from_json(row.phones))]


def _bare(phones: Sequence[Sequence[str]]) -> Sequence[str]:
    """Without their extensions, each once."""
    bare = [phone[0].partition(";")[0] for phone in phones]
    return bare if len(bare) == 1 else sorted(set(bare))


def find(connection: Connection, tenant: str, callers: Collection[str], now_ms: int) -> list[Match]:
    """Contacts with these numbers in campaigns that were started: under way, or of an outage that may not be over. None
    of a campaign that stops, or of an import that is taken back: it may be the wrong file.
    """
    since_ms = now_ms - OUTAGE_KEPT_MS
    found = rows_of(connection, _RUNNING, tenant)
    found += rows_of(connection, _OUTAGES, tenant, since_ms - OUTAGE_KEPT_MS, since_ms)
    rows_found = map(CampaignRow._make, found)
    of: Mapping[str, CampaignRow] = {row.id: row for row in rows_found if row.state != CampaignState.STOPPING}
    pairs = [(campaign, number) for campaign in sorted(of) for number in sorted(set(callers))]
    hits: dict[str, list[str]] = {}
    for some in slices(pairs, PAIRS_AT_ONCE):
        for campaign, number, no in _find.returning(connection, some):
            hits.setdefault(f"{campaign}-{no}", []).append(number)
    rows = contacts.read(connection, sorted(hits)[:FOUND_MAX]) if hits else []
    gone = {campaign: withdrawing.taken_back(connection, campaign) for campaign in {row.campaign for row in rows}}
    rows = [row for row in rows if import_no(row.hours_class) not in gone[row.campaign]]
    return [Match(of[row.campaign], row, number) for row in rows for number in hits[row.id]]


def purge(connection: Connection, now_ms: int) -> int:
    """Numbers of one campaign in which nobody is looked for any more, a bounded amount; how many rows went."""
    for campaign in _campaigns(connection):
        row = connection.execute(select(_is_wanted(now_ms)).where(campaigns.c.id == campaign)).first()
        if row is None or not row[0]:
            key = (numbers.c.campaign, numbers.c.number, numbers.c.no)
            some = select(*key).where(numbers.c.campaign == campaign).limit(ROWS_A_TIME)
            return connection.execute(delete(numbers).where(tuple_(*key).in_(some))).rowcount
    return 0


def _is_wanted(now_ms: int) -> ColumnElement[bool]:
    late = campaigns.c.ended_at_ms >= now_ms - OUTAGE_KEPT_MS
    return or_(UNDER_WAY, and_(campaigns.c.kind == "outage", campaigns.c.state != "stopped", late))


def _campaigns(connection: Connection) -> list[str]:
    """Those that have numbers: a seek in the key for each."""
    found: list[str] = []
    after = ""
    while True:
        query = select(numbers.c.campaign).where(numbers.c.campaign > after).order_by(numbers.c.campaign).limit(1)
        after = connection.scalar(query) or ""
        if not after:
            return found
        found.append(after)
