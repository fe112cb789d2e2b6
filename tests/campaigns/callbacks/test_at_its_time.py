"""Asked over HTTP, moved by the hours, an agent reserved, called, kept; and what may go wrong."""

from pathlib import Path

from cti.switches.simulated.pbx import Doing
from tests.campaigns.callbacks.day import DAY, NUMBER, REACHED, day

KEPT, MISSED = {"kept": "kept"}, {"kept": "missed"}
PROMISES = "ringback_callback_promises_total"


async def test_it_is_asked_moved_by_the_hours_called_by_an_agent_and_kept(tmp_path: Path) -> None:
    async with day(tmp_path, "12:27", {NUMBER: [REACHED]}) as it:
        one = await it.promised("12:31", reason="电费有误")
        assert (one["call_at"], one["keep_by"], one["moved"]) == (
            "2026-03-02T04:28:20.000Z", "2026-03-02T04:31:00.000Z", True,
        )  # fmt: skip
        await it.to("12:28:19")
        assert it.calls() == []
        assert (await it.contact(one))["explain"]["why"] == "agreed_time"
        await it.to("12:29:20")
        [(number, at)] = it.calls()
        assert (number, at[:5]) == (NUMBER, "12:28")
        kinds = it.kinds()
        assert kinds.index("originated") < kinds.index("established") < kinds.index("networkReached")
        assert kinds.count("established") == 2, "the agent, then the called party"
        shown = await it.callback(one)
        assert (shown["state"], shown["promise"]) == ("reached", "kept")
        [attempt] = await it.attempts(one)
        assert (attempt["channel"], attempt["disposition"], attempt["counted"]) == ("agent", "reached", True)
        assert (await it.metric(PROMISES, **KEPT), await it.metric(PROMISES, **MISSED)) == (1, 0)
        campaign = (await it.site.ask("GET", f"/v1/campaigns/{one['campaign']}")).json
        assert (campaign["state"], campaign["progress"]["reached"]) == ("running", 1), "it waits for more"


async def test_without_an_agent_nobody_is_called_and_the_promise_is_missed(tmp_path: Path) -> None:
    async with day(tmp_path, "14:59", {NUMBER: [REACHED]}, agents=0) as it:
        one = await it.promised("15:00")
        await it.to("15:01:30")
        assert len(it.calls()) >= 3, "it is asked again and again"
        assert it.kinds() == [], "and nobody was dialled"
        tried = await it.attempts(one)
        assert {(each["decision"], each["counted"]) for each in tried[:-1]} == {("not_dialled", False)}
        await it.to("15:02:30")
        shown = await it.callback(one)
        assert (shown["state"] in {"waiting", "in_progress"}, shown["promise"]) == (True, "missed")
        assert await it.metric(PROMISES, **MISSED) == 1


async def test_an_agent_who_comes_late_still_calls(tmp_path: Path) -> None:
    async with day(tmp_path, "14:59", {NUMBER: [REACHED]}, agents=1) as it:
        agent = it.switch.exchange.pbx.agents["1001"]
        agent.doing = Doing.NOT_READY
        one = await it.promised("15:00")
        await it.to("15:00:10")
        assert it.kinds() == []
        agent.doing = Doing.READY
        await it.to("15:01")
        shown = await it.callback(one)
        assert (shown["state"], shown["promise"]) == ("reached", "kept")


async def test_at_an_agreed_time_the_rest_hours_are_open_for_one_attempt(tmp_path: Path) -> None:
    async with day(tmp_path, "22:09", {NUMBER: ["busy", REACHED]}) as it:
        at = f"{DAY}T22:10:00+08:00"
        one = await it.promised("22:10", agreed_at=at, agreed_by="8001")
        await it.to("22:11")
        assert [clock[:5] for _, clock in it.calls()] == ["22:10"]
        shown = await it.callback(one)
        assert (shown["state"], shown["promise"]) == ("waiting", "kept"), "he was called when he asked to be"
        explain = (await it.contact(one))["explain"]
        assert (explain["may_dial"], explain["until"]) == (False, "2026-03-02T23:30:00.000Z")


async def test_what_rings_at_an_agreed_time_is_no_violation_of_the_hours(tmp_path: Path) -> None:
    async with day(tmp_path, "22:09", {NUMBER: [REACHED]}) as it:
        one = await it.promised("22:10", agreed_at=f"{DAY}T22:10:00+08:00", agreed_by="8001")
        await it.to("22:12")
        [attempt] = await it.attempts(one)
        assert attempt["rang_at"].startswith("2026-03-02T14:10")
        assert await it.metric("ringback_quiet_ring_violations_total") == 0


async def test_without_an_agreement_the_night_stays_closed(tmp_path: Path) -> None:
    async with day(tmp_path, "22:09", {NUMBER: [REACHED]}) as it:
        one = await it.promised("22:10")
        assert one["call_at"] == "2026-03-02T23:30:00.000Z"
        await it.to("22:11")
        assert it.calls() == []


async def test_a_call_that_the_network_cut_is_made_again_at_once(tmp_path: Path) -> None:
    async with day(tmp_path, "14:59", {NUMBER: ["cut", REACHED]}) as it:
        one = await it.promised("15:00")
        await it.to("15:02")
        first, second = await it.attempts(one)
        assert (first["disposition"], first["counted"], second["disposition"]) == (
            "answeredIncomplete",
            True,
            "reached",
        )
        [began, again] = [at for _, at in it.calls()]
        assert (began[:5], again[:5]) == ("15:00", "15:00"), "not after a quarter of an hour"


async def test_an_agents_word_after_the_call_decides(tmp_path: Path) -> None:
    """Who hung up early was spoken to; what came of it the agent says while he works after the call."""
    async with day(tmp_path, "14:59", {NUMBER: ["hangUpEarly", REACHED]}) as it:
        one = await it.promised("15:00")
        await it.to("15:00:40")
        assert (await it.callback(one))["state"] == "in_progress", "his word may still come"
        call = it.switch.told[-1]["subject"]
        word = {"action": "disposition", "agent": "1001", "disposition": "notConvenient"}
        it.switch.exchange.pbx.emit("call.agentAction", str(call), it.switch.now_ms, word)
        await it.to("15:00:50")
        [attempt] = await it.attempts(one)
        assert (attempt["disposition"], (await it.callback(one))["state"]) == ("notConvenient", "waiting")


async def test_he_is_called_again_at_the_time_that_he_names(tmp_path: Path) -> None:
    """CB-5: the agent says which, with his word."""
    async with day(tmp_path, "14:59", {NUMBER: ["hangUpEarly", REACHED]}) as it:
        one = await it.promised("15:00")
        await it.to("15:00:40")
        word = {
            "action": "disposition",
            "agent": "1001",
            "disposition": "callbackAsked",
            "due_at": f"{DAY}T15:20:00+08:00",
        }
        it.switch.exchange.pbx.emit("call.agentAction", str(it.switch.told[-1]["subject"]), it.switch.now_ms, word)
        await it.to("15:19:59")
        [attempt] = await it.attempts(one)
        assert (attempt["disposition"], attempt["counted"]) == ("callbackAsked", False)
        assert (await it.contact(one))["explain"]["why"] == "agreed_time"
        await it.to("15:21")
        assert [at[:5] for _, at in it.calls()] == ["15:00", "15:20"]


async def test_without_a_word_both_were_there_and_it_is_reached(tmp_path: Path) -> None:
    async with day(tmp_path, "14:59", {NUMBER: ["hangUpEarly"]}) as it:
        one = await it.promised("15:00")
        await it.to("15:01:30")
        assert (await it.callback(one))["state"] == "reached"


async def test_one_that_is_cancelled_in_time_is_not_called(tmp_path: Path) -> None:
    async with day(tmp_path, "14:59", {NUMBER: [REACHED]}) as it:
        one = await it.promised("15:00")
        assert (await it.site.ask("DELETE", f"/v1/callbacks/{one['id']}")).status == 200
        await it.to("15:01:02")
        assert it.calls() == []
        shown = await it.callback(one)
        assert (shown["state"], shown["promise"]) == ("cancelled", None)
        assert await it.metric(PROMISES, **MISSED) == 0


async def test_a_switch_that_reserves_no_agents_is_promised_nothing(tmp_path: Path) -> None:
    async with day(tmp_path, "14:59", {}, agent_first=False) as it:
        answer = await it.ask("15:00")
        assert (answer.status, answer.code, answer.json["errors"][0]["pointer"]) == (422, "cannot_dial", "/channels")


async def test_an_automatic_callback_says_that_there_is_no_result_yet(tmp_path: Path) -> None:
    """CB-2: at its time it is called even with no result to tell."""
    async with day(tmp_path, "14:59", {NUMBER: ["reached"]}) as it:
        one = await it.promised("15:00", channel="auto")
        await it.to("15:01")
        shown = await it.callback(one)
        assert (shown["state"], shown["promise"], shown["result"]) == ("reached", "kept", None)
        assert "announcementEnded" in it.kinds()
