"""The envelope: what is let in, what is refused and where the refusal points."""

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import (
    EVENT_BYTES_MAX,
    PROBLEMS_MAX,
    SNAPSHOT_BYTES_MAX,
    Event,
    Refused,
    body_of,
    event_of,
    read_event,
)

DELIVERED = {"connection": "a-1001", "agent": "1001", "device": "SIP/1001", "queue": "billing"}


def item_of(**changes: Any) -> dict[str, Any]:
    item = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "/switches/nanchang-1",
        "type": "ringback.call.delivered.v1",
        "subject": "1709-22",
        "time": "2026-03-02T09:00:12.345+08:00",
        "datacontenttype": "application/json",
        "data": DELIVERED,
    }
    return {name: value for name, value in {**item, **changes}.items() if value is not ...}


def found(item: object) -> set[tuple[str, str]]:
    """(pointer, rule) of each problem of an item that is refused."""
    with pytest.raises(Refused) as refusal:
        read_event(item)
    assert all(problem.detail for problem in refusal.value.problems)
    return {(problem.pointer, problem.rule) for problem in refusal.value.problems}


def test_a_good_event_is_read_whole() -> None:
    item = item_of(sequence="42", correlation="j-1", commandid="c-1", tenant="x", traceparent="00-ab-cd-01")
    assert read_event(item) == Event(
        id="e-1",
        source="/switches/nanchang-1",
        subject="1709-22",
        type="ringback.call.delivered.v1",
        family="call",
        kind="delivered",
        version=1,
        known=True,
        at_ms=1772413212345,
        sequence=42,
        correlation="j-1",
        commandid="c-1",
        data=DELIVERED,
    )


def test_extensions_stay_in_the_body() -> None:
    item = item_of(tenant="jx", replayed=True, shift=3)
    assert json.loads(body_of(item)) == item


@pytest.mark.parametrize(
    ("event_type", "family", "version"),
    [
        ("ringback.call.bridged.v1", "call", 1),
        ("ringback.call.delivered.v2", "call", 2),
        ("ringback.agent.agentOnBreak.v12", "agent", 12),
        ("com.example.thing", "", 0),
        ("ringback.call.delivered", "", 0),
        ("ringback.call.delivered.v1\n", "", 0),
    ],
)
def test_unknown_types_and_newer_versions_pass(event_type: str, family: str, version: int) -> None:
    event = read_event(item_of(type=event_type, data={"anything": [1, {"deep": None}]}))
    assert (event.known, event.kind, event.family, event.version) == (False, event_type, family, version)
    assert event.data == {"anything": [1, {"deep": None}]}


@pytest.mark.parametrize(
    ("time", "at_ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-03-02T01:00:12.000999999Z", 1772413212000),
        ("2026-03-02T01:00:12.001Z", 1772413212001),
        ("2026-03-02t01:00:12.3z", 1772413212300),
        ("2026-03-01T19:30:12-05:30", 1772413212000),
        ("2199-12-31T23:59:59.999999Z", 7258118399999),
    ],
)
def test_times_are_floored_to_the_millisecond(time: str, at_ms: int) -> None:
    assert read_event(item_of(time=time)).at_ms == at_ms


@given(st.integers(0, 7258118399999))
def test_every_millisecond_comes_back(at_ms: int) -> None:
    days, rest = divmod(at_ms, 86_400_000)
    clock = f"{rest // 3_600_000:02}:{rest // 60_000 % 60:02}:{rest // 1000 % 60:02}.{rest % 1000:03}"
    day = date.fromordinal(date(1970, 1, 1).toordinal() + days).isoformat()
    assert read_event(item_of(time=f"{day}T{clock}Z")).at_ms == at_ms


@pytest.mark.parametrize(
    ("time", "rule"),
    [
        ("2026-03-02T01:00:12", "time_format"),
        ("2026-03-02", "time_format"),
        ("20260302T010012Z", "time_format"),
        ("2026-03-02 01:00:12Z", "time_format"),
        ("2026-03-02T01:00:12,5Z", "time_format"),
        ("2026-03-02T01:00:12Z\n", "time_format"),
        ("٢٠٢٦-03-02T01:00:12Z", "time_format"),
        (1772413212, "time_format"),
        (None, "time_format"),
        ("2026-02-30T01:00:12Z", "time_value"),
        ("2026-03-02T24:00:01Z", "time_value"),
        ("2026-03-02T01:00:12+25:00", "time_value"),
        ("0001-01-01T00:00:00+10:00", "time_value"),
        ("1969-12-31T23:59:59.999Z", "time_range"),
        ("1970-01-01T00:00:00+08:00", "time_range"),
        ("2200-01-01T00:00:00Z", "time_range"),
    ],
)
def test_a_time_that_means_nothing_is_refused(time: object, rule: str) -> None:
    assert found(item_of(time=time)) == {("/time", rule)}


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({"id": ...}, {("/id", "missing")}),
        ({"id": ""}, {("/id", "string_too_short")}),
        ({"id": 7}, {("/id", "string_type")}),
        ({"subject": "x" * 257}, {("/subject", "string_too_long")}),
        ({"specversion": "0.3"}, {("/specversion", "literal_error")}),
        ({"datacontenttype": "text/xml"}, {("/datacontenttype", "string_pattern_mismatch")}),
        ({"data": [1]}, {("/data", "dict_type")}),
        ({"data": ...}, {("/data/connection", "missing")}),
        ({"sequence": True}, {("/sequence", "sequence")}),
        ({"sequence": -1}, {("/sequence", "sequence")}),
        ({"sequence": 1.0}, {("/sequence", "sequence")}),
        ({"sequence": "²"}, {("/sequence", "sequence")}),
        ({"sequence": "9223372036854775808"}, {("/sequence", "sequence")}),
        ({"Bad_Name": "x"}, {("/Bad_Name", "extension_name")}),
        ({"a" * 21: "x"}, {("/" + "a" * 21, "extension_name")}),
        ({"vendor": {"a": 1}}, {("/vendor", "extension_type")}),
        ({"vendor": 1.5}, {("/vendor", "extension_type")}),
        ({"vendor": 2**63}, {("/vendor", "extension_size")}),
        ({"vendor": "x" * 1025}, {("/vendor", "extension_size")}),
        ({f"x{n}": n for n in range(33)}, {("", "extension_count")}),
        ({"vendor": "a\x00b"}, {("/vendor", "nul")}),
        ({"vendor": "\ud800"}, {("/vendor", "surrogate")}),
        ({"data": {**DELIVERED, "a/b~c": 1}}, {("/data/a~1b~0c", "extra_forbidden")}),
        ({"data": {**DELIVERED, "agent": 1001}}, {("/data/agent", "string_type")}),
        ({"data": {**DELIVERED, "private": {"x": ["\x00"]}}}, {("/data/private/x/0", "nul")}),
        ({"data": {**DELIVERED, "private": {"k\udfff": 1}}}, {("/data/private", "surrogate")}),
        ({"type": "new.thing", "data": {"x": "\x00"}}, {("/data/x", "nul")}),
        ({"type": "new.thing", "data": {"x": [float("inf")]}}, {("/data", "number")}),
        ({"data": {**DELIVERED, "private": {"x": float("nan")}}}, {("/data/private", "private_number")}),
    ],
)
def test_a_problem_points_at_its_place(changes: dict[str, Any], problems: set[tuple[str, str]]) -> None:
    assert found(item_of(**changes)) == problems


def test_all_problems_are_told_at_once_but_not_without_end() -> None:
    assert len(found(item_of(data={**DELIVERED, "agent": 1, "queue": 2}))) == 2
    many = item_of(data={**DELIVERED, **{f"x{n}": n for n in range(100)}})
    with pytest.raises(Refused) as refusal:
        read_event(many)
    assert len(refusal.value.problems) == PROBLEMS_MAX


def test_a_backslash_is_no_nul() -> None:
    assert read_event(item_of(vendor="\\u0000 NaN Infinity")).known


def test_what_was_said_is_not_repeated_in_the_refusal() -> None:
    with pytest.raises(Refused) as refusal:
        read_event(item_of(type="ringback.call.offered.v1", data={"calling": {"n": "+8679186261234"}}))
    assert "86261234" not in str(refusal.value)


def test_private_data_has_its_limits() -> None:
    def with_private(private: object) -> dict[str, Any]:
        return item_of(data={**DELIVERED, "private": private})

    assert read_event(with_private({"x": "y" * 4088})).known
    assert found(with_private({"x": "y" * 4089})) == {("/data/private", "private_size")}
    assert found(with_private(["x"])) == {("/data/private", "private_type")}
    assert found(with_private(nested(33))) == {("/data/private", "private_depth")}
    assert read_event(with_private(nested(32))).known


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"x": value}
    return value


def test_a_deep_or_large_item_is_refused() -> None:
    assert found(item_of(type="new.thing", data=nested(33))) == {("/data", "depth")}
    assert read_event(item_of(type="new.thing", data=nested(32))).data == nested(32)
    deep = nested(900)
    assert {rule for _, rule in found(item_of(data=deep))} <= {"depth", "missing", "extra_forbidden"}
    assert found(item_of(type="new.thing", data={"x": "y" * EVENT_BYTES_MAX})) == {("", "size")}


def test_only_a_snapshot_may_be_large() -> None:
    calls = [{"call": f"call-{n:06}", "connections": [{"connection": f"c-{n}"}]} for n in range(5000)]
    snapshot = item_of(type="ringback.switch.switchSnapshot.v1", subject="n", data={"calls": calls})
    assert len(body_of(snapshot)) > EVENT_BYTES_MAX
    assert read_event(snapshot).kind == "switchSnapshot"
    snapshot["data"]["calls"] = calls * 5
    assert found(snapshot) == {("", "size")}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"a": NaN}', b"[" * 100_000, b" " * (SNAPSHOT_BYTES_MAX + 1)])
def test_bytes_that_are_no_json_are_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        event_of(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda children: st.lists(children, max_size=5) | st.dictionaries(st.text(st.characters()), children, max_size=5),
    max_leaves=20,
)


@given(JSON)
def test_no_json_makes_it_fail_otherwise(value: object) -> None:
    with pytest.raises(Refused):
        read_event(value)


@given(st.dictionaries(st.sampled_from([*item_of(), "sequence", "commandid", "vendor"]), JSON))
def test_no_damaged_event_makes_it_fail_otherwise(damage: dict[str, Any]) -> None:
    pointers = [""]
    try:
        read_event(item_of(**damage))
    except Refused as refusal:
        pointers = [problem.pointer for problem in refusal.problems]
    assert pointers
    assert all(pointer.encode().decode() == pointer for pointer in pointers)


@given(st.dictionaries(st.sampled_from([*DELIVERED, "private", "cause", "q850", "x"]), JSON), st.booleans())
def test_what_goes_into_the_log_comes_out_again(data: dict[str, Any], known: bool) -> None:
    item = item_of(data={**DELIVERED, **data}, type="ringback.call.delivered.v1" if known else "new.thing")
    try:
        event = read_event(item)
    except Refused:
        return
    again = event_of(body_of(item))
    assert repr(again) == repr(event)
