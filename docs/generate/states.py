"""State diagrams in Mermaid, from the transition tables of the core."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from campaigns.core.after import Closed, Dialled, Ended, HandedOver, NeverDialled, NewRound, after
from campaigns.core.calling_hours import CallingHours
from campaigns.core.campaign import Campaign
from campaigns.core.contact import Contact, Phone
from campaigns.core.reasons import FINAL_STATES, Channel, Disposition, FallbackKind, State
from campaigns.core.workdays import WorkCalendar
from cti.core.agent import AGENT_TABLE
from cti.core.call import TABLE, advance
from cti.core.call_state import Call, Phase
from cti.core.facts import fact
from cti.core.legs import LEG_TABLE
from docs.generate.writing import table

STATES_HEAD = """# States

Written by `python -m docs.generate` from the transition tables of the core. The words are CSTA's (ECMA-269) where CSTA
has one. An event for which a state has no arrow changes nothing and is counted as ignored.
"any" stands for every other state.
"""

CALL_HEAD = """## A call

Ringback derives three of the events: `present` (a snapshot names the call), `stale` (a snapshot lacks it) and `lost`
(no event for too long). An end by `stale` or `lost` is tentative: a later fact continues from the state before it. An
end before any opening is kept, because the switch's clock may have been set back.
"""


CONTACT_HEAD = """## A contact of a campaign

What an attempt came to is written as its disposition; a late fact moves a contact that is `unknown` as it moves one
that is in progress. One disposition too often, and the fallback of a campaign whose fallback is a person, lead to
`person`. A final contact is left by a new round alone.
"""


def diagram(edges: Mapping[tuple[str, str], list[str]], first: str) -> str:
    names = dict.fromkeys([first, *(state for edge in edges for state in edge)])
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f'    state "{name}" as s_{name}' for name in names]
    lines.append(f"    [*] --> s_{first}")
    lines += [f"    s_{source} --> s_{target}: {'<br/>'.join(kinds)}" for (source, target), kinds in edges.items()]
    return "\n".join([*lines, "```"]) + "\n"


def edges_of(moves: Mapping[tuple[Any, str], Any]) -> dict[tuple[str, str], list[str]]:
    """(state, event) -> state becomes (state, state) -> events; "any" where all states but the new one have it."""
    states = {source.value for source, _ in moves}
    sources: dict[tuple[str, str], set[str]] = {}  # (event, target) -> from where
    for (source, kind), target in moves.items():
        sources.setdefault((kind, target.value), set()).add(source.value)
    edges: dict[tuple[str, str], list[str]] = {}
    for (kind, target), found in sources.items():
        everywhere = len(states) > 3 and found | {target} == states
        for source in ["any"] if everywhere else sorted(found):
            edges.setdefault((source, target), []).append(kind)
    return {edge: sorted(kinds) for edge, kinds in sorted(edges.items())}


# Enough for any handler to read what it needs; only the phase that comes out is looked at.
_ANY = {
    "connection": "c",
    "digits": "1",
    "tone": "t",
    "result": "human",
    "message": "m",
    "score": 1,
    "commandid": "x",
    "state": "done",
}


def call_moves() -> dict[tuple[Phase, str], Phase]:
    """What the call machine does, tried out: its table holds handlers, not states."""
    return {
        (phase, kind): advance(Call("s", phase=phase), fact(0, None, "e", kind, 0, _ANY))[0].phase
        for phase, kind in TABLE
    }


ORDER_MADE = "order made"


def _contact(state: State) -> tuple[Contact, Campaign]:
    """One in this state, with an attempt in it where there must be one, and a number left to call."""
    hours = CallingHours((), {}, frozenset(), 0, 0, False, WorkCalendar({}, {}, frozenset()))
    campaign = Campaign("arrears", (Channel.AUTO,), FallbackKind.NOTICE, 0, hours, "UTC")
    contact = Contact("a", "resident", (Phone("+1", ()), Phone("+2", ())))
    under_way = after(contact, Dialled(0, Channel.AUTO, "+1"), campaign)
    unknown = after(under_way, Ended(1, 0, Disposition.UNKNOWN), campaign)
    if state in FINAL_STATES:
        return after(contact, Closed(state), campaign), campaign
    person = after(contact, HandedOver(), replace(campaign, fallback=FallbackKind.PERSON))
    found = {State.WAITING: contact, State.IN_PROGRESS: under_way, State.UNKNOWN: unknown, State.PERSON: person}
    return found[state], campaign


def contact_moves() -> dict[tuple[State, str], State]:
    """What the contact machine does, tried out. A wait that changes no state is left out."""
    ends = {disposition.value: Ended(1, 0, disposition) for disposition in Disposition}
    others = {ORDER_MADE: Dialled(0, Channel.AUTO, "+2"), "not dialled": NeverDialled(1, 0)}
    closings = {f"closed: {state.value}": Closed(state) for state in (State.CANCELLED, State.EXPIRED, State.PAID)}
    outcomes = ends | others | closings | {"fallback": HandedOver(), "new round": NewRound()}
    moves = {}
    for state in State:
        contact, campaign = _contact(state)
        for name, outcome in outcomes.items():
            target = after(contact, outcome, campaign).state
            never_decided = state is State.UNKNOWN and name == ORDER_MADE
            if target is not state and not never_decided:
                moves[state, name] = target
    return moves


def states() -> str:
    """docs/states.md, whole."""
    edges = edges_of(call_moves())
    noted = {edge: kinds for edge, kinds in edges.items() if edge[0] == edge[1]}
    shown = {edge: ["events that only change details"] if edge in noted else kinds for edge, kinds in edges.items()}
    rows = ((f"`{source}`", ", ".join(f"`{kind}`" for kind in kinds)) for (source, _), kinds in noted.items())
    return "\n".join(
        (
            STATES_HEAD,
            CALL_HEAD,
            diagram(shown, "null"),
            "These events leave the state of the call unchanged, but may change its legs and intervals:\n",
            table(("in state", "events"), rows),
            "## A leg (connection)\n",
            diagram(edges_of(LEG_TABLE), "null"),
            "## An agent\n",
            diagram(edges_of(AGENT_TABLE), "loggedOff"),
            CONTACT_HEAD,
            diagram(edges_of(contact_moves()), "waiting").rstrip("\n") + "\n",
        )
    )
