"""The product's figures beside the switch's: what agrees, and what is named when it does not."""

import io
from typing import Any

from cti.switches.simulated.board import Board, block
from cti.switches.simulated.comparison import contradictions, differences, product_figures

RECORDS: list[dict[str, Any]] = [
    {"outcome": "answered", "answer_s": 12.0, "holds": [], "breaches": []},
    {"outcome": "answered", "answer_s": 12.001, "holds": [], "breaches": [{"rule": "RING-1"}, {"rule": "RING-2"}]},
    {
        "outcome": "answered",
        "answer_s": None,
        "holds": [{"notices_owed": 2, "notices_played": 1}, {"notices_owed": 1, "notices_played": 1}],
        "breaches": [{"rule": "HOLD-2"}, {"rule": "XFER-1"}],
    },
    {"outcome": "abandoned", "answer_s": None, "holds": [], "breaches": []},
]
RULES = {"RING-1": 1, "RING-2": 1, "HOLD-2": 1, "END-1": 0}
INDICATORS: dict[str, Any] = {
    "calls": 4,
    "answered": 3,
    "answered_in_time": 1,
    "notices_owed": 3,
    "notices_played": 2,
    "commands": {"total": 9, "by_state": {"done": 4, "refused": 2, "overtaken": 2, "unanswered": 1}},
    "obeyed": 4,
    "refused": {"noOtherAgent": 2},
    "rules": {rule: {"state": "measured", "breaches": count} for rule, count in RULES.items()},
}
LISTED = [{"rule": "RING-1"}, {"rule": "RING-2"}, {"rule": "HOLD-2"}, {"rule": "XFER-1"}]
FIGURES = {
    "calls": 4,
    "answered": 3,
    "answered_in_time": 1,
    "breaches": {"RING-1": 1, "RING-2": 1, "HOLD-2": 1},
    "notices_owed": 3,
    "notices_played": 2,
    "commands": 7,
    "obeyed": 4,
    "refused": {"noOtherAgent": 2},
}


def test_figures_of_the_product() -> None:
    assert product_figures(RECORDS, INDICATORS) == FIGURES


def test_what_agrees_has_no_differences() -> None:
    assert differences(FIGURES, dict(FIGURES)) == []
    assert contradictions(FIGURES, INDICATORS, LISTED) == []


def test_every_difference_is_named() -> None:
    for name, value in FIGURES.items():
        other = FIGURES | {name: {"END-1": 1} if isinstance(value, dict) else value + 1}
        assert [line.split(":")[0] for line in differences(FIGURES, other)] == [name]


def test_reads_that_contradict_each_other_are_named() -> None:
    assert contradictions(FIGURES, INDICATORS | {"answered": 2}, LISTED) == [
        "answered: records say 3, indicators 2",
    ]
    assert len(contradictions(FIGURES, INDICATORS, LISTED[1:])) == 1
    fewer = INDICATORS | {"rules": INDICATORS["rules"] | {"RING-1": {"state": "measured", "breaches": 0}}}
    assert len(contradictions(FIGURES, fewer, LISTED)) == 1


def test_the_block_on_the_terminal() -> None:
    newest = [{"at": "2026-03-02T01:00:12.000Z", "rule": "RING-1", "agent": "1001", "actual_s": 12.2, "limit_s": 12.0}]
    text = "\n".join(block(INDICATORS, newest))
    assert "in time 1 (33.3 %)" in text
    assert "2 played of 3 owed" in text
    assert "RING-1 1" in text
    assert "agent 1001  12.2 (limit 12)" in text


def test_what_no_switch_reports_is_not_shown_as_nothing() -> None:
    unknown = INDICATORS | {
        "answered_in_time": None,
        "rules": {"RING-1": {"state": "not_measurable", "breaches": None, "missing": ["delivered"]}},
    }
    text = "\n".join(block(unknown, []))
    assert "in time not measurable" in text
    assert "not measurable yet: RING-1" in text
    assert "breaches -" in text


def test_a_block_is_written_over_itself_and_only_itself() -> None:
    stream = io.StringIO()
    board = Board("http://127.0.0.1:1", "key", stream)
    board._show(["one", "two"])
    board._show(["three"])
    assert stream.getvalue() == "\x1b[0Jone\ntwo\n\x1b[2F\x1b[0Jthree\n"
