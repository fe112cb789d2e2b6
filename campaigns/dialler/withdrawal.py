"""Orders that leave no more: they are withdrawn, and their contacts wait as if nobody had decided to call them.

In a transaction of the caller's, who holds the row of the campaign or of the tenant: no turn is under way.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from campaigns.core.after import NeverDialled
from campaigns.core.operator_rules import OperatorRules
from campaigns.core.reasons import Why
from campaigns.dialler.case import Case
from campaigns.ledger import attempts, contacts, people, withdrawing
from campaigns.ledger.compiled import campaign_of, class_row
from campaigns.ledger.people import PersonDay
from campaigns.ledger.rows import ContactRow
from campaigns.ledger.tables import OPEN_STATES
from campaigns.ledger.withdrawing import OpenOrder
from cti.dial.ports import DialOrders

WITHDRAWN = "withdrawn"


class Withdrawn(NamedTuple):
    """Orders that were withdrawn, to be counted after the commit: (kind, channel) of each."""

    orders: tuple[tuple[str, str], ...] = ()


def withdraw(
    connection: Connection, dial: DialOrders, rules: OperatorRules, orders: Sequence[OpenOrder], tenant: str, why: Why,
    now_ms: int,
) -> Withdrawn:  # fmt: skip
    """Withdraw what was not sent of these. What a claim was quicker with goes on."""
    mine = taken_back(connection, dial, orders, tenant)
    cases = _cases(connection, rules, withdrawing.hold(connection, mine))
    for case in cases:
        give_back(case, mine[case.row.id], why, now_ms)
    write(connection, tenant, cases, now_ms)
    return withdrawn_of(cases, mine)


def take_out(
    connection: Connection, dial: DialOrders, rules: OperatorRules, held: Sequence[ContactRow], tenant: str, why: Why,
    now_ms: int,
) -> Withdrawn:  # fmt: skip
    """Contacts that are locked leave their campaigns: who waits is cancelled; who has a call under way is marked, and
    nothing follows it (`Case.withdrawn`).
    """
    rows = [row for row in held if row.state in OPEN_STATES]
    gone = taken_back(connection, dial, withdrawing.orders_of(connection, [row.id for row in rows]), tenant)
    cases = _cases(connection, rules, rows)
    for case in cases:
        case.row = case.row._replace(why=why.value)
        give_back(case, gone.get(case.row.id, ()), why, now_ms)
        case.close_withdrawn()
    write(connection, tenant, cases, now_ms)
    return withdrawn_of(cases, gone)


def _cases(connection: Connection, rules: OperatorRules, rows: Sequence[ContactRow]) -> list[Case]:
    of = withdrawing.campaigns_of(connection, {row.campaign for row in rows})
    core = {id_: campaign_of(row, rules) for id_, row in of.items()}
    tried = attempts.of_contacts(connection, [row.id for row in rows])
    return [Case(of[row.campaign], core[row.campaign], row, tried[row.id]) for row in rows]


def taken_back(
    connection: Connection, dial: DialOrders, orders: Sequence[OpenOrder], tenant: str
) -> dict[str, list[int]]:
    """Withdraw what was not sent of these: the attempts by contact. What a claim was quicker with goes on."""
    gone = dial.withdraw(connection, tenant, {order.command for order in orders})
    mine: dict[str, list[int]] = {}
    for order in orders:
        if order.command in gone:
            mine.setdefault(order.contact, []).append(order.n)
    return mine


def withdrawn_of(cases: Sequence[Case], gone: Mapping[str, Sequence[int]]) -> Withdrawn:
    """`gone`: attempts of each contact whose order was withdrawn."""
    orders = ((case.of.kind, case.attempts[n].channel) for case in cases for n in gone.get(case.row.id, ()))
    return Withdrawn(tuple(orders))


def give_back(case: Case, numbers: Sequence[int], why: Why, now_ms: int) -> None:
    """These attempts of a contact are none; it is due now, or as soon as it may be called again."""
    for n in numbers:
        case.note(n, {"decision": WITHDRAWN, "why": why.value})
        case.apply(NeverDialled(n, now_ms))
    case.next_at_ms, case.waits_for = now_ms, None


def write(connection: Connection, tenant: str, cases: Sequence[Case], now_ms: int) -> None:
    """Write what has become of contacts that are locked. Raises Stale where one was not."""
    freed = people.leave(connection, tenant, {free for case in cases for free in case.freed()})
    days = Counter[PersonDay]()
    for case in cases:
        for day, by in case.day_changes():
            days[day] += by
    people.change(connection, tenant, days)
    rows = [case.contact_row(now_ms) for case in cases]
    contacts.put_classes(connection, {class_row(row) for row in rows})
    contacts.replace(connection, rows)
    changed = [row for case in cases for row in case.changed_attempts()]
    new = {(row.contact, row.n) for case in cases for row in case.changed_attempts() if row.n not in case.read}
    attempts.put(connection, [row for row in changed if (row.contact, row.n) in new])
    attempts.replace(connection, [row for row in changed if (row.contact, row.n) not in new])
    if freed:
        contacts.wake(connection, tenant, freed, now_ms)
