"""A callback becomes a contact of a standing campaign, in one transaction of the caller's."""

import json
import secrets
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from campaigns.callbacks import standing
from campaigns.callbacks.asked import QUEUE, AlreadyThere, CallbackAsked, NeverOpens, TooMany
from campaigns.core.calling_hours import Asked
from campaigns.core.contact import Contact, Phone
from campaigns.core.operator_rules import OperatorRules
from campaigns.core.promises import Promise, promised
from campaigns.core.reasons import Channel, State
from campaigns.core.zones import DAY_MS, local_time
from campaigns.errors import Stale
from campaigns.ledger import audit, callbacks, compiled, contacts, numbers
from campaigns.ledger.callbacks import Open
from campaigns.ledger.imported import last_no
from campaigns.ledger.rows import CallbackRow, CampaignRow, ContactRow

OPEN_MAX = 20_000  # callbacks of a standing campaign that are not over
GIVEN_UP_MS = 7 * DAY_MS  # after the promise: nobody calls any more about it
ASKED = "callback_asked"


class Put(NamedTuple):
    """A callback with its contact and campaign."""

    callback: CallbackRow
    contact: ContactRow
    campaign: CampaignRow


def put(connection: Connection, asked: CallbackAsked, rules: OperatorRules, now_ms: int, who: str) -> Put:
    """Nothing is written before all is checked. Raises NeverOpens, AlreadyThere, TooMany; Stale: again."""
    like = standing.prototype(asked, rules, now_ms)
    campaign = standing.held(connection, like, now_ms)
    promise = _promised(asked, campaign or like, rules, now_ms)
    for existing in callbacks.open_for(connection, asked.tenant, asked.number):
        if asked.request is None or _keeps(existing, asked, promise):
            raise AlreadyThere(existing.id)
    if campaign is not None and callbacks.open_count(connection, campaign.id, OPEN_MAX) >= OPEN_MAX:
        raise TooMany(OPEN_MAX)
    campaign = campaign or standing.made(connection, like, now_ms)
    if campaign is None:
        raise Stale("campaigns")
    id_ = f"k{secrets.token_hex(8)[:15]}"
    contact = _contact(campaign, id_, asked, promise, rules, now_ms, last_no(connection, campaign.id) + 1)
    contacts.put(connection, [contact])
    numbers.put(connection, [contact])
    contacts.put_classes(connection, [compiled.class_row(contact)])
    callbacks.count_contact(connection, campaign.id, standing.IMPORT)
    row = _row(id_, contact, asked, promise, now_ms, who)
    callbacks.put(connection, row)
    details = {"campaign": campaign.id, "contact": contact.id, "origin": row.origin, "agreed_by": row.agreed_by}
    audit.note(connection, asked.tenant, now_ms, who, ASKED, id_, details)
    return Put(row, contact, campaign)


def _keeps(there: Open, asked: CallbackAsked, promise: Promise) -> bool:
    """Whether a callback that is open will be made in time for a new promise too, as far as anybody can say. One that
    an agent makes while it is under way is for later. Over HTTP somebody reads the refusal, and decides.
    """
    if there.state == State.WAITING:
        return there.waits_for is not None or there.next_at_ms <= promise.keep_by_ms
    return there.state == State.IN_PROGRESS and asked.origin == QUEUE


def _promised(asked: CallbackAsked, campaign: CampaignRow, rules: OperatorRules, now_ms: int) -> Promise:
    core = compiled.campaign_of(campaign, rules)
    question = Asked(
        core.kind, asked.customer_class, asked.zones, core.ring_timeout_ms, Channel(asked.channel), core.windows,
        core.closed_dates, asked.agreed_ms, zone=core.zone,
    )  # fmt: skip
    found = promised(rules.hours, question, rules.promises, asked.due_ms, now_ms)
    if found is None:
        raise NeverOpens(asked.number)
    return found


def _contact(
    campaign: CampaignRow, id_: str, asked: CallbackAsked, promise: Promise, rules: OperatorRules, now_ms: int, no: int
) -> ContactRow:
    """The account is the callback's own: two callbacks are two contacts, and their number is one person's."""
    due_ms = promise.call_at_ms if asked.due_ms is None else asked.due_ms
    item = {"due_at": _moment(due_ms, campaign.zone), "reason": asked.reason, "result": asked.result}
    core = compiled.campaign_of(campaign, rules)
    pure = Contact(
        id_, asked.customer_class, (Phone(asked.number, asked.zones),), call_at_ms=promise.call_at_ms,
        keep_by_ms=promise.keep_by_ms, agreed_at_ms=asked.agreed_ms,
    )  # fmt: skip
    row = ContactRow(
        id=f"{campaign.id}-{no}", campaign=campaign.id, tenant=campaign.tenant, no=no, account=id_, name="", address="",
        customer_class=asked.customer_class, important=0, phones=json.dumps([[asked.number, list(asked.zones)]]),
        items=json.dumps([{name: text for name, text in item.items() if text}], ensure_ascii=False), kept="{}",
        state=State.WAITING.value, round=1, decided_upto=0, handed_over=0, promise_date=None,
        hours_class=compiled.hours_class(standing.IMPORT, pure, core), next_at_ms=promise.call_at_ms, deadline_at_ms=0,
        notice_out_by_ms=None, fallback_by_ms=None, expires_at_ms=promise.keep_by_ms + GIVEN_UP_MS, notice_out_ms=None,
        notice_missed=0, waits_for=None, why=None, version=1, settled=None, call_at_ms=promise.call_at_ms,
        keep_by_ms=promise.keep_by_ms, agreed_at_ms=asked.agreed_ms,
    )  # fmt: skip
    return row._replace(deadline_at_ms=compiled.deadline_at_ms(row, pure, core, now_ms))


def _moment(at_ms: int, zone: str) -> str:
    at: datetime = local_time(at_ms, zone)
    return at.replace(microsecond=0).isoformat()


def _row(id_: str, contact: ContactRow, asked: CallbackAsked, promise: Promise, now_ms: int, who: str) -> CallbackRow:
    return CallbackRow(
        id=id_, tenant=asked.tenant, campaign=contact.campaign, contact=contact.id, number=asked.number,
        request=asked.request, reference=asked.reference, origin=asked.origin, agent=asked.agent, call=asked.call,
        asked_at_ms=asked.asked_ms, due_at_ms=promise.call_at_ms if asked.due_ms is None else asked.due_ms,
        moved=int(promise.moved), agreed_by=asked.agreed_by, note=asked.note, made_at_ms=now_ms, who=who,
    )  # fmt: skip
