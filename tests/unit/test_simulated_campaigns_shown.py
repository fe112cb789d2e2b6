"""The screen's lines for campaigns, and the judgement of the demonstration's campaign."""

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cti.switches.simulated.campaign_lines import SHOWN_MAX, campaign_lines
from cti.switches.simulated.demo_campaign import CONTACTS, judged, write_rows


def campaign(state: str = "running", **progress: Any) -> dict[str, Any]:
    coming = {"until": "2026-03-04T06:00:00Z", "why": "quiet_hours", "rule": "CB-1", "text": {"en": "Rest hours"}}
    return {"name": "march", "state": state, "zone": "Asia/Shanghai", "progress": progress, "next": coming}


def test_a_campaign_shows_its_contacts_by_state_and_until_when_it_waits_and_why() -> None:
    assert campaign_lines([campaign(waiting=8, in_progress=0, reached=2, live=1, attempts=3)]) == [
        "campaign march running: waiting 8, reached 2",
        "  live 1, attempts 3; waiting until 2026-03-04 14:00 Asia/Shanghai: quiet_hours CB-1",
    ]


def test_without_a_time_it_shows_what_the_service_says() -> None:
    one = campaign() | {"next": {"until": None, "why": None, "text": {"en": "Dialling now"}}}
    assert campaign_lines([one])[1] == "  live 0, attempts 0; Dialling now"
    assert campaign_lines([campaign() | {"next": None, "progress": None}])[0] == "campaign march running: no contacts"


def test_those_that_work_come_first_and_the_screen_stays_small() -> None:
    many = [campaign("done", reached=number) for number in range(1, SHOWN_MAX + 3)]
    lines = campaign_lines([*many, campaign("paused", waiting=1)])
    assert lines[0].startswith("campaign march paused")
    assert lines[-1] == "and 3 other campaigns"
    assert len(lines) == SHOWN_MAX + 2


def test_a_zone_that_nobody_knows_leaves_the_time_as_it_came() -> None:
    assert "until 2026-03-04T06:00:00Z" in campaign_lines([campaign() | {"zone": "Nowhere/City"}])[1]


def attempt(command: str, **more: Any) -> dict[str, Any]:
    return {"command": command, "channel": "auto", "decision": "dialled", "sent_at": "2026-03-04T02:00:00Z", **more}


OVER = {"state": "done", "progress": {"contacts": 3, "reached": 2, "fallback": 1, "waiting": 0}}


def test_what_was_sent_is_what_the_switch_received() -> None:
    unsent = attempt("c-1.2", decision="not_dialled", sent_at=None)
    refused = {"channel": "auto", "decision": "refused", "command": None}
    message = attempt("c-2.9", channel="sms")
    found = judged(OVER, [attempt("c-1.1"), attempt("c-2.1"), unsent, refused, message], ["c-1.1", "c-2.1"])
    assert (found["agree"], found["differences"]) == (True, [])
    assert (found["sent"], found["dials_received"], found["outcomes"]) == (2, 2, {"reached": 2, "fallback": 1})


@pytest.mark.parametrize(
    ("campaign", "dials", "why"),
    [
        (OVER, ["c-1.1"], "sent, and not received: ['c-2.1']"),
        (OVER, ["c-1.1", "c-2.1", "c-3.1"], "received, and not sent: ['c-3.1']"),
        (OVER, ["c-1.1", "c-2.1", "c-2.1"], "received twice: ['c-2.1']"),
        (OVER | {"state": "running"}, ["c-1.1", "c-2.1"], "the campaign is running, not done"),
        (OVER | {"progress": {"contacts": 4, "reached": 3}}, ["c-1.1", "c-2.1"], "outcomes {'reached': 3} of 4"),
    ],
)  # fmt: skip
def test_each_difference_is_named(campaign: dict[str, Any], dials: list[str], why: str) -> None:
    found = judged(campaign, [attempt("c-1.1"), attempt("c-2.1")], dials)
    assert (found["agree"], found["differences"]) == (False, [why])


def test_the_rows_of_the_demonstration_add_up(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["number"] for row in rows}) == len({row["account"] for row in rows}) == CONTACTS
    first = rows[0]  # 47 yuan from 1 February to 4 March: 32 days
    assert (first["arrears"], first["total_due"]) == ("47.00", "48.50")
    assert all(Decimal(row["total_due"]) > Decimal(row["arrears"]) for row in rows)
