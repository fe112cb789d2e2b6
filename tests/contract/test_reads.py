"""What the doors ask of every ledger."""

import pytest

from cti.adapters.store import Store
from cti.rows import BreachFilter, CallFilter, Round, Totals, TotalsFilter
from tests.contract.rows import PARTITIONS, SOURCE, START_MS, TENANT, breach, call, command, event, fence, record

HALF_HOUR_MS = 1_800_000


async def fill(store: Store, round_: Round) -> None:
    claims = await store.ledger.claim("one", PARTITIONS)
    round_.fences = [fence(claim, 1, 99) for claim in claims]
    await store.ledger.commit(round_)


async def test_a_call_is_its_tenants_alone(store: Store) -> None:
    await fill(store, Round(births=[call("a"), call("b", 2, tenant="other")], commands=[command("c", tenant="other")]))
    assert await store.ledger.call(TENANT, "b") is None
    assert await store.ledger.call(TENANT, "c") is None
    other = await store.ledger.call("other", "b")
    assert other is not None
    assert other.row.call_id == "b"
    assert await store.ledger.command(TENANT, "c") is None
    assert [line.row.call_id for line in await store.ledger.calls(TENANT, CallFilter(), None, 9)] == ["a"]


async def test_a_timeline_comes_in_pages_in_the_order_of_the_log(store: Store) -> None:
    events = [event(1, position, n) for position, n in ((3, 0), (1, 0), (9, 1), (9, 0), (5, 0))]
    await fill(store, Round(births=[call("a", 1), call("b", 2)], timeline=[*events, event(2, 4)]))
    places, after = [], (-1, 0)
    while page := await store.ledger.timeline_page(TENANT, "a", after, 2):
        if not page[1]:
            break
        assert page[0].call_id == "a"
        places += [(row.position, row.n) for row in page[1]]
        after = places[-1]
    assert places == [(1, 0), (3, 0), (5, 0), (9, 0), (9, 1)]
    assert await store.ledger.timeline_page("other", "a", (-1, 0), 2) is None
    assert await store.ledger.timeline_page(TENANT, "c", (-1, 0), 2) is None


async def test_a_call_is_read_from_where_it_was_read_before(store: Store) -> None:
    events = [event(1, position) for position in (1, 3, 5)]
    commands = [command("c-1", call_id="a"), command("c-2", 2, call_id="a")]
    round_ = Round(
        births=[call("a", 1), call("b", 2)], timeline=[*events, event(2, 4)], commands=commands, records=[record("a")]
    )
    await fill(store, round_)
    whole = await store.ledger.call(TENANT, "a")
    assert whole is not None
    assert await store.ledger.call_since(TENANT, "a", (1, 0), 9) == (whole._replace(timeline=whole.timeline[1:]), 3)
    assert await store.ledger.call_since(TENANT, "a", (1, 0), 1) == (whole._replace(timeline=whole.timeline[1:2]), 3)
    assert await store.ledger.call_since(TENANT, "a", (5, 0), 9) == (whole._replace(timeline=[]), 3)
    assert await store.ledger.call_since("other", "a", (1, 0), 9) is None
    await store.ledger.purge(START_MS * 2, 0)
    gone = await store.ledger.call_since(TENANT, "a", (1, 0), 9)
    assert gone is not None
    assert (gone[0].timeline, gone[1]) == ([], 0)


async def test_calls_come_in_pages_the_newest_first(store: Store) -> None:
    births = [call(f"{n:02}", n, opened_at_ms=START_MS + n // 3) for n in range(1, 26)]
    await fill(store, Round(births=births))
    expected = [row.call_id for row in sorted(births, key=lambda row: (row.opened_at_ms, row.call_id), reverse=True)]
    after, found = None, []
    while page := await store.ledger.calls(TENANT, CallFilter(), after, 4):
        found += [line.row.call_id for line in page]
        after = (page[-1].row.opened_at_ms, page[-1].row.call_id)
    assert found == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (CallFilter(), "dcba"),
        (CallFilter(state="live"), "d"),
        (CallFilter(state="ended"), "cba"),
        (CallFilter(source="/switches/two"), "c"),
        (CallFilter(subject="subject of b"), "b"),
        (CallFilter(subject="subject of b", source=SOURCE), "b"),
        (CallFilter(queue="gas"), "b"),
        (CallFilter(agent="1002"), "c"),
        (CallFilter(outcome="abandoned"), "b"),
        (CallFilter(rule="HOLD-2"), "a"),
        (CallFilter(rule="RING-1", state="live"), ""),
        (CallFilter(from_ms=START_MS + 2), "dcb"),
        (CallFilter(to_ms=START_MS + 2), "a"),
        (CallFilter(from_ms=START_MS + 2, to_ms=START_MS + 4, outcome="answered"), "c"),
        (CallFilter(queue="no such queue"), ""),
    ],
)
async def test_calls_by_what_is_asked(store: Store, wanted: CallFilter, expected: str) -> None:
    ended = [record("a"), record("b", queue="gas", outcome="abandoned", agent=None), record("c", agent="1002")]
    await fill(
        store,
        Round(
            births=[call("a", 1), call("b", 2), call("c", 3, source="/switches/two"), call("d", 4)],
            records=ended,
            breaches=[breach("a", rule="HOLD-2"), breach("a", 1), breach("b")],
        ),
    )
    lines = await store.ledger.calls(TENANT, wanted, None, 10)
    assert "".join(line.row.call_id for line in lines) == expected
    assert all(line.record == next((r for r in ended if r.call_id == line.row.call_id), None) for line in lines)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (BreachFilter(), ["c0", "b0", "a1", "a0"]),
        (BreachFilter(rule="HOLD-2"), ["a1"]),
        (BreachFilter(agent="1002"), ["b0"]),
        (BreachFilter(queue="gas"), ["c0"]),
        (BreachFilter(source="/switches/two"), ["c0"]),
        (BreachFilter(from_ms=START_MS + 2), ["c0", "b0"]),
        (BreachFilter(to_ms=START_MS + 3), ["b0", "a1", "a0"]),
    ],
)
async def test_breaches_by_what_is_asked(store: Store, wanted: BreachFilter, expected: list[str]) -> None:
    rows = [
        breach("a", 0, at_ms=START_MS + 1, limit_s=None, actual_s=0.1),
        breach("a", 1, at_ms=START_MS + 1, rule="HOLD-2"),
        breach("b", 0, at_ms=START_MS + 2, agent="1002"),
        breach("c", 0, at_ms=START_MS + 3, queue="gas", source="/switches/two", agent=None),
        breach("d", 0, tenant="other"),
    ]
    await fill(store, Round(records=[record(name) for name in "abc"], breaches=rows))
    found = await store.ledger.breaches(TENANT, wanted, None, 10)
    assert [f"{row.call_id}{row.n}" for row in found] == expected
    assert all(row in rows for row in found)


async def test_breaches_come_in_pages(store: Store) -> None:
    rows = [breach(f"{n // 2}", n % 2, at_ms=START_MS + n // 4) for n in range(20)]
    await fill(store, Round(records=[record(f"{n}") for n in range(10)], breaches=rows))
    after, found = None, []
    while page := await store.ledger.breaches(TENANT, BreachFilter(), after, 3):
        found += page
        after = (page[-1].at_ms, page[-1].call_id, page[-1].n)
    assert found == sorted(rows, key=lambda row: (row.at_ms, row.call_id, row.n), reverse=True)


async def test_records_come_in_the_order_of_their_ids(store: Store) -> None:
    ids = ["B", "a", "é", "Z", "1", "振"]
    await fill(store, Round(records=[record(name) for name in ids] + [record("x", tenant="other")]))
    expected = [record(name).record for name in sorted(ids)]
    assert await store.ledger.records(TENANT, "", 4) == expected[:4]
    assert await store.ledger.records(TENANT, sorted(ids)[3], 4) == expected[4:]


async def totals(store: Store, by: str, from_ms: int | None = None, to_ms: int | None = None) -> list[Totals]:
    return await store.ledger.totals(TENANT, TotalsFilter(from_ms, to_ms), by, 15_000, 12_000)


async def fill_records(store: Store) -> None:
    waits = {"abandoned": (None, "abandoned"), "answered": ("1001", "answered")}
    rows = [
        record("in service and in time"),
        record("late in both", wait_ms=15_001, answer_ms=12_001, agent="1002", queue="gas"),
        record("at both limits", wait_ms=15_000, answer_ms=12_000),
        record("answer unknown", answer_ms=None, opened_at_ms=START_MS + HALF_HOUR_MS),
        record("never queued", queued=0, wait_ms=0, queue=None, ended_at_ms=START_MS + 70_000, talk_ms=55_000),
        record("never queued, late", queued=0, wait_ms=0, queue=None, ended_at_ms=START_MS + 70_000, talk_ms=54_999),
    ]
    agent, outcome = waits["abandoned"]
    left = {"agent": agent, "outcome": outcome, "talk_ms": 0, "hold_ms": 0, "answer_ms": None}
    rows += [
        record("left at once", **left, wait_ms=5_000),
        record("left late", **left, wait_ms=5_001, notices_owed=3, notices_played=2),
        record("left unqueued", **left, queued=0, wait_ms=0, queue=None, ended_at_ms=START_MS + 5_001),
    ]
    gone = {"talk_ms": 0, "hold_ms": 0, "answer_ms": None, "agent": None}
    rows += [record(outcome, outcome=outcome, **gone, transfers=2) for outcome in ("failed", "lost", "stale")]
    rows += [record("a stranger's", tenant="other")]
    await fill(store, Round(records=rows))


async def test_totals_of_all(store: Store) -> None:
    await fill_records(store)
    assert await totals(store, "none") == [
        Totals(
            group="",
            calls=12,
            answered=6,
            abandoned=3,
            failed=1,
            lost=1,
            stale=1,
            abandoned_from_queue=2,
            abandoned_short=1,
            answered_in_service=4,
            answered_in_time=4,
            answer_known=5,
            wait_answered_ms=10_000 + 15_001 + 15_000 + 10_000,
            talk_ms=4 * 50_000 + 55_000 + 54_999,
            hold_ms=6 * 20_000,
            transfers=6,
            notices_owed=14,
            notices_played=13,
            answered_inbound=6,
            abandoned_inbound=3,
        )
    ]


async def test_a_call_that_was_never_queued_is_judged_by_its_answer_and_not_by_what_came_after(store: Store) -> None:
    never = {"queued": 0, "wait_ms": 0, "queue": None}
    rows = [
        record("transferred blind", **never, ended_at_ms=START_MS + 100_000, talk_ms=58_000, tried_ms=3_000),
        record("late", **never, ended_at_ms=START_MS + 100_000, talk_ms=84_999, tried_ms=15_001),
    ]
    await fill(store, Round(records=rows))
    (found,) = await totals(store, "none")
    assert (found.answered_inbound, found.answered_in_service) == (2, 1)


async def test_speed_of_answer_and_service_level_are_of_inbound_calls(store: Store) -> None:
    """Consultations and calls between agents are answered too, and nobody waited for them in a queue."""
    rows = [
        record("in", wait_ms=4_000),
        record("no direction", direction=None, wait_ms=6_000),
        record("consultation", direction="internal", wait_ms=90_000, source="/switches/other"),
        record("out", direction="outbound", wait_ms=1_000, queue="gas"),
    ]
    await fill(store, Round(records=rows))

    async def sums(**wanted: object) -> Totals:
        return (await store.ledger.totals(TENANT, TotalsFilter(**wanted), "none", 15_000, 12_000))[0]

    whole = await sums()
    assert (whole.calls, whole.answered, whole.answered_inbound, whole.abandoned_inbound) == (4, 4, 2, 0)
    assert (whole.answered_in_service, whole.wait_answered_ms) == (2, 10_000)
    assert [(await sums(direction=name)).calls for name in ("inbound", "internal", "outbound")] == [2, 1, 1]
    assert (await sums(queue="gas")).calls == 1
    assert (await sums(sources=frozenset({"/switches/other"}))).calls == 1
    assert (await sums(direction="internal", queue="gas")).calls == 0


async def test_totals_in_groups(store: Store) -> None:
    await fill_records(store)
    assert {row.group: row.calls for row in await totals(store, "queue")} == {"": 3, "gas": 1, "power": 8}
    assert {row.group: row.calls for row in await totals(store, "agent")} == {"": 6, "1001": 5, "1002": 1}
    start = START_MS - START_MS % HALF_HOUR_MS
    halves = await totals(store, "half_hour")
    assert [(row.group, row.calls) for row in halves] == [(str(start), 11), (str(start + HALF_HOUR_MS), 1)]
    with pytest.raises(ValueError, match="week"):
        await totals(store, "week")


async def test_totals_of_a_window_and_of_nothing(store: Store) -> None:
    await fill_records(store)
    assert [row.calls for row in await totals(store, "none", START_MS + 1)] == [1]
    assert [row.calls for row in await totals(store, "none", START_MS, START_MS + 1)] == [11]
    assert [tuple(row) for row in await totals(store, "none", 0, 1)] == [("", *[0] * 19)]
    assert await totals(store, "queue", 0, 1) == []


async def test_breaches_and_interventions_are_counted(store: Store) -> None:
    orders = [
        command("a", 1),
        command("b", 2),
        command("c", 3, state="refused", reason="busy"),
        command("d", 4, rule="HOLD-2", command="playMessage", due_at_ms=START_MS),
        command("e", 5, tenant="other"),
    ]
    rows = [breach("a"), breach("a", 1), breach("b", rule="HOLD-2", at_ms=START_MS), breach("c", tenant="other")]
    await fill(store, Round(records=[record("a"), record("b")], breaches=rows, commands=orders))
    assert await store.ledger.breach_counts(TENANT, TotalsFilter()) == {"HOLD-2": 1, "RING-1": 2}
    assert await store.ledger.breach_counts(TENANT, TotalsFilter(START_MS + 1, None)) == {"RING-1": 2}
    assert await store.ledger.breach_counts(TENANT, TotalsFilter(None, START_MS + 1)) == {"HOLD-2": 1}
    every = [
        ("HOLD-2", "playMessage", "open", None, 1),
        ("RING-1", "deflectCall", "open", None, 2),
        ("RING-1", "deflectCall", "refused", "busy", 1),
    ]
    assert await store.ledger.intervention_counts(TENANT, TotalsFilter()) == every
    assert await store.ledger.intervention_counts(TENANT, TotalsFilter(START_MS + 1, None)) == every[1:]
    assert await store.ledger.intervention_counts(TENANT, TotalsFilter(None, START_MS + 1)) == every[:1]


async def test_breaches_and_interventions_are_those_of_calls_of_a_direction_and_a_queue(store: Store) -> None:
    """A call without a direction came in; one that goes on is of neither."""
    calls = {"a": (None, "power"), "b": ("inbound", "bills"), "c": ("outbound", "power")}
    records = [record(id_, direction=direction, queue=queue) for id_, (direction, queue) in calls.items()]
    rows = [breach(id_) for id_ in calls]
    orders = [command(id_, no, call_id=id_) for no, id_ in enumerate([*calls, "live"], 1)]
    await fill(store, Round(records=records, breaches=rows, commands=orders))
    for wanted, count in (
        (TotalsFilter(), 3), (TotalsFilter(direction="inbound"), 2), (TotalsFilter(direction="outbound"), 1),
        (TotalsFilter(queue="power"), 2), (TotalsFilter(direction="inbound", queue="power"), 1),
    ):  # fmt: skip
        assert await store.ledger.breach_counts(TENANT, wanted) == {"RING-1": count}
        [(*_, due)] = await store.ledger.intervention_counts(TENANT, wanted)
        assert due == count + (wanted == TotalsFilter())
    nothing = TotalsFilter(queue="nobody's")
    assert await store.ledger.breach_counts(TENANT, nothing) == {}
    assert await store.ledger.intervention_counts(TENANT, nothing) == []


async def test_open_commands_are_unanswered_and_unexpired(store: Store) -> None:
    orders = [
        command("late", 9, issued_at_ms=START_MS + 3),
        command("early", 7, issued_at_ms=START_MS + 1, partition=2),
        command("accepted", 8, issued_at_ms=START_MS + 3, state="accepted"),
        command("expired", 3, expires_at_ms=START_MS + 10),
        command("just in time", 4, expires_at_ms=START_MS + 11, issued_at_ms=START_MS + 4),
        command("done", 5, state="done"),
        command("overtaken", 6, state="overtaken"),
        command("another switch", 1, source="/switches/two"),
        command("a stranger's", 2, tenant="other"),
    ]
    await fill(store, Round(commands=orders))
    found = await store.ledger.open_commands(TENANT, SOURCE, START_MS + 10.5, 10)
    assert [row.id for row in found] == ["early", "accepted", "late", "just in time"]
    assert found[2] == orders[0]
    assert [row.id for row in await store.ledger.open_commands(TENANT, SOURCE, START_MS + 10.5, 2)] == [
        "early",
        "accepted",
    ]


async def test_commands_after_the_marks_in_order(store: Store) -> None:
    orders = [command(f"{partition}-{no}", no, partition=partition) for partition in (0, 3) for no in (3, 1, 2, 4)]
    await fill(store, Round(commands=[*orders, command("x", 1, partition=1, tenant="other", state="overtaken")]))
    marks = dict.fromkeys(range(PARTITIONS), 0)
    found = await store.ledger.commands_after(marks, 100)
    assert [row.id for row in found] == ["0-1", "0-2", "0-3", "0-4", "x", "3-1", "3-2", "3-3", "3-4"]
    fair = await store.ledger.commands_after({0: 1, 1: 1, 2: 0, 3: 3}, 8)
    assert [row.id for row in fair] == ["0-2", "0-3", "3-4"]
    assert await store.ledger.commands_after(await store.ledger.command_marks(), 100) == []
    assert await store.ledger.commands_after({}, 100) == []
