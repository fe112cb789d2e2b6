"""The orders of a contact: what they say, in which language, and what goes on record."""

import json
from typing import Any

import pytest

from campaigns.core.decide import Dial
from campaigns.core.reasons import Channel
from campaigns.dialler.message_ways import Way
from campaigns.dialler.orders import (
    Callers,
    Leg,
    OrderBasis,
    call_order,
    clearing,
    message_order,
    question,
    said_on,
    split_number,
)
from campaigns.kinds import Text, known_kinds
from campaigns.ledger.compiled import contact_of
from campaigns.ledger.rows import CampaignRow, ContactRow
from campaigns.rendering import Said
from cti.dial.rows import DialOrderRow
from schemas.dial_orders import read_dial_order
from tests.campaigns import shipped
from tests.campaigns.dialler.rows import DEBT, PROFILE, START_MS, campaign_row, contact_row
from tests.campaigns.shipped import DAY_MS, SHANGHAI, URUMQI, ms

CALLERS = Callers(Text("供电服务热线", "the electricity service line"), "95598")
DIAL = Dial("+8613800000007", Channel.AUTO, ms("2026-03-04 12:29:20"), ms("2026-03-04 12:30"))
LEDGER_MS = START_MS + 3
OWN_WAY = Way("s1", "/switches/s1", "main")


def told(campaign: CampaignRow, now_ms: int = START_MS, **contact: Any) -> Said | str:
    return said_on(campaign, contact_row(campaign, 7, **contact), now_ms, shipped.rules(), CALLERS)


def basis(campaign: CampaignRow, row: ContactRow, said: Said, dial: Dial = DIAL) -> OrderBasis:
    contact, expires_ms = contact_of(row, []), LEDGER_MS + 10_000
    return OrderBasis(campaign, row, contact, 2, dial, said, START_MS, LEDGER_MS, expires_ms, "/switches/s1")


def call(campaign: CampaignRow, dial: Dial = DIAL, **contact: Any) -> tuple[DialOrderRow, Any, dict[str, Any]]:
    """The order, the evidence and the body, which the schema of dial orders takes."""
    row, said = contact_row(campaign, 7, **contact), told(campaign, **contact)
    assert isinstance(said, Said)
    of = basis(campaign, row, said, dial)
    order, evidence = call_order(of) if dial.channel is Channel.AUTO else message_order(of, OWN_WAY)
    body = json.loads(order.body)
    read_dial_order(body)
    return order, evidence, body


def test_a_call_is_an_order_of_its_contact_and_attempt_on_the_campaign_s_lane() -> None:
    order, _, body = call(campaign_row())
    assert order[:7] == ("c0-7.2", "test", "s1", "/switches/s1", "main", "makeCall", None)
    assert (order.made_at_ms, order.expires_at_ms) == (LEDGER_MS, LEDGER_MS + 10_000)
    said = body.pop("on_answer")
    assert body == {
        "id": "c0-7.2", "command": "makeCall", "tenant": "test", "switch": "s1", "rule": "BILL-1",
        "issued_at": "2026-03-04T01:00:00.003Z", "expires_at": "2026-03-04T01:00:10.003Z", "to": "+8613800000007",
        "trunk_group": "main", "ring_timeout_s": 30, "ring_until": "2026-03-04T04:30:00.000Z",
        "answering_machine": "detect", "attempt": 2,
    }  # fmt: skip
    assert said["gate"] == {"key": "1", "timeout_s": 10, "repeats": 2}
    assert said["keys"] == {key: action.value for key, action in known_kinds()["billing"].keys.items()}
    assert "102.50" in said["body"]["zh"]
    assert "102.50" not in said["opening"]["zh"] + said["on_machine"]["zh"]


def test_a_campaign_s_own_number_is_shown_else_that_of_its_trunk_group() -> None:
    own, group = campaign_row(caller_id="95598001"), campaign_row()
    assert call(own)[2]["caller_id"] == "95598001"
    row, said = contact_row(group, 7), told(group)
    assert isinstance(said, Said)
    order, evidence = call_order(basis(group, row, said), group_caller_id="95598")
    assert json.loads(order.body)["caller_id"] == evidence["caller_id"] == "95598"


@pytest.mark.parametrize("kind", ["billing", "arrears", "outage"])
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("queue", [None, "billing"])
def test_every_kind_speaks_the_campaign_s_language_alone(kind: str, language: str, queue: str | None) -> None:
    _, _, body = call(campaign_row(kind=kind, language=language, queue=queue))
    said = body["on_answer"]
    for part in ("opening", "body", "on_machine"):
        assert list(said[part]) == [language]
    assert ("queue" in said) is ("0" in said["keys"]) is (queue is not None)
    assert ("gate" in said) is (kind != "outage")


def test_what_goes_on_record_with_a_call() -> None:
    campaign = campaign_row(kind="arrears", caller_id="95598")
    _, evidence, _ = call(campaign, phones=[["+8613800000007", [SHANGHAI, URUMQI]]])
    assert evidence == {
        "command": "c0-7.2", "decided_at_ms": START_MS, "template": "arrears", "sha256": evidence["sha256"],
        "profile": PROFILE, "zones": json.dumps([SHANGHAI, URUMQI]), "dial_before_ms": DIAL.dial_before_ms,
        "ring_until_ms": DIAL.ring_until_ms, "amount_spoken": "123.84", "caller_id": "95598",
    }  # fmt: skip
    assert len(evidence["sha256"]) == 64


def test_arrears_grow_from_day_to_day() -> None:
    today, tomorrow = told(campaign_row(kind="arrears")), told(campaign_row(kind="arrears"), START_MS + DAY_MS)
    assert isinstance(today, Said)
    assert isinstance(tomorrow, Said)
    assert (today.amount, tomorrow.amount) == ("123.84", "123.96")
    assert today.sha256 != tomorrow.sha256


def test_a_fixed_penalty_is_told_on_its_day_only() -> None:
    fixed = {name: value for name, value in DEBT.items() if name not in {"penalty_rate_per_day", "penalty_from"}}
    items = json.dumps([{**fixed, "penalty": "3.84", "as_of": "2026-03-04"}])
    assert isinstance(told(campaign_row(kind="arrears"), items=items), Said)
    assert isinstance(told(campaign_row(kind="arrears"), START_MS + DAY_MS, items=items), str)


def test_an_item_that_cannot_be_told_is_a_reason_not_a_sentence_with_a_gap() -> None:
    why = told(campaign_row(), items=json.dumps([{"reading_date": "2026-03-01", "amount_due": "1.00"}]))
    assert isinstance(why, str)
    assert why.startswith("billing.body")


@pytest.mark.parametrize(("kind", "amount"), [("billing", "102.50"), ("arrears", None), ("outage", None)])
def test_a_message_is_in_the_campaign_s_language_and_notes_only_an_amount_that_it_tells(
    kind: str, amount: str | None
) -> None:
    dial = DIAL._replace(channel=Channel.SMS)
    order, evidence, body = call(campaign_row(kind=kind), dial)
    assert (order.command, order.lane, order.about) == ("sendMessage", "main", None)
    assert (body["channel"], body["to"], body["reference"]) == ("sms", "+8613800000007", "c0-7.2")
    assert body["text"].startswith("【供电服务热线】")
    assert evidence["amount_spoken"] == amount
    assert "ring_until_ms" not in evidence
    _, _, english = call(campaign_row(kind=kind, language="en"), dial)
    assert english["text"].startswith("the electricity service line: ")


def test_an_extension_is_dialled_once_the_number_has_answered() -> None:
    number = "+8679188888888;ext=8001"
    assert split_number(number) == ("+8679188888888", "8001")
    assert split_number("+8613800000007") == ("+8613800000007", None)
    _, _, body = call(campaign_row(), DIAL._replace(number=number), phones=[[number, [SHANGHAI]]])
    assert (body["to"], body["extension"]) == ("+8679188888888", "8001")


def test_a_question_and_a_clearing_are_about_their_order() -> None:
    order, _, _ = call(campaign_row())
    asked = question(order, 1, LEDGER_MS + 20_000)
    assert (asked.id, asked.command, asked.about, asked.lane) == ("c0-7.2.q1", "snapshotCall", "c0-7.2", "main")
    assert (asked.made_at_ms, asked.expires_at_ms) == (LEDGER_MS + 20_000, LEDGER_MS + 30_000)
    cleared = clearing(order, 3, Leg("call-9", "leg-1"), LEDGER_MS)
    assert (cleared.id, cleared.command, cleared.about) == ("c0-7.2.c3", "clearConnection", "c0-7.2")
    bodies = [json.loads(one.body) for one in (asked, cleared)]
    for body in bodies:
        read_dial_order(body)
    assert bodies[0]["about"] == "c0-7.2"
    assert (bodies[1]["subject"], bodies[1]["connection"]) == ("call-9", "leg-1")
