"""Lines of the screen for outbound campaigns: how many contacts are where, and what comes next."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

SHOWN_MAX = 5
STATES = (
    "waiting", "in_progress", "unknown", "person", "reached", "promised", "paid", "disputed", "fallback", "suppressed",
    "cancelled", "expired",
)  # fmt: skip
LIVE = frozenset({"running", "paused", "stopping"})


def campaign_lines(campaigns: Sequence[Mapping[str, Any]]) -> list[str]:
    """Two lines for each that is not over, one for the others; those that work first."""
    ordered = sorted(campaigns, key=lambda campaign: campaign["state"] not in LIVE)
    lines = [line for campaign in ordered[:SHOWN_MAX] for line in _lines(campaign)]
    more = len(campaigns) - SHOWN_MAX
    return [*lines, f"and {more} other campaigns"] if more > 0 else lines


def _lines(campaign: Mapping[str, Any]) -> list[str]:
    progress = campaign.get("progress") or {}
    states = ", ".join(f"{state} {progress[state]}" for state in STATES if progress.get(state))
    head = f"campaign {campaign['name']} {campaign['state']}: {states or 'no contacts'}"
    if campaign["state"] not in LIVE:
        return [head]
    return [head, f"  live {progress.get('live', 0)}, attempts {progress.get('attempts', 0)}; {_next(campaign)}"]


def _next(campaign: Mapping[str, Any]) -> str:
    coming = campaign.get("next") or {}
    until, why = coming.get("until"), coming.get("why")
    when = f"waiting until {_local(str(until), str(campaign.get('zone')))}" if until else ""
    reason = " ".join(str(each) for each in (why, coming.get("rule")) if each)
    text = (coming.get("text") or {}).get("en") or ""
    return ": ".join(each for each in (when, reason) if each) or text or "-"


def _local(moment: str, zone: str) -> str:
    try:
        return f"{datetime.fromisoformat(moment).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} {zone}"
    except (ValueError, ZoneInfoNotFoundError):
        return moment
