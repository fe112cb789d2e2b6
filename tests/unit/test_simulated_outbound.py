"""The pure machine of dial orders: each outcome once, its refusals, its memory, and what it answers when asked."""

from collections import Counter
from pathlib import Path

import pytest

from cti.switches.simulated import saved_state
from cti.switches.simulated.commands import LOST, SILENT, Verdict
from cti.switches.simulated.exchange import Site
from cti.switches.simulated.order_memory import REMEMBERED_MS
from cti.switches.simulated.outbound_script import MIX, MIX_OF_MESSAGES, check, read_scripts, word_of
from cti.switches.simulated.pbx import Answer, rfc3339
from cti.switches.simulated.trunks import read_trunk_groups
from schemas.envelope import read_event
from tests.unit.simulated_outbound import SCRIPT, START_MS, TO, Dialling

RANG = [(1.0, "originated"), (1.3, "networkReached"), (2.0, "delivered")]
ANSWERED = [*RANG, (9.0, "established")]
FAILED = ["failed", "connectionCleared", "callCleared"]


def test_reached_passes_the_gate_and_hears_everything() -> None:
    it = Dialling("reached")
    assert it.dial() == Verdict("accepted")
    it.to(60)
    assert it.answers == [Answer("d1", "done", None)]
    assert it.said() == [
        *ANSWERED,
        (10.0, "answeringMachineResult"),
        (14.0, "announcementEnded"),
        (15.0, "digitsGenerated"),
        (29.0, "announcementEnded"),
        (29.0, "connectionCleared"),
        (29.0, "callCleared"),
    ]
    assert it.data("originated")[0]["called"] == TO
    assert [data["message"] for data in it.data("announcementEnded")] == ["opening", "body"]
    assert it.data("digitsGenerated")[0]["digits"] == "1"


def test_without_the_key_the_body_is_not_said() -> None:
    it = Dialling("noGate")
    it.dial()
    it.to(60)
    assert [data["message"] for data in it.data("announcementEnded")] == ["opening"]
    assert not it.data("digitsGenerated")
    assert it.said()[-1] == (29.0, "callCleared")


def test_a_key_is_pressed_after_the_gate() -> None:
    it = Dialling("key:4")
    it.dial()
    it.to(60)
    assert [data["digits"] for data in it.data("digitsGenerated")] == ["1", "4"]


def test_key_0_without_an_agent() -> None:
    it = Dialling("key0NoAgent", agents=3)
    it.dial()
    it.to(60)
    assert it.said()[4:] == [
        (10.0, "answeringMachineResult"),
        (11.0, "digitsGenerated"),
        (11.0, "announcementEnded"),
        (11.0, "queued"),
        (39.0, "connectionCleared"),
        (39.0, "callCleared"),
    ]


def test_key_0_with_an_agent_gives_the_agents_leg() -> None:
    it = Dialling("key0", agents=3)
    it.to(0.9)
    it.dial()
    it.to(400)
    agents = [data["agent"] for kind in ("delivered", "established") for data in it.data(kind) if "agent" in data]
    assert len(agents) >= 2
    assert it.kinds()[-1] == "callCleared"
    assert it.ask("d1", 401).answer == "ended"


def test_key_0_waits_for_an_agent_no_longer_than_the_order_says() -> None:
    it = Dialling("key0")
    it.dial(on_answer=SCRIPT | {"queue_wait_s": 7})
    it.to(60)
    assert it.said()[-1] == (18.0, "callCleared")
    assert it.data("connectionCleared")[0]["releasingDevice"] == "network"


def test_the_customer_hangs_up_early() -> None:
    it = Dialling("hangUpEarly")
    it.dial()
    it.to(60)
    assert it.data("announcementEnded") == [{"connection": "c", "message": "opening", "completed": False}]
    assert it.data("connectionCleared")[0]["releasingDevice"] == TO
    assert it.said()[-1] == (12.0, "callCleared")


def test_nobody_answers_until_the_orders_limit() -> None:
    it = Dialling("noAnswer")
    it.dial(ring_timeout_s=25)
    it.to(60)
    assert it.said() == [*RANG, *((26.0, kind) for kind in FAILED)]
    assert it.data("failed")[0]["q850"] == 19


@pytest.mark.parametrize(
    ("word", "at_s", "q850"),
    [("busy", 3, 17), ("invalid", 2, 1), ("congestion", 2, 34), ("failedOther", 2, 127), ("q850:42", 2, 42),
     ("q850:28", 2, 28)],
)  # fmt: skip
def test_the_network_gives_a_cause(word: str, at_s: float, q850: int) -> None:
    it = Dialling(word)
    it.dial()
    it.to(60)
    assert it.said() == [(1.0, "originated"), *((at_s, kind) for kind in FAILED)]
    assert it.data("failed")[0]["q850"] == q850
    told = it.ask("d1", 61)
    assert (told.answer, told.q850, told.ended_at) == ("ended", q850, rfc3339(START_MS + at_s * 1000))


@pytest.mark.parametrize("tone", ["poweredOff", "suspended", "notReachable"])
def test_the_network_says_only_a_tone(tone: str) -> None:
    it = Dialling(tone)
    it.dial()
    it.to(60)
    assert it.kinds() == ["originated", "networkReached", "networkTone", *FAILED]
    assert it.said()[-1][0] == 4.0
    assert (it.data("networkTone")[0]["tone"], it.data("failed")[0]["q850"]) == (tone, 20)
    assert it.ask("d1", 61).tone == tone


@pytest.mark.parametrize(("word", "result"), [("machine", "machine"), ("fax", "faxOrModem")])
def test_a_machine_is_found_out(word: str, result: str) -> None:
    it = Dialling(word)
    it.dial()
    it.to(60)
    assert it.said()[4:] == [
        (12.0, "answeringMachineResult"),
        (12.0, "connectionCleared"),
        (12.0, "callCleared"),
    ]
    assert it.data("answeringMachineResult")[0]["result"] == result


def test_a_machine_hears_only_what_is_for_machines() -> None:
    it = Dialling("machine")
    it.dial(on_answer=SCRIPT | {"on_machine": {"zh": "请致电95598"}})
    it.to(60)
    assert [data["message"] for data in it.data("announcementEnded")] == ["on_machine"]


def test_silence_takes_the_order_and_says_nothing_whoever_asks() -> None:
    it = Dialling("silence")
    assert it.dial() == Verdict("accepted")
    it.to(60)
    assert (it.facts, it.answers) == ([], [])
    assert it.ask("d1", 61).state == SILENT


def test_an_order_that_never_came_is_asked_about_and_burnt() -> None:
    it = Dialling("neverSeen", "reached")
    assert it.dial().state == LOST
    assert it.ask("d1", 20).answer == "never_seen"
    assert it.dial(21) == Verdict("refused", "duplicate")
    assert it.ask("d1", 22).answer == "never_seen"


def test_a_refusal_by_script_uses_the_id_up() -> None:
    it = Dialling("refused:busy", "reached")
    assert it.dial() == Verdict("refused", "busy")
    assert it.dial(2) == Verdict("refused", "duplicate")
    assert it.dial(3, "d2") == Verdict("accepted")
    told = it.ask("d1", 4)
    assert (told.answer, told.cause, told.q850) == ("ended", "busy", None)


def test_words_come_in_turn_and_the_last_repeats() -> None:
    it = Dialling("busy", "sms:delivered", "invalid")
    for number in range(3):
        it.dial(1 + 10 * number, f"d{number}")
    it.to(60)
    assert [it.data("failed", f"d{number}")[0]["q850"] for number in range(3)] == [17, 1, 1]


# -- what it refuses, and when it stops ------------------------------------------------------------------------------


def test_an_expired_order_is_refused_and_never_dialled() -> None:
    it = Dialling("reached")
    assert it.dial(1, expires_at=rfc3339(START_MS + 999)) == Verdict("refused", "expired")
    it.to(60)
    assert it.facts == []


def test_an_order_that_expires_before_the_call_is_placed_is_not_dialled() -> None:
    """No call starts after the expiry, accepted or not: a drawn set-up takes longer than the order is good for."""
    it = Dialling(at_once=50)
    taken = [it.dial(1, f"d{n}", to=f"+86138{n:08}", expires_at=rfc3339(START_MS + 1_700)).state for n in range(40)]
    it.to(200)
    dialled = [fact for fact in it.facts if fact["type"].endswith("originated.v1")]
    refused = [answer for answer in it.answers if answer.reason == "expired"]
    assert min(len(dialled), len(refused)) > 5
    assert len(dialled) + len(refused) == taken.count("accepted")
    assert all(fact["time"] <= rfc3339(START_MS + 1_700) for fact in dialled)
    assert it.ask(refused[0].command_id, 201).cause == "expired"


def test_nothing_rings_at_ring_until_or_after_it() -> None:
    it = Dialling("reached")
    it.dial(1, ring_until=rfc3339(START_MS + 9_000))
    it.to(60)
    assert it.said() == [*RANG, *((9.0, kind) for kind in FAILED)], "the answer at that instant comes too late"
    assert it.dial(60, "d2", ring_until=rfc3339(START_MS + 60_000)) == Verdict("refused", "expired")


def test_a_full_trunk_group_is_busy_until_a_call_has_ended() -> None:
    it = Dialling("reached", at_once=1)
    assert it.dial(1).state == "accepted"
    assert it.dial(2, "d2") == Verdict("refused", "busy")
    it.to(30)
    assert it.dial(31, "d3").state == "accepted"


def test_a_trunk_group_that_it_does_not_have() -> None:
    assert Dialling("reached").dial(trunk_group="other") == Verdict("refused", "notSupported")


def test_a_live_call_is_cleared_by_order() -> None:
    it = Dialling("reached")
    it.dial()
    it.to(12)
    assert it.ask("d1", 12).answer == "live"
    [call] = it.exchange.pbx.calls
    clear = {"id": "x1", "command": "clearConnection", "subject": call, "expires_at": rfc3339(START_MS + 20_000)}
    assert it.give(clear, 13) == Verdict("done")
    it.to(60)
    assert [fact["type"].split(".")[2] for fact in it.facts[-2:]] == ["connectionCleared", "callCleared"]
    assert it.ask("d1", 61).ended_at == rfc3339(START_MS + 13_000)


# -- memory ----------------------------------------------------------------------------------------------------------


def test_an_id_is_remembered_for_72_hours() -> None:
    it = Dialling("busy")
    it.dial(1)
    last_s = 1 + REMEMBERED_MS / 1000
    assert it.dial(last_s - 0.001) == Verdict("refused", "duplicate")
    assert it.dial(last_s) == Verdict("accepted")


def test_without_a_memory_an_order_that_comes_twice_is_dialled_twice() -> None:
    it = Dialling("busy", memory=False)
    assert it.dial(1) == it.dial(6) == Verdict("accepted")
    it.to(60)
    assert it.kinds().count("originated") == 2
    assert it.ask("d1", 61) == Verdict("refused", "notSupported"), (
        "it never says never_seen of what it may have dialled"
    )


def test_what_it_remembers_and_what_lives_outlasts_a_stop(tmp_path: Path) -> None:
    path, it = tmp_path / "switch.json", Dialling("busy", "reached", "reached")
    site = Site("sim-1", 0, 0.0, 1, "brisk", outbound=it.exchange.pbx.outbound)
    it.dial(1, "ended")
    it.dial(5, "live")
    it.to(10)
    saved_state.write(path, it.exchange, [], [])
    kept = saved_state.take(path, site, START_MS + 20_000)
    assert kept is not None
    it.exchange = kept.exchange
    it.to(20)
    assert it.dial(20, "ended") == it.dial(20, "live") == Verdict("refused", "duplicate")
    assert (it.ask("ended", 21).q850, it.ask("live", 21).answer) == (17, "live")
    it.to(60)
    assert it.said("live")[-1] == (33.0, "callCleared")
    assert it.dial(61, "third") == Verdict("accepted")


# -- messages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["delivered", "undeliverable", "expired"])
def test_a_message_is_sent_once_and_reported(state: str) -> None:
    it = Dialling(f"sms:{state}")
    message = {"channel": "sms", "command": "sendMessage"}
    assert it.dial(1, **message) == Verdict("accepted")
    assert it.dial(1.2, **message) == Verdict("refused", "duplicate")
    it.to(20)
    assert it.answers == [Answer("d1", "done", None)]
    assert it.said() == [(6.0, "messageReport")]
    assert it.data("messageReport") == [{"state": state, "to": TO}]


def test_no_message_is_sent_after_its_expiry() -> None:
    it = Dialling("sms:delivered")
    it.dial(1, command="sendMessage", expires_at=rfc3339(START_MS + 1_400))
    it.to(20)
    assert it.answers == [Answer("d1", "refused", "expired")]
    assert it.facts == []


# -- the seeded mix --------------------------------------------------------------------------------------------------


def test_the_mix_has_every_outcome_in_about_its_share() -> None:
    drawn = Counter(word_of({}, f"+86138{number:08}", 0, 7, message=False)[0] for number in range(20_000))
    whole = sum(MIX.values())
    assert drawn.keys() == MIX.keys()
    for word, weight in MIX.items():
        assert drawn[word] / 20_000 == pytest.approx(weight / whole, rel=0.3), word
    assert set(MIX_OF_MESSAGES) == {word_of({}, f"+86138{number:08}", 0, 7, message=True)[0] for number in range(2_000)}


def test_a_day_by_the_mix_is_lawful_and_the_same_for_the_same_seed() -> None:
    days = [_day(seed) for seed in (3, 3, 4)]
    assert days[0].facts == days[1].facts
    assert days[0].facts != days[2].facts
    for day in days:
        events = [read_event(fact) for fact in day.facts]
        assert all(event.known for event in events)
        calls = Counter(fact["subject"] for fact in day.facts if fact["type"].endswith("originated.v1"))
        cleared = Counter(fact["subject"] for fact in day.facts if fact["type"].endswith("callCleared.v1"))
        assert calls == cleared
        assert len(calls) > 200
        assert not day.exchange.pbx.memory.lines


def _day(seed: int) -> Dialling:
    it = Dialling(agents=5, seed=seed, at_once=50)
    for number in range(300):
        it.dial(2 + number, f"d{number}", to=f"+86138{number:08}")
    it.to(2_000)
    return it


# -- what is read ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["answered", "q850:128", "q850:", "refused:tired", "sms:lost", "key:12", ""])
def test_a_word_that_means_nothing_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="is no outcome"):
        check(word)


@pytest.mark.parametrize("item", [[], {TO: "reached"}, {TO: []}, {TO: ["nonsense"]}])
def test_a_script_that_cannot_be_read_is_refused(item: object) -> None:
    with pytest.raises(ValueError, match="a list of outcomes|a script is an object|no outcome"):
        read_scripts(item)


@pytest.mark.parametrize("text", ["main", "main=5", "=5/5", "main=0/5", "main=1/0", "main=a/b"])
def test_a_trunk_group_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"trunk group|limits|could not convert"):
        read_trunk_groups(text)


def test_trunk_groups_are_read() -> None:
    groups = read_trunk_groups("main=0.5/50,second=1/10")
    assert [(name, group.calls_per_second, group.calls_at_once) for name, group in groups.items()] == [
        ("main", 0.5, 50), ("second", 1, 10)
    ]  # fmt: skip
