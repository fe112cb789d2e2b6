"""Short campaigns with what must come of them, and any script at all: the rules hold at every step."""

import copy
import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.core.after import owes_notice
from campaigns.core.calling_hours import Open, judge
from campaigns.core.choice import Choice
from campaigns.core.contact import Contact, Step, exempt
from campaigns.core.decide import Dial, Fallback, asked_of
from campaigns.core.reasons import Channel, State
from tests.campaigns.cases import FIRST, SECOND, at
from tests.campaigns.played import Played, played, verdict_of
from tests.campaigns.scripted import FIXED
from tests.campaigns.shipped import text
from tests.replay.cases import PASSED

FILES = sorted((Path(__file__).parent / "vectors" / "campaigns").glob("*.json"))
WORDS = [*(word for word in FIXED if not word.startswith("sms")), "reached", "noAnswer", "q850:21", "q850:3"]
WORDS += ["refused:expired", "refused:busy", "refused:error", "refused:duplicate", "refused:notSupported"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_campaign_comes_to_what_is_expected(file: Path) -> None:
    assert verdict_of(json.loads(file.read_text("utf-8"))) == PASSED


def test_a_difference_is_told() -> None:
    case = json.loads(next(file for file in FILES if file.stem == "no-answer-three-times").read_text("utf-8"))
    other = copy.deepcopy(case)
    other["expect"][0]["attempts"][2] |= {"at": "2026-03-04T14:02:00.000+08:00", "counted": False}
    other["expect"][0]["notice"] = None
    assert verdict_of(other).count(";") == 2
    other["expect"][0]["attempts"].pop()
    assert "2 attempts expected" in verdict_of(other)
    other["expect"][0]["judge"] = "outcome"
    assert verdict_of(other) == "A1 notice: None expected, 'pending' found"


def case_of(kind: str, *words: str, second: tuple[str, ...] = (), **row: str) -> dict[str, Any]:
    """One account; the words of its first number, and of its second."""
    numbers = {"number": FIRST[3:]} | ({"number2": SECOND[3:]} if second else {})
    outage = {"area": "A", "starts_at": "2026-03-06T08:00:00+08:00", "restores_at": "2026-03-06T16:00:00+08:00"}
    return {
        "start": "2026-03-04T09:00:00.000+08:00",
        "until": "2026-03-20T22:00:00.000+08:00",
        "campaign": {"kind": kind, "pacing": {"calls_per_second": 5, "calls_at_once": 10}},
        "rows": [{"account": "A1", **numbers, **(outage if kind == "outage" else {}), **row}],
        "switch": {FIRST: list(words), SECOND: list(second)},
    }


def story(play: Played) -> list[tuple[str, str | None, bool]]:
    """Of each attempt: the local time, what it came to, whether it counts."""
    [contact] = play.contacts
    return [
        ((text(attempt.at_ms) or "")[5:], attempt.disposition and attempt.disposition.value, attempt.counted)
        for attempt in contact.attempts
    ]


def test_failed_lines_end_with_a_person_and_unresolved_with_a_notice() -> None:
    play = played(case_of("arrears", "failedOther") | {"until": "2026-03-09T20:59:59+08:00"})
    assert story(play) == [
        ("03-04 09:00:00", "failedOther", False),
        ("03-04 09:15:01", "failedOther", False),
        ("03-04 09:30:02", "failedOther", False),
    ]
    assert play.contacts[0].state is State.PERSON
    assert played(case_of("arrears", "failedOther")).contacts[0].state is State.FALLBACK


def test_a_fourth_congestion_is_a_failed_line() -> None:
    play = played(case_of("arrears", *["congestion"] * 4, "reached"))
    assert [came_to for _, came_to, _ in story(play)] == [*["congestion"] * 3, "failedOther", "reached"]
    assert [time for time, _, _ in story(play)][3:] == ["03-04 09:15:03", "03-04 09:30:04"]


def test_who_asked_for_an_agent_is_called_again_within_the_hour() -> None:
    play = played(case_of("arrears", "key0NoAgent", "reached"))
    assert story(play) == [("03-04 09:00:00", "noAgent", False), ("03-04 09:15:38", "reached", True)]


def test_suspended_counts_once_and_the_next_number_is_called_at_once() -> None:
    play = played(case_of("arrears", "suspended", second=("noAnswer",)))
    assert story(play) == [
        ("03-04 09:00:00", "suspended", True),
        ("03-04 09:00:03", "noAnswer", True),
        ("03-04 14:00:00", "noAnswer", True),
    ]


def test_rejected_waits_for_the_next_window() -> None:
    play = played(case_of("arrears", "q850:21", "reached"))
    assert story(play) == [("03-04 09:00:00", "rejected", True), ("03-04 14:00:00", "reached", True)]


def test_a_machine_and_a_phone_that_is_off_wait_two_hours() -> None:
    play = played(case_of("arrears", "machine", "poweredOff", "reached"))
    assert [time for time, _, _ in story(play)] == ["03-04 09:00:00", "03-04 11:00:11", "03-04 14:00:00"]


def test_a_fax_is_no_attempt_and_without_another_number_a_notice_is_due() -> None:
    play = played(case_of("billing", "fax"))
    assert story(play) == [("03-04 09:00:00", "faxOrModem", False)]
    assert play.contacts[0].state is State.FALLBACK


def test_never_seen_is_decided_anew_at_once() -> None:
    play = played(case_of("arrears", "neverSeen", "refused:expired", "reached"))
    assert story(play) == [
        ("03-04 09:00:00", None, False),
        ("03-04 09:00:15", None, False),
        ("03-04 09:00:15", "reached", True),
    ]


def test_an_ordinary_contact_of_an_outage_gets_a_person_after_three_calls() -> None:
    play = played(case_of("outage", "sms:undeliverable", "noAnswer") | {"until": "2026-03-05T22:00:00+08:00"})
    assert [channel.value for channel in channels(play)] == ["sms", "auto", "auto", "auto"]
    assert play.contacts[0].state is State.PERSON
    assert not owes_notice(play.contacts[0], play.campaign)
    assert played(case_of("outage", "sms:undeliverable", "noAnswer")).contacts[0].state is State.EXPIRED


def test_an_important_contact_is_called_until_the_power_goes_off() -> None:
    play = played(case_of("outage", "sms:delivered", "busy", important="yes"))
    [contact] = play.contacts
    assert contact.state is State.EXPIRED
    assert contact.counted == len(contact.attempts) - 1 > 20
    assert contact.attempts[-1].at_ms < at("03-06 08:00")


def channels(play: Played) -> list[Channel]:
    return [attempt.channel for attempt in play.contacts[0].attempts]


AGAIN = ("refused:expired", "neverSeen")  # the order is made anew at once
scripts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).filter(lambda words: words[-1] not in AGAIN)


@pytest.mark.parametrize("word", AGAIN)
def test_days_of_orders_that_never_left_are_no_calls(word: str) -> None:
    play = played(case_of("arrears", word))
    keeps_the_rules(play.contacts[0], play)
    one_at_a_time(play)
    assert len(play.contacts[0].attempts) > 500
    assert play.contacts[0].counted == 0


@settings(max_examples=40)  # the last word of a script is said for ever: such days are played above
@given(
    kind=st.sampled_from(["billing", "arrears", "outage"]),
    important=st.sampled_from(["yes", "no"]),
    starts=st.sampled_from(["2026-03-04T09:00:00", "2026-03-06T20:58:00", "2026-03-07T12:29:30"]),
    attempts_max=st.integers(1, 3),
    switch=st.fixed_dictionaries(dict.fromkeys((FIRST, SECOND), scripts)),
    accounts=st.lists(st.sampled_from([(1,), (2,), (1, 2), (2, 1)]), min_size=1, max_size=4),
)
def test_whatever_the_switch_says_the_rules_hold(
    kind: str,
    important: str,
    starts: str,
    attempts_max: int,
    switch: Mapping[str, list[str]],
    accounts: list[tuple[int, ...]],
) -> None:
    case = case_of(kind, important=important) | {"start": f"{starts}+08:00", "switch": switch}
    case["campaign"] |= {"attempts_max": attempts_max, "pacing": {"calls_per_second": 1, "calls_at_once": 2}}
    [row] = case["rows"]
    case["rows"] = [
        {**row, "account": f"A{index}", **{f"number{n or ''}": f"1380000000{line}" for n, line in enumerate(lines)}}
        for index, lines in enumerate(accounts)
    ]
    for of_row in case["rows"]:
        of_row["number2"] = of_row.pop("number1", "")
    play = played(case)
    for contact in play.contacts:
        keeps_the_rules(contact, play)
    one_at_a_time(play)
    at_the_pace(play)


def keeps_the_rules(contact: Contact, play: Played) -> None:
    assert contact.state in {State.REACHED, State.FALLBACK, State.EXPIRED}, "by the end all is final"
    assert exempt(contact, play.campaign) or contact.counted <= play.campaign.attempts_max
    made = [decision for _, account, decision in play.decisions if account == contact.account]
    fallbacks = sum(isinstance(decision, Fallback) for decision in made)
    assert fallbacks == 1 if contact.state is State.FALLBACK else fallbacks <= 1
    assert owes_notice(contact, play.campaign) is (contact.state is State.FALLBACK)
    for attempt in contact.attempts:
        assert attempt.step is not Step.OPEN, "every attempt ends"
        phone = next(phone for phone in contact.phones if phone.number == attempt.number)
        asked = asked_of(contact, play.campaign, Choice(phone, attempt.channel))
        assert isinstance(judge(play.campaign.hours, asked, attempt.at_ms), Open)
    calls = [attempt for attempt in contact.attempts if not attempt.written]
    for earlier, later in pairwise(calls):
        assert earlier.ended_ms is not None
        assert earlier.ended_ms <= later.at_ms, "one live attempt a contact"


def one_at_a_time(play: Played) -> None:
    """Never two calls to one number."""
    calls = sorted(
        (attempt.number, attempt.at_ms, attempt.ended_ms or 0)
        for contact in play.contacts
        for attempt in contact.attempts
        if not attempt.written
    )
    for (number, _, ended_ms), (other, begins_ms, _) in pairwise(calls):
        assert number != other or ended_ms <= begins_ms


def at_the_pace(play: Played) -> None:
    sent = sorted(now_ms for now_ms, _, decision in play.decisions if isinstance(decision, Dial))
    made = sorted(attempt.at_ms for contact in play.contacts for attempt in contact.attempts if not attempt.written)
    assert set(made) <= set(sent)
    assert all(later - earlier >= 1000 for earlier, later in pairwise(made))
