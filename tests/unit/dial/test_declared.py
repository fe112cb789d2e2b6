"""What a switch must have declared to be dialled on."""

from typing import Any

import pytest

from cti.dial.declared import commands_lacked, takes_calls, takes_messages, trunk_groups

ABLE: dict[str, Any] = {"outbound": 1, "commands": ["makeCall", "snapshotCall"], "trunk_groups": {"main": {"x": 1}}}


@pytest.mark.parametrize("more", [{}, {"facts": None}, {"facts": ["switchHeartbeat"]}, {"trunk_groups": None}])
def test_calls_need_both_commands_and_heartbeats(more: dict[str, Any]) -> None:
    assert takes_calls({**ABLE, **more})


@pytest.mark.parametrize(
    "other",
    [
        {"outbound": None},
        {"outbound": 2},
        {"commands": ["makeCall"]},
        {"commands": ["snapshotCall"]},
        {"commands": None},
        {"facts": ["originated"]},
    ],
)
def test_without_one_of_them_it_is_not_dialled_on(other: dict[str, Any]) -> None:
    assert not takes_calls({**ABLE, **other})


def test_what_is_lacked_is_named() -> None:
    assert commands_lacked({"commands": ["sendMessage", "makeCall"]}) == ["snapshotCall"]


def test_a_message_gateway_needs_no_more_than_the_command() -> None:
    assert takes_messages({"outbound": 1, "commands": ["sendMessage"], "facts": ["messageReport"]})
    assert not takes_messages({"commands": ["sendMessage"]})
    assert not takes_messages(ABLE)


def test_trunk_groups_may_be_absent() -> None:
    assert trunk_groups(ABLE) == {"main": {"x": 1}}
    assert trunk_groups({"trunk_groups": None}) == trunk_groups({}) == {}
