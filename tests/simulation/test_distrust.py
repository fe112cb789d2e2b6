"""On a clock that is not believed nothing is commanded and nothing is too late; what is due together has an order.

A straggler, an event of a call that comes more than 2 s late, is enough: for 5 s nobody knows what has not arrived yet.
"""

from cti.rows import TotalsFilter
from tests.scheduler import Scene
from tests.simulation.lines import AGENT, CALLER, HOLD, Line


async def distrusted(it: Scene, line: Line) -> None:
    """From now on, for 5 s."""
    await it.post(line.told("straggler", "offered", CALLER, it.now_s - 3.0))


async def ringing(it: Scene, at_s: float) -> Line:
    line = await Line.of(it, "s1")
    await it.to(at_s)
    await line.say("call", "offered", CALLER)
    await line.say("call", "delivered", {**AGENT, "queue": "b"})
    return line


async def test_what_happens_meanwhile_is_commanded_once_the_clock_is_believed(it: Scene) -> None:
    """RING-2's prompt is of use for 10 s after the answer."""
    line = await ringing(it, 10)
    await it.to(21)
    await distrusted(it, line)
    await it.to(23.5)
    await line.say("call", "established", AGENT)
    assert line.seen == []
    await it.to(30)
    assert [(one.what[1:], one.at_s <= 26.2) for one in line.seen] == [(("RING-2", "promptAgent"), True)]


async def test_a_notice_that_fell_due_meanwhile_comes_while_it_is_of_use(it: Scene) -> None:
    line = await Line.of(it, "s1")
    await it.to(10)
    await line.answered("call")
    await line.say("call", "held", HOLD)  # at 13 s; the first notice is due at 28 s, and of use until 34 s
    await it.to(27)
    await distrusted(it, line)
    await it.to(31.9)
    assert [one.what[1] for one in line.seen] == ["HOLD-1"]
    await it.to(33)
    assert [one.what[1] for one in line.seen] == ["HOLD-1", "HOLD-2"]
    _, found = await it.call("GET", "/v1/calls?subject=call")
    _, whole = await it.call("GET", f"/v1/calls/{found['calls'][0]['call']}")
    assert [one["outcome"] for one in whole["interventions"]] == ["done", "done"]


async def test_nothing_is_counted_as_overtaken_before_the_clock_is_believed(it: Scene) -> None:
    line = await ringing(it, 10)
    await it.to(21)
    await distrusted(it, line)
    await it.to(25.9)  # the limit passed at 22 s
    assert await it.store.ledger.intervention_counts("test", TotalsFilter()) == []
    await it.to(40)
    rows = await it.store.ledger.intervention_counts("test", TotalsFilter())
    assert [(rule, state) for rule, _, state, _, _ in rows] == [("RING-1", "done")], "of use until 28 s"


async def test_what_a_call_that_ended_meanwhile_missed_is_said_in_its_record(it: Scene) -> None:
    line = await Line.of(it, "s1")
    await it.to(10)
    await line.answered("call")
    await it.to(20)
    await distrusted(it, line)
    await line.say("call", "held", HOLD)
    await it.to(23.9)
    await line.say("call", "retrieved", HOLD)
    record = await line.ends("call")
    assert record["interventions"] == [], "whether they come too late nobody knows yet"
    await it.to(40)
    last = await it.record("s1", "call")
    assert last is not None
    told = [(one["rule"], one["due_at"][14:19], one["outcome"]) for one in last["interventions"]]
    assert told == [("HOLD-1", "00:20", "overtaken"), ("HOLD-1", "00:23", "done")]


async def test_what_is_due_together_is_issued_by_when_it_was_due(it: Scene) -> None:
    """Both are found at one look, for the events came in one request and in the wrong order."""
    line = await ringing(it, 10)
    await it.to(21.9)
    it.running = False
    await it.to(24)
    held, answered = line.told("call", "held", HOLD, 23.8), line.told("call", "established", AGENT, 23.0)
    await it.post(held, answered)
    it.running = True
    await it.settle()
    assert [one.what[1] for one in line.seen] == ["RING-2", "HOLD-1"]
