"""Commands that no rule of the profile makes due: a caller is told something, or an agent is shown something, because
of what the caller did or who he is.

They keep the bounds of all interventions: a switch that has not declared the command gets none, nor does one whose
clock is not believed, and what comes too late is noted as overtaken and not sent.
"""

from collections.abc import Mapping
from typing import Any, Final

from cti.core.call_legs import customer_of
from cti.core.call_state import ENDED
from cti.core.commands import Command
from cti.core.legs import QUEUED, Leg
from cti.core.rules import Intervention
from cti.engine.commands import CommandWriter
from cti.engine.live_calls import Key, LiveCall
from schemas.reasons import RefusalReason

Said = Mapping[str, Any]
"""`message` (its key) and `text` ({zh, en})."""
NOT_SUPPORTED: Final = RefusalReason.NOT_SUPPORTED.value


def tell_caller(commands: CommandWriter, key: Key, live: LiveCall, due: Intervention, said: Said | None) -> None:
    """Play a message to the customer's leg; None: there are no words for it. `live` is the caller's own copy."""
    leg = customer_of(live.call.legs)
    if leg is None or not leg.id:
        _note(commands, live, due, None)
        return
    waits = leg.state is QUEUED
    fields = {
        "connection": leg.id,
        "if_state": "queued" if waits else None,
        **(said or {}),
        "interrupt_on": ["delivered", "established"] if waits else ["established"],
    }
    _send(commands, key, live, due, None if said is None else fields)


def tell_agent(commands: CommandWriter, key: Key, live: LiveCall, due: Intervention, agent: str, said: Said) -> None:
    """Show a message at an agent's desk."""
    _send(commands, key, live, due, {"agent": agent, **said, "severity": "info"})


def is_named(leg: Leg | None) -> bool:
    """Whether its switch has given the leg a name, so that something can be played to it."""
    return leg is not None and bool(leg.id)


def _send(
    commands: CommandWriter, key: Key, live: LiveCall, due: Intervention, fields: Mapping[str, Any] | None
) -> None:
    source, times = live.source, commands.times
    if fields is None or due.command not in source.abilities.commands:
        _note(commands, live, due, NOT_SUPPORTED)
        return
    late_ms = times.now_ms - (source.clock.lag_ms or 0) - due.due_ms
    trusted = source.clock.trusted(times.partition_ms[live.partition])
    if live.call.phase is ENDED or not trusted or late_ms > due.expires_ms - due.due_ms:
        _note(commands, live, due, None)
        return
    issued = commands.issue(live, Command(due, fields))
    commands.expect(live, key, issued)
    live.done = (*live.done, issued)


def _note(commands: CommandWriter, live: LiveCall, due: Intervention, reason: str | None) -> None:
    live.done = (*live.done, commands.note(live, due._replace(state="overtaken", reason=reason)))
