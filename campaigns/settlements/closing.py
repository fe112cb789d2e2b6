"""What a payment does, in one transaction: contacts become `paid`, orders that were not sent are withdrawn, notices
that nobody has are recalled. A call that is under way goes on.

Whoever calls it holds the tenant's outbound row: alone where payments are told, so that no turn and no import is
under way; shared where an import brings accounts whose payment was told before.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from campaigns.context import Context
from campaigns.core.after import Closed
from campaigns.core.reasons import State, Why
from campaigns.core.zones import local_day
from campaigns.dialler import withdrawal
from campaigns.dialler.case import Case
from campaigns.dialler.withdrawal import Withdrawn
from campaigns.ledger import attempts, notices, settlements, withdrawing
from campaigns.ledger.compiled import campaign_of
from campaigns.ledger.rows import CampaignRow, ContactRow, NoticeRow, SettlementRow
from campaigns.owed_today import items_left, settled_of
from campaigns.settlements.items import KINDS_MEANT, Payment, in_part, left, settled_marks

Payments = Mapping[str, Sequence[SettlementRow]]
"""Of each account."""


class Acted(NamedTuple):
    """What was done for an account."""

    paid: int = 0
    in_part: int = 0
    withdrawn: int = 0


class Effect(NamedTuple):
    """By account; `took`: to be counted after the commit."""

    of: Mapping[str, Acted]
    took: Withdrawn


def close_contacts(
    connection: Connection,
    context: Context,
    tenant: str,
    of: Mapping[str, CampaignRow],
    payments: Payments,
    now_ms: int,
) -> Effect:
    """Settle contacts of these campaigns: whole, or some of their items."""
    rows = settlements.hold_contacts(connection, of, payments) if of and payments else []
    before = {row.id: row for row in rows}
    settled = {row.id: _settled(of[row.campaign], row, payments) for row in rows}
    touched = {id_: row for id_, row in settled.items() if row is not None}
    gone = withdrawal.taken_back(connection, context.dial, withdrawing.orders_of(connection, touched), tenant)
    tried = attempts.of_contacts(connection, touched)
    cases: list[Case] = []
    for id_, row in touched.items():
        campaign = of[row.campaign]
        case = Case(campaign, campaign_of(campaign, context.rules), before[id_], tried[id_])
        _settle(case, row, gone.get(id_, ()), now_ms)
        cases.append(case)
    withdrawal.write(connection, tenant, cases, now_ms)
    return Effect(_counted(cases, gone), withdrawal.withdrawn_of(cases, gone))


def _settled(campaign: CampaignRow, row: ContactRow, payments: Payments) -> ContactRow | None:
    """The contact with what is paid of it; None: nothing that is new."""
    items = json.loads(row.items)
    marks = settled_marks(campaign.kind, items, payments_of(payments[row.account], campaign.zone))
    before = settled_of(row)
    return None if marks <= before else row._replace(settled=json.dumps(sorted(marks | before)))


def payments_of(rows: Sequence[SettlementRow], zone: str) -> list[Payment]:
    """As the items take them."""
    return [Payment(local_day(row.settled_at_ms, zone).isoformat(), tuple(json.loads(row.items))) for row in rows]


def _settle(case: Case, row: ContactRow, gone: Sequence[int], now_ms: int) -> None:
    wakes = bool(gone) or (case.row.why == Why.NO_FORMULA and case.row.state == State.WAITING)
    case.row = case.row._replace(settled=row.settled)
    if gone:
        withdrawal.give_back(case, gone, Why.SETTLED, now_ms)
    if not items_left(case.of.kind, row):
        case.apply(Closed(State.PAID))
        case.row = case.row._replace(why=Why.SETTLED.value)
    elif wakes:
        case.next_at_ms, case.waits_for = now_ms, None


def _counted(cases: Sequence[Case], gone: Mapping[str, Sequence[int]]) -> dict[str, Acted]:
    done: dict[str, Acted] = {}
    for case in cases:
        paid, in_part, withdrawn = done.get(case.row.account, Acted())
        whole = case.contact.state is State.PAID
        done[case.row.account] = Acted(
            paid + whole, in_part + (not whole), withdrawn + len(gone.get(case.row.id, ()))
        )  # fmt: skip
    return done


# -- notices -----------------------------------------------------------------------------------------------------------


class Recalled(NamedTuple):
    """The notices of an account: how many were recalled, and which have left and should be kept back."""

    recalled: int = 0
    to_recall: tuple[str, ...] = ()


def recall_notices(connection: Connection, tenant: str, payments: Payments, now_ms: int) -> dict[str, Recalled]:
    """Letters that nobody has yet say what is left, or are recalled; of those that were exported it is noted."""
    done: dict[str, Recalled] = {}
    changed: list[NoticeRow] = []
    rows = settlements.hold_notices(connection, tenant, KINDS_MEANT, payments)
    of = withdrawing.campaigns_of(connection, {row.campaign for row in rows})
    for row in rows:
        after = _letter(row, payments_of(payments[row.account], of[row.campaign].zone), now_ms)
        recalled, to_recall = done.get(row.account, Recalled())
        if after.to_recall_ms is not None:
            to_recall = (*to_recall, row.id)
        done[row.account] = Recalled(recalled + (after.state == notices.RECALLED), to_recall)
        changed += [after] if after != row else []
    notices.write(connection, changed, now_ms)
    return done


def _letter(row: NoticeRow, payments: Sequence[Payment], now_ms: int) -> NoticeRow:
    body = json.loads(row.body)
    items = body["items"]
    settled = settled_marks(row.kind, items, payments)
    remaining = left(row.kind, items, settled)
    if row.state == notices.EXPORTED:
        return row if remaining or row.to_recall_ms is not None else row._replace(to_recall_ms=now_ms)
    if not remaining:
        return row._replace(state=notices.RECALLED)
    after = {**body, "items": remaining, **in_part(row.kind, remaining, settled)}
    return row if after == body else row._replace(body=json.dumps(after, ensure_ascii=False))


# -- the two ways there ------------------------------------------------------------------------------------------------


def remembered(
    connection: Connection, context: Context, campaign: CampaignRow, accounts: Collection[str], now_ms: int
) -> None:
    """Accounts that an import brings: what was told of them before holds. The campaign's row is locked, then the
    tenant's, both shared.
    """
    payments = settlements.of_accounts(connection, campaign.tenant, accounts)
    if payments:
        close_contacts(connection, context, campaign.tenant, {campaign.id: campaign}, payments, now_ms)
