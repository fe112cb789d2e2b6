"""By which numbers contacts are found when they call, and who of them is calling.

The numbers of contacts that are there are listed, those of campaigns that have not ended and of outages: of 1,000,000
contacts that takes some ten seconds.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# Of campaigns that have not ended, and of outages. A number may stand in the contact's list with an extension after a
# semicolon, which no caller shows.
SQLITE = """
    INSERT OR IGNORE INTO campaign_numbers (campaign, number, no)
    SELECT campaign, CASE instr(number, ';') WHEN 0 THEN number ELSE substr(number, 1, instr(number, ';') - 1) END, no
    FROM (
        SELECT campaign_contacts.campaign, campaign_contacts.no, json_extract(phone.value, '$[0]') AS number
        FROM campaign_contacts JOIN campaigns ON campaigns.id = campaign_contacts.campaign,
            json_each(campaign_contacts.phones) AS phone
        WHERE campaigns.state NOT IN ('stopped', 'done', 'expired') OR campaigns.kind = 'outage'
    )
"""
POSTGRESQL = """
    INSERT INTO campaign_numbers (campaign, number, no)
    SELECT campaign_contacts.campaign, split_part(phone.value ->> 0, ';', 1), campaign_contacts.no
    FROM campaign_contacts JOIN campaigns ON campaigns.id = campaign_contacts.campaign,
        json_array_elements(campaign_contacts.phones::json) AS phone
    WHERE campaigns.state NOT IN ('stopped', 'done', 'expired') OR campaigns.kind = 'outage'
    ON CONFLICT DO NOTHING
"""


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False)


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, autoincrement=False)


def upgrade() -> None:
    op.create_table(
        "campaign_numbers",
        _text("campaign"),
        _text("number"),
        _whole("no"),
        sa.PrimaryKeyConstraint("campaign", "number", "no"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "campaign_callers",
        _text("call_id"),
        _text("line"),
        _text("tenant"),
        _whole("since_ms"),
        sa.PrimaryKeyConstraint("call_id", "line"),
        sqlite_with_rowid=False,
    )
    op.create_index("campaign_callers_line", "campaign_callers", ["tenant", "line"])
    op.execute(SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL)
