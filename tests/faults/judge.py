"""The judgement: what the diary is sure of against the product's reads, and uniqueness against its tables too."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
from sqlalchemy import create_engine, func, select

from cti.adapters.ledger.tables import calls, commands, dead_letters, timeline
from cti.core.times import rfc3339, seconds
from schemas.reasons import DeadLetter
from tests.faults.diary import CallKept, CallName, Diary

PAGE = 1_000
ASK_AT_ONCE = 8
CATCH_UP_ASKS_MAX = 60  # each waits for a second at most


class Reader:
    """GET with the key."""

    def __init__(self, url: str, key: str, session: aiohttp.ClientSession) -> None:
        self._url, self._headers, self._session = url, {"Authorization": f"Bearer {key}"}, session

    async def get(self, path: str, **query: str) -> str:
        async with self._session.get(self._url + path, params=query, headers=self._headers) as answer:
            body = await answer.text()
            assert answer.status == 200, (path, answer.status, body)
            return body

    async def caught_up(self, token: str) -> None:
        """Return when the ledger holds all that was acknowledged."""
        wanted, reached = positions_of(token), dict[int, int]()
        for _ in range(CATCH_UP_ASKS_MAX):
            told = json.loads(await self.get("/v1/calls", limit="1", min_position=token))
            reached = positions_of(told["as_of"])
            if all(reached.get(partition, 0) >= position for partition, position in wanted.items()):
                return
        raise AssertionError(f"the ledger stands at {reached}, acknowledged was {wanted}")

    async def calls(self) -> AsyncIterator[dict[str, Any]]:
        """Every call with its timeline."""
        gate = asyncio.Semaphore(ASK_AT_ONCE)

        async def whole(name: str) -> dict[str, Any]:
            async with gate:
                told: dict[str, Any] = json.loads(await self.get(f"/v1/calls/{name}"))
                return told

        more: dict[str, str] = {}
        while True:
            page = json.loads(await self.get("/v1/calls", limit=str(PAGE), **more))
            for one in asyncio.as_completed([whole(call["call"]) for call in page["calls"]]):
                yield await one
            if page["cursor"] is None:
                return
            more = {"cursor": page["cursor"]}

    async def records(self) -> AsyncIterator[dict[str, Any]]:
        """The latest record of every ended call."""
        after = ""
        while True:
            lines = (await self.get("/v1/records", limit=str(PAGE), after=after)).splitlines()
            for line in lines:
                yield json.loads(line)
            if len(lines) < PAGE:
                return
            after = json.loads(lines[-1])["call"]


def positions_of(token: str) -> dict[int, int]:
    pairs = (part.split(":") for part in token.split(",") if part)
    return {int(partition): int(position) for partition, position in pairs}


async def judged(reader: Reader, diary: Diary, db: str) -> dict[str, Any]:
    """Every figure of the judgement; all but the counts of work have to be 0."""
    await reader.caught_up(diary.token)
    told: dict[CallName, list[str]] = {}
    taken: set[str] = set()
    async for call in reader.calls():
        told.setdefault((call["source"], call["subject"]), []).extend(one["id"] for one in call["timeline"])
        private = (one["data"].get("private", {}).get("conflict") for one in call["timeline"])
        taken.update(mark for mark in private if mark is not None)
    records: dict[CallName, list[dict[str, Any]]] = {}
    async for record in reader.records():
        records.setdefault((record["source"], record["subject"]), []).append(record)
    figures = {
        "acked": diary.acknowledged,
        "calls": len(diary.calls),
        "commands": len(diary.orders),
        "acked_missing": sum(len(one.acknowledged.difference(told.get(name, ()))) for name, one in diary.calls.items()),
        "events_twice": sum(len(ids) - len(set(ids)) for ids in told.values()),
        "records": len(records),
        "records_duplicate": sum(len(found) - 1 for found in records.values()),
        "records_missing": sum(one.complete and name not in records for name, one in diary.calls.items()),
        "records_wrong": sum(wrong(one, records[name][0]) for name, one in diary.calls.items() if name in records),
        "conflicts": len(diary.conflicts),
        "conflicts_taken": len(taken),
        "orders_changed": len(diary.orders_changed),
    }
    return figures | await asyncio.to_thread(_judged_tables, db, diary)


def wrong(kept: CallKept, record: Mapping[str, Any], earlier: bool = False) -> bool:
    """Whether the record says otherwise than the script, as far as the script knows.

    `earlier`: the release before wrote some of them, which counted talk until the end of the call.
    """
    if not kept.complete or kept.ended_ms is None:
        return False
    expected = {
        "opened_at": rfc3339(kept.opened_ms),
        "ended_at": rfc3339(kept.ended_ms),
        "answered_at": None if kept.answered_ms is None else rfc3339(kept.answered_ms),
        "outcome": "abandoned" if kept.answered_ms is None else "answered",
        "hold_s": seconds(kept.hold_ms),
    }
    if kept.answered_ms is None:
        talks = {0}
    else:
        ends = {kept.left_ms or kept.ended_ms, *((kept.ended_ms,) if earlier else ())}
        talks = {seconds(end_ms - kept.answered_ms) for end_ms in ends}
    if record["talk_s"] not in talks:
        return True
    lists = {"offers": kept.offers, "holds": kept.holds}
    return any(record[name] != value for name, value in expected.items()) or any(
        len(record[name]) != count for name, count in lists.items()
    )


def _judged_tables(db: str, diary: Diary) -> dict[str, Any]:
    """What only the tables show: two bodies of one id, two ids of one cause, and what was set aside."""
    engine = create_engine(db)
    of_call = (timeline.c.partition == calls.c.partition) & (timeline.c.born == calls.c.born)
    bodies = (
        select(timeline.c.event_id)
        .join(calls, of_call)
        .group_by(calls.c.tenant, calls.c.source, timeline.c.event_id)
        .having(func.count(timeline.c.body_hash.distinct()) > 1)
    )
    causes = (
        select(commands.c.call_id)
        .group_by(commands.c.call_id, commands.c.rule, commands.c.occurrence)
        .having(func.count(commands.c.id.distinct()) > 1)
    )
    with engine.connect() as connection:
        two_bodies, two_ids = len(connection.execute(bodies).all()), len(connection.execute(causes).all())
        letters = connection.execute(select(dead_letters.c.reason, dead_letters.c.body)).all()
        ordered = set(connection.execute(select(commands.c.id)).scalars())
    engine.dispose()
    marks = {json.loads(body)["data"].get("private", {}).get("conflict") for reason, body in letters}
    reasons = Counter(reason for reason, _ in letters)
    return {
        "ids_with_two_bodies": two_bodies,
        "causes_with_two_ids": two_ids + _causes_told_twice(diary),
        "conflicts_missing": len(diary.conflicts - marks),
        "dead_letters_else": sum(reasons.values()) - reasons[DeadLetter.ID_CONFLICT.value],
        "orders_unknown": len(set(diary.orders) - ordered),
    }


def _causes_told_twice(diary: Diary) -> int:
    """Commands on the streams that say the same under two ids."""
    names = ("id", "issued_at", "expires_at")
    causes = Counter(
        json.dumps({name: value for name, value in command.items() if name not in names}, sort_keys=True)
        for command in diary.orders.values()
    )
    return sum(count - 1 for count in causes.values())
