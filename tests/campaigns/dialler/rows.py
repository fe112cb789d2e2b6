"""Rows of a campaign and of its contacts, as an import leaves them."""

import json
from typing import Any

from campaigns.kinds import known_kinds
from campaigns.ledger.compiled import campaign_of, contact_of, hours_class
from campaigns.ledger.rows import AttemptRow, CampaignRow, ContactRow
from campaigns.ledger.tables import FAR
from tests.campaigns import shipped
from tests.campaigns.shipped import DAY_MS, SHANGHAI, ms

START_MS = ms("2026-03-04 09:00")
PROFILE = "china-power@1"
BILL = {
    "reading_date": "2026-03-01", "reading": "4321", "energy_kwh": "210", "amount": "105.50",
    "previous_balance": "-3.00", "amount_due": "102.50",
}  # fmt: skip
DEBT = {
    "months": "2026-01", "arrears": "120.00", "penalty_rate_per_day": "0.001", "penalty_from": "2026-02-01",
    "total_due": "123.84", "pay_at": "东湖营业厅",
}  # fmt: skip
OUTAGE = {
    "important": "no", "area": "东湖区A1", "reason": "检修", "starts_at": "2026-03-12T00:00:00Z",
    "restores_at": "2026-03-12T08:00:00Z",
}  # fmt: skip
ITEMS = {"billing": BILL, "arrears": DEBT, "outage": OUTAGE}


def campaign_row(**changed: Any) -> CampaignRow:
    """A campaign with the defaults of its kind, running on the switch s1."""
    kind = known_kinds()[changed.get("kind", "billing")]
    row = CampaignRow(
        id="c0", tenant="test", name="March", kind=kind.name, switch="s1", trunk_group="main", caller_id=None,
        queue=None, language="zh", windows="[]", closed_dates="[]", zone=SHANGHAI,
        calls_per_second=kind.defaults.calls_per_second, calls_at_once=kind.defaults.calls_at_once,
        ring_timeout_s=kind.defaults.ring_timeout_s, attempts_max=kind.defaults.attempts_max, retry="{}",
        channels=json.dumps([channel.value for channel in kind.defaults.channels]),
        fallback=kind.defaults.fallback.value, priority=kind.defaults.priority, received_at_ms=START_MS,
        notice_out_by_ms=None, fallback_by_ms=START_MS + 3 * DAY_MS, expires_at_ms=START_MS + 13 * DAY_MS,
        deadlines_given=0, provisional=0, state="running", paused_why=None, live=None, version=1, made_at_ms=START_MS,
        started_at_ms=None, resumed_at_ms=None, ended_at_ms=None, made_by="a key (1)", profile=PROFILE,
    )  # fmt: skip
    return row._replace(**changed)


def contact_row(campaign: CampaignRow, no: int, **changed: Any) -> ContactRow:
    """A contact with one number of Shanghai's time, not called yet."""
    phones = changed.pop("phones", [[f"+86138{no:08d}", [SHANGHAI]]])
    row = ContactRow(
        id=f"{campaign.id}-{no}", campaign=campaign.id, tenant=campaign.tenant, no=no, account=f"A{no}", name="张三",
        address="", customer_class="resident", important=0, phones=json.dumps(phones),
        items=json.dumps([ITEMS[campaign.kind]]), kept="{}", state="waiting", round=1, decided_upto=0, handed_over=0,
        promise_date=None, hours_class="", next_at_ms=START_MS, deadline_at_ms=FAR,
        notice_out_by_ms=campaign.notice_out_by_ms, fallback_by_ms=campaign.fallback_by_ms,
        expires_at_ms=campaign.expires_at_ms, notice_out_ms=None, notice_missed=0, waits_for=None, why=None, version=1,
    )  # fmt: skip
    contact = contact_of(row, [])
    row = row._replace(hours_class=hours_class(1, contact, campaign_of(campaign, shipped.rules())))
    return row._replace(**changed)


def attempt_row(contact: ContactRow, n: int, **changed: Any) -> AttemptRow:
    """An order for the contact's first number that was just made."""
    number = changed.pop("number", json.loads(contact.phones)[0][0])
    row = AttemptRow(
        contact=contact.id, n=n, campaign=contact.campaign, tenant=contact.tenant, round=contact.round, channel="auto",
        number=number, decided_at_ms=START_MS, step="open", decision="dialled", why=None, rule=None,
        command=f"{contact.id}.{n}", call=None, sent_at_ms=None, rang_at_ms=None, answered_at_ms=None,
        ended_at_ms=None, disposition=None, counted=0, rang=0, confirmed=0, agreed_at_ms=None, q850=None, tone=None,
        machine=None, digits=None, amount_spoken=None, template="billing", sha256="0" * 64, caller_id="95598",
        profile=PROFILE, zones=json.dumps([SHANGHAI]), dial_before_ms=None, ring_until_ms=None, note=None, revised=0,
    )  # fmt: skip
    return row._replace(**changed)
