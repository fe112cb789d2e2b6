"""What a written notice says, fixed at the moment in which it is owed.

`campaigns.core.after.owes_notice` says whether one stands; whoever writes the contact writes the notice in the same
transaction. A contact and round have one, ever, whoever writes it and how often.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from campaigns.core.penalty import NoFormula, Rate
from campaigns.core.reasons import Channel
from campaigns.kinds import known_kinds
from campaigns.ledger import notices
from campaigns.ledger.rows import AttemptRow, CampaignRow, ContactRow, NoticeRow
from campaigns.owed_today import ARREARS, SUMS, items_left, owed_on, settled_of
from campaigns.settlements.items import in_part
from cti.web.instants import optional_rfc3339, rfc3339


class Owed(NamedTuple):
    """A contact that is owed a notice. `attempts`: all of it, in any order; those of other rounds are left out."""

    campaign: CampaignRow
    contact: ContactRow
    attempts: Sequence[AttemptRow]


def owe(
    connection: Connection,
    campaign: CampaignRow,
    contact: ContactRow,
    attempts: Sequence[AttemptRow],
    now_ms: int,
    rates: Sequence[Rate] = (),
) -> bool:
    """`owe_all` for one; whether the notice is new."""
    return bool(owe_all(connection, [Owed(campaign, contact, attempts)], now_ms, rates))


def owe_all(connection: Connection, owed: Sequence[Owed], now_ms: int, rates: Sequence[Rate] = ()) -> set[str]:
    """Write the notices of those who have none for their round; the ids of the new ones.

    `rates`: the operator's table of penalties, for items that have no rate of their own. In the caller's transaction,
    one statement for each 512 rows; it may run again after a rollback.
    """
    return notices.put(connection, [notice_of(owing, now_ms, rates) for owing in owed])


def notice_of(owed: Owed, now_ms: int, rates: Sequence[Rate] = ()) -> NoticeRow:
    """The row of a new notice; computed outside of a transaction, it can be put by `campaigns.ledger.notices.put`."""
    campaign, contact, attempts = owed
    body: dict[str, Any] = {
        "name": contact.name,
        "address": contact.address,
        "items": told_items(campaign, contact, now_ms, rates),
        "attempts": [_told_attempt(attempt) for attempt in _of_round(attempts, contact.round)],
        **in_part(campaign.kind, items_left(campaign.kind, contact), settled_of(contact)),
    }
    return NoticeRow(
        id=notices.notice_id(contact.id, contact.round),
        tenant=contact.tenant,
        campaign=contact.campaign,
        contact=contact.id,
        round=contact.round,
        account=contact.account,
        kind=campaign.kind,
        body=json.dumps(body, ensure_ascii=False),
        created_at_ms=now_ms,
        state=notices.PENDING,
        batch=None,
        page=None,
    )


def told_items(
    campaign: CampaignRow, contact: ContactRow, now_ms: int, rates: Sequence[Rate] = ()
) -> list[Mapping[str, str]]:
    """The items with their sums of this day, which `as_of` then names. Sums that cannot be computed stay as imported,
    with the `as_of` that they came with.
    """
    items = items_left(campaign.kind, contact)
    if known_kinds()[campaign.kind].important_until_confirmed:
        return [{**item, "important": "yes" if contact.important else "no"} for item in items]
    day = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(ZoneInfo(campaign.zone)).date()
    owed_items = owed_on(campaign.kind, contact, day, rates)
    if campaign.kind != ARREARS or isinstance(owed_items, NoFormula):
        return list(items)
    return [
        {**item, **{name: owed[name] for name in SUMS}, "as_of": day.isoformat()}
        for item, owed in zip(items, owed_items, strict=True)
    ]


def _of_round(attempts: Iterable[AttemptRow], round_: int) -> list[AttemptRow]:
    """The calls and messages of the round that came to something, or of which nobody knows."""
    tried = (row for row in attempts if row.round == round_ and row.channel != Channel.PERSON and row.disposition)
    return sorted(tried, key=lambda row: row.n)


def _told_attempt(attempt: AttemptRow) -> dict[str, Any]:
    """Keys as those of an attempt; what is not known is left out. No number: the letter goes to a house."""
    times = {
        "sent_at": optional_rfc3339(attempt.sent_at_ms),
        "answered_at": optional_rfc3339(attempt.answered_at_ms),
        "ended_at": optional_rfc3339(attempt.ended_at_ms),
    }
    return {
        "n": attempt.n,
        "channel": attempt.channel,
        "decided_at": rfc3339(attempt.decided_at_ms),
        **{name: at for name, at in times.items() if at is not None},
        "disposition": attempt.disposition,
        "counted": bool(attempt.counted),
    }
