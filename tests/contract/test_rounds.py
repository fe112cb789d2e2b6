"""What every ledger does with a round: all of it or nothing, and only for the owner."""

import pytest

from cti.adapters.store import Store
from cti.errors import Fenced, WrongPartitions
from cti.rows import CallFilter, DeadLetterRow, Fence, OutboxRow, OutcomeRow, Round, SourceRow, TotalsFilter
from tests.contract.rows import PARTITIONS, SOURCE, START_MS, TENANT, agent, breach, call, command, event, fence, record


async def test_claiming_raises_every_epoch_and_tells_where_to_go_on(store: Store) -> None:
    first = await store.ledger.claim("one", PARTITIONS)
    assert [tuple(claim) for claim in first] == [(n, 1, 0, 0) for n in range(PARTITIONS)]
    await store.ledger.commit(Round(fences=[fence(first[2], position=17, command_no=5)]))
    second = await store.ledger.claim("two", PARTITIONS)
    assert [tuple(claim) for claim in second] == [(0, 2, 0, 0), (1, 2, 0, 0), (2, 2, 17, 5), (3, 2, 0, 0)]
    found = await store.ledger.committed()
    assert {n: one[1:3] for n, one in found.items()} == {0: (2, 0), 1: (2, 0), 2: (2, 17), 3: (2, 0)}
    assert await store.ledger.positions() == {0: 0, 1: 0, 2: 17, 3: 0}
    assert await store.ledger.command_marks() == {0: 0, 1: 0, 2: 5, 3: 0}


async def test_the_number_of_partitions_is_fixed(store: Store) -> None:
    await store.ledger.claim("one", PARTITIONS)
    with pytest.raises(WrongPartitions):
        await store.ledger.claim("one", PARTITIONS + 1)
    found = await store.ledger.committed()
    assert found == {n: Fence(n, 1, 0, 0) for n in range(PARTITIONS)}


async def test_a_former_owners_round_writes_nothing(store: Store) -> None:
    (old, *_) = await store.ledger.claim("one", PARTITIONS)
    await store.ledger.claim("two", PARTITIONS)
    whole = Round(
        timeline=[event(1, 1)],
        births=[call("a")],
        records=[record("a")],
        breaches=[breach("a")],
        commands=[command("c")],
        agents=[agent("1001")],
        sources=[SourceRow(TENANT, SOURCE, 0, "offered")],
        dead_letters=[DeadLetterRow(0, 9, TENANT, "unreadable", "", START_MS, b"\xff")],
        fences=[fence(old, 1)],
    )
    with pytest.raises(Fenced):
        await store.ledger.commit(whole)
    assert await store.ledger.stored_calls(["a"]) == []
    assert await store.ledger.calls(TENANT, CallFilter(), None, 10) == []
    assert await store.ledger.records(TENANT, "", 10) == []
    assert await store.ledger.command(TENANT, "c") is None
    assert await store.ledger.agents() == []
    assert await store.ledger.sources() == []
    assert (await store.ledger.committed())[0][1:3] == (2, 0)


async def test_one_lost_partition_undoes_the_whole_round(store: Store) -> None:
    claims = await store.ledger.claim("one", PARTITIONS)
    outdated = fence(claims[1])._replace(epoch=claims[1].epoch - 1)
    with pytest.raises(Fenced):
        await store.ledger.commit(Round(births=[call("a")], fences=[fence(claims[0], 5), outdated]))
    assert await store.ledger.stored_calls(["a"]) == []
    assert await store.ledger.positions() == dict.fromkeys(range(PARTITIONS), 0)


async def test_a_former_owner_that_repeats_what_the_new_one_wrote_is_fenced_too(store: Store) -> None:
    old = await store.ledger.claim("one", PARTITIONS)
    new = await store.ledger.claim("two", PARTITIONS)
    rows = {"timeline": [event(1, 1)], "births": [call("a")]}
    await store.ledger.commit(Round(**rows, fences=[fence(new[0])]))
    with pytest.raises(Fenced):
        await store.ledger.commit(Round(**rows, fences=[fence(old[0])]))
    (stored,) = await store.ledger.stored_calls(["a"])
    assert stored.timeline == rows["timeline"]


async def test_a_call_is_stored_to_the_field(store: Store) -> None:
    (claim, *_) = await store.ledger.claim("one", PARTITIONS)
    events = [event(1, 1), event(1, 4, sequence=2**62, data="{}"), event(1, 4, n=1), event(1, 11, event_id="x" * 256)]
    orders = [command("c2", 2), command("c10", 10), command("c1", 1)]
    row = call("a", key_hash=-(2**63), direction=None)
    await store.ledger.commit(
        Round(timeline=events[::-1], births=[row], commands=orders, fences=[fence(claim, 11, 10)])
    )
    (stored,) = await store.ledger.stored_calls(["a", "no such call"])
    assert stored.row == row
    assert stored.timeline == events
    assert [order.id for order in stored.commands] == ["c1", "c2", "c10"]
    assert stored.commands[0] == orders[2]
    assert stored.record is None


async def test_live_calls_are_those_without_a_record_with_all_that_is_theirs(store: Store) -> None:
    claims = await store.ledger.claim("one", PARTITIONS)
    births = [call(f"{n:04}", born=n, partition=n % 3) for n in range(1, 31)]
    events = [event(n, n + m, partition=n % 3, n=m) for n in range(1, 31) for m in range(3)]
    orders = [command("c", 7, call_id="0006", partition=0)]
    ended = [record(f"{n:04}") for n in range(10, 20)]
    fences = [fence(claim, 99, 7) for claim in claims]
    backwards = events[::-1]
    await store.ledger.commit(Round(timeline=backwards, births=births, records=ended, commands=orders, fences=fences))
    found = [stored async for some in store.ledger.live_calls([0, 1]) for stored in some]
    expected = [n for part in (0, 1) for n in range(1, 31) if n % 3 == part and not 10 <= n < 20]
    assert [stored.row.born for stored in found] == expected
    assert all(stored.timeline == [row for row in events if row.born == stored.row.born] for stored in found)
    assert {stored.row.call_id: stored.commands for stored in found if stored.commands} == {"0006": orders}


async def test_many_live_calls_come_in_slices(store: Store) -> None:
    (claim, *_) = await store.ledger.claim("one", PARTITIONS)
    births = [call(f"{n:05}", born=n) for n in range(1, 4_502)]
    events = [event(n, n) for n in range(1, 4_502)]
    await store.ledger.commit(Round(timeline=events, births=births, fences=[fence(claim, 4_501)]))
    slices = [some async for some in store.ledger.live_calls([0, 1, 2, 3])]
    assert [len(some) for some in slices] == [2_000, 2_000, 501]
    assert [stored.row.born for some in slices for stored in some] == list(range(1, 4_502))
    assert all(len(stored.timeline) == 1 for some in slices for stored in some)


async def test_a_higher_revision_replaces_record_and_breaches_a_lower_one_does_not(store: Store) -> None:
    (claim, *_) = await store.ledger.claim("one", PARTITIONS)
    await store.ledger.commit(
        Round(
            births=[call("a"), call("b", 2)],
            records=[record("a"), record("b")],
            breaches=[breach("a"), breach("a", 1), breach("b")],
            fences=[fence(claim)],
        )
    )
    second = record("a", revision=2, ended_at_ms=START_MS + 70_000, record='{"revision":2}')
    await store.ledger.commit(
        Round(records=[record("a"), second], breaches=[breach("a", rule="HOLD-2")], fences=[fence(claim, 2)])
    )
    stored = await store.ledger.call(TENANT, "a")
    assert stored is not None
    assert stored.record == second
    assert await store.ledger.breach_counts(TENANT, TotalsFilter()) == {"HOLD-2": 1, "RING-1": 1}
    await store.ledger.commit(
        Round(records=[record("a")], breaches=[breach("a", rule="HOLD-2")], fences=[fence(claim, 3)])
    )
    stored = await store.ledger.call(TENANT, "a")
    assert stored is not None
    assert stored.record == second


async def test_past_calls_are_the_ended_ones_under_a_key(store: Store) -> None:
    (claim, *_) = await store.ledger.claim("one", PARTITIONS)
    births = [call("a", 1, key_hash=-5), call("b", 2, key_hash=-5, incarnation=1), call("c", 3, key_hash=6)]
    births += [call("d", 4, key_hash=8), call("e", 5, key_hash=9)]
    ended = [record("a", revision=3, ended_at_ms=START_MS + 9), record("c")]
    ended += [record("d", outcome="stale"), record("e", outcome="lost")]
    await store.ledger.commit(Round(births=births, records=ended, fences=[fence(claim)]))
    found = await store.ledger.past_calls([-5, 7])
    assert [tuple(past) for past in found] == [(births[0], START_MS + 9, 3, True, False)]
    assert [past.given_up for past in await store.ledger.past_calls([8, 9])] == [True, True]
    assert await store.ledger.past_calls([]) == []


async def test_a_command_derived_again_changes_nothing(store: Store) -> None:
    (claim, *_) = await store.ledger.claim("one", PARTITIONS)
    await store.ledger.commit(Round(commands=[command("c", 1)], fences=[fence(claim, 1, 1)]))
    await store.ledger.commit(Round(outcomes=[OutcomeRow("c", "done", None, START_MS)], fences=[fence(claim, 2, 1)]))
    await store.ledger.commit(Round(commands=[command("c", 2), command("d", 3)], fences=[fence(claim, 3, 3)]))
    assert await store.ledger.command(TENANT, "c") == command("c", 1, state="done")
    assert await store.ledger.command(TENANT, "d") == command("d", 3)


async def test_an_outcome_never_replaces_a_final_one(store: Store) -> None:
    (claim, *_) = await store.ledger.claim("one", PARTITIONS)
    states = ("open", "accepted", "overtaken")
    orders = [command(state, n, state=state) for n, state in enumerate(states, 1)]
    await store.ledger.commit(Round(commands=orders, fences=[fence(claim, 1, 4)]))
    refused = [OutcomeRow(state, "refused", "busy", START_MS) for state in (*states, "no such command")]
    await store.ledger.commit(Round(outcomes=refused, fences=[fence(claim, 2, 4)]))
    done = [OutcomeRow(state, "done", None, START_MS) for state in states]
    await store.ledger.commit(Round(outcomes=done, fences=[fence(claim, 3, 4)]))
    found = {row.id: (row.state, row.reason) for row in await store.ledger.commands_after({0: 0}, 10)}
    assert found == {
        "open": ("refused", "busy"),
        "accepted": ("refused", "busy"),
        "overtaken": ("overtaken", None),
    }


async def test_of_two_outcomes_in_a_round_the_first_final_one_stands(store: Store) -> None:
    (claim, *_) = await store.ledger.claim("one", PARTITIONS)
    said = [("accepted", None), ("refused", "busy"), ("done", None)]
    outcomes = [OutcomeRow("c", state, reason, START_MS) for state, reason in said]
    await store.ledger.commit(Round(commands=[command("c")], outcomes=outcomes, fences=[fence(claim, 1, 1)]))
    found = await store.ledger.command(TENANT, "c")
    assert found is not None
    assert (found.state, found.reason) == ("refused", "busy")


async def test_ended_calls_with_an_open_command_are_named(store: Store) -> None:
    (claim, *_) = await store.ledger.claim("one", PARTITIONS)
    states = {"waits": "open", "accepted": "accepted", "done": "done", "live": "open"}
    orders = [
        command(f"{name} {n}", 2 * k + n, call_id=name, state=state)
        for n in (0, 1)
        for k, (name, state) in enumerate(states.items())
    ]
    await store.ledger.commit(
        Round(
            births=[call(name, n) for n, name in enumerate(states, 1)],
            records=[record(name) for name in states if name != "live"],
            commands=[*orders, command("callless", 99, call_id="")],
            fences=[fence(claim, 1, 99)],
        )
    )
    assert sorted(await store.ledger.unanswered_calls(claim.partition)) == ["accepted", "waits"]
    assert await store.ledger.unanswered_calls(claim.partition + 1) == []


async def test_the_last_word_of_an_agent_and_of_a_source_stands(store: Store) -> None:
    (claim, *_) = await store.ledger.claim("one", PARTITIONS)
    first = [agent("2"), agent("1"), agent("1", state="busy"), agent("1", tenant="other")]
    kinds = [SourceRow(TENANT, SOURCE, 0, "offered"), SourceRow(TENANT, SOURCE, 0, "delivered offered")]
    await store.ledger.commit(Round(agents=first, sources=kinds, fences=[fence(claim)]))
    last = agent("2", state="notReady", reason="lunch", device=None, since_ms=START_MS + 9)
    await store.ledger.commit(Round(agents=[last], fences=[fence(claim, 2)]))
    assert await store.ledger.agents() == [agent("1", state="busy"), last, agent("1", tenant="other")]
    assert await store.ledger.sources() == kinds[1:] == await store.ledger.tenant_sources(TENANT)
    assert await store.ledger.tenant_sources("other") == []


async def test_what_a_source_sent_to_any_partition_is_its_own(store: Store) -> None:
    claims = await store.ledger.claim("one", PARTITIONS)
    seen = [SourceRow(TENANT, SOURCE, 0, "delivered offered"), SourceRow(TENANT, SOURCE, 1, "held offered")]
    await store.ledger.commit(Round(sources=seen, fences=[fence(claim) for claim in claims[:2]]))
    assert await store.ledger.sources() == [SourceRow(TENANT, SOURCE, 0, "delivered held offered")]


async def test_a_copy_waits_until_it_has_arrived(store: Store) -> None:
    claims = await store.ledger.claim("one", PARTITIONS)
    rows = [OutboxRow(p, n, "calls.records", TENANT, "k", f"{p}-{n}", b"\x00{}") for p in (0, 1) for n in (1, 2, 3)]
    await store.ledger.commit(Round(outbox=rows, fences=[fence(claim) for claim in claims[:2]]))
    more = OutboxRow(0, 4, "commands", TENANT, "k", "c", b"")
    await store.ledger.commit(Round(outbox=[more], published={0: 2}, fences=[fence(claims[0], 2)]))
    assert await store.ledger.pending_outbox(0) == [rows[2], more]
    assert await store.ledger.pending_outbox(1) == rows[3:]
    with pytest.raises(Fenced):
        await store.ledger.commit(Round(published={1: 3}, fences=[Fence(1, claims[1].epoch - 1, 9, 9)]))
    assert await store.ledger.pending_outbox(1) == rows[3:]


async def test_an_empty_round_only_moves_the_position(store: Store) -> None:
    claims = await store.ledger.claim("one", PARTITIONS)
    await store.ledger.commit(Round())
    await store.ledger.commit(Round(fences=[fence(claim, 7, 3) for claim in reversed(claims)]))
    assert {one[1:3] for one in (await store.ledger.committed()).values()} == {(1, 7)}
    assert await store.ledger.command_marks() == dict.fromkeys(range(PARTITIONS), 3)


async def test_retention_drops_timelines_first_then_all_of_a_call(store: Store) -> None:
    (claim, *_) = await store.ledger.claim("one", PARTITIONS)
    old, young = record("old", ended_at_ms=START_MS), record("young", ended_at_ms=START_MS + 100)
    await store.ledger.commit(
        Round(
            timeline=[event(1, 1, appended_at_ms=START_MS)],
            births=[call("old", 1)],
            records=[old],
            breaches=[breach("old")],
            fences=[fence(claim, 1, 0)],
        )
    )
    await store.ledger.commit(
        Round(
            timeline=[event(2, 2, appended_at_ms=START_MS + 100), event(3, 3)],
            births=[call("young", 2, key_hash=9), call("live", 3)],
            records=[young],
            breaches=[breach("young")],
            commands=[command("c", 1, call_id="old"), command("d", 2, call_id="", issued_at_ms=START_MS)],
            dead_letters=[DeadLetterRow(0, 9, TENANT, "unreadable", "", START_MS, b"\xff")],
            fences=[fence(claim, 3, 2)],
        )
    )
    assert await store.ledger.purge(START_MS + 101, 0) == 2
    assert await store.ledger.purge(START_MS + 101, 0) == 0
    assert {
        row.row.call_id: len(row.timeline) for row in await store.ledger.stored_calls(["old", "young", "live"])
    } == {
        "old": 0,
        "young": 0,
        "live": 1,
    }
    assert [past.kept for past in await store.ledger.past_calls([9])] == [False], "its id was used; its facts are gone"
    assert await store.ledger.records(TENANT, "", 10) == [old.record, young.record]
    assert await store.ledger.purge(START_MS + 101, START_MS + 50) == 3
    assert await store.ledger.records(TENANT, "", 10) == [young.record]
    assert await store.ledger.breach_counts(TENANT, TotalsFilter()) == {"RING-1": 1}
    assert [line.row.call_id for line in await store.ledger.calls(TENANT, CallFilter(), None, 9)] == ["live", "young"]
    assert await store.ledger.commands_after({0: 0}, 9) == []


async def test_retention_goes_by_when_a_record_was_written(store: Store) -> None:
    """And not by the switch's date: a call of 1970 stays its time, one said to end in 2199 goes with the others. What
    the log's clock dated while it was far ahead is dated again; while it was far back, retention's own time counts.
    """
    (claim, *_) = await store.ledger.claim("one", PARTITIONS)
    await store.ledger.keep_retention_ms(START_MS)
    ended = {"1970": 0, "2199": 7_226_582_400_000, "jumped": START_MS, "set back": START_MS, "revised": START_MS}
    appended = dict.fromkeys(ended, START_MS + 5) | {"jumped": START_MS + 400 * 86_400_000, "set back": 1_000}
    for n, name in enumerate(ended, 1):
        await store.ledger.commit(
            Round(
                timeline=[event(n, n, appended_at_ms=appended[name])],
                births=[call(name, n, key_hash=n)],
                records=[record(name, ended_at_ms=ended[name])],
                fences=[fence(claim, n)],
            )
        )
    later = record("revised", revision=2)
    await store.ledger.commit(
        Round(timeline=[event(5, 6, appended_at_ms=START_MS + 900)], records=[later], fences=[fence(claim, 6)])
    )
    assert await store.ledger.purge(START_MS, START_MS, START_MS + 10) == 1, "one is dated again"
    assert await store.ledger.purge(START_MS, START_MS, START_MS + 10) == 0
    assert await _dropped(store, START_MS + 1) == {"set back"}
    assert await _dropped(store, START_MS + 6) == {"set back", "1970", "2199", "revised"}
    assert await _dropped(store, START_MS + 11) == set(ended)


async def _dropped(store: Store, before_ms: int) -> set[str]:
    """Calls whose timeline has gone, once all that is older has."""
    while await store.ledger.purge(before_ms, 0):
        pass
    past = await store.ledger.past_calls(range(1, 6))
    return {one.row.call_id for one in past if not one.kept}


async def test_retentions_own_time_is_kept(store: Store) -> None:
    assert await store.ledger.retention_ms() is None
    await store.ledger.keep_retention_ms(START_MS)
    await store.ledger.keep_retention_ms(START_MS + 60_000)
    assert await store.ledger.retention_ms() == START_MS + 60_000


async def test_retention_does_a_bounded_piece(store: Store) -> None:
    (claim, *_) = await store.ledger.claim("one", PARTITIONS)
    births = [call(f"{n:04}", n) for n in range(1, 701)]
    ended = [record(f"{n:04}", ended_at_ms=START_MS) for n in range(1, 701)]
    await store.ledger.commit(Round(births=births, records=ended, fences=[fence(claim)]))
    assert [await store.ledger.purge(START_MS + 1, 0) for _ in range(3)] == [500, 200, 0]
