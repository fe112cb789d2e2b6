"""Commands to a switch or a message gateway, as they are sent: one model each, discriminated by `command`.

Names are CSTA's (ECMA-269) except promptAgent, setRingTimeout and sendMessage, which are ours. `id` is a hash of the
command's cause: the same cause gives the same id, and a switch refuses an id that it has seen. A command expires at
`expires_at` or `valid_for_ms` after its receipt, whichever comes first. A switch refuses with `invalidConnectionState`
if the leg is no longer in `if_state`, and with `noOtherAgent` if `if_other_ready` is set and no other agent is ready.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from schemas.fields import E164, CallId, Code, Message, Name, Number, Time, Timeout, Words
from schemas.switch_events import ConnectionState

VALID_FOR_MS_MAX = 30 * 24 * 3600 * 1000
MAKE_CALL_ATTEMPTS_MAX = 1000

MessageKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
RuleId = Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,12}-[0-9]{1,3}$")]
"""A rule of the service standard: RING-1."""
Kind = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,64}$")]
"""A short event kind: delivered."""


class Text(Message):
    """A message's words in Chinese and English."""

    zh: Words | None = None
    en: Words | None = None


class Order(Message):
    """The fields of all commands. `call` is our call id, `subject` the switch's; times are RFC 3339."""

    id: Name
    tenant: Code
    switch: Name
    call: Name | None = None
    subject: CallId | None = None
    connection: Name | None = None
    agent: Code | None = None
    rule: RuleId | None = None
    if_state: ConnectionState | None = None
    if_other_ready: bool | None = None
    issued_at: Time
    expires_at: Time
    valid_for_ms: Annotated[int, Field(ge=0, le=VALID_FOR_MS_MAX)] | None = None
    due_at: Time | None = None


class LegOrder(Order):
    """A command about one leg."""

    connection: Name


class DeflectCall(LegOrder):
    """Take a ringing call from its device. `to`: "queueHead" or a device; `except`: the device just tried."""

    command: Literal["deflectCall"]
    to: Name
    excepted: Name | None = Field(None, alias="except")


class PlayMessage(LegOrder):
    """Say something to a leg; stop when one of the events `interrupt_on` happens to it."""

    command: Literal["playMessage"]
    message: MessageKey
    text: Text | None = None
    interrupt_on: Annotated[list[Kind], Field(max_length=8)] | None = None


class StopMessage(LegOrder):
    """Stop a message that plays to a leg."""

    command: Literal["stopMessage"]
    message: MessageKey
    text: Text | None = None
    interrupt_on: Annotated[list[Kind], Field(max_length=8)] | None = None


class PromptAgent(Order):
    """Show something at an agent's desk (ours)."""

    command: Literal["promptAgent"]
    agent: Code
    message: MessageKey
    text: Text | None = None
    severity: Literal["info", "warning", "critical"] | None = None


class SetAgentState(Order):
    """Set an agent ready, away, at work after a call, or sign the agent off."""

    command: Literal["setAgentState"]
    agent: Code
    state: Literal["ready", "notReady", "workingAfterCall", "loggedOff"]
    reason: Code | None = None


class ClearConnection(LegOrder):
    """Release a leg, after a closing message where there is one."""

    command: Literal["clearConnection"]
    reason: Code | None = None
    message: MessageKey | None = None
    text: Text | None = None


class SingleStepTransferCall(LegOrder):
    """Hand a leg over, to a survey for example."""

    command: Literal["singleStepTransferCall"]
    to: Name


class SetRingTimeout(LegOrder):
    """Let the switch itself end the ringing after `seconds` (ours); sent at the offer."""

    command: Literal["setRingTimeout"]
    seconds: Timeout


class OnAnswer(Message):
    """What an answered call hears: a message or an agent, one of the two."""

    message: MessageKey | None = None
    agent: Code | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.message is None) == (self.agent is None):
            raise PydanticCustomError("one_of", "An answered call gets either `message` or `agent`")
        return self


class MakeCall(Order):
    """Dial. At most once: a switch refuses the id for 72 h. `answering_machine`: whether to detect one."""

    command: Literal["makeCall"]
    to: E164
    caller_id: Number | None = None
    trunk_group: Name | None = None
    ring_timeout_s: Timeout | None = None
    answering_machine: Literal["detect", "ignore"] | None = None
    on_answer: OnAnswer | None = None
    attempt: Annotated[int, Field(ge=1, le=MAKE_CALL_ATTEMPTS_MAX)] | None = None


class SnapshotCall(Order):
    """Ask what became of a call (`subject`) or of a command (`about`, its id)."""

    command: Literal["snapshotCall"]
    about: Name | None = None


class SendMessage(Order):
    """Send something written (ours). The text is in the reader's language."""

    command: Literal["sendMessage"]
    channel: Literal["sms", "fax"]
    to: E164
    text: Words | None = None
    template: MessageKey | None = None


COMMAND_MODELS: dict[str, type[Order]] = {
    "deflectCall": DeflectCall,
    "playMessage": PlayMessage,
    "stopMessage": StopMessage,
    "promptAgent": PromptAgent,
    "setAgentState": SetAgentState,
    "clearConnection": ClearConnection,
    "singleStepTransferCall": SingleStepTransferCall,
    "setRingTimeout": SetRingTimeout,
    "makeCall": MakeCall,
    "snapshotCall": SnapshotCall,
    "sendMessage": SendMessage,
}

Command = Annotated[
    DeflectCall
    | PlayMessage
    | StopMessage
    | PromptAgent
    | SetAgentState
    | ClearConnection
    | SingleStepTransferCall
    | SetRingTimeout
    | MakeCall
    | SnapshotCall
    | SendMessage,
    Field(discriminator="command"),
]

_COMMAND: TypeAdapter[Any] = TypeAdapter(Command)


def read_command(item: object) -> Order:
    """The command of a parsed JSON object; raises pydantic.ValidationError."""
    order: Order = _COMMAND.validate_python(item)
    return order
