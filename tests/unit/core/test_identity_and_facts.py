"""Names derive from causes; facts are ordered by (time, sequence, kind rank, id) and keep their bytes' hash."""

from typing import Any

import pytest
from pydantic_core import to_json

from cti.core.facts import Fact, fact, find, in_order, join, pack, rank_of, unpack
from cti.core.identity import call_id, command_id, hash64, key_of
from cti.core.times import rfc3339, seconds


def test_a_name_is_the_same_at_every_time_and_in_every_process() -> None:
    assert call_id("jx", "/switches/nc-1", "7", 0) == "9075ad407ce0357f92c62ffd"
    assert command_id("jx", "call:event", "HOLD-2", 1, 0) == "22450230e298b80a7b25c08e"
    assert hash64(b"ringback") == -4705096012774319505


def test_parts_do_not_run_into_each_other() -> None:
    assert call_id("a", "bc", "d", 0) != call_id("ab", "c", "d", 0)
    assert command_id("t", "c", "R", 1, 11) != command_id("t", "c", "R", 11, 1)


@pytest.mark.parametrize("changed", [{"tenant": "x"}, {"source": "x"}, {"subject": "x"}, {"incarnation": 1}])
def test_every_part_makes_another_call(changed: dict[str, Any]) -> None:
    parts: dict[str, Any] = {"tenant": "jx", "source": "/switches/nc-1", "subject": "7", "incarnation": 0}
    assert call_id(**{**parts, **changed}) != call_id(**parts)


def test_a_key_keeps_all_of_a_call_together() -> None:
    assert key_of("jx", "/switches/nc-1", "7") == "jx:/switches/nc-1:7"


def one(at_ms: int = 0, seq: int | None = None, name: str = "e", kind: str = "held") -> Fact:
    return fact(at_ms, seq, name, kind, 7, {})


def test_time_goes_first_then_sequence_then_kind_then_id() -> None:
    ordered = [
        one(1, None, "z", "callCleared"),
        one(2, 5, "z", "callCleared"),
        one(2, 6, "a", "offered"),
        one(2, 6, "a", "queued"),
        one(2, 6, "b", "queued"),
    ]
    assert in_order(reversed(ordered)) == ordered


def test_the_kinds_have_the_order_of_a_calls_life() -> None:
    life = ["offered", "queued", "delivered", "established", "held", "connectionCleared", "callCleared", "stale"]
    assert sorted(life, key=rank_of) == life
    assert rank_of("established") < rank_of("a newer kind") < rank_of("lost")


def test_a_packed_history_is_unpacked_as_it_was() -> None:
    facts = [
        fact(1, None, 'quo"te', "held", -(2**63), {"a": "消息", "n": 1.5}),
        fact(2, 9, "\u0000", "retrieved", 2**63 - 1, {}),
    ]
    history = b""
    for each in facts:
        history = join(history, pack(each, to_json(each.data)))
    assert unpack(history) == facts
    assert unpack(b"") == []


def test_an_id_is_found_as_an_id_only() -> None:
    each = fact(1, None, "e-1", "held", 42, {"message": "e-2", "e-3": 1})
    history = pack(each, to_json(each.data))
    assert find(history, "e-1") == 42
    assert find(history, "e-2") is None, "a word of the data is no id"
    assert find(history, "e-") is None


def test_times_are_written_with_three_decimals_in_utc() -> None:
    assert rfc3339(1_772_413_212_000) == "2026-03-02T01:00:12.000Z"
    assert rfc3339(1_772_413_212_007) == "2026-03-02T01:00:12.007Z"
    assert [seconds(12_000), seconds(12_001), seconds(0), seconds(50)] == [12, 12.001, 0, 0.05]
