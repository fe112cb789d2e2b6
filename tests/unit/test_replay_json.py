"""JSON lines are read like rows: dotted paths are their columns."""

import pytest

from cti.replay.rows import Layout, Row, format_of
from cti.replay.table import read_table


def rows(content: str, *paths: str, **layout: object) -> list[Row]:
    return read_table(content.encode(), Layout(format="jsonl", used=frozenset(paths), **layout)).rows


def cells(line: str, *paths: str) -> list[str]:
    (row,) = rows(line, *paths)
    return [row.cells[path] for path in paths]


def test_a_dotted_path_steps_into_objects_and_lists() -> None:
    line = '{"a": {"b": {"c": " x "}}, "list": [{"n": 1}, {"n": 2}], "a.b": "own"}'
    assert cells(line, "a.b.c", "list.1.n", "list.2.n", "a.b", "a.x.y") == ["x", "2", "", "own", ""]


def test_what_is_absent_or_null_is_an_empty_cell_and_numbers_keep_their_digits() -> None:
    line = '{"n": null, "big": 17095428001234567890, "dec": 1.50, "yes": true, "part": {"k": "v"}}'
    assert cells(line, "n", "gone", "big", "dec", "yes", "part") == [
        "",
        "",
        "17095428001234567890",
        "1.50",
        "true",
        '{"k":"v"}',
    ]


def test_objects_may_follow_each_other_on_a_line_and_damage_stays_where_it_is() -> None:
    found = rows('{"a":"1"}{"a":"2"} {"a":"3"}\n\n{"a":\n[1]\n"word"\n{"a":"4"}{]\n', "a")
    assert [(row.line, row.cells.get("a", row.damage.partition(":")[0])) for row in found] == [
        (1, "1"),
        (1, "2"),
        (1, "3"),
        (3, "no JSON"),
        (4, "no JSON object"),
        (5, "no JSON object"),
        (6, "4"),
        (6, "no JSON"),
    ]


def test_half_a_surrogate_pair_is_damage_and_a_replacement_character_is_not() -> None:
    found = rows('{"a":"\\ud83d\\ude00"}\n{"a":"\\ud83d"}\n{"a":"\ufffd"}\n{"a":{"b":"\\udc00"}}\n', "a")
    assert [(row.cells.get("a"), row.damage) for row in found] == [
        ("\U0001f600", ""),
        (None, "half of a surrogate pair"),
        ("\ufffd", ""),
        (None, "half of a surrogate pair"),
    ]


def test_nesting_without_end_is_damage_and_no_crash() -> None:
    assert rows('{"a":' * 100_000, "a")[0].damage.startswith("no JSON")


def test_first_and_last_lines_can_be_skipped() -> None:
    found = rows('export\n{"a":"1"}\n{"a":"2"}\n{"total":2}\n', "a", skip_lines=1, skip_last_lines=1)
    assert [row.cells for row in found] == [{"a": "1"}, {"a": "2"}]


@pytest.mark.parametrize(("count", "kept"), [(2, ["1"]), (3, []), (4, []), (9, [])])
def test_last_lines_are_counted_as_lines_and_more_than_there_are_leave_none(count: int, kept: list[str]) -> None:
    found = rows('{"a":"1"}\n{"a":"2"}{"a":"3"}\n\n# end\n\n', "a", skip_prefix=("#",), skip_last_lines=count)
    assert [row.cells["a"] for row in found] == kept


@pytest.mark.parametrize(
    ("file", "expected"),
    [("a.csv", "csv"), ("queue_log", "csv"), ("A.JSONL", "jsonl"), ("a.json", "jsonl"), ("a.xlsx", "xlsx")],
)
def test_the_file_s_name_says_its_format(file: str, expected: str) -> None:
    assert format_of(file) == expected
