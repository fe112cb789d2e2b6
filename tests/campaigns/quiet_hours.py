"""When a telephone may ring, written down once more: whoever judges the product asks it nothing.

CB-1: 07:30-12:30 and 14:00-21:00, in every zone in which the callee may be. ARR-1: debts from 08:00. A number of
mainland China is in Shanghai's zone; where another is, `phonenumbers` says; a row's own zones are added.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

SHANGHAI = "Asia/Shanghai"
REST = (("07:30", "12:30"), ("14:00", "21:00"))
DEBTS = (("08:00", "22:00"),)
ALWAYS = (("00:00", "24:00"),)
OF_KIND = {"billing": ALWAYS, "arrears": DEBTS, "outage": ALWAYS, "callback": ALWAYS}
MAINLAND = "+86"
Spans = tuple[tuple[str, str], ...]


def zones_of(number: str, of_row: Iterable[str] = ()) -> frozenset[str]:
    """Where its owner may be."""
    return frozenset(of_row) | (frozenset((SHANGHAI,)) if number.startswith(MAINLAND) else _zones_of(number))


@cache
def _zones_of(number: str) -> frozenset[str]:
    from phonenumbers import parse
    from phonenumbers.timezone import time_zones_for_number

    return frozenset(time_zones_for_number(parse(number)))


def is_open(at_ms: float, zone: str, kind: str) -> bool:
    """Whether this instant is in the rest hours, and in those of the kind."""
    return _is_in(at_ms, zone, REST) and _is_in(at_ms, zone, OF_KIND[kind])


@lru_cache(maxsize=16_384)
def _is_in(at_ms: float, zone: str, hours: Spans) -> bool:
    time = f"{_local(at_ms, zone):%H:%M}"
    return any(opens <= time < closes for opens, closes in hours)


@lru_cache(maxsize=4_096)
def day_of(at_ms: float, zone: str = SHANGHAI) -> str:
    return _local(at_ms, zone).date().isoformat()


def closed_in(
    from_ms: float, to_ms: float, zones: Iterable[str], kind: str, windows: Spans = ALWAYS, own: str = SHANGHAI,
    excepted: Iterable[tuple[float, float]] = (),
) -> Iterator[str]:  # fmt: skip
    """The zones in which a telephone that rings from one instant to the other breaks the hours; or the campaign's own
    zone, to which its windows belong.

    No window is shorter than a call rings: the two ends decide. `excepted`: from when to when a second key has approved
    that the hours of an outage do not hold; the campaign's windows do.
    """
    spans = tuple(excepted) if kind == "outage" else ()
    ends = (from_ms, max(to_ms - 1, from_ms))
    judged = [at_ms for at_ms in ends if not any(opens <= at_ms < closes for opens, closes in spans)]
    yield from (zone for zone in sorted(zones) if not all(is_open(at_ms, zone, kind) for at_ms in judged))
    if not all(_is_in(at_ms, own, windows) for at_ms in ends):
        yield f"{own}, by its windows"


def _local(at_ms: float, zone: str) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(zone))
