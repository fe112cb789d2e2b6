"""What a second key reads of a campaign: what is to be approved with its digest, and the exception to quiet hours."""

from typing import Any, NamedTuple

from sqlalchemy import Connection

from campaigns.approvals import digest as digests
from campaigns.approvals.standing import Standing, standing
from campaigns.context import Context
from campaigns.ledger import emergencies
from campaigns.ledger.compiled import emergency_of
from campaigns.ledger.rows import ApprovalRow, CampaignRow, EmergencyRow
from cti.web.instants import optional_rfc3339, rfc3339
from cti.web.masking import masked


class Decided(NamedTuple):
    """What second keys have decided, and are to decide."""

    standing: Standing
    emergency: EmergencyRow | None
    emergency_until_ms: int | None


def read(connection: Connection, context: Context, row: CampaignRow) -> Decided:
    """In one transaction."""
    holds = emergency_of(row)
    until_ms = None if holds is None else holds.until_ms
    return Decided(standing(connection, context, row), emergencies.last(connection, row.id), until_ms)


def shown_decided(decided: Decided, now_ms: int) -> dict[str, Any]:
    """As members of the campaign. The last that was asked for need not be the one that holds."""
    emergency, until_ms = decided.emergency, decided.emergency_until_ms
    return {
        "approval": _approval(decided.standing),
        "emergency": None if emergency is None else shown_emergency(emergency, now_ms),
        "emergency_until": None if until_ms is None or until_ms <= now_ms else rfc3339(until_ms),
    }


def shown_emergency(row: EmergencyRow, now_ms: int, *, in_full: bool = False) -> dict[str, Any]:
    """`in_force`: the quiet hours do not hold now."""
    approved = row.approved_at_ms is not None and row.ended_at_ms is None
    return {
        "n": row.no,
        "reason": row.reason if in_full else masked(row.reason),
        "until": rfc3339(row.until_ms),
        "asked_at": rfc3339(row.asked_at_ms),
        "asked_by": row.asked_by,
        "approved_at": optional_rfc3339(row.approved_at_ms),
        "approved_by": row.approved_by,
        "ended_at": optional_rfc3339(row.ended_at_ms),
        "ended_by": row.ended_by,
        "in_force": approved and now_ms < row.until_ms,
    }


def _approval(found: Standing) -> dict[str, Any]:
    return {
        "needed": list(found.needed),
        "digest": found.digest,
        "parts": digests.hashes(found.parts),
        "files": [{"n": file["no"], **{name: file[name] for name in FILE}} for file in found.files],
        "in_force": found.in_force,
        "approved": None if found.approval is None else _approved(found.approval),
    }


FILE = ("file", "sha256", "accepted", "contacts")


def _approved(row: ApprovalRow) -> dict[str, Any]:
    return {
        "at": rfc3339(row.at_ms),
        "by": row.who,
        "digest": row.digest,
        "void_at": optional_rfc3339(row.void_at_ms),
        "void_why": row.void_why,
    }
