"""Arrival order never changes a record: spools after snapshots and before them, ids used again, silence, shuffles."""

import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from cti.rows import DeadLetterFilter
from schemas.records import judged
from tests.ready import BOTH, ready_url
from tests.scheduler import Scene, event, scene

CALLER, OTHER = "+8601000000001", "+8601000000002"
FIRST = {"connection": "a", "device": "SIP/1", "agent": "1"}
SECOND = {"connection": "b", "device": "SIP/2", "agent": "2"}
Events = list[dict[str, Any]]


def said(kind: str, at_s: float, data: dict[str, Any] | None = None) -> dict[str, Any]:
    return event("s1", "7", kind, at_s, data)


def opens(at_s: float, calling: str = CALLER) -> dict[str, Any]:
    return said("offered", at_s, {"connection": "c", "calling": calling, "direction": "inbound"})


def hangs_up(at_s: float, calling: str = CALLER) -> dict[str, Any]:
    return said("connectionCleared", at_s, {"connection": "c", "releasingDevice": calling})


def snapshot(at_s: float, *calls: dict[str, Any]) -> dict[str, Any]:
    return event("s1", "s1", "switchSnapshot", at_s, {"calls": list(calls)}, family="switch")


BEFORE = [opens(1), said("queued", 1, {"connection": "c", "queue": "q1"}), said("delivered", 3, FIRST)]
SPOOLED = [
    said("established", 20, FIRST),
    said("held", 30, {"connection": "c", "holdingDevice": "SIP/1"}),
    said("retrieved", 95, {"connection": "c", "holdingDevice": "SIP/1"}),
    said("connectionCleared", 300, {"connection": "a", "releasingDevice": "SIP/1"}),
]
END = said("callCleared", 300)
NEXT = [opens(610, OTHER), said("delivered", 612, SECOND), said("established", 630, SECOND), hangs_up(700, OTHER),
        said("callCleared", 700)]  # fmt: skip


@pytest.fixture
async def scene_() -> AsyncIterator[Scene]:
    async with scene("memory:") as it:
        await it.declare("s1")
        await it.to(30)
        yield it


async def records_of(requests: Sequence[Events], *, url: str = "memory:", restarts: bool = False) -> list[Any]:
    """What comes of these requests, all of them long after they happened."""
    async with scene(url, parts=(), threads=False) as it:
        await it.declare("s1")
        await it.to(800)
        for events in requests:
            await it.post(*events)
            await it.to(it.now_s + 1)
            if restarts:
                await it.restart()
                await it.to(it.now_s + 1)
        await it.to(it.now_s + 90)
        return [judged(record) for record in sorted(await it.records(), key=lambda one: str(one["opened_at"]))]


@pytest.mark.parametrize("cleared", [True, False])
@pytest.mark.parametrize("restarts", [True, False])
async def test_a_snapshot_before_the_spool_or_after_it(cleared: bool, restarts: bool) -> None:
    spooled = [*SPOOLED, END] if cleared else SPOOLED
    first = await records_of([BEFORE, spooled, [snapshot(600)]])
    assert [record["outcome"] for record in first] == ["answered" if cleared else "stale"]
    assert (first[0]["talk_s"], first[0]["hold_s"]) == (280, 65)
    assert await records_of([BEFORE, [snapshot(600)], spooled], restarts=restarts) == first
    assert await records_of([[snapshot(600)], BEFORE, spooled]) == first


async def test_an_id_used_again_after_a_snapshot_in_any_order() -> None:
    calls = [[*BEFORE, *SPOOLED], [snapshot(600)], NEXT]
    first = await records_of(calls)
    assert [(record["outcome"], record["calling"], record["talk_s"]) for record in first] == [
        ("stale", CALLER, 280),
        ("answered", OTHER, 70),
    ]
    for order in ((0, 2, 1), (1, 0, 2), (2, 0, 1), (2, 1, 0)):
        assert await records_of([calls[place] for place in order]) == first, order


@pytest.mark.parametrize("seed", range(8))
async def test_any_shuffle_gives_the_same_records(seed: int) -> None:
    """Two calls under one id; the first cleared, given up by a snapshot, or neither."""
    chance = random.Random(seed)
    ending = [[END], [snapshot(600)], [], [END, snapshot(600)]][seed % 4]
    events = [*BEFORE, *SPOOLED, *ending, *NEXT]
    first = await records_of([[one] for one in events])
    assert len(first) == 2
    shuffled = chance.sample(events, len(events))
    assert await records_of([[one] for one in shuffled]) == first
    backwards = list(reversed(events))
    assert await records_of([backwards], restarts=bool(seed % 2)) == first


LEG = {"connection": "c"}
DIALLED = [
    event("s1", "7", "originated", 1, {"direction": "outbound", "called": CALLER}, commandid="0f3a"),
    *(said("networkReached", 2, LEG), said("delivered", 3, LEG), said("established", 8, LEG)),
    said("announcementEnded", 12, LEG | {"message": "opening"}),
    said("digitsGenerated", 13, LEG | {"digits": "10"}),
    *(said("queued", 14, LEG | {"queue": "q1"}), said("delivered", 15, FIRST), said("established", 20, FIRST)),
    said("connectionCleared", 40, LEG | {"q850": 17, "releasingDevice": CALLER}),
    *(said("connectionCleared", 41, {"connection": "a", "q850": 16}), said("callCleared", 41, {"q850": 16})),
]


@pytest.mark.parametrize("seed", range(4))
async def test_a_call_that_was_dialled_has_one_record_in_any_order(seed: int) -> None:
    [first] = await records_of([[one] for one in DIALLED])
    assert (first["commandid"], first["q850"], first["digits"]) == ("0f3a", 17, "10")
    assert first["dialled"]["agent_answered_at"][-13:] == first["offers"][0]["ended_at"][-13:]
    shuffled = random.Random(seed).sample(DIALLED, len(DIALLED))
    assert await records_of([[one] for one in shuffled], restarts=bool(seed % 2)) == [first]
    assert await records_of([shuffled]) == [first]


@pytest.mark.parametrize("idle_first", [True, False])
async def test_a_call_that_fell_silent_is_revised_by_what_was_spooled(idle_first: bool) -> None:
    async with scene("memory:", call_idle_max_s=400) as it:
        await it.declare("s1")
        await it.to(10)
        await it.post(*BEFORE)
        if idle_first:
            await it.to(600)
            assert [record["outcome"] for record in await it.records()] == ["lost"]
        await it.post(*SPOOLED)
        await it.to(1_200)
        (half,) = await it.records()
        assert (half["outcome"], half["talk_s"], half["ended_at"][14:19]) == ("lost", 280, "05:00")
        await it.post(END)
        (whole,) = await it.records()
        assert (whole["outcome"], whole["talk_s"], whole["hold_s"]) == ("answered", 280, 65)


async def test_a_call_that_goes_on_after_it_was_given_up_falls_silent_again() -> None:
    async with scene("memory:", call_idle_max_s=400) as it:
        await it.declare("s1")
        await it.to(10)
        await it.post(*BEFORE)
        await it.to(600)
        await it.post(said("established", 600, FIRST))
        assert [one["state"] for one in (await it.call("GET", "/v1/calls?subject=7"))[1]["calls"]] == ["ended"]
        await it.to(1_300)
        (record,) = await it.records()
        assert (record["outcome"], record["ended_at"][14:19], record["revision"]) == ("lost", "10:00", 2)


# -- snapshots ---------------------------------------------------------------------------------------------------------


async def test_a_snapshot_says_in_which_queue_a_new_call_is(scene_: Scene) -> None:
    await scene_.post(snapshot(10, {"call": "7", "queue": "q9", "calling": CALLER}))
    await scene_.post(said("callCleared", 20))
    assert [record["queue"] for record in await scene_.records()] == ["q9"]


@pytest.mark.parametrize(("opened", "records"), [(None, 1), (15.0, 1), (2.0, 0)])
async def test_a_call_that_a_later_snapshot_names_again(scene_: Scene, opened: float | None, records: int) -> None:
    """Another call under the id, unless it opened before the snapshot that lacked it: then that one was wrong."""
    await scene_.post(*BEFORE)
    await scene_.post(snapshot(10))
    known = {} if opened is None else {"openedAt": opens(opened)["time"]}
    await scene_.post(snapshot(18, {"call": "7", **known}))
    await scene_.post(said("established", 19, FIRST), said("callCleared", 29))
    found = sorted(await scene_.records(), key=lambda record: str(record["opened_at"]))
    assert [record["outcome"] for record in found] == (["stale"] * records) + ["answered"]


async def test_a_cleared_call_that_one_snapshot_lacks_and_the_next_one_names(scene_: Scene) -> None:
    """The id was free in between; and what is said late of the first call is still its own."""
    await scene_.post(*BEFORE, said("callCleared", 9))
    await scene_.post(snapshot(10))
    named = snapshot(20, {"call": "7"})
    await scene_.post(named, said("surveyScored", 9, {"score": 4}), said("callCleared", 30))
    found = sorted(await scene_.records(), key=lambda record: str(record["opened_at"]))
    assert [(record["outcome"], record["survey"]) for record in found] == [("abandoned", 4), ("abandoned", None)]


# -- interventions -----------------------------------------------------------------------------------------------------


async def test_a_short_call_that_is_long_over_gets_no_intervention_of_after_its_end() -> None:
    async with scene("memory:") as it:
        await it.declare("s1")
        await it.to(3_600)
        await it.post(opens(1), said("queued", 1, {"connection": "c"}), said("delivered", 2, FIRST),
                      said("established", 4, FIRST), hangs_up(9), said("callCleared", 9))  # fmt: skip
        await it.to(3_700)
        (record,) = await it.records()
        assert record["interventions"] == []
        assert await it.store.ledger.commands_after(dict.fromkeys(range(4), 0), 100) == []


async def test_one_event_stamped_hours_ahead_moves_no_other_call() -> None:
    async with scene("memory:") as it:
        await it.declare("s1")
        await it.to(10)
        await it.post(event("s1", "x", "offered", 10, {"connection": "c", "direction": "inbound"}),
                      event("s1", "x", "delivered", 10, FIRST))  # fmt: skip
        await it.post(event("s1", "y", "offered", 7_210, {"connection": "c", "direction": "inbound"}))
        await it.to(21)
        assert it.received("s1") == []
        await it.to(23)
        assert [(one["rule"], one["command"]) for one in it.received("s1")] == [("RING-1", "deflectCall")]
        await it.to(24)
        await it.post(event("s1", "x", "established", 24, FIRST), event("s1", "x", "held", 24, {"connection": "c"}))
        await it.to(40)
        assert [one["rule"] for one in it.received("s1")][-1] == "HOLD-2"


async def test_the_notice_after_the_retrieve_is_played_to_who_is_still_muted() -> None:
    async with scene("memory:") as it:
        await it.declare("s1")
        await it.to(10)
        await it.post(opens(10), said("delivered", 10, FIRST), said("established", 10, FIRST))
        await it.post(said("held", 10, {"connection": "c", "holdingDevice": "SIP/1"}))
        await it.to(12)
        await it.post(said("muted", 12, {"device": "SIP/1"}))
        await it.to(27)
        await it.post(said("retrieved", 27, {"connection": "c", "holdingDevice": "SIP/1"}))
        await it.to(42)
        notices = [one.get("if_state") for one in it.received("s1") if one["rule"] == "HOLD-2"]
        assert notices == ["hold", None]


# -- ids ---------------------------------------------------------------------------------------------------------------


async def test_the_same_event_id_on_two_calls_of_a_source_is_a_conflict(scene_: Scene) -> None:
    one, other = (event("s1", name, "offered", 20, {"connection": "c"}, id="e1") for name in ("x", "y"))
    elsewhere = event("s2", "x", "offered", 20, {"connection": "c"}, id="e1")
    for posted in (one, other, one, elsewhere):
        await scene_.post(posted)
    letters = await scene_.store.ledger.dead_letters(DeadLetterFilter(), None, 10)
    assert [letter.reason for letter in letters] == ["id_conflict"]
    calls = (await scene_.call("GET", "/v1/calls"))[1]["calls"]
    assert sorted((call["source"], call["subject"]) for call in calls) == [("/switches/s1", "x"), ("/switches/s2", "x")]


# -- what the next call of an id, and a silent one, are ---------------------------------------------------------------


async def test_a_call_that_a_second_opening_began_has_its_whole_time_to_be_silent() -> None:
    """It was found among the facts of the call before it: it has been heard of all the same."""
    async with scene("memory:") as it:
        await it.declare("s1")
        await it.to(10)
        await it.post(*BEFORE)
        await it.to(700)
        await it.post(opens(700, OTHER), said("queued", 700, {"connection": "c", "queue": "q1"}))
        await it.to(1_500)
        assert [record["outcome"] for record in await it.records()] == ["stale"]
        listed = (await it.call("GET", "/v1/calls?subject=7&state=live"))[1]["calls"]
        assert len(listed) == 1


async def test_a_call_falls_silent_where_nothing_else_arrives() -> None:
    """A timer that had nothing to say leaves the call in a round that nothing else commits."""
    async with scene("memory:", call_idle_max_s=400) as it:
        await it.to(10)
        await it.post(*BEFORE)
        await it.post(said("networkReached", 10, {"connection": "c"}))  # its clock is believed 5 s later
        await it.to(1_000)
        assert [record["outcome"] for record in await it.records()] == ["lost"]


@pytest.mark.parametrize("restarts", [True, False])
async def test_an_id_used_again_after_a_clock_was_set_back(restarts: bool) -> None:
    stepped = [[said("callCleared", 1)], [opens(10)]]
    again = [opens(50, OTHER), said("delivered", 52, SECOND), said("established", 60, SECOND), hangs_up(90, OTHER),
             said("callCleared", 90)]  # fmt: skip
    first = await records_of([*stepped, *([one] for one in again)], restarts=restarts)
    assert [(record["clock_stepped"], record["talk_s"]) for record in first] == [(True, 0), (False, 30)]
    assert await records_of([[one] for one in reversed([*stepped[0], *stepped[1], *again])], restarts=restarts) == first


@pytest.mark.parametrize("last_s", [10, 20])
async def test_an_opening_after_a_snapshot_that_came_before_all_the_call_s_facts(last_s: float) -> None:
    """The call went on after the snapshot that lacked it, or had its last fact with it: it lacked it all the same."""
    call, later = [*BEFORE, said("established", last_s, FIRST)], [opens(25), said("callCleared", 40)]
    first = await records_of([call, [snapshot(10)], later])
    assert [record["outcome"] for record in first] == ["stale", "abandoned"]
    assert await records_of([[snapshot(10)], call, later]) == first
    assert await records_of([[snapshot(10)], later, call]) == first
    assert await records_of([[snapshot(10)], [*later, *call]]) == first


@pytest.mark.parametrize("restarts", [True, False])
async def test_an_opening_after_a_snapshot_that_lacked_a_cleared_call(restarts: bool) -> None:
    """The clearing may arrive before the snapshot, after it, or after the next call of the id."""
    first = [opens(1), said("established", 5, FIRST), said("callCleared", 100), snapshot(110),
             opens(200), said("established", 210, FIRST), said("callCleared", 300)]  # fmt: skip
    right = await records_of([[one] for one in first])
    assert [(one["outcome"], one["talk_s"]) for one in right] == [("answered", 95), ("answered", 90)]
    for order in ((0, 1, 3, 4, 5, 6, 2), (3, 0, 1, 2, 4, 5, 6), (4, 5, 6, 3, 2, 1, 0), (6, 5, 4, 3, 2, 1, 0)):
        assert await records_of([[first[place]] for place in order], restarts=restarts) == right, order


@pytest.mark.parametrize("kind", ["memory", *BOTH])
async def test_a_snapshot_of_before_a_restart_is_held_against_a_spool_of_after_it(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """The engine after the restart is a new owner of the partition, too."""
    spool, again = [opens(1), said("established", 5, FIRST)], [opens(200), said("callCleared", 230)]
    left = said("connectionCleared", 100, {"connection": "a", "releasingDevice": "SIP/1"})
    first = [await records_of([[*spool, left], [snapshot(110)]]), await records_of([spool, [snapshot(110)], again])]
    assert [record["outcome"] for records in first for record in records] == ["stale", "stale", "abandoned"]
    url = "memory:" if kind == "memory" else ready_url(kind, request, tmp_path)
    assert await records_of([[snapshot(110)], [*spool, left]], url=url, restarts=True) == first[0]
    assert await records_of([[snapshot(110)], [*spool, *again]], restarts=True) == first[1]


async def test_two_snapshots_between_which_an_id_was_used_again() -> None:
    """What counts is the snapshot before the second opening, not the latest."""
    events = [opens(1), said("established", 5, FIRST), snapshot(10), opens(20), said("callCleared", 30), snapshot(400)]
    first = await records_of([[one] for one in events])
    assert [record["outcome"] for record in first] == ["stale", "abandoned"]
    for order in ((2, 5, 0, 1, 3, 4), (5, 2, 4, 3, 1, 0), (0, 1, 3, 4, 5, 2), (0, 1, 3, 4, 2, 5)):
        assert await records_of([[events[place]] for place in order]) == first, order


async def test_a_stand_in_for_the_opening_long_after_a_snapshot_that_came_first() -> None:
    events = [opens(1), said("established", 5, FIRST), snapshot(10), said("queued", 320, {"connection": "c"}),
              said("callCleared", 330)]  # fmt: skip
    first = await records_of([[one] for one in events])
    assert [record["outcome"] for record in first] == ["stale", "abandoned"]
    for order in ((2, 0, 1, 3, 4), (2, 4, 3, 1, 0), (0, 1, 3, 4, 2)):
        assert await records_of([[events[place]] for place in order]) == first, order


@pytest.mark.parametrize(
    "events",
    [
        [opens(1), said("established", 5, FIRST), said("muted", 200, {"connection": "a"}), opens(310)],
        [opens(1), said("established", 5, FIRST), snapshot(110), said("callCleared", 150), opens(310, OTHER)],
        [opens(1), said("established", 5, FIRST), said("callCleared", 150), opens(310, OTHER)],
        [said("originated", 1, {"connection": "c", "calling": OTHER}), opens(2), opens(50, OTHER)],
    ],
    ids=["within 300 s", "cleared after the snapshot", "cleared", "an earlier opening"],
)
async def test_calls_of_one_id_that_have_begun_are_not_joined_again(events: Events) -> None:
    """What depends on the order of arrival (docs/integrators.md, Identity): to join them a record that was published
    would have to be taken back. What arrives last is the event that says that they are one.
    """
    telling = -3 if events[0]["type"].endswith("originated.v1") else -2
    rest = [one for one in events if one is not events[telling]]
    in_order = await records_of([[one] for one in [*events, said("callCleared", 400)]])
    assert len(in_order) == 1
    late = await records_of([[one] for one in [*rest, said("callCleared", 400), events[telling]]])
    assert len(late) == 2
    assert (
        await records_of([[one] for one in [*rest, events[telling], said("callCleared", 400)]], restarts=True) == late
    )


async def test_one_late_fact_that_parts_a_call_into_three() -> None:
    """Two calls begin with one entry of the log: it is no poison, and none of them is lost."""
    events = [opens(10), opens(200, OTHER), opens(280), said("callCleared", 300)]
    first = await records_of([[one] for one in events])
    assert [(one["outcome"], one["calling"]) for one in first] == [
        ("stale", CALLER), ("stale", OTHER), ("abandoned", CALLER),
    ]  # fmt: skip
    for order in ((0, 2, 3, 1), (3, 2, 0, 1), (2, 0, 1, 3)):
        assert await records_of([[events[place]] for place in order]) == first, order
        assert await records_of([[events[place] for place in order]]) == first, order


async def test_a_word_about_a_call_that_is_over_comes_after_the_next_one_s_opening() -> None:
    """It was said more than 300 s after the end, and before the next call of the id began."""
    calls, survey = [opens(1), said("callCleared", 9), opens(454, OTHER), said("callCleared", 500)], [
        said("surveyScored", 334, {"score": 4})
    ]  # fmt: skip
    first = await records_of([calls[:2], survey, calls[2:]])
    assert [record["survey"] for record in first] == [4, None]
    assert await records_of([calls, survey]) == first
    assert await records_of([calls[:2], calls[2:], survey], restarts=True) == first, "out of the ledger"
    assert await records_of([survey, calls[::-1]]) == first
