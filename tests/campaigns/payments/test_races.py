"""A payment, a do-not-call entry, a stop, a withdrawal and a changed outage, 1 ms before, during and after whatever
happens to a contact: each cell of the table in docs/campaigns.md is played on the virtual clock, on both databases. The
judge is the switch's own log.

All cells of a column share one product: each has a campaign, an account and a number of its own.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Connection

from campaigns.dialler.actions import run_each, stop
from campaigns.dialler.import_withdrawal import withdraw_import
from campaigns.do_not_call.changing import enter
from campaigns.do_not_call.entries import entry_id, line_of
from campaigns.ledger import notice_batches, notices, turns
from campaigns.ledger.rows import AttemptRow, DoNotCallRow
from campaigns.ledger.tables import FAR
from campaigns.outages.items import Change, Outage, moment_ms
from campaigns.outages.revising import revise
from campaigns.settlements.feed import settled
from campaigns.settlements.settling import ReportedPayment
from campaigns.written_notices.batches import new_batch
from campaigns.written_notices.owing import Owed, notice_of
from tests.campaigns.dialler.made import (
    attempts_of,
    campaign,
    contact,
    contact_of,
    context_of,
    notices_of,
    put,
)
from tests.campaigns.dialler.rows import OUTAGE
from tests.campaigns.dialler.test_turns import rest
from tests.scheduler import START_MS, TENANT, Scene, scene
from tests.simulation.dialling_switch import DiallingSwitch, Received

PAGE = Path("docs/campaigns.md")
WHO = "desk (7)"
CHANGES = {"an outage that moves": "2026-03-12T20:00:00+08:00", "an outage that is cancelled": None}
COLUMNS = ("a payment", "do-not-call", "a stop", "a withdrawal", *CHANGES)
WORDS = {"3月12日16点": "old word", "3月12日20点": "new word", "已取消": "cancelled"}
ENDS_S = 14  # a call that hung up early is over, and judged
ENDS_MS = 60_000  # so is one that heard everything
LATER_S = 20 * 60  # a retry would have been made
Act = Callable[[], Awaitable[object]]


class Cell(NamedTuple):
    """`wanted`: what may come of it, with the state of the contact."""

    event: str
    when: str
    wanted: frozenset[tuple[str, str]]


def table() -> dict[str, list[Cell]]:
    """By column."""
    found = re.search(r"<!-- races.*?-->\n(.*?)<!-- end of races -->", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in found[1].strip().splitlines()]
    assert tuple(rows[0][2:]) == COLUMNS
    cells: dict[str, list[Cell]] = {column: [] for column in COLUMNS}
    for event, when, *texts in rows[2:]:
        for column, text in zip(COLUMNS, texts, strict=True):
            cells[column].append(Cell(event, when, frozenset(_alternatives(text))))
    return cells


def _alternatives(text: str) -> Iterator[tuple[str, str]]:
    """The state that stands behind several of them is that of each."""
    state = ""
    for part in reversed(text.split(" or ")):
        what, _, own = part.partition("; ")
        state = own.strip("`") or state
        yield what, state


def test_the_table_is_whole() -> None:
    events = ("an order is made", "the switch takes it", "it rings", "it is answered", "a letter is exported")
    for cells in table().values():
        assert [(one.event, one.when) for one in cells] == [
            (event, when) for event in events for when in ("1 ms before", "meanwhile", "1 ms after")
        ]


class Play:
    """One cell in the product. `second`: when its contact is put there."""

    def __init__(
        self, it: Scene, switch: DiallingSwitch, column: str, cell: Cell, no: int, delays: Mapping[str, int]
    ) -> None:
        """`delays`: from the poll that takes an order to what the switch says of its call."""
        self.delays = delays
        self.it, self.switch, self.cell, self.column = it, switch, cell, column
        self.number = f"+86138{no:08d}"
        kind = {"kind": "outage", "deadlines_given": 1} if column in CHANGES else {}
        self.of = campaign(f"c{no:015x}", fallback_by_ms=START_MS + 10 * 3_600_000, **kind)
        items = {"items": json.dumps([OUTAGE])} if column in CHANGES else {}
        self.row = contact(self.of, 1, self.number, account=f"A{no}", **items)
        self.context = context_of(it)

    # -- what comes ----------------------------------------------------------------------------------------------------

    async def act(self) -> None:
        """Acknowledged when it returns."""
        now_ms = self.context.now_ms()
        if self.column == "a payment":
            told = ReportedPayment(f"R-{self.row.account}", self.row.account, (), now_ms)
            await settled(self.context, TENANT, [told], WHO)
        elif self.column == "do-not-call":
            line = line_of(self.number, None)
            id_ = entry_id(TENANT, line, now_ms)
            await enter(self.context, DoNotCallRow(TENANT, line, id_, "asked", now_ms, None, now_ms, WHO))
        elif self.column in CHANGES:
            change = Change(Outage(OUTAGE["area"], moment_ms(OUTAGE["starts_at"])), CHANGES[self.column])
            await revise(self.context, TENANT, self.of.id, change, WHO)
        elif self.column == "a withdrawal":
            await withdraw_import(self.context, TENANT, self.of.id, 1, WHO)
        else:
            await stop(self.context, TENANT, self.of.id, "finish", WHO)

    async def to(self, at_ms: float) -> None:
        await self.switch.to((at_ms - START_MS) / 1000)

    async def play(self) -> None:
        if self.cell.event == "a letter is exported":
            await self._exported()
            return
        begin_ms = round(self.it.clock.now_ms())
        due = self.row._replace(next_at_ms=begin_ms + 400)
        await put(self.it, self.of, [due])
        if self.cell.event == "an order is made":
            await self._made(begin_ms + 400)
        elif self.cell.event == "the switch takes it":
            await self._taken(begin_ms + 1_000)
        else:
            await self.to(begin_ms + 1_000)
            await self._seen(begin_ms + 1_000 + self.delays[self.cell.event])
        await self.to(begin_ms + ENDS_S * 1_000)

    async def _around(self, at_ms: int) -> None:
        await self.to(at_ms - 1 if self.cell.when == "1 ms before" else at_ms + 1)
        await self.act()

    async def _made(self, at_ms: int) -> None:
        if self.cell.when != "meanwhile":
            await self._around(at_ms)
            return
        inner, acted = self.context.writer.transact, list[int]()

        async def transact(*steps: Any, **more: Any) -> Any:
            """After the turn has read and decided, before it writes."""
            if steps[0][0] is turns.write and steps[0][1][0].dialling and not acted:
                acted.append(1)
                await self.act()
            return await inner(*steps, **more)

        self.context.writer.transact = transact
        try:
            await self.to(at_ms + 1)
        finally:
            self.context.writer.transact = inner
        assert acted, "a turn was about to make the order"

    async def _taken(self, poll_ms: int) -> None:
        if self.cell.when != "meanwhile":
            await self._around(poll_ms)
            return
        await self.to(poll_ms - 1)
        await asyncio.gather(self.to(poll_ms), self.act())

    async def _seen(self, at_ms: int) -> None:
        """What the switch says of the call at this instant."""
        if self.cell.when != "meanwhile":
            await self._around(at_ms)
            return
        await self.to(at_ms - 1)
        await self.it.to((at_ms - START_MS) / 1000)  # it happens now; nobody has heard of it
        await self.act()

    # -- letters -------------------------------------------------------------------------------------------------------

    async def _exported(self) -> None:
        self.of = self.of._replace(state="paused", paused_why="campaign_paused")
        row = self.row._replace(state="fallback", next_at_ms=FAR, deadline_at_ms=FAR)
        open_ = contact(self.of, 2, f"{self.number[:-1]}9", next_at_ms=FAR, deadline_at_ms=FAR)
        await put(self.it, self.of, [row, open_])
        made = notice_of(Owed(self.of, row, []), self.context.now_ms())
        await self.context.write(run_each, lambda connection: notices.put(connection, [made]))
        steps: dict[str, list[Act]] = {"1 ms before": [self.act, self._export], "1 ms after": [self._export, self.act]}
        if self.cell.when == "meanwhile":
            await asyncio.gather(self.act(), self._export())
            return
        for step in steps[self.cell.when]:
            await step()
            await self.to(self.it.clock.now_ms() + 1)

    async def _export(self) -> None:
        batch = new_batch(f"b{self.of.id[1:]}", TENANT, self.of.id, self.context.now_ms(), WHO)

        def take(connection: Connection) -> None:
            notice_batches.take(connection, batch)

        await self.context.write(run_each, take)

    # -- what came of it -----------------------------------------------------------------------------------------------

    async def came_of_it(self) -> tuple[str, str]:
        """(what, state of the contact)."""
        state = (await contact_of(self.it, self.row.id)).state
        if self.cell.event == "a letter is exported":
            (letter,) = await notices_of(self.it, self.of.id)
            return "to recall" if letter.to_recall_ms is not None else letter.state, state
        received = [one for one in self.switch.received if one.number == self.number]
        tried = await attempts_of(self.it, self.row.id)
        if self.column in CHANGES:
            return await self._words(received, tried), state
        assert len(received) <= 1, "nobody is called twice"
        assert len(received) == sum(one.sent_at_ms is not None for one in tried)
        if received:
            (attempt,) = tried
            assert (attempt.disposition, attempt.step) == ("answeredIncomplete", "over")
            assert attempt.rang_at_ms == received[0].at_ms + self.delays["it rings"]
            return "called", state
        if not tried:
            return "not dialled", state
        (attempt,) = tried
        return attempt.decision, state

    async def _words(self, received: Sequence[Received], tried: Sequence[AttemptRow]) -> str:
        """What the orders that came in say, in turn."""
        assert len(received) == sum(one.sent_at_ms is not None for one in tried)
        said = ["withdrawn" for one in tried[:1] if one.decision == "withdrawn"]
        for one in received:
            order = await self.context.dial.order(TENANT, one.id)
            (word,) = (word for text, word in WORDS.items() if text in order.order.body)
            said.append(word)
        return ", then ".join(said) or "not dialled"


async def measured(it: Scene, switch: DiallingSwitch) -> dict[str, int]:
    """How long after it has come in an order rings, and is answered: of a call of which nobody says anything."""
    no, begin_ms = len(table()["a stop"]), round(it.clock.now_ms())
    of = campaign(f"c{no:015x}")
    row = contact(of, 1, f"+86138{no:08d}", account=f"A{no}")
    await put(it, of, [row])
    await switch.to((begin_ms + ENDS_S * 1_000 - START_MS) / 1000)
    (attempt,) = await attempts_of(it, row.id)
    (came,) = switch.received
    assert attempt.rang_at_ms is not None
    assert attempt.answered_at_ms is not None
    return {"it rings": attempt.rang_at_ms - came.at_ms, "it is answered": attempt.answered_at_ms - came.at_ms}


@pytest.mark.parametrize("column", COLUMNS)
async def test_who_comes_second(url: str, column: str) -> None:
    async with scene(url, threads=False) as it:
        cells = table()[column]
        words = ["reached"] if column in CHANGES else ["hangUpEarly", "reached"]
        numbers = {f"+86138{no:08d}": words for no in range(len(cells))}
        numbers[f"+86138{len(cells):08d}"] = ["hangUpEarly", "reached"]
        switch = await DiallingSwitch.declared(it, numbers)
        await switch.to(5)
        delays = await measured(it, switch)
        plays = [Play(it, switch, column, cell, no, delays) for no, cell in enumerate(cells)]
        for one in plays:
            await one.play()
        received = list(switch.received)
        await rest(it, switch, it.now_s + LATER_S)
        later = [one.number for one in switch.received[len(received) :]]
        if column in CHANGES:
            await switch.to(it.now_s + ENDS_MS / 1_000)  # who is told again hears it to the end
        else:
            assert later == [f"+86138{len(cells):08d}"], "of whom nobody says anything, and nobody else"
        for one in plays:
            found = await one.came_of_it()
            assert found in one.cell.wanted, (one.cell.event, one.cell.when, *found)
