"""Batches on a topic: exactly their letters, at least once and with an id for good; recalls; Kafka away; erased."""

import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from campaigns.figures import Looking
from campaigns.ledger import outbox as outbox_ledger
from campaigns.ledger.tables import campaigns, outbox
from campaigns.topics import publishing
from campaigns.topics.names import NOTICES
from schemas.notices import PublishedNotice
from tests.campaigns.api.site import Site, contact_row, site
from tests.campaigns.notices.rows import campaign_row
from tests.campaigns.notices.test_routes import add_campaign, owe
from tests.campaigns.topics.memory import MemoryTopics
from tests.ready import ready_sqlite
from tests.scheduler import START_MS, TENANT

CAMPAIGN = "c0123456789abcde"
PAID = {"reference": "R1", "account": "1000002", "settled_at": "2026-03-01T00:00:00Z"}


@contextlib.asynccontextmanager
async def printing(url: str, topics: MemoryTopics | None) -> AsyncIterator[Site]:
    async with site(url, topics=topics) as here:
        await here.add_key("printer", "notices:export campaigns:write")
        await here.add_key("eraser", "persons:erase")
        await add_campaign(here, campaign_row(tenant=TENANT, state="stopped", ended_at_ms=START_MS))
        yield here


async def batch_of(here: Site) -> dict[str, Any]:
    answer = await here.ask("POST", "/v1/notice-batches", {"campaign": CAMPAIGN}, key="printer")
    assert answer.status == 201, answer.body
    made: dict[str, Any] = (await here.ask("GET", answer.headers["Location"], key="printer")).json
    return made


def letters(topics: MemoryTopics) -> list[dict[str, Any]]:
    """What was published, each record fit for what is said of it."""
    found = [one for one in topics.published if one.topic == NOTICES.name]
    for one in found:
        PublishedNotice.model_validate_json(one.body)
        told = json.loads(one.body)
        assert (one.tenant, one.key) == (TENANT, f"{TENANT}:{told['batch']}")
        assert one.id == told["id"] + (":recall" if ":" in one.id else "")
    return [json.loads(one.body) for one in found]


async def test_a_batch_is_published_letter_by_letter_as_http_shows_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "PIECE", 2)
    topics = MemoryTopics()
    async with printing(url, topics) as here:
        await owe(here, 5)
        shown = await batch_of(here)
        await here.it.to(5)
        told = letters(topics)
        assert [(one.pop("page"), one.pop("pages")) for one in told] == [(n, 5) for n in range(1, 6)]
        for one in shown["notices"]:
            one.pop("set_aside", None)
        assert told == shown["notices"]
        assert topics.made == {NOTICES.name, "campaigns.settlements"}
        await here.it.to(30)
        assert len(topics.published) == 5, "once, where nothing goes wrong"
        empty = await batch_of(here)
        await here.it.to(40)
        assert (empty["count"], len(topics.published)) == (0, 5)


async def test_while_kafka_is_away_batches_are_made_and_wait_and_their_age_is_shown(url: str) -> None:
    topics = MemoryTopics(away=True)
    async with printing(url, topics) as here:
        await owe(here, 3)
        await here.it.to(10)
        shown = await batch_of(here)
        await here.it.to(60)
        assert (len(shown["notices"]), topics.published) == (3, [])
        assert await here.context.reader.run(outbox_ledger.oldest_ms) == START_MS + 10_000
        here.context.metrics.figures.asked.set()
        await here.it.to(80)
        (looking,) = [task for task in here.it._tasks if isinstance(task, Looking)]
        assert looking._shown._figures is not None
        assert looking._shown._figures.unpublished_ms == START_MS + 10_000
        topics.away = False
        await here.it.to(100)
        assert len(letters(topics)) == 3
        assert await here.context.reader.run(outbox_ledger.oldest_ms) is None


async def test_what_was_not_acknowledged_comes_again_with_the_same_ids(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "PIECE", 2)
    topics = MemoryTopics(lost=True)
    async with printing(url, topics) as here:
        await owe(here, 3)
        await batch_of(here)
        await here.it.to(3)
        topics.lost = False
        await here.it.to(30)
        letters(topics)
        counted = Counter(one.id for one in topics.published)
        assert sorted(counted.values()) == [1, 2, 2]
        assert len(counted) == 3


async def test_a_batch_that_was_broken_off_goes_on_where_it_was(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "PIECE", 2)
    topics = MemoryTopics(away_after=2)
    async with printing(url, topics) as here:
        await owe(here, 5)
        await batch_of(here)
        await here.it.to(20)
        assert len(topics.published) == 2
        topics.away, topics.away_after = False, None
        await here.it.to(40)
        assert [one["page"] for one in letters(topics)] == [1, 2, 3, 4, 5]


async def test_without_kafka_nothing_waits(url: str) -> None:
    async with printing(url, None) as here:
        await owe(here, 2)
        await batch_of(here)
        assert await here.ask("POST", "/v1/settlements", PAID, key="printer")
        count = await here.context.reader.run(lambda connection: connection.scalar(select(func.count(outbox.c.id))))
        assert count == 0


async def test_a_letter_that_is_to_be_kept_back_is_told_once_more(url: str) -> None:
    topics = MemoryTopics()
    async with printing(url, topics) as here:
        await owe(here, 3)
        await batch_of(here)
        await here.it.to(5)
        assert (await here.ask("POST", "/v1/settlements", PAID, key="printer")).json["to_recall"]
        assert (await here.ask("POST", "/v1/settlements", PAID, key="printer")).status == 200
        await here.it.to(10)
        *first, recalled = letters(topics)
        assert len(first) == 3
        assert recalled == {**first[1], "to_recall": True}
        assert topics.published[-1].id == f"{first[1]['id']}:recall"
        assert await here.context.reader.run(outbox_ledger.waiting, 10) == []


async def test_a_recall_comes_after_its_letter(url: str) -> None:
    """Both wait; and a letter that is published late tells already that it is to be kept back."""
    topics = MemoryTopics(away=True)
    async with printing(url, topics) as here:
        await owe(here, 3)
        await batch_of(here)
        assert (await here.ask("POST", "/v1/settlements", PAID, key="printer")).json["to_recall"]
        topics.away = False
        await here.it.to(10)
        told = letters(topics)
        assert [(one["page"], one.get("to_recall", False)) for one in told] == [
            (1, False), (2, True), (3, False), (2, True),
        ]  # fmt: skip


async def test_of_two_tenants_each_has_its_own(url: str) -> None:
    topics = MemoryTopics()
    theirs = campaign_row(id="cfffffffffffffff", tenant="other", state="stopped", ended_at_ms=START_MS)
    async with printing(url, topics) as here:
        await here.in_ledger(lambda connection: connection.execute(campaigns.insert(), [theirs._asdict()]))
        await owe(here, 1)
        await owe(here, 1, theirs)
        await batch_of(here)
        answer = await here.ask("POST", "/v1/notice-batches", {"campaign": theirs.id}, key="stranger")
        assert answer.status == 201, answer.body
        await here.it.to(5)
        assert Counter((one.tenant, one.key.split(":")[0]) for one in topics.published) == {
            (TENANT, TENANT): 1, ("other", "other"): 1,
        }  # fmt: skip


async def test_who_was_erased_before_is_not_told_to_the_topic(url: str) -> None:
    topics = MemoryTopics(away=True)
    async with printing(url, topics) as here:
        his = {"name": "欧阳诗涵", "account": "KD-77315"}
        await owe(here, 1, **his)
        await here.put([contact_row(CAMPAIGN, 1, state="fallback", phones="[]", **his)])
        await batch_of(here)
        asked = {"account": "KD-77315", "reason": "his letter"}
        assert (await here.ask("POST", "/v1/erasures", asked, key="eraser")).status == 202
        await here.it.to(60)
        topics.away = False
        await here.it.to(80)
        told = letters(topics)
        assert len(told) == 2, "the letter, blank, and its recall"
        assert all(one["to_recall"] for one in told)
        assert {(one["account"], one["name"]) for one in told} == {("erased", "")}


async def test_a_notice_that_is_gone_is_passed_over(tmp_path: Path) -> None:
    topics = MemoryTopics()
    async with printing(ready_sqlite(tmp_path / "ringback.db"), topics) as here:
        rows = [
            {"id": "n-gone-1", "what": "recall", "tenant": TENANT, "campaign": CAMPAIGN, "made_at_ms": 1, "records": 1,
             "sent": 0},
            {"id": "1000:7", "what": "dead_letter", "tenant": TENANT, "campaign": "", "made_at_ms": 1, "records": 1,
             "sent": 0},
        ]  # fmt: skip
        await here.in_ledger(lambda connection: connection.execute(insert(outbox), rows))
        await here.it.to(5)
        assert topics.published == []
        assert await here.context.reader.run(outbox_ledger.oldest_ms) is None
