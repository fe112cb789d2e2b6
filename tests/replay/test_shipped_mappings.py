"""The mappings that ship, on made-up files of the exchanges that they are for: what comes out is true to the call."""

from pathlib import Path
from typing import Any

import pytest

from cti.replay.mapping_file import shipped_names
from tests.trials.replays import Replayed, replayed

pytestmark = pytest.mark.usefixtures("logging_as_it_was")

FILES = Path(__file__).parent / "files"
FIGURES = ("lines_in", "accepted", "excluded", "rejected_by_reason", "calls", "answered", "abandoned_from_queue")


def figures(result: Replayed) -> list[Any]:
    assert result.code == 0, result.said
    return [result.figures[name] for name in FIGURES]


def members(result: Replayed, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(record[name] for name in names) for record in result.records]


def test_every_mapping_has_its_test() -> None:
    assert shipped_names() == sorted(["bank-1999", *(file.stem for file in FILES.iterdir())])


def test_asterisk_cdr() -> None:
    result = replayed(FILES / "asterisk-cdr.csv", "asterisk-cdr")
    assert figures(result) == [7, 6, {}, {"unreadable_line": 1}, 5, 3, 0]
    assert members(result, "calling", "called", "outcome", "talk_s", "opened_at", "ended_at") == [
        ("4930111", "100", "answered", 120, "2024-03-04T09:00:00.000Z", "2024-03-04T09:02:08.000Z"),
        ("4930112", "100", "answered", 45, "2024-03-04T09:10:00.000Z", "2024-03-04T09:11:05.000Z"),
        ("4930113", "100", "abandoned", 0, "2024-03-04T09:20:00.000Z", "2024-03-04T09:20:30.000Z"),
        ("4930114", "100", "abandoned", 0, "2024-03-04T09:30:00.000Z", "2024-03-04T09:30:41.000Z"),
        ("4930115", "100", "answered", 30, "2024-03-04T09:40:00.000Z", "2024-03-04T09:40:34.000Z"),
    ]
    assert result.figures["mean_wait_answered_s"] is None
    assert {rule["state"] for rule in result.figures["rules"].values()} == {"not_measurable"}


def test_asterisk_queue_log() -> None:
    result = replayed(FILES / "asterisk-queue-log.log", "asterisk-queue-log")
    excluded = {"no_call": 2, "agents_and_settings": 1}
    assert figures(result) == [20, 16, excluded, {"no_closing": 1}, 4, 3, 1]
    assert members(result, "calling", "queue", "outcome", "wait_s", "answer_s", "talk_s", "released_by") == [
        ("4930111", "support", "answered", 22, 21, 100, "customer"),
        ("4930222", "support", "abandoned", 40, None, 0, "customer"),
        ("4930333", "support", "answered", 34, 5, 60, "agent"),
        ("4930555", "support", "answered", 10, 4, 30, "unknown"),
    ]
    offers = [(offer["agent"], offer["ring_s"], offer["result"]) for offer in result.records[0]["offers"]]
    assert offers == [("PJSIP/201", 15, "notAnswered"), ("PJSIP/202", 5, "answered")]
    assert [(offer["ring_s"], offer["result"]) for offer in result.records[1]["offers"]] == [(6, "abandoned")]
    assert [transfer["to"] for transfer in result.records[3]["transfers"]] == ["300"]
    breaches = [[breach["rule"] for breach in record["breaches"]] for record in result.records]
    assert breaches == [["RING-1", "RING-2"], [], ["END-1"], []]
    assert result.figures["rules"]["RING-1"] == {"state": "measured", "breaches": 1, "missing": []}
    assert result.figures["rules"]["HOLD-2"]["state"] == "not_measurable"


def test_freeswitch_cdr() -> None:
    result = replayed(FILES / "freeswitch-cdr.csv", "freeswitch-cdr")
    assert figures(result) == [3, 3, {}, {}, 3, 1, 0]
    assert members(result, "calling", "called", "outcome", "talk_s", "cause") == [
        ("4930111", "100", "answered", 120, "NORMAL_CLEARING"),
        ("4930112", "100", "abandoned", 0, "ORIGINATOR_CANCEL"),
        ("4930113", "9196", "abandoned", 0, "NORMAL_CLEARING"),
    ]


def test_cisco_cucm_cdr() -> None:
    result = replayed(FILES / "cisco-cucm-cdr.csv", "cisco-cucm-cdr")
    assert figures(result) == [6, 4, {"header": 2, "no_call_record": 0}, {}, 3, 2, 0]
    assert members(result, "subject", "calling", "called", "outcome", "talk_s", "q850") == [
        ("StandAloneCluster-1-5001", "4930111", "2000", "answered", 120, 16),
        ("StandAloneCluster-1-5002", "4930112", "2000", "abandoned", 0, 16),
        ("StandAloneCluster-1-5003", "4930113", "2000", "answered", 90, 16),
    ]


def test_amazon_connect() -> None:
    result = replayed(FILES / "amazon-connect.jsonl", "amazon-connect")
    assert figures(result) == [5, 3, {"no_voice": 1}, {"bad_time": 1}, 3, 2, 1]
    assert members(result, "direction", "calling", "called", "queue", "outcome", "wait_s", "talk_s") == [
        ("inbound", "+4930111", "+49800100", "Support", "answered", 30, 90),
        ("inbound", "+4930112", "+49800100", "Support", "abandoned", 50.25, 0),
        ("outbound", "+49800100", "+4930114", None, "answered", 0, 60),
    ]
    assert result.figures["rules"]["QUEUE-1"]["state"] == "measured"
