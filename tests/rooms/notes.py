"""The part `notes`. A client posts notes to lanes; whoever owns a lane reads its notes, once each, under its epoch.

It also keeps the birth of every call, in the transaction of the engine's round.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiohttp import web
from prometheus_client import Counter
from pydantic_core import from_json
from sqlalchemy import Connection, MetaData, Table, delete, select, update

from cti.errors import Fenced, LedgerAway, OutcomeUnknown
from cti.hosting import Host, Opened, Part
from cti.leases.sql import hold
from cti.ports import WallClock
from cti.rows import Round
from cti.sql.bulk import insertion
from cti.sql.columns import text, whole
from cti.sql.database import Database
from cti.sql.schema import Chain
from cti.web.codes import CODES, Code
from cti.web.limits import Limits
from cti.web.openapi import ref
from cti.web.refusal import Refusal
from cti.web.route import Answer, Asked, Route

CHANNEL, GROUP, SCOPE = "ringback_notes", "notes", "notes:write"
BODY_CHARS_MAX, PAGE = 100, 500
LOOK_MS = 500.0
KEPT_MS = 3_600_000
CODES_HERE = {"note_too_long": Code(422, "The note is too long", "A note has 100 characters at most.")}

metadata = MetaData()
notes = Table(
    "notes", metadata, text("id", key=True), text("tenant"), text("lane"), text("body"), whole("made_at_ms"),
    whole("read_epoch"), sqlite_with_rowid=False,
)  # fmt: skip
births = Table("note_births", metadata, text("call_id", key=True), sqlite_with_rowid=False)
_put = insertion(notes)
_put_births = insertion(births)


# -- the tables --------------------------------------------------------------------------------------------------------


def keep(connection: Connection, rows: Sequence[Sequence[Any]]) -> Sequence[None]:
    _put(connection, rows)
    return [None] * len(rows)


def mark_read(connection: Connection, given: Sequence[tuple[Sequence[str], int]]) -> Sequence[int]:
    """Note ids and the epoch they are read under; how many had not been read."""
    mine = [(update(notes).where(notes.c.id.in_(ids), notes.c.read_epoch == 0), epoch) for ids, epoch in given]
    return [connection.execute(change.values(read_epoch=epoch)).rowcount for change, epoch in mine]


def hold_lanes(connection: Connection, held: Sequence[Mapping[str, int]]) -> Sequence[None]:
    for one in held:
        hold(connection, GROUP, one)
    return [None] * len(held)


def keep_births(connection: Connection, round_: Round) -> None:
    _put_births(connection, [(row.call_id,) for row in round_.births])


def unread(connection: Connection) -> list[tuple[str, str]]:
    """(lane, id) of notes that nobody has read."""
    query = select(notes.c.lane, notes.c.id).where(notes.c.read_epoch == 0).order_by(notes.c.id).limit(PAGE)
    return [(row.lane, row.id) for row in connection.execute(query)]


def of_tenant(connection: Connection, tenant: str) -> list[dict[str, Any]]:
    query = select(notes).where(notes.c.tenant == tenant).order_by(notes.c.made_at_ms, notes.c.id)
    return [dict(row) for row in connection.execute(query).mappings()]


def drop(connection: Connection, before_ms: Sequence[int]) -> Sequence[int]:
    return [connection.execute(delete(notes).where(notes.c.made_at_ms < before)).rowcount for before in before_ms]


# -- in a process ------------------------------------------------------------------------------------------------------


class Notes:
    """What the handlers and the task share."""

    def __init__(self, database: Database, wall: WallClock) -> None:
        self.reader, self.writer, self._wall = database.reader, database.writer("notes"), wall
        self.made = Counter("ringback_notes", "Notes that were posted", ("tenant",), registry=None)
        self.wake = asyncio.Event()
        self._notifier = database.notifier(CHANNEL)
        database.subscribe(CHANNEL, self.wake.set)

    async def add(self, tenant: str, lane: str, body: str) -> str:
        note = uuid4().hex
        row = (note, tenant, lane, body, int(self._wall.wall_ms()), 0)
        await self.writer.transact((keep, row), (self._committed, None))
        self.made.labels(tenant).inc()
        self.wake.set()
        return note

    def _committed(self, connection: Connection, asked: Sequence[None]) -> Sequence[None]:
        if self._notifier is not None:
            self._notifier(connection)
        return asked

    async def purge(self, at_ms: int) -> int:
        return await self.writer.run(drop, at_ms - KEPT_MS)


class Reading:
    """`Task`: shares the lanes, and reads what is in ours."""

    def __init__(self, shared: Notes, host: Host) -> None:
        self._shared, self._clock = shared, host.clock
        self.ownership = host.ownership(GROUP, changed=shared.wake.set)
        self.lanes: dict[str, int] = {}  # ours, with their epochs
        self._known: set[str] = set()
        self._looked_ms = float("-inf")

    async def start(self) -> None:
        await self.ownership.start()

    async def run(self) -> None:
        while True:
            await self.step()
            await self._clock.wait(self._shared.wake, self.next_ms())

    def next_ms(self) -> float:
        return self._looked_ms + LOOK_MS

    async def step(self) -> bool:
        self._shared.wake.clear()
        try:
            if self._clock.now_ms() >= self.next_ms():
                self._looked_ms = self._clock.now_ms()
                await self.ownership.turn()
            waiting = await self._shared.reader.run(unread)
            await self._add({lane for lane, _ in waiting})
            self._hear()
            return await self._read(waiting)
        except (LedgerAway, OutcomeUnknown):
            return False  # the next look tries again

    async def _add(self, lanes: set[str]) -> None:
        if lanes - self._known:
            await self.ownership.add(sorted(lanes - self._known))
            self._known |= lanes
            await self.ownership.turn()

    def _hear(self) -> None:
        changes = self.ownership.changes()
        for lane in (*changes.lost, *changes.release):
            self.lanes.pop(lane, None)
        self.ownership.released(changes.release)
        self.lanes |= dict(changes.take)

    async def _read(self, waiting: Sequence[tuple[str, str]]) -> bool:
        read = 0
        for lane, epoch in list(self.lanes.items()):
            ids = [note for there, note in waiting if there == lane]
            if not ids:
                continue
            try:
                read += (await self._shared.writer.transact((mark_read, (ids, epoch)), (hold_lanes, {lane: epoch})))[0]
            except Fenced as fenced:
                for gone in fenced.resources:
                    self.lanes.pop(gone, None)
                self.ownership.lost(fenced.resources)
        return read > 0

    async def stop(self) -> None:
        await self.ownership.stop()


def open_notes(host: Host) -> Opened:
    assert host.database is not None
    shared = Notes(host.database, host.wall)
    return Opened(
        shared=shared, tasks=[Reading(shared, host)], purge=shared.purge, beside_round=keep_births,
        collectors=[shared.made],
    )  # fmt: skip


# -- the door ----------------------------------------------------------------------------------------------------------


async def post_note(shared: Notes, asked: Asked) -> web.Response:
    given = from_json(await asked.request.read())
    if len(given["body"]) > BODY_CHARS_MAX:
        raise Refusal("note_too_long", f"{len(given['body'])} characters", codes={**CODES, **CODES_HERE})
    note = await shared.add(asked.caller.tenant, given["lane"], given["body"])
    return web.json_response({"id": note}, status=201)


async def get_notes(shared: Notes, asked: Asked) -> web.Response:
    found = await shared.reader.run(of_tenant, asked.caller.tenant)
    return web.json_response({"notes": found})


def routes(_limits: Limits) -> Sequence[Route]:
    made = {201: Answer("It is kept.", {"application/json": ref("Note")})}
    listed = {200: Answer("All of them.", {"application/json": {"type": "object"}})}
    body = {"application/json": ref("Note")}
    route = partial(Route, path="/v1/notes", scope=SCOPE)
    return [
        route(method="POST", name="post_note", summary="A note.", handler=post_note, answers=made, body=body,
              codes=("note_too_long", "ledger_away")),
        route(method="GET", name="get_notes", summary="Notes.", handler=get_notes, answers=listed,
              codes=("ledger_away",)),
    ]  # fmt: skip


NOTE = {"type": "object", "required": ["lane", "body"], "properties": {"lane": {"type": "string"}}}
CHAIN = Chain("notes", Path(__file__).parent / "migrations", (metadata,))
PART = Part(
    name="notes",
    open=open_notes,
    runs_in="noter",
    chain=CHAIN,
    channels=(CHANNEL,),
    lease_groups=(GROUP,),
    routes=routes,
    schemas=lambda: {"Note": NOTE},
    scopes=(SCOPE,),
    codes=CODES_HERE,
    variables=("RINGBACK_NOTES",),
)
