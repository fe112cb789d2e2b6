"""A caller's number in E.164: as switches write it, and as files of customers have it."""

import pytest

from campaigns.imports.numbers import Number, normalised
from cti.core.numbers import e164

MOBILE, LANDLINE = "+8613800001234", "+8679188881234"


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("13800001234", MOBILE),
        ("+8613800001234", MOBILE),
        ("008613800001234", MOBILE),
        ("8613800001234", MOBILE),
        ("013800001234", MOBILE),
        ("138-0000 1234", MOBILE),
        ("sip:13800001234@10.0.0.1:5060;user=phone", MOBILE),
        ('"Zhang" <sip:+8613800001234@pbx>', MOBILE),
        ("tel:+86-138-0000-1234", MOBILE),
        ("079188881234", LANDLINE),
        ("+8679188881234", LANDLINE),
        ("86079188881234", LANDLINE),
        ("01085001234", "+861085001234"),
        ("+85223456789", "+85223456789"),
        ("0085223456789", "+85223456789"),
    ],
)
def test_one_telephone_is_one_number_as_in_files(written: str, number: str) -> None:
    assert e164(written) == number
    if ":" not in written:
        found = normalised(written)
        assert isinstance(found, Number)
        assert found.e164 == number


@pytest.mark.parametrize(
    "written", [None, "", "anonymous", "88881234", "95598", "110", "8001", "sip:agent@pbx", "+86", "1380000123", "*#"]
)
def test_what_cannot_be_told_is_none(written: str | None) -> None:
    assert e164(written) is None
