"""Which dial orders a switch may be sent, by its declaration alone. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic_core import from_json

from cti.rows import SwitchRow

VERSION = 1
"""Of the contract of dial orders: what `outbound` of a declaration names."""
DIALS = frozenset({"makeCall", "snapshotCall"})
"""A switch without `snapshotCall` cannot be asked what became of an order: it is not dialled on."""
HEARTBEAT = "switchHeartbeat"
SENDS = "sendMessage"


class Ability(NamedTuple):
    """What a switch takes. `limits`: calls per second of each trunk group (lane); a lane without one is not dialled."""

    source: str
    limits: Mapping[str, float]


def ability_of(row: SwitchRow | None) -> Ability | None:
    """None: this switch is sent no dial order.

    Calls need `outbound`, makeCall, snapshotCall and heartbeats (`facts` absent: whatever it sends); messages need
    `outbound` and sendMessage, as a message gateway has them.
    """
    if row is None:
        return None
    declared: dict[str, Any] = from_json(row.declaration)
    if declared.get("outbound") != VERSION:
        return None
    commands, facts = frozenset(declared["commands"]), declared.get("facts")
    if commands >= DIALS and (facts is None or HEARTBEAT in facts):
        groups: Mapping[str, Mapping[str, Any]] = declared.get("trunk_groups") or {}
        return Ability(row.source, {lane: float(group["calls_per_second"]) for lane, group in groups.items()})
    return Ability(row.source, {}) if SENDS in commands else None
