"""A profile: one operator's values of the service standard, one TOML file.

`[messages.KEY]` holds what is said and shown, in Chinese and English. `[[rule]]` has one of three shapes: `while` a
state lasts (`at_s`, or `every_s` with `first_s` before the first), `on` a transition (only if it took longer than
`if_longer_s`), or `at_end`, what is measured when the call closes. `[[override]]` sets the mode of one rule for one
queue or one switch. A step in `do` is "command", "command:argument" or "command:argument,to=leader"; for playMessage
and promptAgent the argument is a message's key, for setAgentState a state.
"""

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

from pydantic import BaseModel, Field, StringConstraints, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from schemas import agent_events, call_events, switch_events
from schemas.commands import COMMAND_MODELS, Kind, MessageKey, RuleId, SetAgentState, Text
from schemas.fields import Code, Message, Name, Timeout
from schemas.profile_lines import Lines, Path

PROFILE_BYTES_MAX = 1_000_000
MISTAKES_MAX = 20

Mode = Literal["observe", "prompt", "enforce"]
Direction = Literal["any", "inbound", "outbound", "internal"]
State = Literal["alerting", "held", "queued"]
Transition = Literal["held", "retrieved", "established", "offer_ended"]
Measure = Literal["offer_longer", "answer_longer", "hold_longer", "notices_missing", "released_by_agent"]
_WORD = "[A-Za-z0-9_.-]{1,64}"
Step = Annotated[str, StringConstraints(pattern=rf"^[A-Za-z]{{1,64}}(:{_WORD})?(,[a-z_]{{1,16}}={_WORD})?$")]

_SAYS = frozenset({"playMessage", "stopMessage", "promptAgent"})
_AGENT_STATES = frozenset(get_args(SetAgentState.model_fields["state"].annotation))
_COMPARES = frozenset({"offer_longer", "answer_longer", "hold_longer"})
_EVENT_KINDS = call_events.DATA_MODELS.keys() | agent_events.DATA_MODELS.keys() | switch_events.DATA_MODELS.keys()


def step_parts(step: str) -> tuple[str, str, str]:
    """ "promptAgent:ring_limit,to=leader" -> ("promptAgent", "ring_limit", "to=leader"); "" for what is not there."""
    order, _, option = step.partition(",")
    command, _, argument = order.partition(":")
    return command, argument, option


class Rule(Message):
    """One rule of the standard in one of its shapes; an id may come several times, once a shape."""

    id: RuleId
    while_: State | None = Field(None, alias="while")
    on: Transition | None = None
    at_end: Measure | None = None
    direction: Direction = "any"
    of: Literal["caller", "agent", "call"] | None = None
    mode: Mode = "enforce"
    at_s: Timeout | None = None
    every_s: Timeout | None = None
    first_s: Timeout | None = None
    if_longer_s: Timeout | None = None
    unless_reason: Annotated[list[Code], Field(max_length=64, default_factory=list)]
    do: Annotated[list[Step], Field(max_length=16, default_factory=list)]
    useful_for_s: Timeout | None = None
    needs: Annotated[list[Kind], Field(max_length=32, default_factory=list)]

    @field_validator("do")
    @classmethod
    def _knows_commands(cls, steps: list[str]) -> list[str]:
        for step in steps:
            command, argument, option = step_parts(step)
            if command not in COMMAND_MODELS:
                raise PydanticCustomError("command", "No command is called {command}", {"command": command})
            if command in _SAYS and not argument:
                raise PydanticCustomError("command", "{command} wants a message: {command}:KEY", {"command": command})
            if command == "setAgentState" and argument not in _AGENT_STATES:
                raise PydanticCustomError("command", "No agent state is called {state}", {"state": argument})
            if option not in ("", "to=leader"):
                raise PydanticCustomError(
                    "command", "The only option of a step is to=leader, not {option}", {"option": option}
                )
        return steps

    @field_validator("needs")
    @classmethod
    def _knows_events(cls, kinds: list[str]) -> list[str]:
        for kind in kinds:
            if kind not in _EVENT_KINDS:
                raise PydanticCustomError("event", "No event is called {kind}", {"kind": kind})
        return kinds

    @model_validator(mode="after")
    def _has_one_shape(self) -> Self:
        shapes = {"while": self.while_, "on": self.on, "at_end": self.at_end}
        chosen = [name for name, value in shapes.items() if value is not None]
        if len(chosen) != 1:
            raise PydanticCustomError("shape", "A rule has exactly one of `while`, `on` and `at_end`")
        if self.while_ is not None and (self.at_s is None) == (self.every_s is None):
            raise PydanticCustomError("shape", "A rule with `while` has exactly one of `at_s` and `every_s`")
        for name, owners in _OWNERS.items():
            if getattr(self, name) and chosen[0] not in owners:
                context = {"member": name, "owners": " or ".join(f"`{owner}`" for owner in owners)}
                raise PydanticCustomError("misplaced", "`{member}` belongs to a rule with {owners}", context)
        if self.at_end in _COMPARES and self.if_longer_s is None:
            raise PydanticCustomError("shape", "The measure {measure} wants `if_longer_s`", {"measure": self.at_end})
        if self.first_s is not None and self.every_s is None:
            context = {"member": "first_s"}
            raise PydanticCustomError("misplaced", "`{member}` belongs to a rule with `every_s`", context)
        return self


_OWNERS: dict[str, tuple[str, ...]] = {
    "at_s": ("while",),
    "every_s": ("while",),
    "if_longer_s": ("on", "at_end"),
    "unless_reason": ("at_end",),
    "do": ("while", "on"),
    "useful_for_s": ("while", "on"),
}


class Override(Message):
    """Another mode of one rule, for one queue or one switch."""

    rule: RuleId
    queue: Code | None = None
    switch: Name | None = None
    mode: Mode

    @model_validator(mode="after")
    def _is_for_one(self) -> Self:
        if (self.queue is None) == (self.switch is None):
            raise PydanticCustomError("override", "An override is for either a `queue` or a `switch`")
        return self


class Profile(Message):
    """One operator's values. `leader`: the agent number of the shift leader's desk."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    version: Annotated[int, Field(ge=1, le=1_000_000)]
    language: Literal["zh", "en"] = "zh"
    leader: Code = "leader"
    messages: Annotated[dict[MessageKey, Text], Field(max_length=1000, default_factory=dict)]
    rules: Annotated[list[Rule], Field(alias="rule", max_length=200)]
    overrides: Annotated[list[Override], Field(alias="override", max_length=1000, default_factory=list)]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake: line (from 1), field as `rule[0].at_s`, the rule broken, a sentence for people."""

    where: str
    line: int
    field: str
    rule: str
    detail: str

    def __str__(self) -> str:
        return f"{self.where}:{self.line}: {self.field or 'the file'}: {self.detail}"


Contradiction = tuple[Path, tuple[str, str]]
"""(path, (rule broken, sentence))"""
Model = TypeVar("Model", bound=BaseModel)
Contradictions = Callable[[Model], Iterator[Contradiction]]


class ProfileMistakes(ValueError):
    """A profile that cannot be used; `mistakes` (at most MISTAKES_MAX) in the order of their lines."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = sorted(mistakes, key=lambda mistake: mistake.line)[:MISTAKES_MAX]
        super().__init__("\n".join(map(str, self.mistakes)))


def read_profile(text: str, where: str) -> Profile:
    """A profile's text -> the profile; `where` names the file in messages. Raises ProfileMistakes."""
    return read_toml(text, where, Profile, _contradictions)


def read_toml(text: str, where: str, model: type[Model], contradictions: Contradictions[Model]) -> Model:
    """A TOML text -> the strict model it must be; `contradictions` finds what each part allows and the whole does not.

    Raises ProfileMistakes, with the line of each.
    """
    if len(text) > PROFILE_BYTES_MAX:
        raise ProfileMistakes([Mistake(where, 1, "", "size", f"More than {PROFILE_BYTES_MAX} characters")])
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ProfileMistakes([_syntax_mistake(error, text, where)]) from None
    lines = Lines(text)
    try:
        read = model.model_validate(document)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise ProfileMistakes([_mistake(detail, lines, where) for detail in details]) from None
    if found := list(contradictions(read)):
        raise ProfileMistakes([Mistake(where, lines.of(path), _field(path), *why) for path, why in found])
    return read


def _contradictions(profile: Profile) -> Iterator[Contradiction]:
    first: dict[tuple[Any, ...], int] = {}
    for index, rule in enumerate(profile.rules):
        for step in rule.do:
            command, key, _ = step_parts(step)
            if command in _SAYS and key not in profile.messages:
                yield ("rule", index, "do"), ("message", f"No [messages.{key}] says what {command} means")
        shape = (rule.id, rule.while_, rule.on, rule.at_end, rule.direction, rule.of)
        trigger = (*shape, rule.at_s, rule.every_s, rule.first_s, rule.if_longer_s)
        if first.setdefault(trigger, index) != index:
            yield ("rule", index), ("repeated", f"Says the same as rule[{first[trigger]}]")
    ids = {rule.id for rule in profile.rules}
    for index, override in enumerate(profile.overrides):
        if override.rule not in ids:
            yield ("override", index, "rule"), ("unknown_rule", f"This profile has no rule {override.rule}")


def _mistake(detail: ErrorDetails, lines: Lines, where: str) -> Mistake:
    path = tuple(step for step in detail["loc"] if step != "[key]")
    if (member := detail.get("ctx", {}).get("member")) is not None:
        path = (*path, member)
    return Mistake(where, lines.of(path), _field(path), detail["type"], detail["msg"])


def _syntax_mistake(error: Exception, text: str, where: str) -> Mistake:
    """tomllib gives the line only in its message, and "end of document" for the last."""
    found = re.search(r"at line (\d+), column \d+", str(error))
    line = int(found[1]) if found else text.count("\n") + 1
    return Mistake(where, line, "", "toml", str(error) or "Nested too deep")


def _field(path: Path) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
