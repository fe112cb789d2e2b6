"""State diagrams in Mermaid, from the transition tables of the core."""

from collections.abc import Mapping
from typing import Any

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
            diagram(edges_of(AGENT_TABLE), "loggedOff").rstrip("\n") + "\n",
        )
    )
