"""A payment as it is reported, over HTTP or on a topic: read and judged in the same way, and noted in the audit log."""

from collections.abc import Sequence

from sqlalchemy import Connection

from campaigns.imports.cells import Wrong
from campaigns.imports.rows import read_account
from campaigns.ledger import audit
from campaigns.settlements.reading import read_marks, read_reference, when_settled
from campaigns.settlements.settling import Kept, ReportedPayment, SettlementOutcome
from cti.web.body import model_of
from cti.web.limits import Limits
from cti.web.refusal import Refusal, fault
from schemas.fields import ms_of
from schemas.settlements import Settlement

NOTED = ("paid", "in_part", "withdrawn", "recalled")


def read_payment(body: bytes, limits: Limits, now_ms: int) -> ReportedPayment:
    """Raises Refusal: `invalid_body` with the pointers of what is wrong, or that it is no JSON."""
    return payment_of(model_of(body, limits, Settlement), now_ms)


def payment_of(given: Settlement, now_ms: int) -> ReportedPayment:
    """Raises Refusal `invalid_body`."""
    faults: list[dict[str, str]] = []
    account = reference = ""
    items: tuple[str, ...] = ()
    at_ms = 0
    try:
        account = read_account(given.account.strip())
    except Wrong as wrong:
        faults.append(fault("/account", wrong.rule, wrong.what))
    try:
        reference = read_reference(given.reference.strip())
    except Wrong as wrong:
        faults.append(fault("/reference", wrong.rule, wrong.what))
    try:
        items = read_marks(given.items or ())
    except Wrong as wrong:
        faults.append(fault("/items", wrong.rule, wrong.what))
    try:
        at_ms = when_settled(ms_of(given.settled_at), now_ms)
    except Wrong as wrong:
        faults.append(fault("/settled_at", wrong.rule, wrong.what))
    if faults:
        raise Refusal("invalid_body", f"{faults[0]['pointer']}: {faults[0]['detail']}", faults)
    return ReportedPayment(reference, account, items, at_ms)


def note(connection: Connection, tenant: str, each: Sequence[Kept], who: str, now_ms: int) -> None:
    """What new payments did, in the audit log."""
    new = [kept.row for kept in each if kept.how is SettlementOutcome.NEW]
    lines = [(row.reference, {name: getattr(row, name) for name in NOTED}) for row in new]
    audit.note_each(connection, tenant, now_ms, who, "settled", lines)
