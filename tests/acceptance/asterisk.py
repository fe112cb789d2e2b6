"""Recorded outbound calls of an Asterisk as our events: pure, and of both of its interfaces.

A line of AMI or ARI is first read as a `Step`, which is the same for both; then the steps of a channel become events.
The channel's id, given when the call was made, is the order's id. The dialplan of the recordings has the opening in
`Playback` and the body in `Wait`; with `Hangup` it has come to its end.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from schemas.fields import ms_of

Line = Mapping[str, Any]
SOURCE = "/switches/asterisk-1"
COUNTRY = "+86"
MESSAGES = {"Playback": "opening", "Wait": "body"}


class Step(NamedTuple):
    """What an interface says of a channel. `word`: an application, a dialled string or a status."""

    what: str
    channel: str
    at_ms: int
    word: str = ""
    calling: str = ""
    cause: int = 0


def ami_step(line: Line) -> Step | None:
    """A line of the manager interface, if it says anything of a channel's life."""
    channel = line.get("DestUniqueid") or line.get("Uniqueid") or ""
    cause = int(line.get("Cause", "0"))
    if "Timestamp" not in line:
        return None
    at_ms = int(line["Timestamp"].replace(".", "")[:13])
    match line["Event"], line.get("DialStatus") or line.get("ChannelStateDesc"):
        case "DialBegin", _:
            return Step("dial", channel, at_ms, line["DialString"], line["DestCallerIDNum"])
        case "DialState", "RINGING":
            return Step("ringing", channel, at_ms)
        case "Newstate", "Up":
            return Step("up", channel, at_ms)
        case "Newexten", _:
            return Step("application", channel, at_ms, line["Application"])
        case "VarSet", _ if line["Variable"] == "PLAYBACKSTATUS":
            return Step("played", channel, at_ms, line["Value"])
        case "HangupRequest", _:
            return Step("far_end", channel, at_ms)
        case "Hangup", _:
            return Step("gone", channel, at_ms, cause=cause)
    return None


def ari_step(line: Line) -> Step | None:
    """The same for a line of the REST interface's websocket."""
    channel = line.get("channel") or line.get("peer") or {}
    name, at_ms = channel.get("id", ""), ms_of(datetime.fromisoformat(line["timestamp"]).astimezone(UTC))
    match line["type"], line.get("dialstatus", channel.get("state")):
        case "Dial", "":
            return Step("dial", name, at_ms, line["dialstring"], channel["caller"]["number"])
        case "Dial", "RINGING":
            return Step("ringing", name, at_ms)
        case "ChannelStateChange", "Up":
            return Step("up", name, at_ms)
        case "ChannelDialplan", _:
            return Step("application", name, at_ms, line["dialplan_app"])
        case "ChannelVarset", _ if line["variable"] == "PLAYBACKSTATUS":
            return Step("played", name, at_ms, line["value"])
        case "ChannelHangupRequest", _ if not line.get("soft"):
            return Step("far_end", name, at_ms)
        case "ChannelDestroyed", _:
            return Step("gone", name, at_ms, cause=line["cause"])
    return None


def steps_of(lines: Iterable[Line]) -> list[Step]:
    """What a recording says, of either interface."""
    read = (ami_step(line) if "Event" in line else ari_step(line) for line in lines)
    return [step for step in read if step is not None]


def events_of(lines: Iterable[Line]) -> list[dict[str, Any]]:
    """The CloudEvents of a recording's one call."""
    return [
        {
            "specversion": "1.0",
            "id": f"{step.channel}-{sequence}",
            "source": SOURCE,
            "type": f"ringback.call.{kind}.v1",
            "subject": step.channel,
            "time": datetime.fromtimestamp(step.at_ms / 1000, UTC).isoformat(timespec="milliseconds"),
            "sequence": sequence,
            "commandid": step.channel,
            "data": data,
        }
        for sequence, (step, kind, data) in enumerate(_told(steps_of(lines)))
    ]


def _told(steps: list[Step]) -> Iterator[tuple[Step, str, dict[str, Any]]]:
    """Each event with the step that it comes of."""
    called, playing, left, up = "", "", False, False
    for step in steps:
        leg = {"connection": step.channel}
        match step.what:
            case "dial":
                called = COUNTRY + step.word.partition("sip:")[2].partition("@")[0]
                yield step, "originated", {**leg, "direction": "outbound", "calling": step.calling, "called": called}
            case "ringing":
                yield step, "delivered", leg
            case "up":
                up = True
                yield step, "established", leg
            case "played":
                yield step, "announcementEnded", {**leg, "message": "opening", "completed": step.word == "SUCCESS"}
                playing = ""
            case "application":
                if playing and playing != "opening":
                    yield step, "announcementEnded", {**leg, "message": playing, "completed": True}
                playing = MESSAGES.get(step.word, "")
            case "far_end":
                left = True
            case "gone":
                if playing:
                    yield step, "announcementEnded", {**leg, "message": playing, "completed": False}
                yield step, "connectionCleared", {**leg, **_cleared(step, called if up else "network", left)}
                yield step, "callCleared", {}


def _cleared(step: Step, by: str, left: bool) -> dict[str, Any]:
    """Why a leg ended. A cause of 0 is none; who let go is known where the far end asked for it."""
    told: dict[str, Any] = {"releasingDevice": by} if left else {}
    return told | ({"q850": step.cause} if step.cause else {})
