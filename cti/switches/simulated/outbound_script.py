"""What a called number does, as a script: words of the shared campaigns, or a seeded mix with realistic times.

A word becomes a plan: steps, each at a time after the call was placed. Pure: nothing here knows a switch.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

REFUSALS = ("busy", "notSupported", "error", "expired", "duplicate", "invalidConnectionState")
REPORTS = ("delivered", "undeliverable", "expired")
TONES = ("poweredOff", "suspended", "notReachable")
CAUSES = {"busy": 17, "invalid": 1, "congestion": 34, "failedOther": 127}  # Q.850 of the words that are a cause
ANSWERED = ("reached", "noGate", "key0", "key0NoAgent", "hangUpEarly", "fax", "machine", "cut")
UNANSWERED = ("noAnswer", "silence", "neverSeen")
NO_ANSWER, NORMAL, NO_USER_RESPONDS = 19, 16, 20
RING_TIMEOUT_S = 30.0  # where the order names none
NAMES = {1: "invalidNumber", 16: "normalClearing", 17: "busy", 19: "callNotAnswered", 34: "networkCongestion"}
_CAUSE = re.compile(r"^q850:(\d{1,3})$")
_KEY = re.compile(r"^key:([0-9*#])$")
_AGENT = re.compile(r"^agent:([A-Za-z]{1,32})$")  # what the agent who called says of it
SMS = "sms:"
REFUSED = "refused:"


class Step(NamedTuple):
    """What happens to the called leg, so long after the placing: an event's kind, or `fail`, `clear`, `queue`."""

    after_ms: int
    kind: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds. `placed` counts from the order, `reports` from the message; `answers`, `ends`: from the placing;
    the others from the answer."""

    placed: int = 0
    rings: int = 1_000
    answers: int = 8_000
    busy: int = 2_000
    ends: int = 1_000  # a cause of the network
    tone: int = 3_000
    hangs_up: int = 3_000
    machine: int = 3_000
    opening: int = 5_000
    key: int = 6_000
    body: int = 20_000
    key0: int = 2_000
    no_agent: int = 28_000  # after key 0
    reports: int = 5_000


SCRIPTED = Times()
NETWORK_REACHED_MS = 300
HUMAN_MS = 1_000  # after the answer, if detection was asked for
ON_MACHINE_MS = 6_000  # how long the message for a machine is
MIX: dict[str, float] = {
    "reached": 40, "key:2": 2, "key0": 3, "key0NoAgent": 1, "noGate": 4, "hangUpEarly": 8, "noAnswer": 20, "busy": 6,
    "invalid": 1.5, "q850:28": 1, "congestion": 1, "q850:42": 1, "failedOther": 0.5, "machine": 4, "fax": 0.5,
    "poweredOff": 4, "suspended": 1, "notReachable": 0.5, "refused:busy": 1,
}  # fmt: skip
"""Word -> weight, of calls to numbers without a script."""
MIX_OF_MESSAGES = {"sms:delivered": 94.0, "sms:undeliverable": 5.0, "sms:expired": 1.0}


def check(word: str) -> None:
    """Raises ValueError for a word that means nothing."""
    cause = _CAUSE.match(word)
    known = {*ANSWERED, *UNANSWERED, *CAUSES, *TONES}
    known |= {REFUSED + reason for reason in REFUSALS} | {SMS + state for state in REPORTS}
    if not (word in known or _KEY.match(word) or _AGENT.match(word) or (cause and int(cause[1]) <= 127)):
        raise ValueError(
            f"{word!r} is no outcome; it takes q850:0 to q850:127, key:K, agent:CODE, {', '.join(sorted(known))}"
        )


def read_scripts(item: object) -> dict[str, tuple[str, ...]]:
    """{number: [words]} of a parsed JSON object. Raises ValueError with the number and what is wrong."""
    if not isinstance(item, Mapping):
        raise ValueError("a script is an object: number -> list of outcomes")
    scripts: dict[str, tuple[str, ...]] = {}
    for number, words in item.items():
        if not isinstance(words, Sequence) or isinstance(words, str) or not words:
            raise ValueError(f"{number}: a list of outcomes, one at least")
        for word in words:
            try:
                check(str(word))
            except ValueError as reason:
                raise ValueError(f"{number}: {reason}") from reason
        scripts[str(number)] = tuple(map(str, words))
    return scripts


def is_of_message(word: str) -> bool:
    return word.startswith(SMS)


def word_of(
    scripts: Mapping[str, Sequence[str]], number: str, turn: int, seed: int, *, message: bool
) -> tuple[str, Times]:
    """The outcome of the `turn`-th (from 0) call or message to a number, and its times.

    The last word repeats. A number without a word of that kind has a draw of its own for each turn.
    """
    words = [word for word in scripts.get(number, ()) if is_of_message(word) is message]
    if words:
        return words[min(turn, len(words) - 1)], SCRIPTED
    random = Random(f"{seed}:outbound:{'message' if message else 'call'}:{number}:{turn}")
    mix = MIX_OF_MESSAGES if message else MIX
    return random.choices(list(mix), list(mix.values()))[0], _drawn(random)


def _drawn(random: Random) -> Times:
    """Times as they are in a public network."""
    rings = random.randrange(800, 4_000)
    opening = random.randrange(5_000, 9_000)
    key = opening + random.randrange(500, 6_000)
    return Times(
        placed=random.randrange(100, 1_500),
        rings=rings,
        answers=rings + random.randrange(2_000, 22_000),
        busy=random.randrange(800, 4_000),
        ends=random.randrange(300, 3_000),
        tone=random.randrange(2_000, 6_000),
        hangs_up=random.randrange(800, 5_000),
        machine=random.randrange(1_500, 4_500),
        opening=opening,
        key=key,
        body=key + random.randrange(12_000, 30_000),
        key0=random.randrange(1_500, 8_000),
        no_agent=random.randrange(15_000, 60_000),
        reports=random.randrange(800, 20_000),
    )


def cause_of(word: str) -> int | None:
    """The Q.850 value of a word that says nothing else."""
    named = _CAUSE.match(word)
    return int(named[1]) if named else CAUSES.get(word)


def plan(word: str, order: Mapping[str, Any], times: Times) -> list[Step]:
    """The steps of a call, in order. Ringing is ended by the switch: by its limit, not here."""
    cause = cause_of(word)
    if cause is not None:
        at_ms = times.busy if cause == CAUSES["busy"] else times.ends
        return [Step(at_ms, "fail", {"q850": cause, "cause": NAMES.get(cause, "networkFailure")})]
    reached = Step(min(NETWORK_REACHED_MS, times.rings), "networkReached", {})
    if word in TONES:
        data = {"q850": NO_USER_RESPONDS, "cause": "noUserResponds"}
        return [reached, Step(times.tone, "networkTone", {"tone": word}), Step(times.tone, "fail", data)]
    if word == "silence":
        return []
    ringing = [reached, Step(times.rings, "delivered", {})]
    if word == "noAnswer":
        return ringing
    return [*ringing, Step(times.answers, "established", {}), *_answered(word, order, times)]


def _answered(word: str, order: Mapping[str, Any], times: Times) -> list[Step]:
    """From the answer on."""
    if word in {"machine", "fax"}:
        steps = _machine(word, order, times)
    else:
        human = [Step(HUMAN_MS, "answeringMachineResult", {"result": "human"})]
        steps = (human if order.get("answering_machine") == "detect" else []) + _human(word, order, times)
        steps.sort(key=lambda step: step.after_ms)
    return [step._replace(after_ms=times.answers + step.after_ms) for step in steps]


def _machine(word: str, order: Mapping[str, Any], times: Times) -> list[Step]:
    result = "machine" if word == "machine" else "faxOrModem"
    steps = []
    if order.get("answering_machine") != "ignore":
        steps.append(Step(times.machine, "answeringMachineResult", {"result": result}))
    if word == "machine" and _script(order).get("on_machine"):
        end_ms = times.machine + ON_MACHINE_MS
        return [*steps, _said("on_machine", end_ms), _clear(end_ms)]
    return [*steps, _clear(times.machine)]


def _human(word: str, order: Mapping[str, Any], times: Times) -> list[Step]:
    if word == "cut":
        return [Step(times.hangs_up, "cut", {})]
    if order.get("agent_first"):
        return _with_agent(word, times)
    script = _script(order)
    if script.get("agent"):
        return [Step(0, "queue", {"agent": script["agent"]})]
    opening = str(script.get("message") or "opening")
    if word == "hangUpEarly":
        cut = _said(opening, times.hangs_up, completed=False)
        return [cut, _clear(times.hangs_up, by="customer")]
    if word in {"key0", "key0NoAgent"} and "opening" in script:
        return _asks_for_agent(word, script, times)
    if "opening" not in script:
        return [_said(opening, times.body), _clear(times.body)]
    gate = script.get("gate")
    steps = [_said("opening", times.opening)]
    if gate and word == "noGate":
        return [*steps, _clear(max(times.opening, times.body))]
    if gate:
        steps.append(Step(times.key, "digitsGenerated", {"digits": str(gate["key"])}))
    pressed = _KEY.match(word)
    if pressed:
        steps.append(Step((times.key + times.body) // 2, "digitsGenerated", {"digits": pressed[1]}))
    return [*steps, _said("body", times.body), _clear(times.body)]


def _with_agent(word: str, times: Times) -> list[Step]:
    """An agent is there. What he says of it he says before the called party hangs up."""
    if word == "hangUpEarly":
        return [_clear(times.hangs_up, by="customer")]
    said = _AGENT.match(word)
    steps = [Step(times.body, "agent_says", {"disposition": said[1] if said else "reached"})]
    return [*steps, _clear(times.body, by="customer")]


def _asks_for_agent(word: str, script: Mapping[str, Any], times: Times) -> list[Step]:
    pressed = Step(times.key0, "digitsGenerated", {"digits": "0"})
    if "queue" not in (script.get("keys") or {}).values():
        end_ms = times.key0 + times.no_agent if word == "key0NoAgent" else times.body
        return [pressed, _said("opening", times.opening), _clear(max(times.opening, end_ms))]
    steps = [pressed, _said("opening", times.key0, completed=False)]
    queue = {"queue": script.get("queue") or "service"}
    if word == "key0NoAgent":
        return [*steps, Step(times.key0, "queued", queue), _clear(times.key0 + times.no_agent)]
    return [*steps, Step(times.key0, "queue", {**queue, "wait_s": script.get("queue_wait_s")})]


def _script(order: Mapping[str, Any]) -> Mapping[str, Any]:
    """`on_answer`, without members that are null."""
    given: Mapping[str, Any] = order.get("on_answer") or {}
    return {name: value for name, value in given.items() if value is not None}


def _said(message: str, at_ms: int, *, completed: bool = True) -> Step:
    return Step(at_ms, "announcementEnded", {"message": message, "completed": completed})


def _clear(at_ms: int, by: str = "network") -> Step:
    return Step(at_ms, "clear", {"by": by})
