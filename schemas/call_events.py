"""Call events: what is in `data` of `ringback.call.<kind>.v1` (subject = the switch's call id).

Names and meanings are CSTA's (ECMA-269, ECMA-285) except those marked ours. Every event may carry `cause` (CSTA's
words; others are kept as text), `q850` (ITU-T Q.850, 0..127) and `private`. Where the event means nothing without its
leg, `connection` is required.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from schemas.fields import (
    MEMBER,
    Q850,
    CallId,
    Code,
    Count,
    Device,
    Message,
    Name,
    Private,
    Seconds,
    Time,
    Timeout,
    Words,
    WrittenNumber,
)

Direction = Literal["inbound", "outbound", "internal"]
Digits = Annotated[str, StringConstraints(pattern=r"^[0-9A-Da-d*#]{1,64}$")]


class CallEvent(Message):
    """What every call event may say."""

    cause: Code | None = None
    q850: Q850 | None = None
    private: Private = None


class MaybeLegEvent(CallEvent):
    """An event that may name the leg it speaks of."""

    connection: Name | None = None


class LegEvent(CallEvent):
    """An event that must name the leg it speaks of."""

    connection: Name


class Opening(MaybeLegEvent):
    """The call begins."""

    calling: WrittenNumber | None = None
    called: WrittenNumber | None = None
    direction: Direction | None = None
    trunk: Name | None = None
    language: Annotated[str, StringConstraints(min_length=1, max_length=35)] | None = None
    vip: bool | None = None


class Offered(Opening):
    """The call stands at the switch's door (CSTA offered)."""


class ServiceInitiated(Opening):
    """A device went off hook (CSTA serviceInitiated)."""


class Originated(Opening):
    """A call to somebody is on its way (CSTA originated)."""


class Queued(MaybeLegEvent):
    """The call waits in a queue (CSTA queued). `position`: the switch's word, 1 is next."""

    queue: Code | None = None
    position: Count | None = None
    priority: Annotated[int, Field(ge=-(2**31), le=2**31 - 1)] | None = None


class NetworkReached(MaybeLegEvent):
    """The call left for another network (CSTA networkReached)."""

    trunk: Name | None = None


class Delivered(LegEvent):
    """A device rings (CSTA delivered): an offer begins. `ring_timeout_s`: the switch's own limit, if it has any."""

    device: Device | None = None
    agent: Code | None = None
    queue: Code | None = None
    ring_timeout_s: Timeout | None = None


class Established(LegEvent):
    """A leg was answered (CSTA established). `answering`: the device that answered."""

    device: Device | None = None
    agent: Code | None = None
    answering: Device | None = None


class Diverted(LegEvent):
    """The offer was taken from the device (CSTA diverted); `cause` says why: callNotAnswered, redirected, ..."""

    device: Device | None = None
    agent: Code | None = None
    to: Device | None = None


class Held(LegEvent):
    """A leg was put on hold (CSTA held); `holdingDevice` did it, `heldConnection` waits."""

    holding_device: Device | None = Field(None, alias="holdingDevice")
    held_connection: Name | None = Field(None, alias="heldConnection")


class Retrieved(Held):
    """The hold ended (CSTA retrieved)."""


class Muted(MaybeLegEvent):
    """A device was muted (ours): counts as a hold when an agent does it. Names its device, its leg, or both."""

    device: Device | None = None

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if self.device is None and self.connection is None:
            raise PydanticCustomError("leg_or_device", "Either `connection` or `device` says who is muted")
        return self


class Unmuted(Muted):
    """The device can be heard again (ours)."""


class SilenceDetected(LegEvent):
    """Nobody speaks on this leg (ours)."""


class SpeechDetected(LegEvent):
    """Somebody speaks on this leg (ours)."""


class Transferred(MaybeLegEvent):
    """A party was handed over (CSTA transferred); sent once under each call it names.

    `connections` maps each old connection to its new one. `to`: the device or number that the party went to, where it
    is known.
    """

    primary_old_call: CallId | None = Field(None, alias="primaryOldCall")
    secondary_old_call: CallId | None = Field(None, alias="secondaryOldCall")
    resulting_call: CallId | None = Field(None, alias="resultingCall")
    connections: Annotated[dict[Name, Name], Field(max_length=64)] | None = None
    blind: bool | None = None
    reason: Code | None = None
    to: Device | None = None


class Conferenced(Transferred):
    """Two calls became one with more parties (CSTA conferenced)."""


class Failed(MaybeLegEvent):
    """The call could not reach a device (CSTA failed): ends ringing or dialling."""

    device: Device | None = None
    agent: Code | None = None


class ConnectionCleared(LegEvent):
    """A leg ended (CSTA connectionCleared).

    `releasingDevice`: an agent's device, the caller's number, or "network". `releaseReason`: the agent's, one of
    silent, inaudible, language, abuse, lingering, survey, transfer; a switch's own words are kept as text.
    """

    releasing_device: Device | None = Field(None, alias="releasingDevice")
    release_reason: Code | None = Field(None, alias="releaseReason")


class CallCleared(CallEvent):
    """The call ended (CSTA callCleared)."""


class DigitsGenerated(MaybeLegEvent):
    """Keys were pressed (CSTA digitsGenerated)."""

    digits: Digits
    device: Device | None = None


class NetworkTone(MaybeLegEvent):
    """The network said something instead of a person (ours): poweredOff, suspended, invalidNumber, ..."""

    tone: Code


class AnsweringMachineResult(MaybeLegEvent):
    """Who answered an outbound call (ours)."""

    result: Literal["human", "machine", "faxOrModem", "unknown"]


class AnnouncementEnded(MaybeLegEvent):
    """A message stopped. `message`: its catalogue key; `completed`: played to its end (absent means yes)."""

    message: Name
    completed: bool | None = None


class RecordingAvailable(MaybeLegEvent):
    """A recording can be fetched; `recording` names it where it is kept."""

    recording: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    seconds: Seconds | None = None


class SurveyScored(MaybeLegEvent):
    """The caller judged the service (ours, END-2)."""

    score: Annotated[int, Field(ge=0, le=100)]
    agent: Code | None = None


class IdentityVerified(MaybeLegEvent):
    """The caller's identity was checked (ours, ID-1); `verified` absent means yes."""

    verified: bool | None = None
    agent: Code | None = None
    method: Code | None = None


class AgentAction(MaybeLegEvent):
    """The agent pressed a button (ours): ABUSE-1, SILENT-1, AUDIBLE-1, the call's disposition with a note, or that a
    callback was promised to the customer, and by when (HOLD-3).
    """

    action: Literal["warnAndRelease", "silent", "inaudible", "disposition", "callbackPromised"]
    agent: Code | None = None
    disposition: Code | None = None
    note: Words | None = None
    due_at: Time | None = None

    @model_validator(mode="after")
    def _disposes(self) -> Self:
        if self.action == "disposition" and self.disposition is None:
            raise PydanticCustomError(
                "disposition", "The action disposition says which in `disposition`", {MEMBER: "disposition"}
            )
        if self.action == "callbackPromised" and self.due_at is None:
            raise PydanticCustomError(
                "due_at", "The action callbackPromised says by when in `due_at`", {MEMBER: "due_at"}
            )
        return self


class MessageReport(CallEvent):
    """What became of a written message (ours)."""

    state: Literal["delivered", "undeliverable", "expired"]
    to: WrittenNumber | None = None


class CommandResult(CallEvent):
    """The switch's answer to a command (ours; appended by the gateway).

    `answer`, for snapshotCall: what the switch knows of the call; `cause`, `q850`, `tone` and `ended_at` say how and
    when an ended one ended.
    """

    commandid: Name
    state: Literal["accepted", "done", "refused"]
    reason: (
        Literal["duplicate", "expired", "invalidConnectionState", "noOtherAgent", "notSupported", "busy", "error"]
        | None
    ) = None
    answer: Literal["never_seen", "live", "ended"] | None = None
    tone: Code | None = None
    ended_at: Time | None = None


DATA_MODELS: dict[str, type[CallEvent]] = {
    "offered": Offered,
    "serviceInitiated": ServiceInitiated,
    "originated": Originated,
    "queued": Queued,
    "networkReached": NetworkReached,
    "delivered": Delivered,
    "established": Established,
    "diverted": Diverted,
    "failed": Failed,
    "held": Held,
    "retrieved": Retrieved,
    "muted": Muted,
    "unmuted": Unmuted,
    "silenceDetected": SilenceDetected,
    "speechDetected": SpeechDetected,
    "digitsGenerated": DigitsGenerated,
    "networkTone": NetworkTone,
    "answeringMachineResult": AnsweringMachineResult,
    "announcementEnded": AnnouncementEnded,
    "recordingAvailable": RecordingAvailable,
    "identityVerified": IdentityVerified,
    "agentAction": AgentAction,
    "messageReport": MessageReport,
    "surveyScored": SurveyScored,
    "commandResult": CommandResult,
    "transferred": Transferred,
    "conferenced": Conferenced,
    "connectionCleared": ConnectionCleared,
    "callCleared": CallCleared,
}

KIND_RANK: dict[str, int] = {kind: rank for rank, kind in enumerate(DATA_MODELS)}
"""Order of facts with one time and sequence: a call's table above is written in that order."""
