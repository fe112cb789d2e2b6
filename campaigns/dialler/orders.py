"""The dial orders of a contact, and what goes on record with each: pure.

A call and a message say what is true on the day on which they are made, in the campaign's language.

`now_ms` is the time of day that hours are judged by; `ledger_ms` and `expires_at_ms` are of the ledger's clock. All are
milliseconds since the Unix epoch.
"""

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic_core import to_json

from campaigns.core.contact import Attempt, Contact
from campaigns.core.decide import Dial
from campaigns.core.operator_rules import OperatorRules
from campaigns.core.penalty import NoFormula
from campaigns.core.reasons import Channel
from campaigns.core.zones import local_day
from campaigns.dialler.message_ways import Way
from campaigns.dialler.order_ids import clearing_id, order_id, question_id
from campaigns.kinds import Text, known_kinds
from campaigns.ledger.compiled import judged_columns
from campaigns.ledger.rows import AttemptColumns, AttemptRow, CampaignRow, ContactRow
from campaigns.owed_today import owed_on
from campaigns.rendering import Account, CannotSay, Part, Said, Speaker, said_to
from cti.dial.rows import CLEAR_CONNECTION, MAKE_CALL, SEND_MESSAGE, SNAPSHOT_CALL, DialOrderRow

ASK_VALID_MS = 10_000
CLEAR_VALID_MS = 10_000
QUEUE_WAIT_S = 60  # for an agent after key 0
AGENT_WAIT_S = 20  # for an agent before a call; then the next order asks anew
TEXTS_KEPT = 1_024
EXTENSION = ";ext="  # after a number, as RFC 3966 writes it


class Callers(NamedTuple):
    """Who speaks, and where one may call back."""

    name: Text
    call_back: str


class Leg(NamedTuple):
    """The called party's leg of a live call, as its switch names it."""

    subject: str
    connection: str


def said_on(
    campaign: CampaignRow,
    contact: ContactRow,
    now_ms: int,
    rules: OperatorRules,
    callers: Callers,
    parts: Collection[Part] = frozenset(Part),
) -> Said | str:
    """What the contact is told on this day, in the campaign's language: of two, a switch would say the one that it
    likes; text: why it cannot be said (`no_formula`), so nobody is dialled."""
    day = local_day(now_ms, campaign.zone)
    items = owed_on(campaign.kind, contact, day, rules.penalties)
    if isinstance(items, NoFormula):
        return items.detail
    speaker = Speaker(callers.name, callers.call_back, campaign.zone, campaign.queue, QUEUE_WAIT_S)
    account = Account(contact.account, contact.name, items)
    try:
        return said_to(known_kinds()[campaign.kind], speaker, account, (campaign.language,), parts)
    except CannotSay as reason:
        return str(reason)


class OrderBasis(NamedTuple):
    """What the order of an attempt is made from. `contact`: before it. `source`: of the switch, as declared."""

    campaign: CampaignRow
    contact_row: ContactRow
    contact: Contact
    n: int  # the attempt's number
    dial: Dial
    said: Said
    now_ms: int
    ledger_ms: int
    expires_at_ms: int
    source: str

    @property
    def id(self) -> str:
        return order_id(self.contact_row.id, self.n)


def call_order(basis: OrderBasis, group_caller_id: str | None = None) -> tuple[DialOrderRow, AttemptColumns]:
    """A makeCall, and what goes on record with it. `group_caller_id`: the trunk group's own, declared."""
    campaign, dial, said = basis.campaign, basis.dial, basis.said
    to, extension = split_number(dial.number)
    caller_id = campaign.caller_id or group_caller_id
    fields: dict[str, Any] = {
        "to": to,
        "extension": extension,
        "trunk_group": campaign.trunk_group,
        "caller_id": caller_id,
        "ring_timeout_s": campaign.ring_timeout_s,
        "ring_until": text_of(dial.ring_until_ms),
        "attempt": basis.n,
        **_who_speaks(campaign, dial, said),
    }
    return _order(basis, MAKE_CALL, fields), {
        **_columns(basis),
        "amount_spoken": said.amount,
        "caller_id": caller_id,
        "ring_until_ms": dial.ring_until_ms,
    }


def _who_speaks(campaign: CampaignRow, dial: Dial, said: Said) -> dict[str, Any]:
    """An agent who is there first, and sees what it is about at his desk; else the script."""
    if dial.channel is not Channel.AGENT:
        return {"answering_machine": "detect", "on_answer": dict(said.on_answer)}
    return {"agent_first": {"queue": campaign.queue, "wait_s": AGENT_WAIT_S, "text": said.on_answer["body"]}}


def message_order(basis: OrderBasis, way: Way) -> tuple[DialOrderRow, AttemptColumns]:
    """A sendMessage, to the campaign's own switch or to the tenant's message gateway. Where neither is there the
    contact waits: `message_gateway_away`.
    """
    said, text = basis.said, basis.said.message[basis.campaign.language]
    to, _ = split_number(basis.dial.number)
    fields = {"channel": basis.dial.channel.value, "to": to, "text": text, "reference": basis.id}
    amount = said.amount if said.amount is not None and f"{Decimal(said.amount):.2f}" in text else None
    return _order(basis, SEND_MESSAGE, fields, way), {**_columns(basis), "amount_spoken": amount}


def question(order: DialOrderRow, k: int, ledger_ms: int) -> DialOrderRow:
    """The `k`-th question about a call or a message: what became of it."""
    return _about(order, question_id(order.id, k), SNAPSHOT_CALL, {"about": order.id}, ledger_ms, ASK_VALID_MS)


def clearing(order: DialOrderRow, k: int, leg: Leg, ledger_ms: int) -> DialOrderRow:
    """The `k`-th order to end the live call of an order."""
    fields = {"subject": leg.subject, "connection": leg.connection, "reason": "campaignStopped"}
    return _about(order, clearing_id(order.id, k), CLEAR_CONNECTION, fields, ledger_ms, CLEAR_VALID_MS)


def new_attempt(
    row: ContactRow, order: DialOrderRow, dial: Dial, columns: AttemptColumns, attempt: Attempt
) -> AttemptRow:
    """The row of an attempt that is ordered."""
    given: dict[str, object] = {
        **columns, **judged_columns(attempt), "contact": row.id, "n": attempt.n, "campaign": row.campaign,
        "tenant": row.tenant, "round": row.round, "decision": "dialled", "command": order.id,
        "channel": dial.channel.value, "number": dial.number, "decided_at_ms": attempt.at_ms,
        "rule": dial.rule or None,
    }  # fmt: skip
    return AttemptRow._make(map(given.get, AttemptRow._fields))


def split_number(number: str) -> tuple[str, str | None]:
    """A number in E.164, and the digits to dial once it has answered."""
    to, _, extension = number.partition(EXTENSION)
    return to, extension or None


@lru_cache(maxsize=TEXTS_KEPT)
def text_of(at_ms: int) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _columns(basis: OrderBasis) -> AttemptColumns:
    dial, said = basis.dial, basis.said
    zones = next((phone.zones for phone in basis.contact.phones if phone.number == dial.number), ())
    return {
        "command": basis.id,
        "decided_at_ms": basis.now_ms,
        "template": said.template,
        "sha256": said.sha256,
        "profile": basis.campaign.profile,
        "zones": _zones_text(zones),
        "dial_before_ms": dial.dial_before_ms,
    }


@lru_cache(maxsize=TEXTS_KEPT)
def _zones_text(zones: tuple[str, ...]) -> str:
    return json.dumps(list(zones))


def _order(basis: OrderBasis, command: str, fields: Mapping[str, Any], way: Way | None = None) -> DialOrderRow:
    """`way`: of a message; one dialler sees both (`message_ways`)."""
    campaign = basis.campaign
    to = way or Way(campaign.switch, basis.source, campaign.trunk_group)
    row = DialOrderRow(
        id=basis.id,
        tenant=campaign.tenant,
        switch=to.switch,
        source=to.source,
        lane=to.lane,
        command=command,
        about=None,
        body="",
        made_at_ms=basis.ledger_ms,
        expires_at_ms=basis.expires_at_ms,
    )
    return _with_body(row, {"rule": known_kinds()[campaign.kind].rule, **fields})


def _about(
    order: DialOrderRow, id_: str, command: str, fields: Mapping[str, Any], ledger_ms: int, valid_ms: int
) -> DialOrderRow:
    row = order._replace(
        id=id_, command=command, about=order.id, made_at_ms=ledger_ms, expires_at_ms=ledger_ms + valid_ms
    )
    return _with_body(row, fields)


def _with_body(row: DialOrderRow, fields: Mapping[str, Any]) -> DialOrderRow:
    body = {
        "id": row.id,
        "command": row.command,
        "tenant": row.tenant,
        "switch": row.switch,
        "issued_at": text_of(row.made_at_ms),
        "expires_at": text_of(row.expires_at_ms),
        **{name: value for name, value in fields.items() if value is not None},
    }
    return row._replace(body=to_json(body).decode())
