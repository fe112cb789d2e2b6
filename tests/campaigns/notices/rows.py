"""Rows as the ledger holds them, for tests: a campaign of arrears, its contacts, their attempts."""

import json
from datetime import datetime
from typing import Any

from campaigns.ledger.rows import AttemptRow, CampaignRow, ContactRow
from campaigns.ledger.tables import FAR

TENANT = "grid"
CAMPAIGN = "c0123456789abcde"
MONTH = {
    "months": "2026-01",
    "arrears": "100.00",
    "penalty_rate_per_day": "0.001",
    "penalty": "1.00",
    "as_of": "2026-02-10",
    "penalty_from": "2026-02-01",
    "total_due": "101.00",
    "pay_at": "营业厅",
}


def ms(text: str) -> int:
    """Of 2026-03-04T09:00:00+08:00."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


START_MS = ms("2026-03-04T09:00:00+08:00")


def campaign_row(**changed: Any) -> CampaignRow:
    row = CampaignRow(
        id=CAMPAIGN, tenant=TENANT, name="March", kind="arrears", switch="s1", trunk_group="main", caller_id=None,
        queue=None, language="zh", windows="[]", closed_dates="[]", zone="Asia/Shanghai", calls_per_second=1,
        calls_at_once=10, ring_timeout_s=30, attempts_max=3, retry="{}", channels='["auto"]', fallback="notice",
        priority=5, received_at_ms=START_MS, notice_out_by_ms=None, fallback_by_ms=None, expires_at_ms=None,
        deadlines_given=0, provisional=0, state="running", paused_why=None, live=None, version=1, made_at_ms=START_MS,
        started_at_ms=START_MS, resumed_at_ms=None, ended_at_ms=None, made_by="billing (k1)", profile="state-grid@1",
    )  # fmt: skip
    return row._replace(**changed)


def contact_row(no: int, **changed: Any) -> ContactRow:
    row = ContactRow(
        id=f"{CAMPAIGN}-{no}", campaign=CAMPAIGN, tenant=TENANT, no=no, account=f"{1_000_000 + no}", name="张三",
        address="长江路1号", customer_class="resident", important=0,
        phones=json.dumps([["+8613800001234", ["Asia/Shanghai"]]]), items=json.dumps([MONTH], ensure_ascii=False),
        kept="{}", state="fallback", round=1, decided_upto=0, handed_over=0, promise_date=None,
        hours_class="1|resident|Asia/Shanghai", next_at_ms=FAR, deadline_at_ms=FAR, notice_out_by_ms=None,
        fallback_by_ms=None, expires_at_ms=None, notice_out_ms=None, notice_missed=0, waits_for=None, why=None,
        version=1,
    )  # fmt: skip
    return row._replace(**changed)


def attempt_row(contact: ContactRow, n: int, at_ms: int = START_MS, **changed: Any) -> AttemptRow:
    row = AttemptRow(
        contact=contact.id, n=n, campaign=contact.campaign, tenant=contact.tenant, round=contact.round, channel="auto",
        number="+8613800001234", decided_at_ms=at_ms, step="over", decision="dialled", why=None, rule=None,
        command=f"{contact.id}.{n}", call=None, sent_at_ms=at_ms + 100, rang_at_ms=at_ms + 2_000, answered_at_ms=None,
        ended_at_ms=at_ms + 32_000, disposition="noAnswer", counted=1, rang=1, confirmed=0, agreed_at_ms=None, q850=19,
        tone=None, machine=None, digits=None, amount_spoken="123.80", template="arrears", sha256="0" * 64,
        caller_id=None, profile="state-grid@1", zones='["Asia/Shanghai"]', dial_before_ms=None, ring_until_ms=None,
        note=None, revised=0,
    )  # fmt: skip
    return row._replace(**changed)
