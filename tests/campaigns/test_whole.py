"""A whole campaign, from a file with mistakes to the end of its last deadline, is the same on both databases."""

from pathlib import Path

import pytest

from tests.campaigns import never
from tests.campaigns.seen import Ledger, Log, Seen, Span, Stopped
from tests.campaigns.submitted import csv_of
from tests.campaigns.whole import SeededWords, Whole, played, zones_of_rows
from tests.replay.cases import ms_of
from tests.scheduler import START_MS

START_ = ms_of("2026-03-04T09:00:00+08:00")
ITEM = {
    "months": "2026-01", "arrears": "120.00", "penalty_rate_per_day": "0.001", "penalty_from": "2026-02-01",
    "total_due": "123.84", "pay_at": "营业厅",
}  # fmt: skip


def file_of(accounts: int) -> bytes:
    rows = [
        {"account": f"A{n}", "name": "测试", "number": f"1380000{n:04d}", "zone": "Asia/Urumqi" if n % 5 == 0 else ""}
        | ITEM
        for n in range(1, accounts + 1)
    ]
    rows[1]["number2"] = "13900000001"
    rows.append(dict(rows[0]))  # merged
    rows += [rows[2] | {"number": "95598"}, rows[3] | {"total_due": "1.00", "account": "B1"}]  # two mistakes
    return csv_of(rows)


async def test_both_databases_come_to_the_same_and_nothing_is_violated(tmp_path: Path, postgres_url: str) -> None:
    asked = Whole(file_of(5), "arrears", START_, 7)
    on = [await played(asked, url) for url in (f"sqlite:///{tmp_path}/whole.db", postgres_url)]
    assert [one["violations"] for one in on] == [[], []]
    assert on[0] == on[1]
    found = on[0]
    assert found["import"] == {"received": 8, "accepted": 5, "rejected": 2, "merged": 1, "contacts": 5}
    assert sum(found["outcomes"].values()) == 5
    assert found["makeCalls"] >= found["counted"] > 5
    assert found["quiet_violations"] == 0


def test_a_number_has_the_same_words_by_its_seed_alone() -> None:
    assert SeededWords(7)["+8613800000001"] == SeededWords(7)["+8613800000001"]
    assert SeededWords(7)["+8613800000001"] != SeededWords(8)["+8613800000001"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_the_judge_reads_the_zones_of_a_file_by_itself(encoding: str) -> None:
    text = "户号;时区\nA1;Asia/Urumqi\nA1;Asia/Tokyo\nA2;\n"
    assert zones_of_rows(text.encode(encoding)) == {
        "A1": frozenset({"Asia/Urumqi", "Asia/Tokyo"}),
        "A2": frozenset(),
    }


class Row:
    """A row of the ledger, as far as a judge reads it."""

    def __init__(self, **columns: object) -> None:
        self.__dict__.update(columns)


def seen(**change: object) -> Seen:
    """One contact, called once and reached; `change` spoils it."""
    campaign = Row(id="c", kind="arrears", state="done", attempts_max=3, calls_per_second=5, zone="Asia/Shanghai",
                   fallback="notice")  # fmt: skip
    contact = Row(id="c-1", agreed_at_ms=None, campaign="c", account="A1", state="reached", important=0, round=1,
                  fallback_by_ms=None,
                  phones='[["+8613800000001", ["Asia/Shanghai"]]]')  # fmt: skip
    attempt = Row(contact="c-1", n=1, campaign="c", round=1, channel="auto", number="+8613800000001", command="c-1.1",
                  step="over", decision="dialled", decided_at_ms=START_MS, ended_at_ms=START_MS + 28_000,
                  disposition="reached", counted=1, revised=0)  # fmt: skip
    order = Row(id="c-1.1", state="done", command="makeCall", sent_at_ms=START_MS)
    log = Log([(START_MS, "c-1.1", "+8613800000001")], [], [("c-1.1", START_MS + 1_000, START_MS + 8_000)],
              [Span("c-1.1", "+8613800000001", START_MS, START_MS + 28_000)], frozenset())  # fmt: skip
    ledger = Ledger({"c": campaign}, {"c-1": contact}, [attempt], [], {"c-1.1": order})
    made = Seen(log, ledger, {}, {}, 5)
    parts = {name: value for name, value in change.items() if name in Seen._fields}
    in_log = {name: value for name, value in change.items() if name in Log._fields}
    in_ledger = {name: value for name, value in change.items() if name in Ledger._fields}
    return made._replace(log=log._replace(**in_log), ledger=ledger._replace(**in_ledger), **parts)


def attempt(n: int, **columns: object) -> Row:
    (one,) = seen().ledger.attempts
    return Row(**{**one.__dict__, "n": n, "command": f"c-1.{n}", "decided_at_ms": START_MS + 3_600_000 * n, **columns})


def sent(n: int) -> Row:
    return Row(id=f"c-1.{n}", state="done", command="makeCall", sent_at_ms=START_MS + n)


NIGHT_MS = START_MS - 2 * 3_600_000
NOTICE = Row(id="n-1", contact="c-1", round=1, state="pending", created_at_ms=START_MS)
FOUR = [("c-1.1", START_MS + n, START_MS + n) for n in range(4)]
AT_NINE = {"decided_at_ms": START_MS}
SPOILT = [
    ({"rings": [("c-1.1", NIGHT_MS, NIGHT_MS + 1_000)]}, never.QUIET),
    ({"zones": {"A1": ["Europe/London"]}}, never.QUIET),
    ({"windows": {"c": (("10:00", "11:00"),)}}, never.QUIET),
    ({"rings": [("other", START_MS, START_MS + 1)]}, never.QUIET),
    ({"arrivals": [(START_MS, "c-1.1", "+8613800000001")] * 2}, never.TWICE),
    ({"arrivals": [(START_MS, "c-1.9", "+8613800000001")]}, never.TWICE),
    ({"attempts": [attempt(1, decision="withdrawn", counted=0)]}, never.NOT_DIALLED),
    ({"calls": [Span("c-1.1", "+8613800000001", START_MS, None), Span("x", "+8613800000001", START_MS, None)]},
     never.TWO_LIVE),
    ({"attempts": [attempt(n) for n in (1, 2, 3, 4)]}, never.TOO_OFTEN),
    ({"attempts": [*(attempt(n) for n in (1, 2, 3)), attempt(4, counted=0)]}, never.TOO_OFTEN),
    ({"rings": FOUR}, never.CAP),
    ({"rings": FOUR, "loses": True}, never.CAP),
    ({"rings": FOUR, "loses": True, "attempts": [attempt(1, counted=0, q850=None, **AT_NINE)]}, never.CAP),
    ({"orders": {f"c-1.{n}": sent(n) for n in range(1, 7)}}, never.PACE),
    ({"orders": {f"c-1.{n}": sent(n) for n in range(1, 7)}, "lane_pace": 50, "attempts": [attempt(n, counted=0) for n in
      range(1, 7)]}, never.PACE),
    ({"notices": [NOTICE]}, never.NOTICE),
    ({"stops": [Stopped("freeze", START_MS - 1, None, None)]}, never.AFTER_STOP),
    ({"stops": [Stopped("stop", START_MS - 1, None, frozenset({"c"}))]}, never.AFTER_STOP),
]  # fmt: skip


@pytest.mark.parametrize(("change", "kind"), SPOILT)
def test_the_judge_sees_what_must_never_be(change: dict[str, object], kind: str) -> None:
    assert kind in {violation.kind for violation in never.violations(seen(**change))}


def test_the_judge_has_nothing_to_say_of_a_clean_campaign() -> None:
    assert never.violations(seen()) == []
    assert list(never.unended(seen())) == []


def test_a_ringing_that_is_lost_before_a_failure_is_known_to_nobody() -> None:
    failed = {"attempts": [attempt(1, counted=0, q850=127, **AT_NINE)], "rings": FOUR}
    assert never.CAP not in {violation.kind for violation in never.violations(seen(**failed, loses=True))}
    assert never.CAP in {violation.kind for violation in never.violations(seen(**failed))}


OPEN = Row(**{**seen().ledger.contacts["c-1"].__dict__, "state": "in_progress"})
SENT = Row(id="c-1.1", state="sent", command="makeCall", sent_at_ms=START_MS)


@pytest.mark.parametrize(
    "change", [{"attempts": [attempt(1, step="open")], "contacts": {"c-1": OPEN}}, {"orders": {"c-1.1": SENT}}]
)
def test_the_judge_sees_what_has_no_end(change: dict[str, object]) -> None:
    assert {violation.kind for violation in never.unended(seen(**change))} == {never.NO_END}
