"""Results without a call: a command is settled by its id, and a result never opens a call (contract, Identity)."""

from typing import Any

from cti.engine.gathering import Gathering
from cti.engine.live_calls import LiveCall
from cti.ports import Entry
from cti.rows import ResultRow
from schemas.envelope import Event
from schemas.reasons import Ignored

RESULT_KINDS = frozenset({"commandResult", "messageReport"})
"""Kinds that belong to a command. They may be added to a known call, and never open one."""


def settles_alone(event: Event, live: LiveCall | None) -> bool:
    """Whether the event is a result or report without a call that can take it."""
    return event.kind in RESULT_KINDS and event.known and (live is None or live.timeline_gone)


def settle(work: Gathering, entry: Entry, event: Event) -> None:
    """Settle and count a result without a call. A message report settles nothing: its command is already done."""
    work.telemetry.ignored(Ignored.NO_SUCH_CALL)
    if event.kind == "commandResult":
        settle_by_id(work, entry.tenant, event.source, event.data, event.at_ms)


def settle_by_id(work: Gathering, tenant: str, source: str, data: dict[str, Any], at_ms: int) -> None:
    """Write the outcome of the command of this id, if the tenant and source have one."""
    work.round_.results.append(ResultRow(tenant, source, data["commandid"], data["state"], data.get("reason"), at_ms))
