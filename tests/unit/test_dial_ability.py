"""Who is sent dial orders is the declaration's word alone."""

import json
from typing import Any

import pytest

from cti.gateway.dial_ability import ability_of
from cti.rows import SwitchRow

DIALS: dict[str, Any] = {
    "commands": ["makeCall", "snapshotCall", "clearConnection"],
    "facts": None,
    "outbound": 1,
    "trunk_groups": {"main": {"calls_per_second": 5.0, "calls_at_once": 50}},
}


def declared(**changed: Any) -> SwitchRow:
    return SwitchRow("t", "pbx-1", "/switches/pbx-1", json.dumps(DIALS | changed))


def test_a_switch_that_dials_has_the_limits_of_its_trunk_groups() -> None:
    ability = ability_of(declared())
    assert ability is not None
    assert (ability.source, ability.limits) == ("/switches/pbx-1", {"main": 5})


@pytest.mark.parametrize(
    "changed",
    [
        {"outbound": None},
        {"outbound": 2},
        {"commands": ["makeCall", "clearConnection"]},
        {"commands": ["snapshotCall"]},
        {"facts": ["originated", "callCleared"]},
        {"commands": []},
    ],
)
def test_one_that_lacks_a_part_of_it_is_sent_nothing(changed: dict[str, Any]) -> None:
    assert ability_of(declared(**changed)) is None


def test_one_that_reports_heartbeats_among_others_dials() -> None:
    assert ability_of(declared(facts=["originated", "switchHeartbeat"])) is not None


def test_without_a_declaration_there_is_nothing() -> None:
    assert ability_of(None) is None


@pytest.mark.parametrize("changed", [{}, {"trunk_groups": None}])
def test_a_message_gateway_takes_messages_and_makes_no_calls(changed: dict[str, Any]) -> None:
    ability = ability_of(declared(commands=["sendMessage"], facts=["messageReport"], **changed))
    assert ability is not None
    assert ability.limits == {}
