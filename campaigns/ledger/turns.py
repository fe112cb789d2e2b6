"""A turn of the dialler: what it reads of a lane, and its one transaction.

Rows are locked in this order: campaigns, the tenant's outbound row, contacts by id, live numbers, days of persons. So
an action that raises a campaign's or a contact's version (stop, freeze, a person's word) either sees what the turn has
written, or undoes it. The fence goes last.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

import psycopg
from sqlalchemy import BindParameter, Connection, bindparam, select
from sqlalchemy.exc import DBAPIError

from campaigns.errors import Stale
from campaigns.kinds import known_kinds
from campaigns.ledger import attempts, contacts, do_not_call, people, revisions
from campaigns.ledger.campaigns import add_history
from campaigns.ledger.lanes import Lane
from campaigns.ledger.people import LiveNumber, PersonDay
from campaigns.ledger.rows import (
    AttemptRow,
    CampaignRow,
    ContactRow,
    HoursClassRow,
    OutboundRow,
    RefusalRow,
)
from campaigns.ledger.tables import NOT_ENDED, campaigns, history, hours_classes, outbound
from cti.dial.ports import DialOrders
from cti.dial.rows import DialFact, DialOrderRow, OrderState
from cti.leases.sql import hold
from cti.sql.bulk import insertion, slices
from cti.sql.point import Prepared, all_of, rows_of
from cti.sql.trouble import LOCKED, word_of

WAITING, WHO = "waiting", "dialler"  # in a campaign's history: what, and by whom
LOCK_MS = 50  # a turn that cannot have its rows at once is undone, and read anew
_put_outbound = insertion(outbound, tail="ON CONFLICT (tenant) DO NOTHING")


_UNDER_WAY = all_of(campaigns, "WHERE tenant = ? AND switch = ? AND trunk_group = ? AND", NOT_ENDED)
_OUTBOUND = all_of(outbound, "WHERE tenant = ?")
_IMPORTS = "SELECT no, state FROM campaign_imports WHERE campaign = ?"
_CLASSES = all_of(hours_classes, "WHERE campaign = ?")


# -- what a turn reads -------------------------------------------------------------------------------------------------


class LaneRead(NamedTuple):
    """`classes`: the hours classes of each campaign whose import is done. `importing`: campaigns with one that runs;
    `withdrawing`: with imports that are being withdrawn, their numbers. `revising`: with an outage that is being
    changed, its number: nobody of them is dialled, so they have no classes.
    """

    campaigns: list[CampaignRow]
    outbound: OutboundRow | None
    classes: Mapping[str, list[HoursClassRow]]
    importing: frozenset[str]
    withdrawing: Mapping[str, list[int]]
    revising: Mapping[str, int]


def read_lane(connection: Connection, lane: Lane, others: Collection[str] = ()) -> LaneRead:
    """The campaigns of a lane that are under way, and these others."""
    of = (lane.tenant, lane.switch, lane.trunk_group)
    rows = [CampaignRow._make(row) for row in rows_of(connection, _UNDER_WAY, *of)]
    missing = sorted(set(others) - {row.id for row in rows})
    for some in slices(missing):
        here = (campaigns.c[name] == value for name, value in zip(Lane._fields, of, strict=True))
        found = connection.execute(select(campaigns).where(*here, campaigns.c.id.in_(some)))
        rows += [CampaignRow._make(row) for row in found]
    frozen = [OutboundRow._make(row) for row in rows_of(connection, _OUTBOUND, lane.tenant)]
    return LaneRead(rows, frozen[0] if frozen else None, *_classes(connection, rows))


def _classes(
    connection: Connection, rows: Sequence[CampaignRow]
) -> tuple[dict[str, list[HoursClassRow]], frozenset[str], dict[str, list[int]], dict[str, int]]:
    classes: dict[str, list[HoursClassRow]] = {}
    importing: set[str] = set()
    withdrawing: dict[str, list[int]] = {}
    revising: dict[str, int] = {}
    for campaign in (row.id for row in rows):
        states = dict(rows_of(connection, _IMPORTS, campaign))
        of_it = (HoursClassRow._make(row) for row in rows_of(connection, _CLASSES, campaign))
        classes[campaign] = [hours_class for hours_class in of_it if states.get(hours_class.import_no) == "done"]
        if not {"receiving", "running"}.isdisjoint(states.values()):
            importing.add(campaign)
        if gone := sorted(no for no, state in states.items() if state == "withdrawing"):
            withdrawing[campaign] = gone
    for row in rows:
        if known_kinds()[row.kind].marks and (no := revisions.in_pieces(connection, row.id)) is not None:
            revising[row.id], classes[row.id] = no, []
    return classes, frozenset(importing), withdrawing, revising


class Wanted(NamedTuple):
    """What a turn looks for in a campaign."""

    tenant: str
    campaign: str
    classes: Collection[str]  # that are open
    most: int  # due contacts
    closing: bool  # any contact that is not final
    sweeping: bool  # those that wait for a number which is free, too


class Found(NamedTuple):
    """`due`: in the order in which they became due, by campaign. `next_ms`: when there is something to look at."""

    contacts: Mapping[str, ContactRow]
    attempts: Mapping[str, list[AttemptRow]]
    due: Mapping[str, list[str]]
    past: list[str]  # a deadline acts on them, or their campaign stops
    in_vain: list[str]  # they wait for a number that is free
    next_ms: int | None


def find(connection: Connection, ids: Collection[str], wanted: Sequence[Wanted], now_ms: int, most_past: int) -> Found:
    """Contacts of these ids, and those that a turn is to look at."""
    rows = {row.id: row for row in contacts.read(connection, ids)}
    due: dict[str, list[str]] = {}
    past: list[str] = []
    in_vain: list[str] = []
    instants: list[int] = []
    for asked in wanted:
        found = contacts.due(connection, asked.campaign, asked.classes, now_ms, asked.most)
        late = contacts.with_deadline(connection, asked.campaign, now_ms, most_past)
        late += contacts.not_final(connection, asked.campaign, most_past) if asked.closing else []
        vain = contacts.waiting_in_vain(connection, asked.tenant, asked.campaign, most_past) if asked.sweeping else []
        due[asked.campaign] = [row.id for row in found.rows]
        past += [row.id for row in late]
        in_vain += [row.id for row in vain]
        rows |= {row.id: row for row in (*found.rows, *late, *vain)}
        instants += [] if found.next_at_ms is None else [found.next_at_ms]
        deadline_ms = contacts.next_deadline_ms(connection, asked.campaign)
        instants += [] if deadline_ms is None else [deadline_ms]
    return Found(rows, attempts.of_contacts(connection, rows), due, past, in_vain, min(instants, default=None))


class Known(NamedTuple):
    """What all campaigns together know of persons."""

    busy: set[str]
    calls: dict[PersonDay, int]
    barred: dict[str, str]


def known(
    connection: Connection, tenant: str, lines: Collection[str], days: Collection[PersonDay], now_ms: int, until_ms: int
) -> Known:
    """`until_ms`: when an order that is made now will be over."""
    return Known(
        people.busy(connection, tenant, lines),
        people.calls(connection, tenant, days),
        do_not_call.holding(connection, tenant, lines, now_ms, until_ms),
    )


# -- its transaction ---------------------------------------------------------------------------------------------------


class Dialling(NamedTuple):
    """A contact that is dialled, or sent a message. `busy`, `refusal`: what is written where another has the number."""

    contact: ContactRow
    attempt: AttemptRow
    order: DialOrderRow
    lines: tuple[str, ...]  # `people.line_keys`; none: a message, which needs no line
    days: tuple[PersonDay, ...]  # of the person; none where it does not count
    capped: bool
    busy: ContactRow
    refusal: RefusalRow | None


Then = Callable[[Connection], object]
"""Statements of another family's that belong to the turn."""


@dataclass
class Writes:
    """All that a turn writes. `contacts`: as they become, with the version that was read. `held`: they stay as they
    were read, but their attempts do not.
    """

    lane: Lane
    group: str
    epoch: int
    outbound: OutboundRow
    campaigns: dict[str, int]  # with the version that was read
    dialling: list[Dialling] = field(default_factory=list)
    contacts: list[ContactRow] = field(default_factory=list)
    held: list[ContactRow] = field(default_factory=list)
    new_attempts: list[AttemptRow] = field(default_factory=list)
    attempts: list[AttemptRow] = field(default_factory=list)
    refusals: list[RefusalRow] = field(default_factory=list)
    classes: set[HoursClassRow] = field(default_factory=set)
    freed: set[tuple[str, str]] = field(default_factory=set)  # (number, order)
    days: dict[PersonDay, int] = field(default_factory=dict)
    questions: list[DialOrderRow] = field(default_factory=list)
    settled: list[OrderState] = field(default_factory=list)
    acknowledged: list[DialFact] = field(default_factory=list)
    then: list[Then] = field(default_factory=list)
    now_ms: int = 0  # when the turn looked at its clock: others may have written since
    until_ms: int = 0  # when its orders will be over

    def __bool__(self) -> bool:
        return bool(
            self.dialling or self.contacts or self.attempts or self.refusals or self.questions or self.settled
            or self.acknowledged or self.then or self.freed
        )  # fmt: skip


class Written(NamedTuple):
    """`dialled`: the orders that were made. `woken`: contacts that waited for a number."""

    dialled: frozenset[str]
    woken: int


def put_outbound(connection: Connection, tenants: Sequence[str]) -> Sequence[None]:
    """The row that a freeze and a turn both lock, where it is missing."""
    _put_outbound(connection, [(tenant, 0, None, None, None, 0, None) for tenant in sorted(set(tenants))])
    return [None] * len(tenants)


def write(connection: Connection, asked: Sequence[tuple[Writes, DialOrders]]) -> Sequence[Written]:
    """Raises Stale, Fenced, NoDialStream, DialNotAllowed: nothing stays."""
    try:
        return [_write(connection, writes, dial) for writes, dial in asked]
    except (DBAPIError, psycopg.Error) as fault:
        if connection.dialect.name != "sqlite" and word_of(fault) == LOCKED:
            raise Stale("another transaction has the rows") from fault
        raise


def _write(connection: Connection, writes: Writes, dial: DialOrders) -> Written:
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_MS}")
    _hold_campaigns(connection, writes.campaigns)
    _hold_outbound(connection, writes.outbound)
    contacts.lock(connection, [*writes.contacts, *writes.held, *(dialling.contact for dialling in writes.dialling)])
    freed = people.leave(connection, writes.lane.tenant, writes.freed)
    dialled = _with_number(connection, writes)
    _count_days(connection, writes, dialled)
    _write_contacts(connection, writes, dialled)
    woken = contacts.wake(connection, writes.lane.tenant, freed, writes.now_ms) if freed else 0
    for then in writes.then:
        then(connection)
    _write_orders(connection, writes, dialled, dial)
    hold(connection, writes.group, {writes.lane.id: writes.epoch})
    if connection.dialect.name != "sqlite":  # others may write in the same transaction
        connection.exec_driver_sql("SET LOCAL lock_timeout TO DEFAULT")
    return Written(frozenset(dialling.order.id for dialling in dialled), woken)


@cache
def _versions(count: int) -> Prepared:
    ids: list[BindParameter[str]] = [bindparam(f"id_{n}") for n in range(count)]
    query = select(campaigns.c.id, campaigns.c.version).where(campaigns.c.id.in_(ids)).order_by(campaigns.c.id)
    return Prepared(query.with_for_update(read=True))


def _hold_campaigns(connection: Connection, read: Mapping[str, int]) -> None:
    """Lock them in the order of their ids. Raises Stale where one has changed."""
    for some in slices(sorted(read)):
        found = dict(_versions(len(some)).rows(connection, **{f"id_{n}": campaign for n, campaign in enumerate(some)}))
        if any(found.get(campaign) != read[campaign] for campaign in some):
            raise Stale("campaigns")


def note_waiting(connection: Connection, given: tuple[str, int, str, str, int]) -> None:
    """(campaign, at_ms, why, rule, until_ms): all its hours are closed. The campaign's row is locked.

    What its last line says already is not said again.
    """
    campaign, at_ms, why, rule, until_ms = given
    query = select(history.c.what, history.c.until_ms).where(history.c.campaign == campaign)
    last = connection.execute(query.order_by(history.c.no.desc()).limit(1)).first()
    if last is None or tuple(last) != (WAITING, until_ms):
        add_history(connection, campaign, at_ms, WAITING, WHO, why=why, rule=rule or None, until_ms=until_ms)


_version = Prepared(
    select(outbound.c.version).where(outbound.c.tenant == bindparam("tenant")).with_for_update(read=True)
)


def _hold_outbound(connection: Connection, read: OutboundRow) -> None:
    if _version.rows(connection, tenant=read.tenant) != [(read.version,)]:
        raise Stale("the tenant's outbound row")


def _with_number(connection: Connection, writes: Writes) -> list[Dialling]:
    """Take the numbers, before the attempts; those that are dialled.

    Who was called last may have asked not to be: that was written before the number became free. Raises Stale.
    """
    tenant = writes.lane.tenant
    wanted = [
        LiveNumber(tenant, line, dialling.contact.id, dialling.order.id, dialling.order.made_at_ms)
        for dialling in writes.dialling
        for line in dialling.lines
    ]
    taken = people.take(connection, wanted)
    lines = {live.number for live in wanted}
    if do_not_call.holding(connection, tenant, lines, writes.now_ms, writes.until_ms):
        raise Stale("somebody is not called any more")
    dialled = [dialling for dialling in writes.dialling if taken.issuperset(dialling.lines)]
    made = {dialling.order.id for dialling in dialled}
    half = {(live.number, live.command) for live in wanted if live.number in taken and live.command not in made}
    people.leave(connection, tenant, half)
    return dialled


def _count_days(connection: Connection, writes: Writes, dialled: Sequence[Dialling]) -> None:
    people.change(connection, writes.lane.tenant, writes.days)
    capped: dict[PersonDay, int] = {}
    others: dict[PersonDay, int] = {}
    for dialling in dialled:
        counts = capped if dialling.capped else others
        for day in dialling.days:
            counts[day] = counts.get(day, 0) + 1
    # Those that the cap allows come first, as a turn has decided on them: a call that it does not hold for goes anyway.
    if not people.reserve(connection, writes.lane.tenant, capped):
        raise Stale("a person's calls of a day")
    people.change(connection, writes.lane.tenant, others)


def _write_contacts(connection: Connection, writes: Writes, dialled: Sequence[Dialling]) -> None:
    made = {dialling.order.id for dialling in dialled}
    busy = [dialling for dialling in writes.dialling if dialling.order.id not in made]
    contacts.put_classes(connection, writes.classes)
    rows = [*writes.contacts, *(dialling.contact for dialling in dialled), *(dialling.busy for dialling in busy)]
    contacts.replace(connection, rows)
    attempts.put(connection, [*writes.new_attempts, *(dialling.attempt for dialling in dialled)])
    attempts.replace(connection, writes.attempts)
    refused = [dialling.refusal for dialling in busy if dialling.refusal is not None]
    attempts.put_refusals(connection, [*writes.refusals, *refused])


def _write_orders(connection: Connection, writes: Writes, dialled: Sequence[Dialling], dial: DialOrders) -> None:
    made = [*writes.questions, *(dialling.order for dialling in dialled)]
    if made and dial.put(connection, made) != {order.id for order in made}:
        raise Stale("orders are there already")
    if dial.settle(connection, writes.settled) != {order.order.id for order in writes.settled}:
        raise Stale("orders have changed")
    dial.acknowledge(connection, writes.acknowledged)
