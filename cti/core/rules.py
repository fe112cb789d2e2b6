"""The rules of a profile, and when each is due: pure functions of a call's state.

* A rule has one of three shapes: `while` a state lasts, `on` a transition, `at_end` what is measured (see `breaches`).
* Nothing is scheduled and nothing is stored: what is due follows from the call's intervals, what has been done from its
  interventions. A late fact that changes an interval changes what is due.
* An occurrence is identified by (rule, entry, cause, n): `cause` is the event that opened the interval, `entry` tells a
  rule's entries apart, n counts within the interval.
* `while = "queued"` means waiting and nobody ringing: a tick while an offer rings is skipped (QUEUE-1). Where an
  entry with `at_s` falls on a tick of its sibling, it takes the tick's place.
* A queue that rings all is judged once, by its first offer, and only with prompts: no single agent is responsible
  (RING-1).
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from cti.core.call_state import Call
from schemas.profile import Profile, step_parts
from schemas.profile import Rule as Written
from schemas.reasons import RuleMode

PROMPTS: Final = frozenset({"promptAgent", "playMessage"})
# Only the switch knows whether another agent is ready; unless it says so, the call stays at its agent (RING-1).
NEEDS_OTHER_READY: Final = frozenset({"deflectCall", "setRingTimeout", "setAgentState"})


class Step(NamedTuple):
    """One link of a rule's chain: a command and its arguments ("promptAgent:ring_unanswered,to=leader")."""

    ordinal: int  # in the chain as the profile wrote it
    command: str
    argument: str | None
    options: tuple[tuple[str, str], ...]
    said: Mapping[str, Any]  # of playMessage and promptAgent: the message's key and its words


class Abilities(NamedTuple):
    """What a switch declared that it can do. A switch that declared nothing gets no commands."""

    commands: frozenset[str] = frozenset()
    if_other_ready: bool = False


class Rule(NamedTuple):
    """One entry of a profile with its times in ms."""

    id: str
    entry: int  # which of the rule's own entries, from 0
    shape: str  # while | on | at_end
    what: str  # the state, the transition or the measure
    direction: str
    mode: RuleMode
    at_ms: int | None
    every_ms: int | None
    first_ms: int | None
    if_longer_ms: int | None
    unless: frozenset[str]
    steps: tuple[Step, ...]
    useful_ms: int
    needs: tuple[str, ...]
    instead_ms: frozenset[int]  # where siblings with `at_s` take a tick's place


class Due(NamedTuple):
    """One occurrence of a rule that is not yet settled. `passed`: its state is over, it can only be counted."""

    rule: Rule
    cause: str
    n: int
    due_ms: int
    target: "Target"
    passed: bool


class Target(NamedTuple):
    """Whom a command concerns."""

    leg: str | None
    agent: str | None
    device: str | None
    if_state: str | None
    prompts_only: bool = False


class Intervention(NamedTuple):
    """What was done about one occurrence; `state` as in `CommandRow`."""

    id: str
    rule: str
    entry: int
    n: int
    step: int
    cause: str
    command: str
    due_ms: int
    expires_ms: int
    state: str
    reason: str | None = None


class RuleSet(NamedTuple):
    """The interventions that are possible for one queue of one switch, by what they look at."""

    alerting: tuple[Rule, ...] = ()
    held: tuple[Rule, ...] = ()
    queued: tuple[Rule, ...] = ()
    on_held: tuple[Rule, ...] = ()
    on_retrieved: tuple[Rule, ...] = ()
    on_established: tuple[Rule, ...] = ()
    on_offer_ended: tuple[Rule, ...] = ()


def rule_set(rules: Iterable[Rule]) -> RuleSet:
    """Rules, grouped."""
    groups: dict[str, tuple[Rule, ...]] = {}
    for rule in rules:
        name = rule.what if rule.shape == "while" else f"on_{rule.what}"
        groups[name] = (*groups.get(name, ()), rule)
    return RuleSet(**groups)


class RuleBook(NamedTuple):
    """A profile, compiled."""

    name: str  # name@version
    profile: Profile
    interventions: tuple[Rule, ...]
    measures: tuple[Rule, ...]
    notices: Rule | None = None  # the entry that repeats while a caller is held (HOLD-2)

    def mode(self, rule: Rule, queue: str | None, switch: str) -> RuleMode:
        """The rule's mode for this queue and switch; the first override that fits wins."""
        for override in self.profile.overrides:
            if override.rule == rule.id and (override.queue == queue if override.queue else override.switch == switch):
                return RuleMode(override.mode)
        return rule.mode

    def interventions_for(
        self, switch: str, queue: str | None, abilities: Abilities, direction: str | None = None
    ) -> RuleSet:
        """The rules with what this switch can do for this queue; what it cannot do falls to the next step of the chain,
        and a rule without any step left only counts."""
        able = (
            rule._replace(steps=_possible(rule.steps, self.mode(rule, queue, switch), abilities))
            for rule in self.interventions
            if speaks_of(rule, direction)
        )
        return rule_set(rule for rule in able if rule.steps)


def _possible(steps: tuple[Step, ...], mode: RuleMode, abilities: Abilities) -> tuple[Step, ...]:
    def possible(step: Step) -> bool:
        if mode is RuleMode.OBSERVE or step.command not in abilities.commands:
            return False
        if mode is RuleMode.PROMPT and step.command not in PROMPTS:
            return False
        return abilities.if_other_ready or step.command not in NEEDS_OTHER_READY

    return tuple(step for step in steps if possible(step))


def compile_profile(profile: Profile) -> RuleBook:
    """A profile as the core reads it."""
    seen: dict[str, int] = {}
    rules = []
    for written in profile.rules:
        entry = seen[written.id] = seen.get(written.id, -1) + 1
        rules.append(_compiled(written, entry, profile))
    interventions = tuple(rule for rule in rules if rule.shape != "at_end")
    return RuleBook(
        f"{profile.name}@{profile.version}",
        profile,
        interventions,
        tuple(rule for rule in rules if rule.shape == "at_end"),
        next((rule for rule in interventions if rule.what == "held" and rule.every_ms is not None), None),
    )


def _compiled(written: Written, entry: int, profile: Profile) -> Rule:
    shape = "while" if written.while_ else "on" if written.on else "at_end"
    same = [rule for rule in profile.rules if rule.id == written.id and rule.while_ == written.while_]
    siblings = [rule for rule in same if rule.at_s is not None]
    return Rule(
        written.id,
        entry,
        shape,
        written.while_ or written.on or written.at_end or "",
        written.direction,
        RuleMode(written.mode),
        _ms(written.at_s),
        _ms(written.every_s),
        _ms(written.first_s if written.first_s is not None else written.every_s),
        _ms(written.if_longer_s),
        frozenset(written.unless_reason),
        tuple(_step(ordinal, text, profile) for ordinal, text in enumerate(written.do)),
        _ms(written.useful_for_s) or 0,
        tuple(written.needs),
        frozenset(_ms(rule.at_s) or 0 for rule in siblings) if written.every_s is not None else frozenset(),
    )


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def _step(ordinal: int, text: str, profile: Profile) -> Step:
    command, argument, option = step_parts(text)
    name, _, value = option.partition("=")
    words = profile.messages.get(argument)
    said = {"message": argument, **({} if words is None else {"text": words.model_dump(exclude_none=True)})}
    return Step(ordinal, command, argument or None, ((name, value),) if option else (), said)


def speaks_of(rule: Rule, direction: str | None) -> bool:
    """Whether a rule speaks of calls of this direction; one without came in."""
    return rule.direction in ("any", direction or "inbound")


def concerns(rule: Rule, call: Call) -> bool:
    """Whether a rule speaks of this call."""
    return speaks_of(rule, call.opening.direction)
