"""Imports: the file while it is read, and the rows that were rejected."""

from sqlalchemy import Column, Index, LargeBinary, Table, literal_column

from campaigns.ledger.tables.metadata import metadata
from cti.sql.columns import text, whole

imports = Table(
    "campaign_imports",
    metadata,
    text("campaign", key=True),
    whole("no", key=True),
    text("tenant"),
    text("file"),
    text("keep"),  # JSON: the other columns to keep
    text("sha256"),
    whole("bytes"),
    text("state"),  # receiving | running | done | failed; of one that was done: withdrawing | withdrawn
    text("error", optional=True),
    whole("received"),
    whole("accepted"),
    whole("rejected"),
    whole("merged"),
    whole("contacts"),
    text("header", optional=True),  # JSON: the columns as they came
    whole("made_at_ms"),
    whole("ended_at_ms", optional=True),
    text("who"),
    sqlite_with_rowid=False,
)
RUNNING_IMPORT = imports.c.state.in_([literal_column("'receiving'"), literal_column("'running'")])
Index("campaign_imports_running", imports.c.made_at_ms, sqlite_where=RUNNING_IMPORT, postgresql_where=RUNNING_IMPORT)

# The file as it came, until the import has ended: whoever goes on with it begins here.
import_chunks = Table(
    "campaign_import_chunks",
    metadata,
    text("campaign", key=True),
    whole("no", key=True),
    whole("seq", key=True),
    Column("content", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# Rows that can be read, until their account is applied: the rows of the account that is first in the file go first.
import_rows = Table(
    "campaign_import_rows",
    metadata,
    text("campaign", key=True),
    whole("no", key=True),
    whole("row_no", key=True),
    text("account"),
    text("fields"),  # JSON
    text("line"),  # JSON: the cells as they came
    sqlite_with_rowid=False,
)
Index(
    "campaign_import_rows_account", import_rows.c.campaign, import_rows.c.no, import_rows.c.account,
    import_rows.c.row_no,
)  # fmt: skip

# Contacts of earlier imports that an import gave more numbers or items: what is whose cannot be told apart afterwards.
import_additions = Table(
    "campaign_import_additions",
    metadata,
    text("campaign", key=True),
    whole("no", key=True),
    text("contact", key=True),
    sqlite_with_rowid=False,
)

import_rejected = Table(
    "campaign_import_rejected",
    metadata,
    text("campaign", key=True),
    whole("no", key=True),
    whole("row_no", key=True),
    text("line"),  # JSON: the cells as they came
    text("error"),  # ROW: FIELD: RULE: what is wrong
    sqlite_with_rowid=False,
)
