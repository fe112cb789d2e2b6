"""What is done with a batch: it is taken, read in pieces, acknowledged. Statements in a transaction of the caller's."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from campaigns.ledger import notice_batches
from campaigns.ledger.notices import ACKNOWLEDGED, EXPORTED
from campaigns.ledger.rows import BatchRow


class NoBatch(Exception):
    """There is no such batch."""


class NotInBatch(Exception):
    """Accounts without a notice in the batch, sorted."""

    def __init__(self, accounts: Sequence[str]) -> None:
        super().__init__(f"{len(accounts)} accounts have no notice in the batch")
        self.accounts = accounts


class OtherwiseAcknowledged(Exception):
    """The batch is acknowledged already, with other accounts as failed."""


class Acknowledging(NamedTuple):
    """`failed`: accounts whose notices came back."""

    tenant: str
    batch: str
    failed: frozenset[str]
    at_ms: int
    who: str


def new_batch(batch: str, tenant: str, campaign: str, at_ms: int, who: str) -> BatchRow:
    """A batch before it is taken."""
    return BatchRow(
        id=batch,
        tenant=tenant,
        campaign=campaign,
        made_at_ms=at_ms,
        notices=0,
        state=EXPORTED,
        who=who,
        acknowledged_at_ms=None,
        acknowledged_by=None,
        failed=None,
    )


def acknowledged(connection: Connection, asked: Acknowledging) -> tuple[BatchRow, bool]:
    """The batch, acknowledged, and whether that is new. Raises NoBatch, NotInBatch, OtherwiseAcknowledged.

    The same again changes nothing: who acknowledged it first, and when, stays.
    """
    batch = notice_batches.locked(connection, asked.tenant, asked.batch)
    if batch is None:
        raise NoBatch
    _check(connection, batch, asked.failed)
    if batch.state == ACKNOWLEDGED:
        if notice_batches.failed_accounts(connection, batch.id) != asked.failed:
            raise OtherwiseAcknowledged
        return batch, False
    return notice_batches.acknowledge(connection, batch, asked.failed, asked.at_ms, asked.who), True


def _check(connection: Connection, batch: BatchRow, accounts: Collection[str]) -> None:
    if unknown := notice_batches.missing(connection, batch.id, accounts):
        raise NotInBatch(sorted(unknown))
