"""The short way of judging an ordinary event gives what the models give, and lets in nothing that they refuse."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas import envelope
from schemas.envelope import DATA_MODELS, Refused
from schemas.plain_events import read_plain
from tests.benchmarks.traffic import WHOLE, data_of

PLAIN = envelope._PLAIN
TYPES = sorted(DATA_MODELS)
TIMES = (
    "2026-03-02T01:00:12.345Z", "2026-03-02T01:00:12.345z", "2026-03-02t01:00:12.345Z", "2026-03-02T01:00:12Z",
    "2026-03-02T09:00:12.345+08:00", "2026-03-02T01:00:12.34+Z", "2026-03-02T01:00:12.٣٤٥Z", "2026-03-02T01:00:12.-12Z",
    "2026-02-30T01:00:12.345Z", "2026-03-02T24:00:00.000Z", "2026-03-02T01:00:60.000Z", "2026-03-02 01:00:12.345Z",
    "1970-01-01T00:00:00.000Z", "1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00.000+08:00", "2199-12-31T23:59:59.999Z",
    "2200-01-01T00:00:00.000Z", "2026-03-02T01:00:12.345Z\n", "2026-03-02T01:00:12.12345Z", "", "now",
)  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(("", "inbound", "outbound", "INBOUND", "human", "busy", "16", "application/json", *TIMES)),
    st.builds(lambda char, length: char * length, st.sampled_from("xé中😀\n"), st.sampled_from((1, 2, 35, 36, 63))),
    st.builds(
        lambda char, length: char * length,
        st.sampled_from("x😀"),
        st.sampled_from((64, 65, 127, 128, 129, 255, 256, 257, 2000, 2001)),
    ),
)
WHOLES = st.sampled_from(
    (-(2**63), -(2**31) - 1, -1, 0, 1, 5, 127, 128, 2**31 - 1, 2**31, 2**62, 2**63 - 1, 2**63, 10**30)
)
OTHERS: st.SearchStrategy[Any] = st.one_of(st.none(), st.booleans(), st.sampled_from((0.0, 1.0, -0.5, 1e300)))
VALUES = st.one_of(TEXTS, WHOLES, OTHERS, st.sampled_from(([], {}, ["x"], {"x": "y"}, {"x": {"y": [1]}})))


EVERY = (
    "", "x", "x" * 35, "x" * 36, "x" * 64, "x" * 65, "😀" * 64, "x" * 128, "x" * 129, "x" * 256, "x" * 257, "x" * 2000,
    "x" * 2001, "😀" * 256, "inbound", "human", "accepted", "1.0", "application/json", "7", None, True, 0, 1, -1, 5, 6,
    127, 128, 2**31 - 1, 2**31, 2**63 - 1, 2**63, 1.0, [], ["x"], {}, {"x": "y"}, *TIMES, *TYPES,
)  # fmt: skip


def members_of(name: str) -> dict[str, Any]:
    """The members that the type's `data` may have, by the names they have on the wire."""
    return {field.alias or own: field for own, field in DATA_MODELS[name].model_fields.items()}


@st.composite
def items(draw: st.DrawFn) -> dict[str, Any]:
    """Events near what is taken: some are ordinary, the others break or stretch a rule or two."""
    name = draw(st.sampled_from(TYPES))
    fields = members_of(name)
    ordinary = st.sampled_from(("x", "inbound", "accepted", "human", "a-1001", "+8679110000000"))
    data: dict[str, Any] = {
        member: draw(st.one_of(ordinary, ordinary, st.integers(0, 5), st.booleans(), VALUES))
        for member, field in fields.items()
        if field.is_required() or draw(st.integers(0, 3)) == 0
    }
    item: dict[str, Any] = {
        "specversion": "1.0", "id": "e-1", "source": "/switches/a", "type": name, "subject": "c-1",
        "time": draw(st.sampled_from((*TIMES[:1] * 8, *TIMES))), "datacontenttype": "application/json", "data": data,
    }  # fmt: skip
    for optional in draw(st.sets(st.sampled_from(("sequence", "correlation", "commandid", "traceparent")))):
        item[optional] = draw(st.integers(0, 9)) if optional == "sequence" else draw(ordinary)
    for _ in range(draw(st.sampled_from((0, 0, 0, 1, 2)))):
        _change(draw, item, data)
    return item


def _change(draw: st.DrawFn, item: dict[str, Any], data: dict[str, Any]) -> None:
    where = data if draw(st.booleans()) else item
    new = st.sampled_from(("tenant", "Tenant", "data_base64", "x" * 21, "holding_device", "private", "device"))
    name = draw(st.one_of(st.sampled_from(sorted(where)), new) if where else new)
    if draw(st.booleans()):
        where.pop(name, None)
    else:
        where[name] = draw(VALUES)


def outcome(judge: Any, item: Any) -> tuple[Any, ...] | list[Any]:
    try:
        return tuple(judge(item))
    except Refused as refused:
        return refused.problems


@settings(max_examples=600)
@given(items())
@example({"specversion": "1.0"})
def test_the_short_way_gives_what_the_models_give(item: dict[str, Any]) -> None:
    by_models = outcome(envelope._judged_by_models, item)
    plain = read_plain(item, PLAIN)
    assert plain is None or plain == by_models
    assert outcome(envelope._judged, item) == by_models


@pytest.mark.parametrize("name", TYPES)
def test_every_value_in_every_member_is_judged_alike(name: str) -> None:
    fields = members_of(name)
    for member in fields:
        for value in EVERY:
            data = {needed: "x" for needed, field in fields.items() if field.is_required()} | {member: value}
            item = {**ordinary(name), "data": data}
            by_models = outcome(envelope._judged_by_models, item)
            plain = read_plain(item, PLAIN)
            assert plain is None or plain == by_models, (member, value)


@pytest.mark.parametrize("attribute", [*envelope.Envelope.model_fields, "tenant"])
def test_every_value_in_every_attribute_is_judged_alike(attribute: str) -> None:
    known = ordinary("ringback.call.delivered.v1") | {"data": {"connection": "x"}}
    for item in [{**known, attribute: value} for value in EVERY] + [{k: v for k, v in known.items() if k != attribute}]:
        by_models = outcome(envelope._judged_by_models, item)
        plain = read_plain(item, PLAIN)
        assert plain is None or plain == by_models, item


@pytest.mark.parametrize("item", [None, 1, "x", [], {}, {"type": []}, {"type": "ringback.call.delivered.v1"}])
def test_what_is_no_event_is_left_to_the_models(item: Any) -> None:
    assert read_plain(item, PLAIN) is None
    assert outcome(envelope._judged, item) == outcome(envelope._judged_by_models, item)


def ordinary(name: str) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": "e-1", "source": "/switches/a", "type": name, "subject": "c-1", "time": TIMES[0],
        "sequence": 7, "data": {},
    }  # fmt: skip


@pytest.mark.parametrize("kind", WHOLE)
def test_ordinary_events_go_the_short_way(kind: str) -> None:
    item = {**ordinary(f"ringback.call.{kind}.v1"), "data": dict(data_of(kind, 7))}
    assert read_plain(item, PLAIN) == outcome(envelope._judged_by_models, item)


def test_checks_across_members_and_patterns_are_left_to_the_models() -> None:
    assert {name for name in TYPES if name not in PLAIN} == {
        "ringback.call.muted.v1", "ringback.call.unmuted.v1", "ringback.call.agentAction.v1",
    }  # fmt: skip
    assert "digits" not in PLAIN["ringback.call.digitsGenerated.v1"].fields
    assert "private" not in PLAIN["ringback.call.delivered.v1"].fields
