"""Writes commands as rows of the round, and keeps the time at which each counts as unanswered."""

import heapq
from typing import Final

from pydantic_core import to_json

from cti.core.commands import Command
from cti.core.rules import Intervention
from cti.core.times import rfc3339
from cti.engine.live_calls import Key, LiveCall, log_key, occurrence_of
from cti.engine.metrics import CallMetrics
from cti.engine.round_writer import RoundWriter
from cti.engine.times import Times
from cti.rows import CommandRow, OutcomeRow
from schemas.profile import Profile
from schemas.reasons import FINAL_STATES, InterventionOutcome

UNANSWERED_AFTER_MS: Final = 2_000  # contract, Commands: no result 2 s after the expiry


class CommandWriter:
    """Writes interventions and their outcomes, and keeps the deadlines of the open ones."""

    __slots__ = ("_deadlines", "_telemetry", "_writer", "enabled", "profile", "times")

    def __init__(
        self, writer: RoundWriter, times: Times, telemetry: CallMetrics, profile: Profile, enabled: bool
    ) -> None:
        """`enabled`: False where a log is replayed: its commands were issued then."""
        self.times, self.profile, self.enabled = times, profile, enabled
        self._writer, self._telemetry = writer, telemetry
        self._deadlines: list[tuple[float, str, int]] = []  # (when unanswered, call id, hash of its key), a heap

    def issue(self, live: LiveCall, new: Command) -> Intervention:
        """Write a command that goes to the switch. It expires, by the log's clock, when it is of no more use."""
        lag = live.source.clock.lag_ms or 0
        issued_ms = int(self.times.now_ms)
        id_, rule, entry, n, step, cause, command, due_ms, expires_ms, state, reason = new.intervention
        intervention = Intervention(id_, rule, entry, n, step, cause, command, due_ms, expires_ms + lag, state, reason)
        body = {
            "id": id_,
            "command": command,
            "tenant": live.source.tenant,
            "switch": live.source.switch,
            "call": live.call_id,
            "subject": live.subject,
            "rule": rule,
            **{field: value for field, value in new.fields.items() if value is not None},
            "issued_at": rfc3339(issued_ms),
            "expires_at": rfc3339(expires_ms + lag),
            "due_at": rfc3339(due_ms),
        }
        text = to_json(body)
        self._write(live, intervention, issued_ms, text.decode())
        tenant, key = live.source.tenant, log_key(live)
        self._writer.enqueue("commands", live.partition, tenant, key, id_, text)
        return intervention

    def note(self, live: LiveCall, intervention: Intervention) -> Intervention:
        """Write an intervention that was overtaken; no command is sent."""
        self._write(live, intervention, int(self.times.now_ms), "{}")
        return intervention

    def _write(self, live: LiveCall, intervention: Intervention, issued_ms: int, body: str) -> None:
        source = live.source
        self._count(intervention)
        if intervention.state == "open":
            late_ms = issued_ms - intervention.due_ms - (source.clock.lag_ms or 0)
            self._telemetry.late_by(intervention.rule, max(late_ms, 0))
        self._writer.round_.commands.append(
            CommandRow(
                id=intervention.id,
                tenant=source.tenant,
                source=source.name,
                call_id=live.call_id,
                partition=live.partition,
                no=self._writer.next_command_no(live.partition),
                rule=intervention.rule,
                command=intervention.command,
                occurrence=occurrence_of(intervention),
                due_at_ms=intervention.due_ms,
                issued_at_ms=issued_ms,
                expires_at_ms=intervention.expires_ms,
                state=intervention.state,
                reason=intervention.reason,
                body=body,
            )
        )

    def outcome(self, intervention: Intervention, at_ms: int) -> None:
        """Write a command's outcome."""
        self._count(intervention)
        self._writer.round_.outcomes.append(
            OutcomeRow(id=intervention.id, state=intervention.state, reason=intervention.reason, at_ms=at_ms)
        )

    def _count(self, intervention: Intervention) -> None:
        """Count an intervention once, when its outcome is known."""
        if intervention.state in FINAL_STATES:
            outcome = InterventionOutcome(intervention.state)
            self._telemetry.intervention(intervention.rule, intervention.command, outcome)

    # -- deadlines -----------------------------------------------------------------------------------------------------

    def expect(self, live: LiveCall, key: Key, intervention: Intervention) -> None:
        """Note when the command counts as unanswered."""
        key_hash = key if isinstance(key, int) else key[0]
        heapq.heappush(self._deadlines, (intervention.expires_ms + UNANSWERED_AFTER_MS, live.call_id, key_hash))

    def next_deadline_ms(self) -> float:
        """When the next open command counts as unanswered; infinite without one."""
        return self._deadlines[0][0] if self._deadlines else float("inf")

    def past_deadline(self) -> list[tuple[str, int]]:
        """Remove the deadlines that have passed; return each of their calls once: (call id, hash of its key)."""
        found: dict[tuple[str, int], None] = {}
        while self._deadlines and self._deadlines[0][0] <= self.times.now_ms:
            _, call_id, key_hash = heapq.heappop(self._deadlines)
            found[call_id, key_hash] = None
        return list(found)

    def is_past_deadline(self, intervention: Intervention) -> bool:
        """Whether the command is still open although its switch's time to answer is over."""
        if intervention.state in FINAL_STATES:
            return False
        return intervention.expires_ms + UNANSWERED_AFTER_MS <= self.times.now_ms

    def unanswered(self, intervention: Intervention) -> Intervention:
        """Close a command that no switch answered; it is never repeated."""
        closed = intervention._replace(state="unanswered", reason=None)
        self.outcome(closed, int(self.times.now_ms))
        return closed

    def forget_deadlines(self) -> None:
        self._deadlines.clear()
