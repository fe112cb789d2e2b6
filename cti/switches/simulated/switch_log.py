"""The switch's own log: one JSON object a line, in the order of happening.

{"entry": "event", "event": {...}}                       what it meant to send, before any misbehaviour
{"entry": "left", "id", "how"}                           how a spoiled event left: lost, late, shuffled, duplicate
{"entry": "not_taken", "id", "code", "detail"}           the product will never take this event
{"entry": "command", "received_at", "command": {...}}    as it came in, due and issued times with it
{"entry": "makeCall", "received_at", "id", "number", "valid_for_ms"}  beside its command: every one that came in
{"entry": "verdict", "at", "id", "rule", "command", "subject", "state", "reason", "repeated", "dial"}
{"entry": "result_left", "id", "state", "how"}           how a spoiled result left: lost, late, shuffled, duplicate
{"entry": "gone", "at"}, {"entry": "back", "at"}         its line was lost on purpose, and is there again
{"entry": "result_status", "id", "status"}               a result that was answered with anything but success
{"entry": "summary", ...}                                last, the judge's figures
"""

import json
from pathlib import Path
from typing import Any, TextIO

from cti.switches.simulated.commands import Command, Verdict
from cti.switches.simulated.judge import Judge
from cti.switches.simulated.outbound import DIALS
from cti.switches.simulated.pbx import Fact, rfc3339


class SwitchLog:
    """Writes each entry and passes it to the judge. Without a path nothing is written."""

    def __init__(self, path: Path | None) -> None:
        self._file: TextIO | None = path.open("a", encoding="utf-8") if path else None
        self.judge = Judge()

    def event(self, fact: Fact) -> None:
        self._note({"entry": "event", "event": fact})

    def left(self, event_id: str, how: str) -> None:
        self._note({"entry": "left", "id": event_id, "how": how})

    def not_taken(self, event_id: str, code: str, detail: str) -> None:
        self._note({"entry": "not_taken", "id": event_id, "code": code, "detail": detail})

    def received(self, command: Command, received_ms: float) -> None:
        at = rfc3339(received_ms)
        self._note({"entry": "command", "received_at": at, "command": command})
        if command.get("command") == "makeCall":
            number, valid_for_ms = command.get("to"), command.get("valid_for_ms")
            entry = {"id": command["id"], "number": number, "valid_for_ms": valid_for_ms}
            self._note({"entry": "makeCall", "received_at": at, **entry})

    def verdict(self, command: Command, verdict: Verdict, at_ms: float) -> None:
        what = {name: command.get(name) for name in ("id", "rule", "command", "subject", "agent")}
        repeated = verdict.reason == "duplicate"
        dial = command.get("command") in DIALS or command.get("about") is not None
        entry = {"entry": "verdict", "at": rfc3339(at_ms), **what, **verdict._asdict(), "repeated": repeated}
        entry["dial"] = dial
        self._note(entry)

    def result_left(self, command_id: str, state: str, how: str) -> None:
        self._note({"entry": "result_left", "id": command_id, "state": state, "how": how})

    def line(self, up: bool, at_ms: float) -> None:
        self._note({"entry": "back" if up else "gone", "at": rfc3339(at_ms)})

    def result_status(self, command_id: str, status: int) -> None:
        self._note({"entry": "result_status", "id": command_id, "status": status})

    def summary(self) -> dict[str, Any]:
        """The last line; also handed out."""
        judge = self.judge
        figures = judge.figures() | {"live": len(judge.live), "repeated": judge.repeated}
        self._note({"entry": "summary", **figures})
        return figures

    def flush(self) -> None:
        if self._file:
            self._file.flush()

    def close(self) -> None:
        if self._file:
            self._file.close()

    def _note(self, entry: dict[str, Any]) -> None:
        self.judge.hear(entry)
        if self._file:
            self._file.write(json.dumps(entry, ensure_ascii=False, separators=(",", ":")) + "\n")
