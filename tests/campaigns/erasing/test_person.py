"""A number in text: every way that it is written, and nothing else."""

import pytest

from campaigns.erasing.person import Person, cleaner, marks, tails

NUMBERS = ("+8613877665544", "+861082345678", "+81312345678")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("tel:+8613877665544", "tel:+9999999999999"),
        ('"008613877665544"', '"999999999999999"'),
        ('{"n":13877665544}', '{"n":99999999999}'),
        ("0138776655445", "0138776655445"),
        ("213877665544", "213877665544"),
        ("01082345678;010 82345678", "99999999999;999 99999999"),
        ("打 138-7766-5544。", "打 999-9999-9999。"),
        ("(+86) 138.7766.5544", "(+99) 999.9999.9999"),
        ("１３８ ７７６６ ５５４４", "９９９ ９９９９ ９９９９"),
        ("[138,7766,5544]", "[138,7766,5544]"),
        ("0312345678", "9999999999"),
        ("nothing", "nothing"),
    ],
)
def test_each_form_is_replaced_by_as_many_nines(text: str, wanted: str) -> None:
    assert cleaner(NUMBERS)(text) == wanted


def test_marks_are_the_digits_in_the_country_and_never_short_ones() -> None:
    assert marks(NUMBERS) == ["1082345678", "13877665544", "312345678"]
    assert marks(["+290 12345".replace(" ", "")]) == []
    assert tails(NUMBERS) == ["5544", "5678", "５５４４", "５６７８"]
    assert cleaner(["+29012345"])("12345") == "12345"
    assert cleaner([])("13877665544") == "13877665544"


def test_the_digest_is_of_all_that_was_asked_for() -> None:
    one = Person("A", frozenset(NUMBERS))
    assert one.digest("e1") != one.digest("e2")
    assert one.digest("e1") != Person("B", frozenset(NUMBERS)).digest("e1")
    assert one.digest("e1") == Person("A", frozenset(reversed(NUMBERS))).digest("e1")
