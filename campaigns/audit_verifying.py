"""What `ringback audit verify` prints: each chain of a ledger, read from its first entry to its last."""

import sqlite3
from typing import Any

import psycopg
from sqlalchemy import URL, Connection
from sqlalchemy.exc import DBAPIError

from campaigns.core.audit_chain import Link
from campaigns.ledger import audit
from campaigns.ledger.audit_reading import verify
from campaigns.wiring import CHAIN
from cti.errors import LedgerAway, SettingsMistake
from cti.sql.connections import database_url, reader_engine, sqlite_file
from cti.sql.schema import state_of
from cti.web.instants import rfc3339


def verified(url: str, tenant: str | None, anchor: tuple[int, str] | None) -> dict[str, Any]:
    """`entries`, `tenants`, `ok`, `first_fault`, and `heads`. Raises LedgerAway, SettingsMistake."""

    engine = reader_engine(_ledger(url), 1)
    try:
        with engine.connect() as connection:
            _check(connection)
            whose = tenant or _only_tenant(connection, anchor)
            found = verify(connection, whose, None if anchor is None else Link(*anchor))
    except (DBAPIError, psycopg.Error, sqlite3.Error) as error:
        raise LedgerAway(str(error)) from error
    finally:
        engine.dispose()
    fault = found.fault
    return {
        "entries": found.entries,
        "tenants": len(found.heads),
        "ok": fault is None,
        "first_fault": None if fault is None else {"tenant": fault.tenant, "no": fault.no, "what": fault.what.value},
        "heads": [
            {"tenant": head.tenant, "no": head.no, "hash": head.hash, "at": rfc3339(head.at_ms)} for head in found.heads
        ],
    }


def _ledger(url: str) -> URL:
    """The URL; a ledger that is not there is not made. Raises SettingsMistake."""
    file = sqlite_file(url)
    if file is not None and not file.is_file():
        raise SettingsMistake(f"there is no ledger {file}")
    return database_url(url)


def _check(connection: Connection) -> None:
    """Raises SettingsMistake where the tables are not those of this release."""

    if not state_of(connection, CHAIN).current:
        raise SettingsMistake("the ledger has the tables of another release: `ringback migrate` brings it up to date")


def _only_tenant(connection: Connection, anchor: tuple[int, str] | None) -> str | None:
    """Whose anchor it is, if nobody said. Raises SettingsMistake where there are several."""
    if anchor is None:
        return None
    there = audit.tenants(connection)
    if len(there) > 1:
        raise SettingsMistake("an anchor is of one tenant: name it with --tenant")
    return there[0] if there else ""
