"""An entry of the audit log as it is shown: what people wrote into it is masked as elsewhere."""

import json
from typing import Any

from campaigns.ledger.audit import WRITTEN
from campaigns.ledger.rows import AuditRow
from cti.web.instants import rfc3339
from cti.web.masking import masked


def shown_entry(row: AuditRow, *, in_full: bool) -> dict[str, Any]:
    """As JSON members; `entry` is its number in the tenant's log, `hash` seals it."""
    return {
        "at": rfc3339(row.at_ms),
        "what": row.what,
        "by": row.who,
        "about": row.about,
        "entry": row.no,
        "hash": row.hash,
        "details": {name: _detail(name, value, in_full) for name, value in json.loads(row.details).items()},
    }


def _detail(name: str, value: Any, in_full: bool) -> Any:
    return masked(value) if name in WRITTEN and isinstance(value, str) and not in_full else value
