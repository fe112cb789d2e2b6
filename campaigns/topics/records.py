"""Records of `campaigns.settlements`: a payment each, or what speaks against it. Pure."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from campaigns.settlements.asked import read_payment
from campaigns.settlements.settling import ReportedPayment
from campaigns.topics.names import SETTLEMENTS
from cti.ports import Entry
from cti.topics import SetAside
from cti.web.limits import Limits
from cti.web.refusal import Refusal
from schemas.reasons import DeadLetter

DETAIL_CHARS_MAX = 2_000
OTHER_PAYMENT = "/reference: it is that of another payment, which stands"
LIMITS = Limits()


class Payment(NamedTuple):
    """`position`: of the record, in its partition for good."""

    entry: Entry
    position: int
    reported: ReportedPayment


class Read(NamedTuple):
    """What some records came to. `payments`: in the order of the records."""

    payments: Sequence[Payment]
    aside: Sequence[SetAside]


def read_records(entries: Iterable[Entry], base: int, tenants: Collection[str], now_ms: int) -> Read:
    """`base`: of the partition's positions. `tenants`: those with API keys; nobody else has campaigns."""
    payments: list[Payment] = []
    aside: list[SetAside] = []
    for entry in entries:
        if entry.is_mark:
            continue
        if entry.unfit is not None:
            aside.append(set_aside(entry, base, *entry.unfit))
        elif entry.tenant not in tenants:
            aside.append(set_aside(entry, base, DeadLetter.UNKNOWN_TENANT, f"no API key is of tenant {entry.tenant}"))
        else:
            try:
                reported = read_payment(entry.body, LIMITS, now_ms)
            except Refusal as refusal:
                aside.append(set_aside(entry, base, DeadLetter.INVALID, why(refusal)))
            else:
                payments.append(Payment(entry, entry.position + base, reported))
    return Read(payments, aside)


def set_aside(entry: Entry, base: int, reason: DeadLetter, detail: str) -> SetAside:
    """The dead letter of a record."""
    return SetAside(
        partition=dead_letters_of(entry.partition), position=entry.position + base, tenant=entry.tenant,
        reason=reason, detail=detail[:DETAIL_CHARS_MAX], at_ms=entry.appended_at_ms, body=entry.body,
    )  # fmt: skip


def dead_letters_of(partition: int) -> int:
    """The partition number of the dead letters of a partition of the topic."""
    assert SETTLEMENTS.dead_letters_from is not None
    return SETTLEMENTS.dead_letters_from + partition


def why(refusal: Refusal) -> str:
    """What HTTP would answer, in one line."""
    if not refusal.errors:
        return f"{refusal.code}: {refusal.detail}"
    return "; ".join(f"{error['pointer'] or '/'}: {error['rule']}: {error['detail']}" for error in refusal.errors)
