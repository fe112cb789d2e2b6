"""A call that nothing happens to gives up its state; what comes of it is the same."""

from cti.engine.live_calls import Key, LiveCall
from cti.engine.passivation import PASSIVATE_AFTER_MS, Passivation
from tests.scheduler import Scene
from tests.simulation.lines import HOLD, Line

RESTED_S = 2 * PASSIVATE_AFTER_MS / 1000


def held_in_memory(it: Scene, subject: str) -> LiveCall:
    calls = it.engine.work.layers.base.calls.values()
    return next(live for live in calls if live.subject == subject)


async def talking(it: Scene) -> tuple[Key, LiveCall]:
    """A call that was answered just now."""
    line = await Line.of(it, "s1")
    await line.answered("call")
    return next(one for one in it.engine.work.layers.base.calls.items() if one[1].subject == "call")


async def test_a_quiet_call_rests_and_its_next_word_wakes_it(it: Scene) -> None:
    line = await Line.of(it, "s1")
    await line.answered("call")
    awake = held_in_memory(it, "call")
    assert awake.state is not None
    state = awake.state
    await it.to(RESTED_S + 10)
    assert awake.state is None
    assert awake.call == state, "its fold"
    await line.ends("call")
    (record,) = await it.records()
    assert record["outcome"] == "answered"
    assert held_in_memory(it, "call").state is not None, "what has ended waits for what comes late"
    await it.to(2 * RESTED_S + 10)
    assert held_in_memory(it, "call").state is not None


async def test_a_resting_call_is_woken_by_its_clock(it: Scene) -> None:
    """HOLD-2 falls due 15 s after the last thing that happened to the call."""
    line = await Line.of(it, "s1")
    await it.to(20)
    await line.answered("call")
    await line.say("call", "held", HOLD)
    await it.to(20 + 3 + 14)
    assert held_in_memory(it, "call").state is None
    await it.to(20 + 3 + 31)
    assert [one.what[0] for one in line.seen if one.what[1] == "HOLD-2"] == [38.0, 53.0]
    assert line.stale() == []


async def test_orders_that_nobody_answers_revise_the_record_once(it: Scene) -> None:
    """Two prompts fall due at different times and each goes unanswered; the ended call's record says both at once."""
    line = Line(it, "s1", 0.0)
    await it.declare("s1", answer=lambda *_: ())
    await it.to(20)
    await line.answered("call", ring_s=1.0)
    await line.say("call", "held", HOLD)
    await it.to(22)
    await line.say("call", "retrieved", HOLD)
    first = await line.ends("call")
    assert (first["revision"], [one["outcome"] for one in first["interventions"]]) == (1, [None, None])
    await it.to(40)
    last = await it.record("s1", "call")
    assert last is not None
    assert (last["revision"], [one["outcome"] for one in last["interventions"]]) == (2, ["unanswered", "unanswered"])


async def test_a_call_whose_partition_lags_a_little_rests_all_the_same(it: Scene) -> None:
    """When its time came the partition was 100 ms behind: nobody knew whether more was said. Later it is known."""
    key, live = await talking(it)
    base = it.engine.work.layers.base
    resting, touched = Passivation(), live.heard_ms + 10
    resting.add({key: live}, touched)
    behind = {live.partition: touched + PASSIVATE_AFTER_MS - 100.0}
    resting.passivate(base, touched + PASSIVATE_AFTER_MS, behind)
    assert live.state is not None
    resting.passivate(base, touched + 2 * PASSIVATE_AFTER_MS, {live.partition: touched + 2.0 * PASSIVATE_AFTER_MS})
    assert live.state is None


async def test_a_call_that_only_a_timer_has_woken_rests_at_once(it: Scene) -> None:
    key, live = await talking(it)
    base = it.engine.work.layers.base
    resting, now_ms = Passivation(), live.heard_ms + 15_000.0
    resting.add({key: live}, now_ms)
    assert resting.lags
    resting.passivate(base, now_ms, {live.partition: now_ms})
    assert live.state is None
