"""Rows as `campaigns.core` takes them, and back: the one place where the ledger and the core meet.

A contact has deadlines of its own (of an outage they differ from contact to contact), so the campaign that decides
about a contact is the campaign with that contact's deadlines (`campaign_for`).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from campaigns.core.calling_hours import EMERGENCY_KIND, Asked, Emergency, Window
from campaigns.core.campaign import Campaign, delays
from campaigns.core.choice import next_call
from campaigns.core.contact import Attempt, Contact, Phone, Step, promise_open_ms
from campaigns.core.dispositions import MINUTE_MS
from campaigns.core.operator_rules import OperatorRules
from campaigns.core.promises import look_at_ms
from campaigns.core.reasons import CampaignState, Channel, Disposition, FallbackKind, State, Why
from campaigns.core.retries import agreed_at_ms, goes_first
from campaigns.core.waiting import next_deadline, notice_missed_ms
from campaigns.kinds import Kind, known_kinds
from campaigns.ledger.rows import AttemptRow, CampaignRow, ContactRow, HoursClassRow
from campaigns.ledger.tables import FAR

NO_ZONES = ""
FIRST = "|first"
_PAUSES = frozenset(why.value for why in Why)


def campaign_of(row: CampaignRow, rules: OperatorRules) -> Campaign:
    """The campaign's settings and state. Its deadlines are those of the row; use `campaign_for` for a contact."""
    kind: Kind = known_kinds()[row.kind]
    own_ms = {name: minutes * MINUTE_MS for name, minutes in json.loads(row.retry).items()}
    paused = row.paused_why if row.paused_why in _PAUSES else None
    return Campaign(
        kind=row.kind,
        channels=tuple(Channel(name) for name in json.loads(row.channels)),
        fallback=FallbackKind(row.fallback),
        ring_timeout_ms=row.ring_timeout_s * 1000,
        hours=rules.hours,
        zone=row.zone,
        attempts_max=row.attempts_max,
        delays_ms=delays(rules.retry_ms.get(row.kind, {}), own_ms),
        windows=tuple(Window(*window) for window in json.loads(row.windows)),
        closed_dates=frozenset(date.fromisoformat(day) for day in json.loads(row.closed_dates)),
        fallback_by_ms=row.fallback_by_ms,
        expires_at_ms=row.expires_at_ms,
        state=CampaignState(row.state),
        paused_why=Why.CAMPAIGN_PAUSED if paused is None else Why(paused),
        important_until_confirmed=kind.important_until_confirmed,
        emergency=emergency_of(row),
        redials_cut=kind.redials_cut,
        day_zone=rules.zone,
    )


def emergency_of(row: CampaignRow) -> Emergency | None:
    """The exception to the quiet hours that was approved; of an outage alone."""
    if row.kind != EMERGENCY_KIND or row.emergency_from_ms is None or row.emergency_until_ms is None:
        return None
    return Emergency(row.emergency_from_ms, row.emergency_until_ms)


def class_asked(campaign: Campaign, customer_class: str, zones: str, channel: Channel) -> Asked:
    """The question to the calling hours about a class of contacts. `zones`: as its row has them; none: no number."""
    return Asked(
        campaign.kind,
        customer_class,
        tuple(zones.split(";")) if zones else (),
        campaign.ring_timeout_ms,
        channel,
        campaign.windows,
        campaign.closed_dates,
        emergency=campaign.emergency,
        zone=campaign.zone,
    )


def campaign_for(campaign: Campaign, row: ContactRow) -> Campaign:
    """The campaign with the deadlines of a contact."""
    if (campaign.fallback_by_ms, campaign.expires_at_ms) == (row.fallback_by_ms, row.expires_at_ms):
        return campaign
    return replace(campaign, fallback_by_ms=row.fallback_by_ms, expires_at_ms=row.expires_at_ms)


def contact_of(row: ContactRow, attempts: Iterable[AttemptRow]) -> Contact:
    """`attempts`: all of the contact. Its items decide nothing: they are for the words alone."""
    return Contact(
        account=row.account,
        customer_class=row.customer_class,
        phones=tuple(Phone(number, tuple(zones)) for number, zones in json.loads(row.phones)),
        important=bool(row.important),
        state=State(row.state),
        round=row.round,
        attempts=_dated([attempt_of(each) for each in sorted(attempts, key=lambda each: each.n)], row),
        decided_upto=row.decided_upto,
        handed_over=bool(row.handed_over),
        promise_date=row.promise_date,
        outdated_upto=row.outdated_upto or 0,
        call_at_ms=row.call_at_ms,
        keep_by_ms=row.keep_by_ms,
        agreed_at_ms=row.agreed_at_ms,
    )


def _dated(attempts: Sequence[Attempt], row: ContactRow) -> tuple[Attempt, ...]:
    """The release before kept the date of a promise with the contact alone: it is that of the last one."""
    promised = [
        each for each in attempts if each.round == row.round and each.disposition is Disposition.PROMISED_TO_PAY
    ]
    if row.promise_date is None or not promised or promised[-1].promise_date is not None:
        return tuple(attempts)
    last = replace(promised[-1], promise_date=row.promise_date)
    return tuple(last if each.n == last.n else each for each in attempts)


def attempt_of(row: AttemptRow) -> Attempt:
    return Attempt(
        n=row.n,
        round=row.round,
        channel=Channel(row.channel),
        number=row.number,
        at_ms=row.decided_at_ms,
        step=Step(row.step),
        ended_ms=row.ended_at_ms,
        disposition=None if row.disposition is None else Disposition(row.disposition),
        counted=bool(row.counted),
        rang=bool(row.rang),
        confirmed=bool(row.confirmed),
        agreed_at_ms=row.agreed_at_ms,
        revised=bool(row.revised),
        cut=bool(row.cut),
        promise_date=row.promise_date,
        by_person=bool(row.by_person),
    )


def judged_attempt(row: AttemptRow, attempt: Attempt) -> AttemptRow:
    """The row with what `campaigns.core.after` made of the attempt."""
    return row._replace(**judged_columns(attempt))


def judged_columns(attempt: Attempt) -> dict[str, Any]:
    """Those columns of an attempt that `campaigns.core.after` decides."""
    return {
        "step": attempt.step.value,
        "ended_at_ms": attempt.ended_ms,
        "disposition": None if attempt.disposition is None else attempt.disposition.value,
        "counted": int(attempt.counted),
        "rang": int(attempt.rang),
        "confirmed": int(attempt.confirmed),
        "agreed_at_ms": attempt.agreed_at_ms,
        "revised": int(attempt.revised),
        "cut": int(attempt.cut) or None,
        "promise_date": attempt.promise_date,
        "by_person": int(attempt.by_person) or None,
    }


def judged_contact(
    row: ContactRow, contact: Contact, campaign: Campaign, next_at_ms: int, now_ms: int, **more: Any
) -> ContactRow:
    """The row with what `campaigns.core.after` made of the contact, to be looked at again at `next_at_ms`. `more`: of
    other columns.

    `version` is raised by whoever writes it.
    """
    met_ms = contact.notice_out_ms
    return row._replace(
        state=contact.state.value,
        round=contact.round,
        decided_upto=contact.decided_upto,
        handed_over=int(contact.handed_over),
        promise_date=contact.promise_date,
        hours_class=hours_class(import_no(row.hours_class), contact, campaign),
        next_at_ms=next_at_ms,
        deadline_at_ms=deadline_at_ms(row, contact, campaign, now_ms),
        notice_out_ms=met_ms,
        **more,
    )


def deadline_at_ms(row: ContactRow, contact: Contact, campaign: Campaign, now_ms: int) -> int:
    """When a deadline acts on the contact next, or is missed; FAR: never."""
    acting = next_deadline(contact, campaign_for(campaign, row), now_ms)
    instants = [] if acting is None else [acting]
    promised_ms = None if contact.final else promise_open_ms(contact, campaign_for(campaign, row), now_ms)
    if promised_ms is not None:
        instants.append(promised_ms)
    if row.notice_out_by_ms is not None and contact.notice_out_ms is None and not row.notice_missed:
        instants.append(notice_missed_ms(contact, row.notice_out_by_ms))
    promise_ms = None if row.promise is not None else look_at_ms(contact, now_ms)
    if promise_ms is not None:
        instants.append(promise_ms)
    return min(instants, default=FAR)


def hours_class(import_number: int, contact: Contact, campaign: Campaign) -> str:
    """What decides about the hours of the contact's next call: IMPORT|CLASS|ZONE;ZONE, and |first of those that go
    before others.

    The zones are those of the number that comes next; of a contact that has none left, of none. Where an agreed time
    comes before the rest hours the class names none either: its contacts are looked at when their time has come, and
    the hours are asked then.
    """
    choice = next_call(contact, campaign)
    agreed = agreed_at_ms(contact) is not None and campaign.kind in campaign.hours.agreed_time_prevails
    zones = NO_ZONES if choice is None or agreed else zones_text(choice.phone.zones)
    return f"{import_number}|{contact.customer_class}|{zones}{FIRST if goes_first(contact) else ''}"


def class_row(row: ContactRow) -> HoursClassRow:
    """The row of the contact's hours class."""
    _, _, zones, *_ = row.hours_class.split("|")
    return HoursClassRow(row.campaign, row.hours_class, import_no(row.hours_class), row.customer_class, zones)


def import_no(text: str) -> int:
    """The import of an hours class."""
    return int(text.split("|", 1)[0])


def zones_text(zones: Sequence[str]) -> str:
    return ";".join(sorted(zones))
