"""The dial orders of a contact, and what goes on record with each: pure.

An order's id names its contact and attempt, so an attempt can be ordered once only. A call and a message say what is
true on the day on which they are made, in the campaign's language.

`now_ms` is the time of day that hours are judged by; `ledger_ms` and `expires_at_ms` are of the ledger's clock. All are
milliseconds since the Unix epoch.
"""

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from campaigns.core.contact import Attempt, Contact
from campaigns.core.decide import Dial
from campaigns.core.operator_rules import OperatorRules
from campaigns.core.penalty import NoFormula
from campaigns.core.zones import local_day
from campaigns.kinds import Text, known_kinds
from campaigns.ledger.compiled import judged_columns
from campaigns.ledger.rows import AttemptRow, CampaignRow, ContactRow
from campaigns.owed_today import owed_on
from campaigns.rendering import Account, CannotSay, Part, Said, Speaker, said_to
from cti.dial.rows import MAKE_CALL, DialOrderRow

ASKING, CLEARING, MESSAGE = "snapshotCall", "clearConnection", "sendMessage"
ASK_VALID_MS = 10_000
CLEAR_VALID_MS = 10_000
QUEUE_WAIT_S = 60  # for an agent after key 0
OUTBOUND = 1  # the version of the contract of dial orders
NEEDED = (MAKE_CALL, ASKING)  # of a switch that is dialled on
TEXTS_KEPT = 1_024
EXTENSION = ";ext="  # after a number, as RFC 3966 writes it

Evidence = Mapping[str, str | int | None]
"""Columns of the attempt's row that an order fills."""


class Callers(NamedTuple):
    """Who speaks, and where one may call back."""

    name: Text
    call_back: str


class Leg(NamedTuple):
    """The called party's leg of a live call, as its switch names it."""

    subject: str
    connection: str


def order_id(contact: str, n: int) -> str:
    """Of the makeCall or sendMessage of attempt `n`."""
    return f"{contact}.{n}"


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


def call_order(
    campaign: CampaignRow,
    contact_row: ContactRow,
    contact: Contact,
    n: int,
    dial: Dial,
    said: Said,
    now_ms: int,
    ledger_ms: int,
    expires_at_ms: int,
    source: str,
    group_caller_id: str | None = None,
) -> tuple[DialOrderRow, Evidence]:
    """A makeCall. `group_caller_id`: the trunk group's own, declared."""
    to, extension = split_number(dial.number)
    caller_id = campaign.caller_id or group_caller_id
    fields: dict[str, Any] = {
        "to": to,
        "extension": extension,
        "trunk_group": campaign.trunk_group,
        "caller_id": caller_id,
        "ring_timeout_s": campaign.ring_timeout_s,
        "ring_until": text_of(dial.ring_until_ms),
        "answering_machine": "detect",
        "attempt": n,
        "on_answer": dict(said.on_answer),
    }
    order = _order(campaign, order_id(contact_row.id, n), MAKE_CALL, fields, ledger_ms, expires_at_ms, source)
    evidence = _evidence(campaign, contact, order.id, dial, said, now_ms)
    return order, {
        **evidence,
        "amount_spoken": said.amount,
        "caller_id": caller_id,
        "ring_until_ms": dial.ring_until_ms,
    }


def message_order(
    campaign: CampaignRow,
    contact_row: ContactRow,
    contact: Contact,
    n: int,
    dial: Dial,
    said: Said,
    now_ms: int,
    ledger_ms: int,
    expires_at_ms: int,
    source: str,
) -> tuple[DialOrderRow, Evidence]:
    """A sendMessage, on the campaign's own switch: see `takes_messages`."""
    text, id_ = said.message[campaign.language], order_id(contact_row.id, n)
    to, _ = split_number(dial.number)
    fields = {"channel": dial.channel.value, "to": to, "text": text, "reference": id_}
    order = _order(campaign, id_, MESSAGE, fields, ledger_ms, expires_at_ms, source)
    evidence = _evidence(campaign, contact, order.id, dial, said, now_ms)
    told = said.amount is not None and f"{Decimal(said.amount):.2f}" in text
    return order, {**evidence, "amount_spoken": said.amount if told else None}


def question(order: DialOrderRow, k: int, ledger_ms: int) -> DialOrderRow:
    """The `k`-th question about a call or a message: what became of it."""
    return _about(order, f"{order.id}.q{k}", ASKING, {"about": order.id}, ledger_ms, ASK_VALID_MS)


def clearing(order: DialOrderRow, k: int, leg: Leg, ledger_ms: int) -> DialOrderRow:
    """The `k`-th order to end the live call of an order."""
    fields = {"subject": leg.subject, "connection": leg.connection, "reason": "campaignStopped"}
    return _about(order, f"{order.id}.c{k}", CLEARING, fields, ledger_ms, CLEAR_VALID_MS)


def new_attempt(row: ContactRow, order: DialOrderRow, dial: Dial, evidence: Evidence, attempt: Attempt) -> AttemptRow:
    """The row of an attempt that is ordered."""
    given: dict[str, object] = {
        **evidence, **judged_columns(attempt), "contact": row.id, "n": attempt.n, "campaign": row.campaign,
        "tenant": row.tenant, "round": row.round, "decision": "dialled", "command": order.id,
        "channel": dial.channel.value, "number": dial.number, "decided_at_ms": attempt.at_ms,
    }  # fmt: skip
    return AttemptRow._make(map(given.get, AttemptRow._fields))


def dials(declaration: Mapping[str, Any]) -> bool:
    """Whether a switch, as it is declared, may be dialled on."""
    return declaration.get("outbound") == OUTBOUND and set(NEEDED) <= _commands(declaration)


def takes_messages(declaration: Mapping[str, Any]) -> bool:
    """Whether the switch is a message gateway too; else its contacts wait: `message_gateway_away`."""
    return declaration.get("outbound") == OUTBOUND and MESSAGE in _commands(declaration)


def trunk_group(declaration: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """The group as it is declared: calls_per_second, calls_at_once, caller_id."""
    found: Mapping[str, Any] | None = (declaration.get("trunk_groups") or {}).get(name)
    return found


def split_number(number: str) -> tuple[str, str | None]:
    """A number in E.164, and the digits to dial once it has answered."""
    to, _, extension = number.partition(EXTENSION)
    return to, extension or None


@lru_cache(maxsize=TEXTS_KEPT)
def text_of(at_ms: int) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _commands(declaration: Mapping[str, Any]) -> set[str]:
    return set(declaration.get("commands") or ())


def _evidence(campaign: CampaignRow, contact: Contact, command: str, dial: Dial, said: Said, now_ms: int) -> Evidence:
    zones = next((phone.zones for phone in contact.phones if phone.number == dial.number), ())
    return {
        "command": command,
        "decided_at_ms": now_ms,
        "template": said.template,
        "sha256": said.sha256,
        "profile": campaign.profile,
        "zones": _zones_text(zones),
        "dial_before_ms": dial.dial_before_ms,
    }


@lru_cache(maxsize=TEXTS_KEPT)
def _zones_text(zones: tuple[str, ...]) -> str:
    return json.dumps(list(zones))


def _order(
    campaign: CampaignRow,
    id_: str,
    command: str,
    fields: Mapping[str, Any],
    ledger_ms: int,
    expires_at_ms: int,
    source: str,
) -> DialOrderRow:
    """The lane of a message is the campaign's too, so that one dialler sees both."""
    row = DialOrderRow(
        id_, campaign.tenant, campaign.switch, source, campaign.trunk_group, command, None, "", ledger_ms, expires_at_ms
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
    return row._replace(body=json.dumps(body, ensure_ascii=False, separators=(",", ":")))
