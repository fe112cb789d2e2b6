"""The judge of campaigns finds what it looks for."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.campaigns.bills import bills
from tests.campaigns.open_now import COUNTRIES
from tests.faults.cluster import dialling
from tests.faults.cluster.campaign_judge import (
    MUST_BE_0,
    MUST_NOT_BE_0,
    Dial,
    Fact,
    Heard,
    Quieted,
    Told,
    failures,
    read,
    verdict,
)
from tests.faults.cluster.counters import counted
from tests.faults.cluster.plan import DIALLER, ENGINE, GATEWAY
from tests.faults.cluster.storm import stormed
from tests.faults.desk import STATES

AT_MS = int(datetime(2026, 3, 4, 2, tzinfo=UTC).timestamp() * 1000)  # 10:00 in Hong Kong
VALID_MS = 10_000
ZONE = "Asia/Hong_Kong"
PACE = 2
HOUR_MS = 3_600_000
OF_THE_PROCESSES = {
    "stale_turns_refused": 4, "stop_acknowledged": True, "freeze_acknowledged": True, "left_at_stop": 9,
    "left_at_freeze": 9, "kills": 2, "stops": 2, "ended_alone": 0, "stopped_badly": 0,
}  # fmt: skip


def dial(id_: str, at_ms: int, to: str = "", valid_ms: int = VALID_MS) -> Dial:
    return Dial(at_ms, id_, "east", to or id_, at_ms + valid_ms)


def call(id_: str, at_ms: int, lasts_ms: int = 3_000) -> list[Fact]:
    kinds = (("originated", 0), ("delivered", 1_000), ("failed", lasts_ms), ("callCleared", lasts_ms))
    return [Fact(id_, f"call.{kind}", at_ms + after_ms) for kind, after_ms in kinds]


def attempt(command: str, **changed: Any) -> dict[str, Any]:
    told = {
        "contact": command.split(".", maxsplit=1)[0], "command": command, "decision": "dialled", "disposition": "busy",
        "counted": True, "sent_at": "2026-03-04T02:00:00Z",
    }  # fmt: skip
    return {**told, **changed}


def progress(**states: int) -> dict[str, Any]:
    return {"contacts": sum(states.values()), **dict.fromkeys(STATES, 0), **states, "attempts": 4}


@dataclass(frozen=True)
class History:
    """One campaign with a contact that is called again and one with a notice; another that was stopped; a freeze."""

    received: Sequence[Dial] = (
        dial("c1-1.1", AT_MS), dial("c2-1.1", AT_MS + 1_000), dial("c1-1.3", AT_MS + HOUR_MS),
        dial("c1-2.1", AT_MS + HOUR_MS + 2_000),
    )  # fmt: skip
    expired: Sequence[str] = ()
    facts: Sequence[Fact] = (
        *call("c1-1.1", AT_MS), *call("c2-1.1", AT_MS + 1_000), *call("c1-1.3", AT_MS + HOUR_MS),
        *call("c1-2.1", AT_MS + HOUR_MS + 2_000),
    )  # fmt: skip
    first: Sequence[Mapping[str, Any]] = (
        attempt("c1-1.1"), attempt("c1-1.2", decision="not_dialled", disposition=None, counted=False, sent_at=None),
        attempt("c1-1.3", sent_at="2026-03-04T03:00:00Z"),
        attempt("c1-2.1", disposition="suspended", sent_at="2026-03-04T03:00:02Z"),
        {"contact": "c1-2", "decision": "refused", "why": "retry_wait", "counted": False},
    )  # fmt: skip
    second: Sequence[Mapping[str, Any]] = (attempt("c2-1.1"),)
    notices: Sequence[Mapping[str, Any]] = ({"account": "2", "state": "pending"},)
    states: Sequence[tuple[str, int]] = (("waiting", 1), ("fallback", 1))

    def judged(self) -> dict[str, Any]:
        told = (
            Told("c1", 2, progress(**dict(self.states)), self.first, self.notices),
            Told("c2", 1, progress(cancelled=1), self.second, []),
        )
        stop = Quieted("c2", AT_MS + 10_000)
        freeze = Quieted(None, AT_MS + 600_000, AT_MS + 1_200_000)
        heard = Heard(self.received, set(self.expired), self.facts)
        return verdict(heard, told, [stop], [freeze], ZONE, PACE) | OF_THE_PROCESSES

    def receiving(self, one: Dial, **changed: Any) -> "History":
        """It, and one more order that came in and was told of."""
        wanted = attempt(one.id, sent_at="2026-03-04T02:30:00Z", **changed)
        of_second = one.campaign == "c2"
        return replace(
            self,
            received=(*self.received, one),
            facts=(*self.facts, *call(one.id, one.at_ms)),
            first=self.first if of_second else (*self.first, wanted),
            second=(*self.second, wanted) if of_second else self.second,
        )


def test_a_good_history_is_found_good() -> None:
    figures = History().judged()
    assert failures(figures) == [], figures
    assert (figures["dials"], figures["attempts"], figures["attempts_not_dialled"]) == (4, 5, 1)


def without(history: History, *dropped: str) -> History:
    return replace(history, received=[one for one in history.received if one.id not in dropped])


PLANTED: Mapping[str, Callable[[History], History]] = {
    "received_twice": lambda it: replace(it, received=[*it.received, it.received[0]]),
    "attempts_without_end": lambda it: replace(it, first=[*it.first[:2], attempt("c1-1.3", disposition=None)]),
    "quiet_violations": lambda it: it.receiving(dial("c1-3.1", AT_MS + 12 * HOUR_MS)),
    "received_after_stop": lambda it: it.receiving(dial("c2-2.1", AT_MS + 10_001)),
    "received_after_freeze": lambda it: it.receiving(dial("c1-3.1", AT_MS + 700_000)),
    "received_unmade": lambda it: replace(it, received=[*it.received, dial("c1-9.1", AT_MS + HOUR_MS)]),
    "received_though_not_dialled": lambda it: replace(it, received=[*it.received, dial("c1-1.2", AT_MS + HOUR_MS)]),
    "ended_not_received": lambda it: without(it, "c1-2.1"),
    "number_twice_at_once": lambda it: it.receiving(dial("c1-3.1", AT_MS + HOUR_MS + 1_000, "c1-1.3")),
    "counted_too_often": lambda it: replace(it, first=[*it.first, attempt("c1-1.1"), attempt("c1-1.1")]),
    "notices_wrong": lambda it: replace(it, notices=[*it.notices, *it.notices]),
    "above_pace": lambda it: replace(
        it, first=[{**one, "sent_at": "2026-03-04T02:00:00Z"} if one.get("sent_at") else one for one in it.first]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(MUST_BE_0) - {"ended_alone", "stopped_badly"}))
def test_each_fault_is_found(name: str) -> None:
    assert name in failures(PLANTED[name](History()).judged())


def test_a_notice_that_is_missing_is_found() -> None:
    assert failures(replace(History(), notices=[]).judged()) == ["notices_wrong"]


def test_who_wants_no_calls_has_a_notice_too() -> None:
    both = [*History().notices, {"account": "1", "state": "pending"}]
    assert failures(replace(History(), notices=both, states=[("suppressed", 1), ("fallback", 1)]).judged()) == []
    assert failures(replace(History(), notices=both).judged()) == ["notices_wrong"]


def test_whoever_is_told_anew_has_attempts_of_his_own_for_it() -> None:
    again = [attempt("c1-1.1", round=2), attempt("c1-1.1", round=2)]
    assert failures(replace(History(), first=[*History().first, *again]).judged()) == []


def test_a_contact_that_is_in_no_state_is_found() -> None:
    assert "contacts_add_up" in failures(replace(History(), states=[("fallback", 1)]).judged())


@pytest.mark.parametrize("name", MUST_NOT_BE_0)
def test_a_trial_that_shows_nothing_fails(name: str) -> None:
    assert failures(History().judged() | {name: 0}) == [name]


@pytest.mark.parametrize("name", ["ended_alone", "stopped_badly"])
def test_a_process_that_ends_badly_fails_the_trial(name: str) -> None:
    assert failures(History().judged() | {name: 1}) == [name]


def test_what_came_after_its_expiry_rang_nobody() -> None:
    late = dial("c2-2.1", AT_MS + 12_000, valid_ms=-1)
    changed = {"decision": "not_dialled", "disposition": None, "counted": False}
    wanted = attempt("c2-2.1", sent_at="2026-03-04T02:00:11Z", **changed)
    it = History()
    it = replace(it, received=[*it.received, late], expired=["c2-2.1"], second=[*it.second, wanted])
    figures = it.judged()
    assert failures(figures) == []
    assert figures["received_expired"] == 1


def test_a_telephone_that_rings_on_into_the_quiet_hours_is_found() -> None:
    noon_ms = AT_MS + 2 * HOUR_MS + HOUR_MS // 2
    in_time = History().receiving(dial("c1-3.1", noon_ms - 3_000))
    assert failures(in_time.judged()) == []
    assert "quiet_violations" in failures(History().receiving(dial("c1-3.1", noon_ms - 2_000)).judged())


def test_the_log_of_the_switch_is_read_as_it_was_written(tmp_path: Path) -> None:
    entries = [
        {"entry": "makeCall", "id": "c1-1.1", "at_ms": 5, "lane": "east", "to": "+1", "expires_at_ms": 9},
        {
            "entry": "makeCall",
            "id": "c1-3.1",
            "at_ms": 7,
            "lane": "east",
            "to": "+2",
            "expires_at_ms": 9,
            "words": "hi",
        },
        {"entry": "placed", "id": "c1-1.1"},
        {"entry": "fact", "id": "c1-1.1", "kind": "call.delivered", "at_ms": 6},
        {"entry": "expired", "id": "c1-2.1"},
    ]
    path = tmp_path / "log"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), "utf-8")
    received = [Dial(5, "c1-1.1", "east", "+1", 9), Dial(7, "c1-3.1", "east", "+2", 9, "hi")]
    assert read(path) == Heard(received, {"c1-2.1"}, [Fact("c1-1.1", "call.delivered", 6)])


def test_turns_that_were_refused_are_read_from_the_metrics() -> None:
    lines = [f'ringback_dialler_turns_total{{ended="{ended}"}} 3.0' for ended in ("committed", "stale", "fenced")]
    assert counted("\n".join(lines), dialling.TURNS) == {"stale": 3, "fenced": 3}


def test_the_storm_hits_diallers_too() -> None:
    faults = stormed(12, 1, (GATEWAY, ENGINE, DIALLER))
    assert {one.victim for one in faults} == {GATEWAY, ENGINE, DIALLER}


def test_a_file_of_bills_has_a_line_for_each_account() -> None:
    country = COUNTRIES[0]
    lines = list(bills([[country.number(0)], [country.number(1), country.number(2)]]))
    assert len(lines) == 3
    assert {line.count(b",") for line in lines} == {lines[0].count(b",")}
    assert country.number(2).encode() in lines[2]
