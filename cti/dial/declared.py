"""What a switch's declaration says of dial orders: asked by whoever makes them, sends them, reads its facts for them or
examines it. Pure.
"""

from collections.abc import Mapping
from typing import Any

from cti.dial.rows import MAKE_CALL, SEND_MESSAGE, SNAPSHOT_CALL

OUTBOUND = 1
"""The version of the contract of dial orders: what `outbound` of a declaration names."""
CALLS_NEED = (MAKE_CALL, SNAPSHOT_CALL)
"""A switch without `snapshotCall` cannot be asked what became of an order: it is not dialled on."""
HEARTBEAT = "switchHeartbeat"

Declared = Mapping[str, Any]
"""The members of a declaration, as `schemas` has judged them."""


def is_outbound(declared: Declared) -> bool:
    """Whether it speaks of dial orders at all."""
    return bool(declared.get("outbound") == OUTBOUND)


def commands_lacked(declared: Declared) -> list[str]:
    """The commands that calls need and that it did not declare."""
    commands = declared.get("commands") or ()
    return [command for command in CALLS_NEED if command not in commands]


def has_heartbeats(declared: Declared) -> bool:
    """Without `facts` a switch sends whatever it has."""
    facts = declared.get("facts")
    return facts is None or HEARTBEAT in facts


def takes_calls(declared: Declared) -> bool:
    """Whether it may be dialled on."""
    return is_outbound(declared) and not commands_lacked(declared) and has_heartbeats(declared)


def takes_agent_first(declared: Declared) -> bool:
    """Whether it can reserve an agent before it dials."""
    return takes_calls(declared) and declared.get("agent_first") is True


def takes_messages(declared: Declared) -> bool:
    """Whether it is a message gateway, beside whatever else it is."""
    return is_outbound(declared) and SEND_MESSAGE in (declared.get("commands") or ())


def trunk_groups(declared: Declared) -> Mapping[str, Mapping[str, Any]]:
    """By name (the lane of its orders): calls_per_second, calls_at_once, caller_id."""
    return declared.get("trunk_groups") or {}
