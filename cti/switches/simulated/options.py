"""What to simulate, and for whom."""

from dataclasses import dataclass, field
from pathlib import Path

from cti.switches.simulated.commands import HANDLERS
from cti.switches.simulated.exchange import Site
from cti.switches.simulated.misbehaviour import Misbehaviour
from schemas import agent_events, call_events, switch_events

FACTS = tuple(sorted({*call_events.DATA_MODELS, *agent_events.DATA_MODELS, *switch_events.DATA_MODELS}))
"""The facts that it declares: all of them, so that what does not happen counts as 0, not as unknown."""
DECLARED = tuple(name for name in HANDLERS if name != "setRingTimeout")
"""Left out on purpose: a switch that enforces the ring limit itself never gets a command to take a call away."""


@dataclass(frozen=True, slots=True)
class Options:
    """Times in seconds by the switch's clock."""

    url: str
    key: str
    site: Site = field(default_factory=Site)
    for_s: float | None = None  # None: until stopped
    close_at_s: float | None = None  # from then on no new callers, and present ones hurry
    log: Path | None = None
    state: Path | None = None  # written at the stop, resumed at the next start
    misbehave: Misbehaviour = field(default_factory=Misbehaviour)
    commands: tuple[str, ...] = DECLARED
