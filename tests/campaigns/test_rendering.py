"""The words of the kinds: what is said before the gate and on a machine, what after it, and what cannot be said."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from campaigns.core.reasons import Channel, FallbackKind, KeyAction
from campaigns.kinds import Kind, Text, Words, known_kinds
from campaigns.rendering import ITEMS_SPOKEN_MAX, LANGUAGES, Account, CannotSay, Part, Said, Speaker, said_to
from schemas.fields import Words as SchemaWords
from tests.campaigns.shipped import SHANGHAI

SPEAKER = Speaker(Text("95598供电服务热线", "the 95598 electricity service line"), "95598", SHANGHAI, "95598", 60)
BILL = {
    "reading_date": "2026-03-01",
    "reading": "4321",
    "energy_kwh": "210",
    "amount": "105.5",
    "previous_balance": "-3.00",
    "amount_due": "102.50",
}
DEBT = {
    "months": "2026-01",
    "arrears": "120.00",
    "penalty_rate_per_day": "0.001",
    "penalty": "3.84",
    "penalty_from": "2026-02-01",
    "total_due": "123.84",
    "pay_at": "东湖营业厅",
}
OUTAGE = {
    "area": "东湖区A1",
    "reason": "检修",
    "starts_at": "2026-03-12T00:00:00Z",
    "restores_at": "2026-03-12T16:30:00+08:00",
}
CALLBACK = {"due_at": "2026-03-04T15:00:00+08:00", "reason": "电费有误"}
FOLLOW_UP = {"case": "W-1", "category": "投诉", "summary": "停电太久", "closed_at": "2026-03-03T15:00:00+08:00"}
REMINDER = {"case": "W-2", "step": "补交资料", "due_at": "2026-03-06T17:00:00+08:00"}
ITEMS: dict[str, dict[str, str]] = {
    "billing": BILL, "arrears": DEBT, "outage": OUTAGE, "callback": CALLBACK, "follow-up": FOLLOW_UP,
    "reminder": REMINDER,
}  # fmt: skip
SECRETS = ("4321", "210", "105.5", "102.50", "120.00", "3.84", "123.84", "张三", "0011223344")


def account(kind: str, *items: Mapping[str, str]) -> Account:
    return Account("0011223344", "张三", items or (ITEMS[kind],))


def said(kind: str, *items: Mapping[str, str], speaker: Speaker = SPEAKER) -> Said:
    return said_to(known_kinds()[kind], speaker, account(kind, *items))


def test_the_kinds_are_found_and_have_the_defaults_of_the_contract() -> None:
    found = {
        name: (*kind.defaults, kind.gate is not None, kind.important_until_confirmed)
        for name, kind in known_kinds().items()
    }
    auto, both, agent = (Channel.AUTO,), (Channel.SMS, Channel.AUTO), (Channel.AGENT,)
    assert found == {
        "billing": (auto, 3, FallbackKind.NOTICE, 1, 10, 30, 5, True, False),
        "arrears": (auto, 3, FallbackKind.NOTICE, 1, 10, 30, 5, True, False),
        "outage": (both, 3, FallbackKind.PERSON, 5, 50, 30, 1, False, True),
        "callback": (agent, 3, FallbackKind.PERSON, 5, 50, 30, 0, False, False),
        "follow-up": (agent, 3, FallbackKind.PERSON, 1, 10, 30, 4, False, False),
        "reminder": (auto, 3, FallbackKind.PERSON, 1, 10, 30, 3, False, False),
    }


@pytest.mark.parametrize("kind", sorted(ITEMS))
def test_a_kind_requires_what_its_rule_requires(kind: str) -> None:
    fields = {field.name: field for field in known_kinds()[kind].fields}
    assert set(known_kinds()[kind].item_key) <= set(fields)
    assert set(known_kinds()[kind].sums) <= set(fields)
    required = {
        "billing": {"reading_date", "reading", "energy_kwh", "amount", "previous_balance", "amount_due"},
        "arrears": {"months", "arrears", "total_due", "pay_at"},
        "outage": {"important", "area", "reason", "starts_at", "restores_at"},
        "callback": {"due_at"},
        "follow-up": {"case", "category"},
        "reminder": {"case", "step", "due_at"},
    }
    assert {name for name, field in fields.items() if field.required} == required[kind]
    headers = [header for field in fields.values() for header in field.headers]
    assert len(headers) == len(set(headers))


@pytest.mark.parametrize("kind", ["billing", "arrears", "outage"])
def test_the_order_has_the_form_of_the_contract(kind: str) -> None:
    on_answer = said(kind).on_answer
    gate = {"gate"} if kind != "outage" else set()
    assert set(on_answer) == {"opening", "body", "on_machine", "keys", "queue", "queue_wait_s"} | gate
    for part in ("opening", "body", "on_machine"):
        assert set(on_answer[part]) == {"zh", "en"}
        assert all(re.fullmatch(r"\S.*\S", text) for text in on_answer[part].values())
    assert set(on_answer["keys"].values()) <= set(KeyAction)
    assert on_answer["keys"]["0"] == "queue"
    if gate:
        assert set(on_answer["gate"]) == {"key", "timeout_s", "repeats"}
        assert on_answer["keys"][on_answer["gate"]["key"]] == "rightParty"


@pytest.mark.parametrize("kind", ["billing", "arrears", "outage"])
def test_the_opening_says_who_calls_and_why_and_offers_an_agent(kind: str) -> None:
    opening = said(kind).on_answer["opening"]
    assert "95598" in opening["zh"]
    assert "按0" in opening["zh"]
    assert "通知" in opening["zh"]
    assert "notice" in opening["en"]
    assert "press 0" in opening["en"]
    assert "不方便" in opening["zh"]
    assert "not convenient" in opening["en"]


def test_without_a_queue_key_0_is_not_offered() -> None:
    on_answer = said("billing", speaker=SPEAKER._replace(queue=None)).on_answer
    assert "0" not in on_answer["keys"]
    assert "按0" not in on_answer["opening"]["zh"]
    assert "press 0" not in on_answer["opening"]["en"]
    assert "queue" not in on_answer
    assert "queue_wait_s" not in on_answer


@pytest.mark.parametrize("kind", ["billing", "arrears"])
def test_before_the_gate_and_on_a_machine_nothing_of_the_account_is_said(kind: str) -> None:
    on_answer = said(kind).on_answer
    for part in ("opening", "on_machine"):
        for text in on_answer[part].values():
            assert not [secret for secret in SECRETS if secret in text]
    for text in on_answer["on_machine"].values():
        assert not re.search(r"\d", text.replace("95598", "")), "no figure but the number to call"


@pytest.mark.parametrize("kind", ["billing", "arrears"])
def test_a_name_or_an_amount_before_the_gate_would_be_seen(kind: str) -> None:
    """The check above can fail: a template that tells the name is found out."""
    whole = known_kinds()[kind]
    leaking = Kind(**{name: getattr(whole, name) for name in Kind.__dataclass_fields__} | {"words": leaks(whole.words)})
    on_answer = said_to(leaking, SPEAKER, account(kind)).on_answer
    assert "张三" in on_answer["opening"]["zh"]


def leaks(words: Words) -> Words:
    return words._replace(opening=Text("{{ name }}您好", "Hello {{ name }}"))


def test_a_bill_in_full() -> None:
    on_answer = said("billing").on_answer
    assert on_answer["body"]["zh"] == (
        "户号0011223344，张三您好。抄表日期2026年3月1日，本次示数4321，用电量210千瓦时，电费105.50元，"
        "上次余额-3.00元，应缴102.50元。重听请按9，不再接收语音通知请按8。感谢您的接听，再见。"
    )
    assert "Read on 1 March 2026: reading 4321, 210 kilowatt-hours, amount 105.50 yuan" in on_answer["body"]["en"]
    assert said("billing").amount == "102.50"


def test_several_items_are_summed() -> None:
    other = {**BILL, "meter": "7788", "amount_due": "0.05"}
    two = said("billing", BILL, other)
    assert "合计应缴102.55元" in two.on_answer["body"]["zh"]
    assert "电表7788" in two.on_answer["body"]["zh"]
    assert two.amount == "102.55"


def test_arrears_say_how_the_penalty_is_computed_and_where_to_pay() -> None:
    body = said("arrears").on_answer["body"]
    assert body["zh"] == (
        "户号0011223344，张三您好。2026年1月电费欠费120.00元，截至今日违约金3.84元，自2026年2月1日起按每日千分之1计算。"
        "合计应缴123.84元，请尽快到东湖营业厅缴费。已缴费请按4，近日缴费请按5，重听请按9。感谢您的接听，再见。"
    )
    assert "0.1 percent a day from 1 February 2026" in body["en"]
    assert said("arrears").amount == "123.84"


def test_arrears_without_a_rate_of_their_own_and_of_several_months() -> None:
    fixed = {key: value for key, value in DEBT.items() if key not in {"penalty_rate_per_day", "penalty_from"}}
    body = said("arrears", {**fixed, "months": "2025-12 2026-01"}).on_answer["body"]
    assert "2025年12月、2026年1月电费欠费" in body["zh"]
    assert "December 2025, January 2026" in body["en"]
    assert "千分之" not in body["zh"]


def test_of_many_items_some_are_told_and_all_are_summed() -> None:
    many = [{**DEBT, "months": f"2025-{month:02d}"} for month in range(1, 13)]
    told = said("arrears", *many)
    assert f"另有{12 - ITEMS_SPOKEN_MAX}笔" in told.on_answer["body"]["zh"]
    assert told.on_answer["body"]["zh"].count("违约金") == ITEMS_SPOKEN_MAX
    assert told.amount == str(12 * Decimal("123.84"))
    exactly = said("arrears", *many[:ITEMS_SPOKEN_MAX])
    assert "另有" not in exactly.on_answer["body"]["zh"]


@pytest.mark.parametrize("kind", sorted(set(ITEMS) - {"callback"}))
def test_whatever_names_the_items_says_that_there_are_more(kind: str) -> None:
    """Nobody is taken to be told of what was left out."""
    many = [dict(ITEMS[kind])] * (ITEMS_SPOKEN_MAX + 2)
    told, words = said(kind, *many), known_kinds()[kind].words
    texts = {"body": told.on_answer["body"], "on_machine": told.on_answer["on_machine"], "message": told.message}
    naming = [part for part in texts if "for item in items" in getattr(words, part).en]
    assert "body" in naming
    for part in naming:
        assert "另有2" in texts[part]["zh"], part
        assert "2 more" in texts[part]["en"], part


def test_an_outage_is_told_in_local_time_to_all_and_on_a_machine() -> None:
    told = said("outage")
    assert told.on_answer["body"]["zh"].startswith(
        "因检修，东湖区A1将于3月12日8点停电，预计3月12日16点30分恢复送电。收到通知请按1确认"
    )
    assert "08:00 on 12 March" in told.on_answer["body"]["en"]
    assert "3月12日8点" in told.on_answer["on_machine"]["zh"]
    assert told.amount is None


def test_messages_name_no_person_and_no_debt() -> None:
    for kind in ITEMS:
        for text in said(kind).message.values():
            assert "张三" not in text
            assert "0011223344" not in text
    for text in said("arrears").message.values():
        assert not [secret for secret in SECRETS if secret in text]
    assert "应缴102.50元" in said("billing").message["zh"]
    assert "尾号3344" in said("billing").message["zh"]
    assert "3月12日8点至3月12日16点30分停电" in said("outage").message["zh"]


def test_what_was_said_goes_on_record() -> None:
    assert said("billing").template == "billing"
    assert re.fullmatch(r"[0-9a-f]{64}", said("billing").sha256)
    assert said("billing").sha256 == said("billing").sha256
    assert said("billing").sha256 != said("billing", {**BILL, "reading": "4322"}).sha256


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("billing", {"amount_due": "viel"}),
        ("billing", {"reading_date": "01.03.2026"}),
        ("billing", {"amount_due": None}),
        ("billing", {"reading": None}),
        ("arrears", {"penalty": None}),
        ("arrears", {"months": "January"}),
        ("outage", {"starts_at": "2026-03-12T08:00:00"}),
        ("outage", {"area": "区" * 3000}),
    ],
)
def test_what_cannot_be_said_is_refused_with_its_template(kind: str, change: dict[str, str | None]) -> None:
    item = {key: value for key, value in {**ITEMS[kind], **change}.items() if value is not None}
    with pytest.raises(CannotSay):
        said(kind, item)


def with_body(text: str) -> Kind:
    whole = known_kinds()["outage"]
    fields: dict[str, Any] = {name: getattr(whole, name) for name in Kind.__dataclass_fields__}
    return Kind(**fields | {"words": whole.words._replace(body=Text(text, text))})


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ items.__init__.__globals__ }}",
        "{% set x = items[0].update({'area': 'x'}) %}x",
        "{{ cycler }}",
        "{{ lipsum.__globals__ }}",
        "{{ nothing }}",
        "{% include 'x' %}",
        "{{ 1 // 0 }}",
    ],
)
def test_a_template_has_its_values_and_nothing_else(template: str) -> None:
    with pytest.raises(CannotSay, match=r"outage\.body"):
        said_to(with_body(template), SPEAKER, account("outage"))


def test_words_of_any_language_are_kept_as_they_are() -> None:
    assert said_to(with_body("<b>&amp; 「{{ name }}」"), SPEAKER, account("outage")).on_answer["body"]["zh"] == (
        "<b>&amp; 「张三」"
    )


def test_the_limit_of_words_is_the_schemas() -> None:
    [limits] = [note for note in SchemaWords.__metadata__ if hasattr(note, "max_length")]
    said_to(with_body("x" * limits.max_length), SPEAKER, account("outage"))
    with pytest.raises(CannotSay):
        said_to(with_body("x" * (limits.max_length + 1)), SPEAKER, account("outage"))


@pytest.mark.parametrize("kind", sorted(ITEMS))
@pytest.mark.parametrize("language", LANGUAGES)
def test_one_language_of_one_part_says_the_same_as_all_do(kind: str, language: str) -> None:
    speaker = SPEAKER._replace(queue="agents")
    both = said(kind, speaker=speaker)
    call = said_to(known_kinds()[kind], speaker, account(kind), (language,), (Part.CALL,))
    message = said_to(known_kinds()[kind], speaker, account(kind), (language,), (Part.MESSAGE,))
    spoken = {"opening", "body", "on_machine"}
    assert call.on_answer == {
        name: {language: value[language]} if name in spoken else value for name, value in both.on_answer.items()
    }
    assert (call.message, message.on_answer) == ({}, {})
    assert message.message == {language: both.message[language]}
    assert len({both.sha256, call.sha256, message.sha256}) == 3, "the hash is of what is said"
    assert both.amount == call.amount == message.amount


def test_what_names_nobody_is_said_by_each_caller_in_his_own_name() -> None:
    """It is filled once for all contacts of a caller."""
    others = SPEAKER._replace(caller=Text("另一家", "Another"))
    for speaker, name in ((SPEAKER, SPEAKER.caller.en), (others, "Another"), (SPEAKER, SPEAKER.caller.en)):
        assert name in said("billing", speaker=speaker).on_answer["opening"]["en"]
