"""Reported payments: each is settled once, by its reference. The same again changes nothing and gets the same answer;
another payment of the same reference is refused.
"""

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection

from campaigns.context import Context
from campaigns.dialler.withdrawal import Withdrawn
from campaigns.ledger import outbound, settlements
from campaigns.ledger.rows import SettlementRow
from campaigns.settlements.closing import Acted, Recalled, close_contacts, recall_notices
from campaigns.settlements.items import KINDS_MEANT


class ReportedPayment(NamedTuple):
    """A payment. `items`: canonical marks (`campaigns.settlements.items`), sorted; none: all that was owed."""

    reference: str
    account: str
    items: tuple[str, ...]
    settled_at_ms: int


class SettlementOutcome(StrEnum):
    """What became of one."""

    NEW = "new"
    REPEATED = "repeated"
    OTHER = "other"  # the reference is another payment's


class Kept(NamedTuple):
    """`row`: of that reference."""

    how: SettlementOutcome
    row: SettlementRow


class Settled(NamedTuple):
    """Each, in the order of the report."""

    each: Sequence[Kept]
    took: Withdrawn


def settle(
    connection: Connection, context: Context, tenant: str, payments: Sequence[ReportedPayment], who: str, now_ms: int
) -> Settled:
    """Payments in one transaction. None at all is a sign that the feed lives."""
    outbound.lock(connection, tenant)
    settlements.heard(connection, tenant, now_ms)
    known = settlements.by_reference(connection, tenant, {payment.reference for payment in payments})
    new: dict[str, SettlementRow] = {}
    for payment in payments:
        if payment.reference not in known and payment.reference not in new:
            new[payment.reference] = _row(tenant, payment, who, now_ms)
    took = Withdrawn()
    if new:
        took = _act(connection, context, tenant, new, now_ms)
    first = set(new)
    each: list[Kept] = []
    for payment in payments:
        row = known.get(payment.reference) or new[payment.reference]
        how = SettlementOutcome.NEW if payment.reference in first else SettlementOutcome.REPEATED
        first.discard(payment.reference)
        each.append(Kept(how if _is_same(row, payment) else SettlementOutcome.OTHER, row))
    return Settled(each, took)


def _row(tenant: str, payment: ReportedPayment, who: str, now_ms: int) -> SettlementRow:
    return SettlementRow(
        tenant=tenant, reference=payment.reference, account=payment.account, items=json.dumps(payment.items),
        settled_at_ms=payment.settled_at_ms, received_at_ms=now_ms, who=who,
    )  # fmt: skip


def _is_same(row: SettlementRow, payment: ReportedPayment) -> bool:
    known = (row.account, json.loads(row.items), row.settled_at_ms)
    return known == (payment.account, list(payment.items), payment.settled_at_ms)


def _act(
    connection: Connection, context: Context, tenant: str, new: dict[str, SettlementRow], now_ms: int
) -> Withdrawn:
    """What they do is noted with the last of each account."""
    last = {row.account: row.reference for row in new.values()}
    before = settlements.of_accounts(connection, tenant, last)
    payments = {account: list(before.get(account, ())) for account in last}
    for row in new.values():
        payments[row.account].append(row)
    of = settlements.campaigns_meant(connection, tenant, KINDS_MEANT)
    effect = close_contacts(connection, context, tenant, of, payments, now_ms)
    letters = recall_notices(connection, tenant, payments, now_ms)
    for account, reference in last.items():
        closed, recalled = effect.of.get(account, Acted()), letters.get(account, Recalled())
        new[reference] = new[reference]._replace(
            paid=closed.paid, in_part=closed.in_part, withdrawn=closed.withdrawn, recalled=recalled.recalled,
            to_recall=json.dumps(recalled.to_recall),
        )  # fmt: skip
    settlements.put(connection, list(new.values()))
    return effect.took
