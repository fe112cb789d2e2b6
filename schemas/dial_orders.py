"""Dial orders: sent only to a switch that declared `outbound: 1`, distinguished by `command`.

Each extends the command of the same name (`schemas.commands`), which stays unchanged for every other switch. An order
is sent at most once: a switch remembers its id for 72 h, and no call starts after its expiry.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from schemas import commands
from schemas.commands import ClearConnection, Order, SnapshotCall
from schemas.fields import MEMBER, Code, Message, Name, Time, Timeout, Words

GATE_REPEATS_MAX = 10
KEYS_MAX = 12  # those of a telephone

Key = Annotated[str, StringConstraints(pattern=r"^[0-9*#]$")]
Extension = Annotated[str, StringConstraints(pattern=r"^[0-9*#,]{1,16}$")]
"""Digits dialled once the number has answered, as at a company's switchboard; a comma waits a second."""
KeyAction = Literal[
    "rightParty",
    "wrongParty",
    "confirm",
    "repeat",
    "queue",
    "alreadyPaid",
    "promise",
    "notConvenient",
    "optOut",
]
Keys = Annotated[dict[Key, KeyAction], Field(max_length=KEYS_MAX, json_schema_extra={"additionalProperties": False})]
FORMS: dict[str, frozenset[str]] = {
    "message": frozenset({"message"}),
    "agent": frozenset({"agent"}),
    "opening": frozenset({"opening", "body"}),
}
"""The forms of `on_answer`, by the member that identifies each, and the members that it requires."""


class Spoken(Message):
    """What is said, in one language or both."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    zh: Words | None = None
    en: Words | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.zh is None and self.en is None:
            raise PydanticCustomError("language", "What is said is given in `zh`, in `en` or in both")
        return self


class Gate(Message):
    """The key that confirms the right person; without it the opening is said again `repeats` times."""

    key: Key
    timeout_s: Timeout
    repeats: Annotated[int, Field(ge=0, le=GATE_REPEATS_MAX)]


def _forms(schema: dict[str, Any]) -> None:
    """Write in JSON Schema what `OnAnswer` checks: one of three forms; members of other forms are absent or null."""
    members = schema.pop("properties")
    del schema["additionalProperties"]
    script = members.keys() - {"message", "agent"}
    schema["oneOf"] = [
        _form(members, "message", {"message"}),
        _form(members, "agent", {"agent"}),
        _form(members, "opening", script),
    ]


def _form(members: dict[str, Any], name: str, own: Iterable[str]) -> dict[str, Any]:
    required = FORMS[name]
    properties = {member: members[member] if member in own else {"type": "null"} for member in sorted(members)}
    properties |= {member: _not_null(members[member]) for member in required}
    return {"type": "object", "properties": properties, "required": sorted(required), "additionalProperties": False}


def _not_null(schema: dict[str, Any]) -> dict[str, Any]:
    (form,) = (each for each in schema["anyOf"] if each != {"type": "null"})
    return dict(form)


class OnAnswer(commands.OnAnswer):
    """What an answered call hears: a message, an agent, or a script.

    A script says `opening`, then `body` (after the key of the gate, if it has one), or `on_machine` to a machine.
    Before the gate and to a machine nothing of the account is said. `keys` says what each key does; the action queue
    leads to `queue`, for `queue_wait_s` at most.
    """

    model_config = ConfigDict(json_schema_extra=_forms)

    opening: Spoken | None = None
    gate: Gate | None = None
    body: Spoken | None = None
    on_machine: Spoken | None = None
    keys: Keys | None = None
    queue: Code | None = None
    queue_wait_s: Timeout | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        given = {name for name in type(self).model_fields if getattr(self, name) is not None}
        forms = given & FORMS.keys()
        if len(forms) != 1:
            raise PydanticCustomError("one_of", "An answered call gets one of `message`, `agent` and `opening`")
        (form,) = forms
        if missing := FORMS[form] - given:
            member = min(missing)
            raise PydanticCustomError("script", f"A script with an `opening` has a `{member}`", {MEMBER: member})
        if form != "opening" and len(given) > 1:
            member = min(given - forms)
            raise PydanticCustomError(
                "one_of", f"`{member}` belongs to a script, and `{form}` is none", {MEMBER: member}
            )
        self._check_keys()
        return self

    def _check_keys(self) -> None:
        keys = self.keys or {}
        if self.gate is not None and keys.get(self.gate.key, "rightParty") != "rightParty":
            raise PydanticCustomError(
                "gate", f"The gate's key {self.gate.key} stands in `keys` for another action", {MEMBER: "keys"}
            )
        if self.queue is None and ("queue" in keys.values() or self.queue_wait_s is not None):
            raise PydanticCustomError(
                "queue", "A key that leads to a queue, and `queue_wait_s`, need `queue`", {MEMBER: "queue"}
            )


class AgentFirst(Message):
    """An agent before the called party: one of the queue's is reserved, or this one, and only then is `to` dialled.

    No agent within `wait_s`, or until the order's expiry: nobody is dialled, and the order is refused with
    `noOtherAgent`. `text` is for the agent's desk.
    """

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["queue"]}, {"required": ["agent"]}]})

    queue: Code | None = None
    agent: Code | None = None
    wait_s: Timeout
    text: Spoken | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.queue is None) == (self.agent is None):
            raise PydanticCustomError("one_of", "Either a queue whose agent is reserved, or an agent")
        return self


class MakeCall(commands.MakeCall):
    """Dial, at most once. No call starts after the expiry, and none rings after `ring_until`.

    `extension`: digits to dial once `to` has answered. `answering_machine`: whether to detect one. `agent_first` is
    sent only to a switch that declared it; then nothing is said by itself, and there is no `on_answer`.
    """

    on_answer: OnAnswer | None = None
    ring_until: Time | None = None
    extension: Extension | None = None
    agent_first: AgentFirst | None = None

    @model_validator(mode="after")
    def _speaks_once(self) -> Self:
        if self.agent_first is not None and self.on_answer is not None:
            raise PydanticCustomError("one_of", "Either an agent speaks first, or `on_answer` does")
        return self


class SendMessage(commands.SendMessage):
    """Send something written (ours), once. `reference` names it in the gateway's books and on a bill."""

    reference: Name | None = None


DIAL_ORDER_MODELS: dict[str, type[Order]] = {
    "makeCall": MakeCall,
    "sendMessage": SendMessage,
    "snapshotCall": SnapshotCall,
    "clearConnection": ClearConnection,
}

DialOrder = Annotated[MakeCall | SendMessage | SnapshotCall | ClearConnection, Field(discriminator="command")]

_DIAL_ORDER: TypeAdapter[Any] = TypeAdapter(DialOrder)


def read_dial_order(item: object) -> Order:
    """The dial order of a parsed JSON object; raises pydantic.ValidationError."""
    order: Order = _DIAL_ORDER.validate_python(item)
    return order
