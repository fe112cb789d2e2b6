"""What is shown of a campaign: its settings as they hold, and masked names and numbers."""

import json
from collections.abc import Mapping
from typing import Any, get_args

from campaigns.api.new_campaign import open_hours, window_text
from campaigns.core.campaign import delays
from campaigns.core.dispositions import MINUTE_MS
from campaigns.core.operator_rules import OperatorRules
from campaigns.ledger.rows import CampaignRow
from cti.web.instants import optional_rfc3339, rfc3339
from cti.web.masking import masked
from schemas.campaigns import Retried

ADDRESS_CHARS_SHOWN = 3


def shown_campaign(row: CampaignRow, rules: OperatorRules) -> dict[str, Any]:
    """Without `progress` and `next`."""
    windows = json.loads(row.windows) or open_hours(rules, row.kind)
    return {
        "id": row.id,
        "name": row.name,
        "kind": row.kind,
        "state": row.state,
        "switch": row.switch,
        "trunk_group": row.trunk_group,
        "caller_id": row.caller_id,
        "queue": row.queue,
        "language": row.language,
        "windows": [window_text(window) for window in windows],
        "closed_dates": json.loads(row.closed_dates),
        "zone": row.zone,
        "pacing": {"calls_per_second": row.calls_per_second, "calls_at_once": row.calls_at_once},
        "ring_timeout_s": row.ring_timeout_s,
        "attempts_max": row.attempts_max,
        "retry": retry_minutes(row, rules),
        "channels": json.loads(row.channels),
        "fallback": row.fallback,
        "received_at": rfc3339(row.received_at_ms),
        "notice_out_by": optional_rfc3339(row.notice_out_by_ms),
        "fallback_by": optional_rfc3339(row.fallback_by_ms),
        "expires_at": optional_rfc3339(row.expires_at_ms),
        "provisional": bool(row.provisional),
        "priority": row.priority,
        "profile": row.profile,
        "paused_why": row.paused_why,
        "live": row.live,
        "created_at": rfc3339(row.made_at_ms),
        "created_by": row.made_by,
        "started_at": optional_rfc3339(row.started_at_ms),
        "ended_at": optional_rfc3339(row.ended_at_ms),
        "start_at": optional_rfc3339(row.start_at_ms),
        "draining": bool(row.draining),
    }


def retry_minutes(row: CampaignRow, rules: OperatorRules) -> Mapping[str, int]:
    """The delays that hold, in minutes."""
    own_ms = {name: minutes * MINUTE_MS for name, minutes in json.loads(row.retry).items()}
    holding = {name.value: ms for name, ms in delays(rules.retry_ms.get(row.kind, {}), own_ms).items()}
    retried: tuple[str, ...] = get_args(Retried)
    return {name: holding[name] // MINUTE_MS for name in retried if name in holding}


def etag(row: CampaignRow) -> str:
    """The ETag of the settings and the state. It does not change with the figures."""
    return etag_of(row.version)


def etag_of(version: int) -> str:
    """The same, of a version."""
    return f'"{version}"'


def masked_name(name: str) -> str:
    """张三 -> 张*"""
    return f"{name[0]}*" if name else ""


def masked_values(values: Mapping[str, str]) -> dict[str, str]:
    """An item's values. Sums and dates are no numbers; what may be a telephone number is masked."""
    return {name: value if _is_figure(value) else masked(value) for name, value in values.items()}


def _is_figure(value: str) -> bool:
    whole, _, parts = value.partition(".")
    return bool(parts) and whole.lstrip("-").isdigit() and parts.isdigit()


def masked_address(address: str) -> str:
    """How it begins."""
    return f"{masked(address)[:ADDRESS_CHARS_SHOWN]}***" if address else ""
