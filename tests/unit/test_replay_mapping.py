"""A mapping's mistakes are named by file, line and field."""

import pytest

from cti.replay.mapping_file import MappingRefused, load, parse

GOOD = """name = "calls"
switch = "old-pbx"
time_zone = "Europe/Berlin"
time_format = "%Y-%m-%d %H:%M:%S"
key = ["id"]

[times]
came = { column = "came" }
went = { column = "went", after = "came", duration_s = "seconds" }

[[event]]
kind = "offered"
at = "came"
data.called = "{number}"

[[event]]
kind = "callCleared"
at = "went"
"""


def refusal(text: str) -> str:
    with pytest.raises(MappingRefused) as refused:
        parse(text.encode(), "calls.toml")
    return str(refused.value)


def test_a_good_mapping_says_its_columns_and_source() -> None:
    mapping = parse(GOOD.encode(), "calls.toml").mapping
    assert {column for _, column in mapping.columns_used()} == {"id", "came", "went", "seconds", "number"}
    assert mapping.source == "/switches/old-pbx"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('switch = "old-pbx"', 'switch = "old pbx"', "calls.toml:2: switch: "),
        ('time_zone = "Europe/Berlin"', 'time_zone = "Europe/Atlantis"', "calls.toml:3: time_zone: no such time zone"),
        ('key = ["id"]', "key = []", "calls.toml:5: key: "),
        ('key = ["id"]', 'key = ["id"]\ncolour = 1', "calls.toml:6: colour: Extra inputs"),
        ('after = "came"', 'after = "gone"', "calls.toml:9: times.went: gone is no time named above it"),
        ('after = "came", ', "", "calls.toml:9: times.went: duration_s needs after"),
        ('came = { column = "came" }', 'came = { none = "x" }', "calls.toml:8: times.came: needs exactly one of"),
        ('at = "went"', 'at = "left"', "calls.toml:18: event[1].at: no such time: left"),
        ("data.called", "data.caled", "calls.toml:14: event[0].data.caled: offered has no such field"),
        ('kind = "offered"', 'kind = "ofered"', "calls.toml:12: event[0].kind: no such call event: ofered"),
        ('kind = "callCleared"', 'kind = "established"', "calls.toml:11: event: no event closes the call"),
        ('kind = "offered"', 'kind = "callCleared"', "calls.toml:17: event[1].kind: a second event 'callCleared'"),
        ('at = "came"', "at = 7", "calls.toml:13: event[0].at: Input should be a valid string"),
        ("[times]", "[times", "calls.toml: not TOML: "),
        ('name = "calls"', 'name = "calls"\ndate_column = "day"', "date_column and date_format belong together"),
    ],
)
def test_a_mistake_is_named_by_file_line_and_field(old: str, new: str, said: str) -> None:
    assert GOOD.count(old) == 1
    assert said in refusal(GOOD.replace(old, new))


def test_every_mistake_is_named_at_once() -> None:
    said = refusal(GOOD.replace('at = "went"', 'at = "left"').replace("data.called", "data.caled"))
    assert "event[1].at" in said
    assert "event[0].data.caled" in said


def test_bytes_that_are_no_utf8_are_named_by_line() -> None:
    with pytest.raises(MappingRefused, match=r"calls\.toml:2: not UTF-8"):
        parse(GOOD.encode().replace(b"old-pbx", b"old-\xff"), "calls.toml")


def test_a_column_that_the_file_lacks_is_named_with_its_place() -> None:
    mapping_file = parse(GOOD.encode(), "calls.toml")
    with pytest.raises(MappingRefused) as refused:
        mapping_file.refuse_missing_columns(["id", "came", "went"])
    assert refused.value.problems == [
        "calls.toml:9: times.went: no column 'seconds'",
        "calls.toml:14: event[0].data.called: no column 'number'",
    ]
    mapping_file.refuse_missing_columns(["id", "came", "went", "seconds", "number", "more"])


def test_a_shipped_mapping_is_found_by_name_and_a_strange_one_is_not() -> None:
    assert load("bank-1999").mapping.name == "bank-1999"
    with pytest.raises(MappingRefused, match="bank-1999"):
        load("bank-2099")
    with pytest.raises(MappingRefused, match=r"nowhere\.toml"):
        load("nowhere.toml")
