"""The campaigns that a manager changes while they run: arrears, outages, two files of bills, bills that are drained.

Each has customers of its own, so that what is done to one shows in no other. All are on one trunk group.
"""

import csv
import io
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tests.campaigns.bills import account, bills
from tests.campaigns.open_now import Country
from tests.faults.cluster.driver_book import SWITCH

LANE = "north"
ARREARS, OUTAGES, FILES, DRAINED = "arrears", "outages", "files", "drained"
KINDS: Mapping[str, str] = {ARREARS: "arrears", OUTAGES: "outage", FILES: "billing", DRAINED: "billing"}
ACCOUNTS_FROM: Mapping[str, int] = {ARREARS: 100_000, OUTAGES: 200_000, FILES: 300_000, DRAINED: 400_000}
SECOND_NUMBER_EVERY = 4
AT_ONCE = 500
OUTAGE_WORDS = ("reached", "reached", "reached", "hangUpEarly", "machine", "noAnswer", "busy")
CALLER_WORDS = ("reached", "reached", "noAnswer", "busy")

PAID_MONTH, PAID_WORDS = "2026-01", "January 2026"
OTHER_MONTH = "2026-02"
AMOUNTS = ((PAID_MONTH, "120.00"), (OTHER_MONTH, "80.50"))
PENALTY_IN = timedelta(days=60)  # no penalty yet, so that a total is the same on any day

AREAS = ("Lake District", "Hill District")  # one is told another time, the other that it is cancelled
STARTS_IN, LASTS, LONGER = timedelta(hours=12), timedelta(hours=3), timedelta(hours=2)
OLD_MINUTE, NEW_MINUTE = 17, 43  # of the hour at which the power comes back: by these the words differ
OLD_WORD, NEW_WORD, CANCELLED_WORD = f":{OLD_MINUTE} on", f":{NEW_MINUTE} on", "is cancelled"


class Customer(NamedTuple):
    """Called at the first number, then at the second, if there is one."""

    account: str
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Contacts of each campaign, of a file of `FILES`; people who are promised a call. `pace`: calls a second of each
    campaign.
    """

    contacts: Mapping[str, int] = field(
        default_factory=lambda: {ARREARS: 360, OUTAGES: 240, FILES: 200, DRAINED: 320}
    )  # fmt: skip
    callers: int = 40
    pace: int = 5

    @property
    def numbers(self) -> int:
        """That are needed, second ones included."""
        return 2 * (sum(self.contacts.values()) + self.contacts[FILES]) + self.callers


SMALL = Sizes(dict.fromkeys(KINDS, 40), 8, 2)


@dataclass(frozen=True, slots=True)
class Customers:
    """`of`: by campaign, in the order of its file; those of `FILES` are of two files, half in each."""

    of: Mapping[str, Sequence[Customer]]
    callers: Sequence[str]
    first_file: int  # so many of `FILES`

    @property
    def withdrawn(self) -> Sequence[Customer]:
        return self.of[FILES][: self.first_file]

    def in_area(self, area: str) -> Sequence[Customer]:
        return [one for at, one in enumerate(self.of[OUTAGES]) if _area(at) == area]


def drawn(sizes: Sizes, country: Country, first: int) -> Customers:
    """`first`: the place of the first number that nobody else has."""
    numbers = (country.number(first + at) for at in range(sizes.numbers))
    counts = {**sizes.contacts, FILES: 2 * sizes.contacts[FILES]}
    of = {
        name: [Customer(account(ACCOUNTS_FROM[name] + at), _own(numbers, at)) for at in range(count)]
        for name, count in counts.items()
    }
    return Customers(of, [next(numbers) for _ in range(sizes.callers)], sizes.contacts[FILES])


def _own(numbers: Iterator[str], at: int) -> tuple[str, ...]:
    return (next(numbers), next(numbers)) if at % SECOND_NUMBER_EVERY == 0 else (next(numbers),)


def _area(at: int) -> str:
    return AREAS[at % len(AREAS)]


def scripts(customers: Customers, words: Sequence[str], seed: int) -> dict[str, list[str]]:
    """What each number does when it is called. `words`: of those who owe; whoever is told of an outage answers more
    often, so that something is to be told again.
    """
    by_word = [
        (OUTAGE_WORDS if name == OUTAGES else words, number)
        for name, each in customers.of.items()
        for one in each
        for number in one.numbers
    ]
    by_word += [(CALLER_WORDS, number) for number in customers.callers]
    return {number: [random.Random(f"{seed}:{number}").choice(of)] for of, number in by_word}


def settings(name: str, zone: str, pace: int) -> dict[str, Any]:
    """A campaign to be made."""
    channels = {"channels": ["auto"]} if name == OUTAGES else {}  # no gateway of messages is there
    return {
        "name": f"The manager's {name}", "kind": KINDS[name], "switch": SWITCH, "trunk_group": LANE, "zone": zone,
        "language": "en", "pacing": {"calls_per_second": pace, "calls_at_once": AT_ONCE}, **channels,
    }  # fmt: skip


# -- files -------------------------------------------------------------------------------------------------------------


class Times(NamedTuple):
    """Of both outages, in RFC 3339: when the power goes off, when it comes back, and when instead."""

    starts_at: str
    restores_at: str
    later: str


def times(now: datetime, zone: str) -> Times:
    """So far ahead that a deadline is not near."""
    starts = (now + STARTS_IN).astimezone(ZoneInfo(zone)).replace(minute=0, second=0, microsecond=0)
    restores = (starts + LASTS).replace(minute=OLD_MINUTE)
    later = (restores + LONGER).replace(minute=NEW_MINUTE)
    return Times(*(at.isoformat(timespec="seconds") for at in (starts, restores, later)))


def files(name: str, customers: Customers, of: Times) -> Sequence[bytes]:
    """The CSVs of a campaign."""
    each = customers.of[name]
    if name == ARREARS:
        return [_csv(_owed(each, of))]
    if name == OUTAGES:
        return [_csv(_told(each, of))]
    first = ACCOUNTS_FROM[name]
    parts = [(0, len(each))] if name == DRAINED else [(0, customers.first_file), (customers.first_file, len(each))]
    return [b"".join(bills([one.numbers for one in each[begin:end]], first + begin)) for begin, end in parts]


def _owed(each: Sequence[Customer], of: Times) -> Iterator[dict[str, str]]:
    """Two items of each account."""
    penalty_from = (datetime.fromisoformat(of.starts_at) + PENALTY_IN).date().isoformat()
    for one in each:
        for months, amount in AMOUNTS:
            yield _row(one) | {
                "months": months, "arrears": amount, "penalty_rate_per_day": "0.001", "penalty_from": penalty_from,
                "total_due": amount, "pay_at": "the hall",
            }  # fmt: skip


def _told(each: Sequence[Customer], of: Times) -> Iterator[dict[str, str]]:
    for at, one in enumerate(each):
        yield _row(one) | {
            "important": "no", "area": _area(at), "reason": "maintenance", "starts_at": of.starts_at,
            "restores_at": of.restores_at,
        }  # fmt: skip


def _row(one: Customer) -> dict[str, str]:
    second = one.numbers[1] if len(one.numbers) > 1 else ""
    return {
        "account": one.account, "name": f"Customer {one.account}", "number": one.numbers[0], "number2": second,
        "address": "1 Lake Road",
    }  # fmt: skip


def _csv(rows: Iterator[dict[str, str]]) -> bytes:
    listed = list(rows)
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(listed[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(listed)
    return out.getvalue().encode()
