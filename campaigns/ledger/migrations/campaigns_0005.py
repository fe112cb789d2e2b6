"""The audit log becomes a chain: each entry is sealed with the hash of the one before. Old entries are sealed here."""

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

GENESIS = "0" * 64
ROWS_A_TIME = 1_000
OF_A_CAMPAIGN = re.compile(r"(c[0-9a-f]{15})(?:-[0-9]+)?\Z", re.ASCII)

_AUDIT = sa.table(
    "campaign_audit",
    *(sa.column(name) for name in ("tenant", "no", "at_ms", "who", "what", "about", "details", "campaign", "hash")),
)
_HEADS = sa.table(
    "campaign_audit_heads",
    *(sa.column(name) for name in ("tenant", "no", "hash", "at_ms", "purged_no", "purged_hash")),
)
_BATCHES = sa.table("campaign_notice_batches", sa.column("id"), sa.column("campaign"))


def _text(name: str, *, optional: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=optional)


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, autoincrement=False)


def upgrade() -> None:
    op.add_column("campaign_audit", _text("campaign", optional=True))
    op.add_column("campaign_audit", _text("hash", optional=True))
    op.create_table(
        "campaign_audit_heads",
        _text("tenant"),
        _whole("no"),
        _text("hash"),
        _whole("at_ms"),
        _whole("purged_no"),
        _text("purged_hash"),
        sa.PrimaryKeyConstraint("tenant"),
        sqlite_with_rowid=False,
    )
    _seal_all(op.get_bind())
    op.create_index("campaign_audit_campaign", "campaign_audit", ["tenant", "campaign", "at_ms", "no"])
    op.create_index("campaign_audit_about", "campaign_audit", ["tenant", "about", "no"])


def _seal_all(connection: sa.Connection) -> None:
    """Retention may have left gaps, and no number was ever shown: entries are numbered anew, from 1 without gaps."""
    batches = dict[str, str]()
    for batch, of in connection.execute(sa.select(_BATCHES.c.id, _BATCHES.c.campaign)):
        batches[batch] = of
    mine = sa.and_(_AUDIT.c.tenant == sa.bindparam("of"), _AUDIT.c.no == sa.bindparam("was"))
    written: dict[str, Any] = {"no": sa.bindparam("is"), "campaign": sa.bindparam("to"), "hash": sa.bindparam("as")}
    for tenant in connection.scalars(sa.select(_AUDIT.c.tenant).distinct()).all():
        no, at_ms, before = 0, 0, GENESIS
        for some in _pages(connection, tenant):
            sealed = []
            for entry in some:
                no, at_ms = no + 1, entry["at_ms"]
                campaign = _campaign_of(entry, batches)
                before = _sealed({**entry, "no": no, "campaign": campaign, "before": before})
                sealed.append({"of": tenant, "was": entry["no"], "is": no, "to": campaign, "as": before})
            connection.execute(sa.update(_AUDIT).where(mine).values(written), sealed)
        head = {"tenant": tenant, "no": no, "hash": before, "at_ms": at_ms, "purged_no": 0, "purged_hash": GENESIS}
        connection.execute(sa.insert(_HEADS).values(head))


def _pages(connection: sa.Connection, tenant: str) -> Iterator[list[dict[str, Any]]]:
    columns = [column for column in _AUDIT.c if column.name not in ("campaign", "hash")]
    after = 0
    while True:
        mine = (_AUDIT.c.tenant == tenant, _AUDIT.c.no > after)
        query = sa.select(*columns).where(*mine).order_by(_AUDIT.c.no).limit(ROWS_A_TIME)
        some = [dict(row) for row in connection.execute(query).mappings()]
        if not some:
            return
        yield some
        after = some[-1]["no"]


def _campaign_of(entry: dict[str, Any], batches: dict[str, str]) -> str | None:
    found = OF_A_CAMPAIGN.match(entry["about"])
    return found[1] if found is not None else batches.get(entry["about"])


def _sealed(members: dict[str, Any]) -> str:
    """RFC 8785, as the release of this migration has it."""
    text = json.dumps(members, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
