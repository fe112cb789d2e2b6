"""What a simulated switch declares of outbound calls, and how it takes their orders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

OUTBOUND_VERSION = 1  # of the contract of dial orders
CALLS = ("makeCall", "snapshotCall", "clearConnection")
MESSAGES = ("sendMessage",)


@dataclass(frozen=True, slots=True)
class TrunkGroup:
    """Lines to dial on, with their limits. The switch refuses only what is above `calls_at_once`: the pace is for its
    log to show."""

    calls_per_second: float = 5.0
    calls_at_once: int = 50
    caller_id: str | None = None


@dataclass(frozen=True, slots=True)
class Outbound:
    """`scripts`: number -> outcomes in turn; other numbers have the seeded mix. Without `memory` an order that comes
    twice is dialled twice. `agent_first`: it reserves an agent before it dials, where an order asks for that."""

    commands: tuple[str, ...] = ()
    trunk_groups: Mapping[str, TrunkGroup] = field(default_factory=dict)
    scripts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    memory: bool = True
    agent_first: bool = False

    def declaration(self) -> dict[str, Any]:
        """The members of a declaration that are of outbound work; none where it does none."""
        if not self.commands:
            return {}
        groups = {
            name: {"calls_per_second": group.calls_per_second, "calls_at_once": group.calls_at_once}
            | ({"caller_id": group.caller_id} if group.caller_id else {})
            for name, group in self.trunk_groups.items()
        }
        first = {"agent_first": True} if self.agent_first else {}
        return {"outbound": OUTBOUND_VERSION, **first} | ({"trunk_groups": groups} if groups else {})


NO_OUTBOUND = Outbound()


def read_trunk_groups(text: str) -> dict[str, TrunkGroup]:
    """From "main=5/50,second=1/10": calls a second and calls at once. Raises ValueError."""
    groups: dict[str, TrunkGroup] = {}
    for part in filter(None, text.split(",")):
        name, sign, limits = part.partition("=")
        pace, slash, most = limits.partition("/")
        if not (name and sign and slash):
            raise ValueError(f"{part!r} is no trunk group; it takes NAME=CALLS_PER_SECOND/CALLS_AT_ONCE")
        group = TrunkGroup(float(pace), int(most))
        if group.calls_per_second <= 0 or group.calls_at_once < 1:
            raise ValueError(f"{part!r}: both limits are above 0")
        groups[name] = group
    return groups
