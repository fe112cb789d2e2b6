"""Results without a call: a command is settled by its id, and a result never opens a call (docs/integrators.md,
Identity).
"""

from typing import Any

from cti.engine.gathering import Gathering
from cti.engine.live_calls import LiveCall
from cti.ports import Entry
from cti.rows import ResultRow, Round
from schemas.envelope import Event
from schemas.reasons import Ignored


def settled(work: Gathering, entry: Entry, event: Event, live: LiveCall | None) -> bool:
    """Whether this result or report is done with, as there is no call that can take it.

    A message report settles no command of ours; the dialler learns of it by the id of its order, call or no call.
    """
    if not event.known:
        return False
    if event.kind == "messageReport":
        work.dial_facts.report(entry, event)
    if live is not None and not live.timeline_gone:
        return False
    work.telemetry.ignored(Ignored.NO_SUCH_CALL)
    if event.kind == "commandResult":
        settle_by_id(work.round_, entry.tenant, event.source, event.data, event.at_ms)
    return True


def settle_by_id(round_: Round, tenant: str, source: str, data: dict[str, Any], at_ms: int) -> None:
    """Write the outcome of the command of this id, if the tenant and source have one."""
    round_.results.append(ResultRow(tenant, source, data["commandid"], data["state"], data.get("reason"), at_ms))
