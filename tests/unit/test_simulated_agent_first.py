"""The simulated switch reserves an agent before it dials: nobody who answers hears nothing."""

from typing import Any

import pytest

from cti.switches.simulated.commands import Verdict
from cti.switches.simulated.pbx import Answer
from schemas.dial_orders import read_dial_order
from tests.unit.simulated_outbound import TO, Dialling, order

FIRST = {"queue": "service", "wait_s": 5, "text": {"zh": "回电"}}


def dial(it: Dialling, at_s: float = 1.0, id_: str = "d1", **fields: Any) -> Verdict:
    return it.dial(at_s, id_, on_answer=None, answering_machine=None, agent_first=FIRST, **fields)


def line(*words: str, agents: int = 1, agent_first: bool = True) -> Dialling:
    return Dialling(*words, agents=agents, agent_first=agent_first)


def test_the_agent_is_there_before_the_called_party_is_dialled() -> None:
    it = line("agent:promisedToPay")
    assert dial(it) == Verdict("accepted")
    it.to(60)
    assert it.answers == [Answer("d1", "done", None)]
    assert it.said() == [
        (1.0, "originated"),
        (1.0, "established"),
        (1.3, "networkReached"),
        (2.0, "delivered"),
        (9.0, "established"),
        (29.0, "agentAction"),
        (29.0, "connectionCleared"),
        (29.0, "callCleared"),
    ]
    first, second = it.data("established")
    assert (first["agent"], second["answering"]) == ("1001", TO)
    assert it.data("agentAction")[0]["disposition"] == "promisedToPay"


def test_no_agent_in_time_and_nobody_is_dialled() -> None:
    it = line("reached", agents=0)
    dial(it)
    it.to(5.9)
    assert it.answers == []
    it.to(60)
    assert it.answers == [Answer("d1", "refused", "noOtherAgent")]
    assert it.said() == []
    told = it.ask("d1", 61)
    assert (told.answer, told.cause) == ("ended", "noOtherAgent")


def test_an_agent_who_is_busy_is_waited_for() -> None:
    it = line("reached")
    dial(it)
    dial(it, 2.0, "d2")
    it.to(6.9)
    assert it.said("d2") == []
    it.to(40)
    assert Answer("d2", "refused", "noOtherAgent") in it.answers
    assert it.kinds("d1").count("established") == 2


def test_no_call_starts_after_the_expiry_of_the_order() -> None:
    it = line("reached", agents=0)
    it.dial(1.0, "d1", on_answer=None, answering_machine=None, agent_first={**FIRST, "wait_s": 60})
    it.to(60)
    assert it.said() == []
    assert [one.state for one in it.answers] == ["refused"]


@pytest.mark.parametrize("word", ["noAnswer", "busy", "poweredOff"])
def test_whoever_does_not_answer_sets_the_agent_free(word: str) -> None:
    it = line(word)
    dial(it)
    it.to(120)
    assert it.kinds().count("established") == 1, "the agent's own"
    assert dial(it, 121.0, "d2") == Verdict("accepted")
    it.to(300)
    assert "originated" in it.kinds("d2")


def test_the_network_may_cut_it_off() -> None:
    it = line("cut")
    dial(it)
    it.to(60)
    [cleared] = it.data("connectionCleared")
    assert (cleared["releasingDevice"], cleared["q850"]) == ("network", 38)


def test_a_switch_that_did_not_declare_it_refuses() -> None:
    it = line("reached", agent_first=False)
    assert dial(it) == Verdict("refused", "notSupported")


def test_the_order_is_one_of_the_schemas() -> None:
    given = order("d1", 1.0, on_answer=None, answering_machine=None, agent_first=FIRST, tenant="t", switch="s1")
    assert read_dial_order(given).model_dump(exclude_none=True)["agent_first"]["wait_s"] == 5
    for wrong in ({**FIRST, "agent": "8001"}, {"wait_s": 5}):
        with pytest.raises(ValueError, match="agent_first"):
            read_dial_order({**given, "agent_first": wrong})
    with pytest.raises(ValueError, match="one_of|on_answer"):
        read_dial_order({**given, "on_answer": {"message": "m"}})
