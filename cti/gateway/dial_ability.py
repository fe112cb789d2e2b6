"""Which dial orders a switch may be sent, by its declaration alone. Pure."""

from pydantic_core import from_json

from cti.dial.declared import takes_calls, takes_messages, trunk_groups
from cti.dial.rows import Ability
from cti.rows import SwitchRow


def ability_of(row: SwitchRow | None) -> Ability | None:
    """None: this switch is sent no dial order. `cti.dial.declared` says what calls and messages need."""
    if row is None:
        return None
    declared = from_json(row.declaration)
    if takes_calls(declared):
        groups = trunk_groups(declared)
        return Ability(row.source, {lane: float(group["calls_per_second"]) for lane, group in groups.items()})
    return Ability(row.source, {}) if takes_messages(declared) else None
