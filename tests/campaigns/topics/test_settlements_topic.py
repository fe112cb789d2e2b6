"""Payments on a topic do what the same payments do over HTTP, once, and what is wrong holds up nobody."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from campaigns.ledger import audit, outbound, outbox, topic_positions
from campaigns.ledger.rows import SettlementRow
from campaigns.ledger.tables import settlements
from campaigns.ledger.topic_positions import Position
from campaigns.metrics import RECORDS
from campaigns.settlements.settling import ReportedPayment
from campaigns.topics import settlements as reading
from campaigns.topics.names import SETTLEMENTS
from cti.adapters.ledger.tables import dead_letters
from cti.errors import OutcomeUnknown
from schemas.reasons import DeadLetter
from tests.campaigns.api.site import Site, contact_row, site
from tests.campaigns.topics.memory import MemoryTopics
from tests.ready import ready_sqlite
from tests.scheduler import TENANT

PAID = {"reference": "R1", "account": "A1", "settled_at": "2026-03-01T00:00:00Z"}


def payment(**changed: Any) -> bytes:
    return json.dumps(PAID | changed).encode()


async def told(it: Site, tenant: str = TENANT) -> list[SettlementRow]:
    query = select(settlements).where(settlements.c.tenant == tenant).order_by(settlements.c.reference)
    rows = await it.in_ledger(lambda connection: connection.execute(query).all())
    return [SettlementRow._make(row) for row in rows]


async def aside(it: Site) -> list[Any]:
    query = select(dead_letters).order_by(dead_letters.c.partition, dead_letters.c.position)
    rows: list[Any] = await it.in_ledger(lambda connection: connection.execute(query).all())
    return rows


async def positions(it: Site) -> dict[int, Position]:
    found: dict[int, Position] = await it.context.reader.run(topic_positions.of_topic, SETTLEMENTS.name)
    return found


async def test_a_payment_does_on_the_topic_what_it_does_over_http(url: str) -> None:
    """Two customers owe the same; one pays over HTTP, one on the topic: nothing tells them apart but their names."""
    topics = MemoryTopics()
    async with site(url, topics=topics) as it:
        campaign = (await it.campaign())["id"]
        await it.put([contact_row(campaign, n, account=f"A{n}", phones="[]") for n in (1, 2)])
        await it.it.to(5)
        topics.write(payment(), partition=1)
        over_http = await it.ask("POST", "/v1/settlements", {**PAID, "reference": "R2", "account": "A2"})
        assert over_http.status == 200, over_http.body
        await it.it.to(10)
        first, second = await told(it)
        assert first._replace(reference="", account="", who="", received_at_ms=0) == second._replace(
            reference="", account="", who="", received_at_ms=0
        )
        assert (first.reference, first.account, first.who, first.paid) == ("R1", "A1", reading.WHO, 1)
        page = (await it.ask("GET", f"/v1/campaigns/{campaign}/contacts")).json["contacts"]
        assert [one["state"] for one in page] == ["paid", "paid"]
        lines = [one for one in await it.context.reader.run(audit.lines, TENANT) if one["what"] == "settled"]
        assert {one["about"]: json.loads(one["details"]) for one in lines} == {
            name: {"paid": 1, "in_part": 0, "withdrawn": 0, "recalled": 0} for name in ("R1", "R2")
        }
        assert (await positions(it))[1] == Position(1)


async def test_the_feed_is_heard(url: str) -> None:
    topics = MemoryTopics()
    async with site(url, topics=topics) as it:
        await it.it.to(10)
        assert (await it.context.reader.run(outbound.read, TENANT)).settlements_heard_ms is None
        topics.write(payment())
        await it.it.to(20)
        heard_ms = (await it.context.reader.run(outbound.read, TENANT)).settlements_heard_ms
        assert heard_ms == (await told(it))[0].received_at_ms


async def test_what_cannot_be_used_is_set_aside_with_its_reason_and_holds_up_nobody(url: str) -> None:
    topics = MemoryTopics()
    bad = [
        (b"\xff", TENANT, "invalid", "bad_encoding"),
        (b"[1", TENANT, "invalid", "unparsable"),
        (payment(reference="R2", settled_at="2027-03-01T00:00:00Z"), TENANT, "invalid", "/settled_at: RANGE"),
        (payment(reference="R2", colour="red"), TENANT, "invalid", "/colour"),
        (payment(reference=" ", items=["3-x"]), TENANT, "invalid", "/items"),
        (payment(reference="R2"), "nobodys", "unknown_tenant", "nobodys"),
        (payment(account="A9"), TENANT, "id_conflict", "another payment"),
    ]
    async with site(url, topics=topics) as it:
        topics.write(payment())
        for body, tenant, _, _ in bad:
            topics.write(body, tenant)
        topics.write(b"", unfit=(DeadLetter.UNREADABLE, "the record has no value"))
        topics.write(payment(reference="R3"))
        await it.it.to(5)
        assert [row.reference for row in await told(it)] == ["R1", "R3"]
        letters = await aside(it)
        assert [(row.partition, row.position) for row in letters] == [(1_000, n) for n in range(2, 10)]
        for (body, tenant, reason, detail), row in zip(bad, letters, strict=False):
            assert (row.tenant, row.reason, bytes(row.body)) == (tenant, reason, body)
            assert detail in row.detail
        assert letters[-1].reason == "unreadable"
        counted = {outcome: it.context.metrics._records.labels(outcome)._value.get() for outcome in RECORDS}
        assert counted == {
            "settled": 2, "invalid": 5, "unknown_tenant": 1, "id_conflict": 1, "unreadable": 1, "too_large": 0,
            "lost": 0, "poison": 0,
        }  # fmt: skip
        assert await told(it, "nobodys") == []
        sent = [(one.topic, one.id, one.key, one.body) for one in topics.published]
        assert sent == [
            ("dead-letters", f"1000:{row.position}", f"{row.tenant}:{row.reason}", bytes(row.body)) for row in letters
        ]
        assert await it.context.reader.run(outbox.waiting, 10) == []


async def test_two_tenants_have_payments_of_the_same_reference(url: str) -> None:
    topics = MemoryTopics()
    async with site(url, topics=topics) as it:
        topics.write(payment())
        topics.write(payment(account="B1"), tenant="other")
        await it.it.to(5)
        assert [row.account for row in await told(it)] == ["A1"]
        assert [row.account for row in await told(it, "other")] == ["B1"]
        assert await aside(it) == []


async def test_what_was_committed_without_our_knowing_is_not_done_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection broke at the commit: where the ledger stands is read first."""
    topics = MemoryTopics()
    async with site(url, topics=topics) as it:
        write, broken = it.context.writer.transact, list[int]()

        async def transact(*steps: Any, **options: Any) -> Any:
            made = await write(*steps, **options)
            if topics.records and not broken:
                broken.append(1)
                raise OutcomeUnknown("the connection broke")
            return made

        await it.it.to(2)
        monkeypatch.setattr(it.context.writer, "transact", transact)
        topics.write(payment())
        topics.write(b"{}")
        await it.it.to(30)
        assert broken
        assert [row.reference for row in await told(it)] == ["R1"]
        assert [row.position for row in await aside(it)] == [2]
        lines = [one for one in await it.context.reader.run(audit.lines, TENANT) if one["what"] == "settled"]
        assert len(lines) == 1


async def test_of_two_readers_one_commits(tmp_path: Path) -> None:
    """Whoever believes that a partition is his, and was read on by another, leaves nothing."""
    topics = MemoryTopics()
    async with site(ready_sqlite(tmp_path / "ringback.db"), topics=topics) as it:
        await it.it.to(2)

        def elsewhere(connection: Connection) -> None:
            topic_positions.move(connection, SETTLEMENTS.name, 0, Position(0), Position(1))

        await it.in_ledger(elsewhere)
        topics.write(b"not JSON")
        topics.write(payment())
        await it.it.to(3)
        assert await aside(it) == []
        assert await told(it) == []
        (task,) = [one for one in it.it._tasks if isinstance(one, reading.SettlementsTopic)]
        assert task._ours == {1}, "it is left to whoever read it"


async def test_a_defect_of_ours_sets_one_record_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle = reading.settle

    def broken(connection: Connection, context: Any, tenant: str, told: Sequence[ReportedPayment], *more: Any) -> Any:
        if any(one.reference == "R5" for one in told):
            raise SQLAlchemyError("a defect")
        return settle(connection, context, tenant, told, *more)

    monkeypatch.setattr(reading, "settle", broken)
    topics = MemoryTopics()
    async with site(ready_sqlite(tmp_path / "ringback.db"), topics=topics) as it:
        for n in range(9):
            topics.write(payment(reference=f"R{n}"))
        await it.it.to(5)
        assert [row.reference for row in await told(it)] == [f"R{n}" for n in range(9) if n != 5]
        (letter,) = await aside(it)
        assert (letter.reason, letter.position, bytes(letter.body)) == ("poison", 6, payment(reference="R5"))


async def test_while_kafka_is_away_payments_come_over_http(url: str) -> None:
    topics = MemoryTopics(away=True)
    async with site(url, topics=topics) as it:
        topics.write(payment())
        await it.it.to(30)
        assert (await it.ask("POST", "/v1/settlements", {**PAID, "reference": "R2"})).status == 200
        away = it.context.metrics._topics_away.labels(SETTLEMENTS.name)
        assert away._value.get() == 1
        topics.away = False
        await it.it.to(60)
        assert [row.reference for row in await told(it)] == ["R1", "R2"]
        assert away._value.get() == 0


async def test_records_that_kafka_deleted_are_known_and_a_new_topic_is_read_from_its_beginning(url: str) -> None:
    topics = MemoryTopics()
    async with site(url, topics=topics) as it:
        topics.write(payment())
        await it.it.to(5)
        topics.away = True
        for n in (2, 3, 4):
            topics.write(payment(reference=f"R{n}"))
        topics.firsts[0] = 3
        topics.away = False
        await it.it.to(20)
        assert [row.reference for row in await told(it)] == ["R1", "R4"]
        (lost,) = await aside(it)
        assert (lost.reason, lost.position, "offsets 1 to 2" in lost.detail) == ("lost", 2, True)
        topics.begin_anew()
        topics.write(payment(reference="R5"))
        topics.write(b"{")
        await it.it.to(40)
        assert [row.reference for row in await told(it)] == ["R1", "R4", "R5"]
        assert [(row.reason, row.position) for row in await aside(it)] == [("lost", 2), ("lost", 5), ("invalid", 7)]
        assert (await positions(it))[0] == Position(7, 5)


async def test_a_reader_that_is_wrong_about_what_is_gone_is_opened_anew(tmp_path: Path) -> None:
    topics = MemoryTopics()
    async with site(ready_sqlite(tmp_path / "ringback.db"), topics=topics) as it:
        await it.it.to(3)
        topics.confused = 1
        topics.write(payment())
        await it.it.to(20)
        assert [row.reference for row in await told(it)] == ["R1"]
        assert await aside(it) == []
        assert topics.opened == 2


async def test_the_lag_is_that_of_what_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "TAKEN_MAX", 0)
    topics = MemoryTopics()
    async with site(ready_sqlite(tmp_path / "ringback.db"), topics=topics) as it:
        for n in range(3):
            topics.write(payment(reference=f"R{n}"), partition=n % 2)
        await it.it.to(10)
        assert it.context.metrics._behind._value.get() == 3


def test_campaigns_need_no_kafka_client() -> None:
    asked = "import sys, campaigns.wiring; print([name for name in sys.modules if name.startswith('aiokafka')])"
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.strip() == "[]"
