"""The judge against short logs worked out by hand from the rule book."""

from typing import Any

import pytest

from cti.switches.simulated.judge import Judge
from cti.switches.simulated.pbx import rfc3339

START_MS = 1_772_413_200_000
CALLER, DEVICE = "+8679186261234", "SIP/1001"
LEG = {"connection": "a1", "device": DEVICE, "agent": "1001"}
HOLD = {"holdingDevice": DEVICE, "heldConnection": "c", "connection": "c"}
OPENED = (0, "offered", {"connection": "c", "calling": CALLER, "direction": "inbound"})
ANSWERED = [OPENED, (1, "queued", {}), (2, "delivered", LEG), (5, "established", LEG)]
CUSTOMER_LEAVES = {"connection": "c", "releasingDevice": CALLER}
Line = tuple[float, str, dict[str, Any]]


def judged(*lines: Line, subject: str = "call-1") -> dict[str, Any]:
    """The figures of one call; `played` lines are notices that the switch played."""
    judge = Judge()
    for at_s, kind, data in lines:
        judge.hear(entry(at_s, kind, data, subject))
    return judge.figures()


def entry(at_s: float, kind: str, data: dict[str, Any], subject: str) -> dict[str, Any]:
    if kind == "verdict":
        told = {"repeated": False, "state": "done", "reason": None, "rule": "HOLD-2", "subject": subject}
        return {"entry": "verdict", **told, **data}
    event = {"type": f"ringback.call.{kind}.v1", "subject": subject, "data": data}
    return {"entry": "event", "event": event | {"time": rfc3339(START_MS + round(at_s * 1000))}}


def ended(at_s: float, release: dict[str, Any] = CUSTOMER_LEAVES) -> list[Line]:
    return [(at_s, "connectionCleared", release), (at_s, "callCleared", {})]


@pytest.mark.parametrize(
    ("answered_s", "in_time", "breaches"),
    [(14.0, 1, {}), (14.001, 0, {"RING-1": 1, "RING-2": 1}), (3.0, 1, {})],
)
def test_twelve_seconds_are_in_time(answered_s: float, in_time: int, breaches: dict[str, int]) -> None:
    figures = judged(*ANSWERED[:3], (answered_s, "established", LEG), *ended(60))
    assert (figures["answered"], figures["answered_in_time"], figures["breaches"]) == (1, in_time, breaches)


def test_two_short_offers_make_the_caller_wait_too_long() -> None:
    second = {**LEG, "connection": "a2"}
    figures = judged(
        *ANSWERED[:3],
        (10, "diverted", {**LEG, "cause": "redirected"}),
        (10, "delivered", second),
        (18, "established", second),
        *ended(60),
    )
    assert figures["breaches"] == {"RING-2": 1}
    assert figures["answered_in_time"] == 0


@pytest.mark.parametrize(
    ("end", "breaches"),
    [
        ((11, "diverted", {**LEG, "cause": "callNotAnswered"}), {"RING-1": 1}),
        ((3, "failed", {**LEG, "cause": "callRejected"}), {}),
        ((14.2, "diverted", {**LEG, "cause": "redirected"}), {"RING-1": 1}),
        ((14.0, "diverted", {**LEG, "cause": "redirected"}), {}),
    ],
)
def test_how_an_offer_may_end(end: Line, breaches: dict[str, int]) -> None:
    assert judged(*ANSWERED[:3], end, *ended(15))["breaches"] == breaches


def test_a_caller_who_gives_up_while_it_rings() -> None:
    assert judged(*ANSWERED[:3], *ended(14.0))["breaches"] == {}
    assert judged(*ANSWERED[:3], *ended(14.001))["breaches"] == {"RING-1": 1}


@pytest.mark.parametrize(
    ("hold_s", "owed", "breaches"),
    [
        (15.0, 0, {}),
        (15.001, 1, {"HOLD-2": 1}),
        (30.0, 1, {"HOLD-2": 1}),
        (40.0, 2, {"HOLD-2": 1}),
        (60.0, 3, {"HOLD-2": 1}),
        (60.001, 4, {"HOLD-2": 1, "HOLD-3": 1}),
    ],
)
def test_notices_owed_in_a_hold(hold_s: float, owed: int, breaches: dict[str, int]) -> None:
    figures = judged(*ANSWERED, (20, "held", HOLD), (20 + hold_s, "retrieved", HOLD), *ended(120))
    assert (figures["notices_owed"], figures["breaches"]) == (owed, breaches)


def test_a_hold_whose_notices_were_played_is_kept() -> None:
    played = [(35, "verdict", {}), (50, "verdict", {})]
    figures = judged(*ANSWERED, (20, "held", HOLD), *played, (60, "retrieved", HOLD), *ended(120))
    assert (figures["notices_owed"], figures["notices_played"], figures["breaches"]) == (2, 2, {})


def test_each_hold_owes_its_own_notices() -> None:
    """Two notices in the first hold do not stand for the one that the second hold lacked."""
    first = [(20, "held", HOLD), (35, "verdict", {}), (36, "verdict", {}), (40, "retrieved", HOLD)]
    second = [(50, "held", HOLD), (70, "retrieved", HOLD)]
    figures = judged(*ANSWERED, *first, *second, *ended(120))
    assert (figures["notices_owed"], figures["notices_played"], figures["breaches"]) == (2, 2, {"HOLD-2": 1})


def test_overlapping_hold_and_mute_are_one() -> None:
    mute = {"device": DEVICE, "connection": "a1"}
    lines = [(20, "held", HOLD), (30, "muted", mute), (34, "retrieved", HOLD), (36, "unmuted", mute)]
    assert judged(*ANSWERED, *lines, *ended(120))["notices_owed"] == 1


def test_nothing_is_owed_to_a_customer_who_holds_us() -> None:
    theirs = {"holdingDevice": CALLER, "heldConnection": "a1", "connection": "a1"}
    figures = judged(*ANSWERED, (20, "held", theirs), (80, "retrieved", theirs), *ended(120))
    assert (figures["notices_owed"], figures["breaches"]) == (0, {})


def test_a_hold_ends_with_the_transfer_and_with_the_call() -> None:
    assert judged(*ANSWERED, (20, "held", HOLD), (51, "transferred", {}), *ended(120))["notices_owed"] == 2
    assert judged(*ANSWERED, (20, "held", HOLD), *ended(51))["notices_owed"] == 2


@pytest.mark.parametrize(
    ("release", "breaches"),
    [
        ({"connection": "a1", "releasingDevice": DEVICE}, {"END-1": 1}),
        ({"connection": "a1", "releasingDevice": DEVICE, "releaseReason": "tired"}, {"END-1": 1}),
        ({"connection": "a1", "releasingDevice": DEVICE, "releaseReason": "abuse"}, {}),
        ({"connection": "c", "releasingDevice": "network"}, {}),
        (CUSTOMER_LEAVES, {}),
    ],
)
def test_who_hangs_up_first(release: dict[str, Any], breaches: dict[str, int]) -> None:
    assert judged(*ANSWERED, *ended(60, release))["breaches"] == breaches


def test_a_consultation_is_counted_as_a_call_but_no_customer_is_in_it() -> None:
    opening = (0, "originated", {"connection": "x", "calling": DEVICE, "direction": "internal"})
    figures = judged(opening, (0, "delivered", LEG), (14, "established", LEG), *ended(20, {"releasingDevice": DEVICE}))
    assert (figures["calls"], figures["answered"], figures["breaches"]) == (1, 1, {})


def test_commands_are_counted_once() -> None:
    refused = {"state": "refused", "reason": "noOtherAgent", "rule": "RING-1"}
    again = {"state": "refused", "reason": "duplicate", "repeated": True}
    figures = judged(OPENED, (1, "verdict", refused), (2, "verdict", {"rule": "RING-1"}), (3, "verdict", again))
    assert (figures["commands"], figures["obeyed"], figures["refused"]) == (2, 1, {"noOtherAgent": 1})


def test_a_live_call_is_not_judged_yet() -> None:
    figures = judged(*ANSWERED, (20, "held", HOLD))
    assert (figures["calls"], figures["answered"], figures["notices_owed"]) == (1, 0, 0)
