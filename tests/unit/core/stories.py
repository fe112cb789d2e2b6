"""Short ways to tell what happened to a call, in seconds from 0, and to read what the core makes of it."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from cti.core.call import fold
from cti.core.call_state import Call
from cti.core.facts import Fact, fact
from cti.core.identity import hash64
from cti.core.record import Identity, measure, record_of
from cti.core.rules import Abilities, Intervention, RuleBook, RuleSet, compile_profile
from cti.settings import profile_path
from schemas.profile import read_profile

START_MS = 1_772_413_200_000  # 2026-03-02T01:00:00Z
SUBJECT = "call-1"
CALLER = "+8679186261234"
WHO = Identity("0123456789abcdef01234567", "jx", "/switches/nc-1", SUBJECT)
FIRST = {"connection": "a-1", "agent": "1001", "device": "8001"}
SECOND = {"connection": "a-2", "agent": "1002", "device": "8002"}
THIRD = {"connection": "a-3", "agent": "1003", "device": "8003"}
ALL_COMMANDS = frozenset(
    {"setRingTimeout", "deflectCall", "playMessage", "promptAgent", "setAgentState", "clearConnection"}
)
ALL = Abilities(ALL_COMMANDS, if_other_ready=True)


@cache
def book() -> RuleBook:
    """The shipped profile power-95598."""
    path = profile_path("power-95598")
    return compile_profile(read_profile(path.read_text("utf-8"), str(path)))


def rules(abilities: Abilities = ALL) -> RuleSet:
    return book().interventions_for("nc-1", "billing", abilities)


def ms(seconds: float) -> int:
    return START_MS + round(seconds * 1000)


def said(
    at_s: float, kind: str, data: Mapping[str, Any] | None = None, *, name: str = "", seq: int | None = None
) -> Fact:
    """One event; two of one kind at one time are told apart by `name`."""
    event_id = f"{kind}-{at_s}{name}"
    return fact(ms(at_s), seq, event_id, kind, hash64(event_id.encode()), data or {})


def offered(at_s: float = 0.0) -> Fact:
    data = {"connection": "c", "calling": CALLER, "called": "95598", "direction": "inbound"}
    return said(at_s, "offered", data)


def queued(at_s: float = 1.0) -> Fact:
    return said(at_s, "queued", {"connection": "c", "queue": "billing"})


def rings(at_s: float, agent: Mapping[str, str] = FIRST) -> Fact:
    return said(at_s, "delivered", {**agent, "queue": "billing"}, name=agent["agent"])


def answers(at_s: float, agent: Mapping[str, str] = FIRST) -> Fact:
    return said(at_s, "established", agent, name=agent["agent"])


def diverted(at_s: float, agent: Mapping[str, str] = FIRST, cause: str = "redirected") -> Fact:
    return said(at_s, "diverted", {**agent, "cause": cause}, name=agent["agent"])


def holds(at_s: float, by: str = "8001", leg: str = "c") -> Fact:
    return said(at_s, "held", {"connection": leg, "heldConnection": leg, "holdingDevice": by}, name=by)


def takes_back(at_s: float, by: str = "8001", leg: str = "c") -> Fact:
    return said(at_s, "retrieved", {"connection": leg, "heldConnection": leg, "holdingDevice": by}, name=by)


def mutes(at_s: float, agent: Mapping[str, str] = FIRST, kind: str = "muted") -> Fact:
    return said(at_s, kind, {"connection": agent["connection"], "device": agent["device"]}, name=agent["agent"])


def hangs_up(at_s: float, by: str | None = CALLER, leg: str = "c", reason: str | None = None) -> Fact:
    told = {"connection": leg, "releasingDevice": by, "releaseReason": reason}
    return said(at_s, "connectionCleared", {name: value for name, value in told.items() if value is not None}, name=leg)


def cleared(at_s: float) -> Fact:
    return said(at_s, "callCleared", {"cause": "normalClearing"})


def answered_call(*between: Fact, end_s: float = 120.0) -> list[Fact]:
    """Rung at 2 s, answered at 5 s, left by the caller at the end; what is given happens on the way."""
    return [offered(), queued(), rings(2.0), answers(5.0), *between, hangs_up(end_s), cleared(end_s)]


def call_of(*facts: Fact) -> Call:
    return fold(SUBJECT, facts).call


def record(facts: Iterable[Fact], done: Sequence[Intervention] = ()) -> dict[str, Any]:
    """The record of a call that has ended."""
    call = fold(SUBJECT, facts).call
    assert call.ended_ms is not None, "the call lives"
    return record_of(WHO, call, measure(call, book(), done), done, book().name, 1)


def broken(facts: Iterable[Fact], done: Sequence[Intervention] = ()) -> list[str]:
    """The rules that were broken."""
    return [breach["rule"] for breach in record(facts, done)["breaches"]]
