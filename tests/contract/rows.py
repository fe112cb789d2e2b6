"""Rows for the contract suite: plain ones, of which a test names only what it is about."""

from typing import Any

from cti.ports import Appending
from cti.rows import AgentRow, BreachRow, CallRow, Claim, CommandRow, Fence, RecordRow, TimelineRow

PARTITIONS = 4
START_MS = 1_772_000_000_000
TENANT = "grid"
SOURCE = "/switches/one"


def appending(subject: str, body: bytes = b"{}", **changed: Any) -> Appending:
    return Appending(**{"tenant": TENANT, "key": f"{TENANT}:{SOURCE}:{subject}", "body": body} | changed)


def call(call_id: str, born: int = 1, **changed: Any) -> CallRow:
    row = CallRow(
        call_id=call_id,
        key_hash=-(2**62) + born,
        tenant=TENANT,
        source=SOURCE,
        subject=f"subject of {call_id}",
        incarnation=0,
        partition=0,
        born=born,
        opened_at_ms=START_MS + born,
        direction="inbound",
    )
    return row._replace(**changed)


def event(born: int, position: int, n: int = 0, **changed: Any) -> TimelineRow:
    row = TimelineRow(
        partition=0,
        born=born,
        position=position,
        n=n,
        at_ms=START_MS + position,
        appended_at_ms=START_MS + position + 3,
        sequence=None,
        kind="offered",
        event_id=f"event-{position}",
        body_hash=-(2**63) + position,
        data='{"connection":"振铃"}',
    )
    return row._replace(**changed)


def record(call_id: str, **changed: Any) -> RecordRow:
    row = RecordRow(
        call_id=call_id,
        tenant=TENANT,
        source=SOURCE,
        revision=1,
        opened_at_ms=START_MS,
        ended_at_ms=START_MS + 60_000,
        outcome="answered",
        direction="inbound",
        queue="power",
        agent="1001",
        wait_ms=10_000,
        queued=1,
        answer_ms=4_000,
        talk_ms=50_000,
        hold_ms=20_000,
        transfers=0,
        notices_owed=1,
        notices_played=1,
        record=f'{{"call":"{call_id}"}}',
    )
    return row._replace(**changed)


def breach(call_id: str, n: int = 0, **changed: Any) -> BreachRow:
    row = BreachRow(
        call_id=call_id,
        n=n,
        tenant=TENANT,
        source=SOURCE,
        rule="RING-1",
        at_ms=START_MS + 12_000,
        limit_s=12.0,
        actual_s=12.05,
        agent="1001",
        queue="power",
    )
    return row._replace(**changed)


def command(command_id: str, no: int = 1, **changed: Any) -> CommandRow:
    row = CommandRow(
        id=command_id,
        tenant=TENANT,
        source=SOURCE,
        call_id="a",
        partition=0,
        no=no,
        rule="RING-1",
        command="deflectCall",
        occurrence="offer:0",
        due_at_ms=START_MS + 12_000,
        issued_at_ms=START_MS + 12_001,
        expires_at_ms=START_MS + 20_000,
        state="open",
        reason=None,
        body='{"if_state":"alerting"}',
    )
    return row._replace(**changed)


def agent(name: str, **changed: Any) -> AgentRow:
    return AgentRow(TENANT, SOURCE, name, 0, "ready", START_MS, "8001", None)._replace(**changed)


def fence(claim: Claim, position: int = 1, command_no: int = 0) -> Fence:
    return Fence(claim.partition, claim.epoch, position, command_no)
