"""Numbers as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.imports.numbers import Mistake, Number, normalised

SHANGHAI = ("Asia/Shanghai",)


@pytest.mark.parametrize(
    ("text", "e164"),
    [
        ("13800000001", "+8613800000001"),
        (" 138 0000 0001 ", "+8613800000001"),
        ("138-0000-0001", "+8613800000001"),
        ("１３８００００　０００１", "+8613800000001"),
        ("+86 13800000001", "+8613800000001"),
        ("＋８６１３８０００００００１", "+8613800000001"),
        ("8613800000001", "+8613800000001"),
        ("008613800000001", "+8613800000001"),
        ("013800000001", "+8613800000001"),
        ("0791-88888888", "+8679188888888"),
        ("（0791）88888888", "+8679188888888"),
        ("010 62345678", "+861062345678"),
        ("+86 791 8888 8888", "+8679188888888"),
        ("86-791-88888888", "+8679188888888"),
    ],
)
def test_mainland(text: str, e164: str) -> None:
    assert normalised(text) == Number(e164, SHANGHAI)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+852 2345 6789", Number("+85223456789", ("Asia/Hong_Kong",))),
        ("00852 2345 6789", Number("+85223456789", ("Asia/Hong_Kong",))),
        ("+1 212 736 5000", Number("+12127365000", ("America/New_York",))),
    ],
)
def test_abroad(text: str, number: Number) -> None:
    assert normalised(text) == number


def test_a_number_of_a_country_with_several_zones_may_be_in_any() -> None:
    found = normalised("+61 412 345 678")
    assert isinstance(found, Number)
    assert {"Australia/Perth", "Australia/Sydney"} <= set(found.zones)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("1.38E+10", "SPOILT"),
        ("1.38e10", "SPOILT"),
        ("１.３８Ｅ+１０", "SPOILT"),
        ("13800000001.0", "SPOILT"),
        ("95598", "SERVICE_NUMBER"),
        ("９５５９８", "SERVICE_NUMBER"),
        ("110", "SERVICE_NUMBER"),
        ("119", "SERVICE_NUMBER"),
        ("12345", "SERVICE_NUMBER"),
        ("10086", "SERVICE_NUMBER"),
        ("0791-95598", "SERVICE_NUMBER"),
        ("+86 95598", "SERVICE_NUMBER"),
        ("01095598", "SERVICE_NUMBER"),
        ("400-123-4567", "SERVICE_NUMBER"),
        ("800 8101234", "SERVICE_NUMBER"),
        ("0791-88888888-801", "EXTENSION"),
        ("0791-88888888转801", "EXTENSION"),
        ("0791 88888888 ext 12", "EXTENSION"),
        ("88888888", "NUMBER"),
        ("1380000000", "NUMBER"),
        ("138000000012", "NUMBER"),
        ("12800000001", "NUMBER"),
        ("无", "NUMBER"),
        ("-", "NUMBER"),
        ("0", "NUMBER"),
        ("+", "NUMBER"),
        ("+999 123456789", "NUMBER"),
        ("13800000001/13800000002", "NUMBER"),
        ("1" * 5_000, "NUMBER"),
    ],
)
def test_refused(text: str, rule: str) -> None:
    found = normalised(text)
    assert isinstance(found, Mistake), found
    assert found.rule == rule


@given(st.text(max_size=30) | st.text("0123456789+-. ()转eE", max_size=20))
def test_any_text_is_a_number_or_a_mistake(text: str) -> None:
    found = normalised(text)
    if isinstance(found, Number):
        assert found.e164.startswith("+")
        assert 8 <= len(found.e164) <= 16
        assert normalised(found.e164) == found
