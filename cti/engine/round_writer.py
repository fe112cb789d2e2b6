"""The rows of the round that is being gathered, and the numbers given to them."""

from typing import Final

from cti.engine.metrics import CallMetrics
from cti.ports import Entry
from cti.rows import DeadLetterRow, OutboxRow, Round
from schemas.reasons import DeadLetter

DETAIL_MAX: Final = 1_000  # characters of why an entry was set aside


class RoundWriter:
    """Collects what one transaction will write. Numbers rise per partition and are never taken back."""

    __slots__ = ("_telemetry", "command_nos", "outbox_nos", "publishing", "round_")

    def __init__(self, telemetry: CallMetrics) -> None:
        self._telemetry = telemetry
        self.round_ = Round()
        self.command_nos: dict[int, int] = {}
        self.outbox_nos: dict[int, int] = {}
        self.publishing = False  # whether there are topics for integrators

    def next_command_no(self, partition: int) -> int:
        """The number of the partition's next command."""
        number = self.command_nos[partition] = self.command_nos.get(partition, 0) + 1
        return number

    def dead_letter(self, entry: Entry, reason: DeadLetter, detail: str) -> None:
        """Set an entry aside, byte for byte; it never stops a partition."""
        self._telemetry.dead_lettered(reason)
        self.round_.dead_letters.append(
            DeadLetterRow(
                partition=entry.partition,
                position=entry.position,
                tenant=entry.tenant,
                reason=reason,
                detail=detail[:DETAIL_MAX],
                at_ms=entry.appended_at_ms,
                body=entry.body,
            )
        )
        row_id = f"{entry.partition}:{entry.position}"
        key = f"{entry.tenant}:{reason.value}"
        self.enqueue("dead-letters", entry.partition, entry.tenant, key, row_id, entry.body)

    def enqueue(self, kind: str, partition: int, tenant: str, key: str, row_id: str, body: bytes) -> None:
        """Add a row to the outbox, if there are topics for integrators."""
        if self.publishing:
            number = self.outbox_nos[partition] = self.outbox_nos.get(partition, 0) + 1
            self.round_.outbox.append(
                OutboxRow(partition=partition, no=number, kind=kind, tenant=tenant, key=key, id=row_id, body=body)
            )
