"""Persons are erased, one after the other, and after a crash again: each step finds what is left.

1. Contacts of the person leave the campaigns: orders that were not sent are withdrawn, who waits is cancelled. Who has
   a call under way is left until it has ended.
2. His contacts, attempts, letters, payments, rejected rows and kept answers are blanked; entries of the do-not-call
   list hold by their hash.
3. His numbers go from what the call side keeps: the log, timelines, records, commands, orders, dead letters, outbox.
"""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection

from campaigns.context import Context
from campaigns.core.contact import Step
from campaigns.core.reasons import FINAL_STATES, State, Why
from campaigns.dialler import withdrawal
from campaigns.dialler.actions import Done, run_each, write
from campaigns.dialler.orders import split_number
from campaigns.erasing.person import Person, cells_of, cleaner, marks, tails
from campaigns.ledger import attempts, audit, erasing, outbound, withdrawing
from campaigns.ledger.rows import AttemptRow, ContactRow, ErasureRow
from campaigns.sole_owner import SoleTask
from cti.errors import LedgerAway, OutcomeUnknown
from cti.hosting import Host
from cti.sql.scrubbing import MarkedColumns, scrub

ERASURES = "campaign_erasures"  # the lease group, with one resource
RESOURCE = "erasures"
LOOK_MS = 15_000.0
AGAIN_MS = 60_000  # where a call is under way, or a file is being read
AT_ONCE = 8
ROWS = 200  # of a table in one transaction
ROWS_READ = 2_000  # rejected rows

log = structlog.get_logger()


class Erasing(SoleTask):
    """Goes on with erasures until they are done."""

    def __init__(self, context: Context, host: Host) -> None:
        super().__init__(context, host, ERASURES, RESOURCE, LOOK_MS)

    async def _work(self, now_ms: float, *, lost: bool) -> bool:
        del now_ms, lost
        return self.ours and await self._erase_all()

    def _wait(self, error: Exception, now_ms: float) -> None:
        del now_ms
        log.warning("erasures wait", action="erasures_wait", why=str(error))

    async def _erase_all(self) -> bool:
        found = await self._context.reader.run(erasing.under_way, self._context.now_ms(), AT_ONCE)
        for row in found:
            await self._erase(row)
        return bool(found)

    async def _erase(self, row: ErasureRow) -> None:
        try:
            await erase(self._context, row)
        except (LedgerAway, OutcomeUnknown):
            raise
        except Exception:  # the last resort: a defect in our code must not stop the erasures of everybody
            log.exception("an erasure is tried again later", action="erasure_broken", erasure=row.id)
            await _put_off(self._context, row.id, row.tenant)


async def erase(context: Context, row: ErasureRow) -> ErasureRow:
    """One more pass; the row as it became. Raises LedgerAway, OutcomeUnknown."""
    assert row.subject is not None, "it is under way"
    subject = json.loads(row.subject)
    person = Person(
        subject["account"], frozenset(subject["numbers"]), frozenset(subject.get("given", subject["numbers"]))
    )
    now_ms = context.now_ms()
    if await context.reader.run(erasing.imports_under_way, row.tenant):
        return await _wait(context, row, person, row.left_over, now_ms)
    row, person = await _leave(context, row, person, now_ms)
    if row.left_over:
        return await _wait(context, row, person, row.left_over, now_ms)
    counts = erasing.added(json.loads(row.counts), {"campaign_import_rejected": await _rejected(context, row, person)})
    for columns in context.personal:
        gone = await _scrub(context, row.tenant, columns, person)
        counts = erasing.added(counts, {columns.table.name: gone})
    return await _end(context, row._replace(counts=json.dumps(counts)), now_ms)


async def _wait(context: Context, row: ErasureRow, person: Person, left: int, now_ms: int) -> ErasureRow:
    later = row._replace(subject=subject_of(person), left_over=left, next_at_ms=now_ms + AGAIN_MS)
    await context.writer.run(run_each, lambda connection: erasing.replace(connection, later))
    return later


async def _end(context: Context, row: ErasureRow, now_ms: int) -> ErasureRow:
    ended = row._replace(subject=None, left_over=0, ended_at_ms=now_ms)

    def act(connection: Connection) -> None:
        erasing.replace(connection, ended)
        details = {"rows": json.loads(ended.counts), "digest": ended.digest}
        audit.note(connection, row.tenant, now_ms, row.who, "person_erased", row.id, details)

    await context.writer.run(run_each, act)
    log.info("a person was erased", action="person_erased", erasure=row.id, tenant=row.tenant)
    return ended


# -- what campaigns keep -----------------------------------------------------------------------------------------------


async def _put_off(context: Context, id_: str, tenant: str) -> None:
    """As it stands now, with what was blanked so far."""
    again_ms = context.now_ms() + AGAIN_MS

    def act(connection: Connection) -> None:
        row = erasing.read(connection, tenant, id_)
        if row is not None:
            erasing.replace(connection, row._replace(next_at_ms=again_ms))

    await context.writer.run(run_each, act)


def subject_of(person: Person) -> str:
    """As it is kept until the person is erased."""
    return json.dumps({"account": person.account, "numbers": sorted(person.numbers), "given": sorted(person.given)})


async def _leave(context: Context, row: ErasureRow, person: Person, now_ms: int) -> tuple[ErasureRow, Person]:
    """With the numbers that his contacts had, what was blanked, and how many contacts are left."""

    def act(connection: Connection) -> Done[tuple[ErasureRow, Person]]:
        tenant = row.tenant
        outbound.lock(connection, tenant)  # no turn is under way
        found = erasing.contacts_of(connection, tenant, person.account, person.given)
        numbers = person.numbers | numbers_of(withdrawing.hold(connection, found))
        whole = person._replace(numbers=numbers)
        ids = sorted({*found, *erasing.callbacks_of(connection, tenant, numbers)})
        held = withdrawing.hold(connection, ids)
        took = withdrawal.take_out(connection, context.dial, context.rules, held, tenant, Why.PERSON_ERASED, now_ms)
        tried = attempts.of_contacts(connection, ids)
        rows = [contact for contact in withdrawing.hold(connection, ids) if _is_over(contact, tried[contact.id])]
        left = len(ids) - len(rows)
        commands = _commands({contact.id: tried[contact.id] for contact in rows})
        counts = erasing.blank(connection, tenant, rows, now_ms)
        counts["dial_orders"] = context.dial.forget(connection, tenant, commands)
        if not left:
            counts = erasing.added(counts, _blank_others(connection, context, tenant, whole))
        counts = erasing.added(json.loads(row.counts), counts)
        after = row._replace(subject=subject_of(whole), counts=json.dumps(counts), left_over=left)
        erasing.replace(connection, after)  # with what was blanked: his numbers stand nowhere else any more
        return Done((after, whole), took)

    return await write(context, act)


def _blank_others(connection: Connection, context: Context, tenant: str, person: Person) -> erasing.Counts:
    texts = set(marks(person.numbers))
    if person.account is not None:
        texts.add(json.dumps(person.account, ensure_ascii=False))
    counts = erasing.forget_lines(connection, tenant, person.account, person.numbers)
    if person.account is not None:
        counts |= erasing.blank_account(connection, tenant, person.account)
        if context.dead_letters is not None:
            counts["dead_letters"] = context.dead_letters.forget(connection, tenant, [person.account])
    if texts:
        counts["campaign_idempotency"] = erasing.blank_answers(connection, tenant, texts)
    return counts


async def _rejected(context: Context, row: ErasureRow, person: Person) -> int:
    """Rejected rows are looked at in pages, beside the writer: there may be millions, in whatever spelling."""
    is_his, gone = cells_of(person), 0
    after: erasing.RejectedKey | None = None
    while page := await context.reader.run(erasing.rejected_after, row.tenant, after, ROWS_READ):
        after = page[-1][0]
        if keys := [key for key, line in page if is_his(line)]:
            gone += await context.writer.run(run_each, partial(_blank, keys))
    return gone


def _blank(keys: Sequence[erasing.RejectedKey], connection: Connection) -> int:
    return erasing.blank_rejected(connection, keys)


def _is_over(row: ContactRow, tried: Sequence[AttemptRow]) -> bool:
    """Nothing of it is under way, as far as anybody will ever know."""
    live = any(attempt.step in {Step.OPEN, Step.HELD} and not attempt.counted for attempt in tried)
    return State(row.state) in FINAL_STATES and not live


def numbers_of(rows: Sequence[ContactRow]) -> frozenset[str]:
    """All that stand in his contacts."""
    return frozenset(split_number(number)[0] for row in rows for number, _ in json.loads(row.phones))


def _commands(tried: dict[str, list[AttemptRow]]) -> list[str]:
    return [attempt.command for some in tried.values() for attempt in some if attempt.command is not None]


# -- what the call side keeps ------------------------------------------------------------------------------------------


async def _scrub(context: Context, tenant: str, columns: MarkedColumns, person: Person) -> int:
    sought, clean = tails(person.numbers), cleaner(person.numbers)
    gone, after = 0, None
    while sought:

        def act(connection: Connection, after: Sequence[Any] | None = after) -> tuple[int, Sequence[Any] | None]:
            return scrub(connection, columns, tenant, sought, clean, after, ROWS)

        some, after = await context.writer.run(run_each, act)
        gone += some
        if after is None:
            break
    return gone
