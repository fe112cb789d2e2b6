"""What the fields of a kind must say together: ARR-1 of arrears, OUT-1 of outages, FOLLOW-1 and URGE-1; and what may
be below zero.

Arrears: the total is the row's own sum on `as_of`; where that is absent, on the day of the import or the day before. A
fixed penalty is that of its `as_of`. A row with a rate may say its penalty too: then that must agree as well. A row
with neither is for the operator's table of rates, where that covers it.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from typing import NamedTuple

from campaigns.core.penalty import ONE_DAY, Arrears, NoFormula, Rate, arrears_of, penalty_on, total_holds
from campaigns.core.sampling import CATEGORIES, is_fault
from campaigns.imports.cells import FORM, MISSING, RANGE, moment_ms
from campaigns.kinds import FieldType, Kind, known_kinds

ARREARS, OUTAGE, FOLLOW_UP, REMINDER = "arrears", "outage", "follow-up", "reminder"
SIDES = frozenset({"", "inside", "内部", "customer", "客户"})
BELOW_ZERO = frozenset({"previous_balance"})
ARR_1, OUT_1 = "ARR-1", "OUT-1"
RATE_BELOW = Decimal("0.1")  # of a day: more is a percentage without its sign
NOTHING = Decimal(0)


class Fault(NamedTuple):
    """`field`: by its name."""

    field: str
    rule: str
    what: str


def check_item(
    kind: Kind, item: Mapping[str, str], customer_class: str, imported: date, rates: Sequence[Rate]
) -> Sequence[Fault]:
    """`item`: fields in canonical form, "" where there is none."""
    faults = [Fault(name, RANGE, f"{item[name]} is below zero") for name in _below_zero(kind, item)]
    if faults:
        return faults
    if kind.name == ARREARS:
        return _arrears(item, customer_class, imported, rates)
    if kind.name == OUTAGE:
        return _outage(item)
    if kind.name == FOLLOW_UP:
        return _follow_up(item)
    return _reminder(item) if kind.name == REMINDER else ()


def _below_zero(kind: Kind, item: Mapping[str, str]) -> list[str]:
    return [name for name in _never_below_zero(kind.name) if item.get(name, "")[:1] == "-"]


@cache
def _never_below_zero(kind: str) -> tuple[str, ...]:
    """By the name: to hash a kind's fields at every row takes longer than all else here."""
    amounts = (field.name for field in known_kinds()[kind].fields if field.type in (FieldType.MONEY, FieldType.NUMBER))
    return tuple(name for name in amounts if name not in BELOW_ZERO)


def _outage(item: Mapping[str, str]) -> Sequence[Fault]:
    if moment_ms(item["restores_at"]) <= moment_ms(item["starts_at"]):
        return [Fault("restores_at", OUT_1, f"{item['restores_at']} is not after {item['starts_at']}")]
    return ()


def _follow_up(item: Mapping[str, str]) -> Sequence[Fault]:
    """A sample of each fault, spread over the area: both must be known."""
    if item["category"].strip().lower() not in CATEGORIES:
        known = ", ".join(dict.fromkeys(CATEGORIES.values()))
        return [Fault("category", FORM, f"{item['category']!r} is none of {known}")]
    if not is_fault(item["category"]):
        return ()
    return [Fault(name, MISSING, "a report of a fault names it") for name in ("fault", "area") if not item.get(name)]


def _reminder(item: Mapping[str, str]) -> Sequence[Fault]:
    if item.get("side", "") in SIDES:
        return ()
    return [Fault("side", FORM, f"{item['side']!r} is neither inside 内部 nor customer 客户")]


def _arrears(item: Mapping[str, str], customer_class: str, imported: date, rates: Sequence[Rate]) -> Sequence[Fault]:
    owed = arrears_of(item, customer_class)
    rate, total = owed.rate_per_day, Decimal(item["total_due"])
    fixed = Decimal(item["penalty"]) if item.get("penalty") else None
    if total <= NOTHING:
        return [Fault("total_due", ARR_1, "nothing is owed")]
    if rate is not None and not NOTHING < rate < RATE_BELOW:
        return [Fault("penalty_rate_per_day", RANGE, f"{rate} is no rate of a day: above 0 and below {RATE_BELOW}")]
    if owed.penalty is not None and owed.as_of is None:
        return [Fault("as_of", MISSING, "a fixed penalty needs the day that it was computed for")]
    if fixed is None and owed.penalty_from is None:
        return [Fault("penalty_from", MISSING, "nothing says from which day on the penalty is counted")]
    return _sums(owed, total, fixed, imported, rates)


def _sums(
    owed: Arrears, total: Decimal, said: Decimal | None, imported: date, rates: Sequence[Rate]
) -> Sequence[Fault]:
    if said is not None and owed.rate_per_day is not None and owed.amount + said != total:
        return [Fault("penalty", ARR_1, f"{said} and {owed.amount} are not the total {total}")]
    if total_holds(owed, total, imported, rates):
        return ()
    day = owed.as_of or imported
    penalty = penalty_on(owed, day, rates)
    if isinstance(penalty, NoFormula):
        return [Fault("penalty_rate_per_day", MISSING, f"the penalty cannot be computed: {penalty.detail}")]
    whose = f"on {day}" if owed.as_of else f"on {day} or {day - ONE_DAY}"
    what = f"{total} is not its sum {whose}: {owed.amount} + {penalty.amount} = {owed.amount + penalty.amount} on {day}"
    return [Fault("total_due", ARR_1, what)]
