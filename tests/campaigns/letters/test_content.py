"""What a letter says, and which notices are set aside: pure, with fonts that are said to have some characters."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.letters.content import Aside, Glyphs, letter, sheet_row, shown_aside
from tests.campaigns.letters.printed import ITEMS, ZONE, aside_of, notice

SOME = Glyphs(
    ("Some",),
    frozenset("".join(chr(code) for code in range(0x20, 0x7F)) + "张三江西省南昌市东湖区长江路号营业厅年月日、千分之"),
)


def test_nothing_is_set_aside_where_all_can_be_shown() -> None:
    assert aside_of(notice(), SOME) == []
    assert aside_of(notice(address=None), SOME) == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_is_judged_is_what_is_told(language: str) -> None:
    months = ",".join(f"{year}-{month:02}" for year in (2024, 2025) for month in range(1, 13))
    assert aside_of(notice(items=[{**ITEMS["arrears"], "months": months, "kept": "שלום"}]), SOME, language) == []


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"name": "张\U00020bb7"}, Aside("name", "glyph", ("U+20BB7",))),
        ({"name": "张\n三"}, Aside("name", "glyph", ("U+000A",))),
        ({"name": "张\u202e三"}, Aside("name", "glyph", ("U+202E",))),
        ({"name": "שלום"}, Aside("name", "glyph", ("U+05D5", "U+05DC", "U+05DD", "U+05E9"))),
        ({"address": "\x07长江路"}, Aside("address", "glyph", ("U+0007",))),
        ({"account": "3\ue000"}, Aside("account", "glyph", ("U+E000",))),
        ({"items": [{**ITEMS["arrears"], "pay_at": "囍"}]}, Aside("pay_at", "glyph", ("U+56CD",))),
        ({"address": "长江路" * 50}, Aside("address", "length")),
        ({"name": "张三" * 80, "address": "长江路"}, Aside("name", "length")),
        ({"name": "A" * 28}, Aside("name", "length")),
        ({"account": "1" * 40}, Aside("account", "length")),
        ({"items": [{**ITEMS["arrears"], "pay_at": "A" * 40}]}, Aside("pay_at", "length")),
    ],
)
def test_what_cannot_be_shown_is_aside_of(changed: dict[str, object], why: Aside) -> None:
    assert aside_of(notice(**changed), SOME) == [why]


def test_each_reason_is_said_once_and_in_the_language_of_the_sheet() -> None:
    row = notice(account="3\ue000", items=[{**ITEMS["arrears"], "pay_at": "囍" * 3}] * 2)
    why = aside_of(row, SOME)
    assert shown_aside(why) == [
        {"field": "account", "rule": "glyph", "characters": ["U+E000"]},
        {"field": "pay_at", "rule": "glyph", "characters": ["U+56CD"]},
    ]
    assert sheet_row(row, why, SOME, "en") == {
        "page": 1, "account": "", "why": "account: no glyph for U+E000; pay_at: no glyph for U+56CD",
    }  # fmt: skip
    assert sheet_row(notice(2), [Aside("name", "length")], SOME, "zh")["why"] == "name: 过长"
    assert sheet_row(notice(2), [], SOME, "en") == {"page": 2, "account": "3100000002", "why": "to be recalled"}


def test_amounts_are_the_text_of_the_ledger_and_sums_are_exact() -> None:
    items = [{**ITEMS["arrears"], "arrears": "0.10", "total_due": "123456789012.30"}, ITEMS["arrears"]]
    said = letter(notice(items=items), "zh", ZONE)
    assert said["items"][0]["arrears"] == "0.10"
    assert said["sums"] == {"arrears": "123.55", "penalty": "2.40", "total_due": "123456789136.95"}
    assert set(said["items"][0]) == {*ITEMS["arrears"], "penalty_min"}, "every field of the kind is there"
    without = [{name: text for name, text in ITEMS["arrears"].items() if name != "penalty"}, ITEMS["arrears"]]
    assert letter(notice(items=without), "en", ZONE)["sums"]["penalty"] == "", "no sum of what is not known"


@given(st.lists(st.decimals(min_value=0, max_value=10**9, places=2), min_size=1, max_size=50))
def test_sums_add_up(owed: list[Decimal]) -> None:
    items = [{**ITEMS["billing"], "amount_due": f"{one:f}"} for one in owed]
    assert Decimal(letter(notice(kind="billing", items=items), "zh", ZONE)["sums"]["amount_due"]) == sum(owed)


def test_text_that_is_no_date_is_told_as_it_is() -> None:
    odd = {**ITEMS["arrears"], "penalty_from": "soon", "months": "later", "penalty_rate_per_day": "?"}
    (item,) = letter(notice(items=[odd]), "zh", ZONE)["items"]
    assert (item["penalty_from"], item["months"], item["penalty_rate_per_day"]) == ("soon", "later", "?")
