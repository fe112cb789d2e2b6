"""A long call's facts: none is lost, each is found, and a version that was dropped leaves nothing behind."""

from pydantic_core import to_json

from cti.core.facts import Fact, fact
from cti.core.rules import RuleBook
from cti.engine.history import SEALED_AT, SEALED_BYTES
from cti.engine.live_calls import LiveCall, newborn
from cti.engine.sources import Source
from cti.wiring import read_book

BOOK: RuleBook = read_book("power-95598")
MANY = 5 * SEALED_AT + 7


def digits(n: int, text: str = "1") -> Fact:
    return fact(1_000 + n, None, f"id-{n}", "digitsGenerated", n, {"digits": text})


def empty() -> LiveCall:
    return newborn(Source("t", "/switches/s", BOOK), "call", 0, 0, 1)


def added(live: LiveCall, facts: list[Fact]) -> LiveCall:
    """A version with these facts more; the one given stays as it is."""
    for one in facts:
        live = live.copy()
        live.add(one, to_json(one.data))
    return live


def ids(live: LiveCall) -> list[str]:
    return [one.id for one in live.history()]


def test_every_fact_is_kept_in_the_order_of_arrival_and_found() -> None:
    facts = [digits(n) for n in range(MANY)]
    live = added(empty(), facts)
    assert live.history() == facts
    assert live.facts == MANY
    assert [live.known_hash(one.id) for one in facts] == list(range(MANY))
    assert live.known_hash("another") is None


def test_what_is_searched_and_copied_for_one_more_fact_stays_small() -> None:
    live = added(empty(), [digits(n) for n in range(MANY)])
    assert len(live.newest) < SEALED_AT * 60
    large = added(empty(), [digits(n, "1" * 4_000) for n in range(100)])
    assert len(large.newest) < SEALED_BYTES + 5_000
    assert large.size > 100 * 4_000


def test_an_earlier_version_sees_nothing_of_a_later_one() -> None:
    early = added(empty(), [digits(n) for n in range(SEALED_AT + 1)])
    known = ids(early)
    added(early, [digits(n) for n in range(500, 500 + 2 * SEALED_AT)])
    assert ids(early) == known
    assert early.known_hash("id-500") is None


def test_two_versions_that_go_on_from_one_do_not_mix() -> None:
    """The first is dropped with its round; what arrives is read again, and this time other facts come first."""
    base = added(empty(), [digits(n) for n in range(SEALED_AT + 1)])
    dropped = added(base, [digits(n) for n in range(1_000, 1_000 + 2 * SEALED_AT)])
    again = added(base, [digits(n) for n in range(2_000, 2_000 + 3 * SEALED_AT)])
    assert ids(again)[SEALED_AT + 1 :] == [f"id-{n}" for n in range(2_000, 2_000 + 3 * SEALED_AT)]
    assert again.known_hash("id-1000") is None
    assert again.known_hash("id-2000") == 2_000
    assert dropped.known_hash("id-1000") == 1_000
    assert dropped.known_hash("id-2000") is None
