"""The late-payment penalty that is told on the day of the dial (ARR-1).

1. A rate of the row itself: arrears x rate x (day - penalty_from + 1), both days counted.
2. A fixed amount holds on the day it was computed for, and on no other.
3. Without either, the operator's table: each day at the rate of the customer class that was in force on it, by whether
   the amount fell due in that year or in an earlier one.
4. Rounded half up to 0.01, then at least the minimum; nothing before `penalty_from`.
5. What cannot be computed is not guessed: `NoFormula`, and the contact is not dialled. Decimals throughout.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import NamedTuple

CENT = Decimal("0.01")
NOTHING = Decimal("0.00")
DIGITS = 60
"""Of a product before it is rounded: amounts and rates have far fewer."""
ONE_DAY = timedelta(days=1)
NO_FORMULA = "no_formula"


@dataclass(frozen=True, slots=True)
class Arrears:
    """One item. `rate_per_day` and `penalty_from`, or a fixed `penalty` that was computed for the day `as_of`."""

    customer_class: str
    amount: Decimal
    penalty_from: date | None = None
    rate_per_day: Decimal | None = None
    minimum: Decimal | None = None
    penalty: Decimal | None = None
    as_of: date | None = None


def arrears_of(item: Mapping[str, str], customer_class: str) -> Arrears:
    """The arrears in an item's fields (canonical form). An item without a rate binds by its own penalty. Raises
    KeyError, ValueError, decimal.InvalidOperation.
    """
    rate = _amount(item, "penalty_rate_per_day")
    return Arrears(
        customer_class=customer_class,
        amount=Decimal(item["arrears"]),
        penalty_from=_day(item, "penalty_from"),
        rate_per_day=rate,
        minimum=_amount(item, "penalty_min"),
        penalty=_amount(item, "penalty") if rate is None else None,
        as_of=_day(item, "as_of"),
    )


def _amount(item: Mapping[str, str], name: str) -> Decimal | None:
    return Decimal(item[name]) if item.get(name) else None


def _day(item: Mapping[str, str], name: str) -> date | None:
    return date.fromisoformat(item[name]) if item.get(name) else None


class Rate(NamedTuple):
    """One row of an operator's table: in force from `first` to `last`, both included; None: until further notice."""

    customer_class: str
    first: date
    last: date | None
    this_year: Decimal
    earlier_years: Decimal
    minimum: Decimal
    source: str


class Penalty(NamedTuple):
    """`sources`: where the rates come from; empty where the row itself says them. `rates`: a day, in the order in which
    they were applied; none of a fixed amount, or where no day counts.
    """

    amount: Decimal
    days: int
    sources: tuple[str, ...]
    rates: tuple[Decimal, ...] = ()


class NoFormula(NamedTuple):
    detail: str


def penalty_on(arrears: Arrears, day: date, table: Iterable[Rate] = ()) -> Penalty | NoFormula:
    """The penalty of one item on a day."""
    if arrears.penalty is not None:
        if arrears.as_of != day:
            return NoFormula(f"the fixed penalty is that of {arrears.as_of or 'no day'}")
        return Penalty(_rounded(arrears.penalty), 0, ())
    if arrears.penalty_from is None:
        return NoFormula("nothing says from which day on it is counted")
    days = max((day - arrears.penalty_from).days + 1, 0)
    if arrears.rate_per_day is not None:
        with localcontext(prec=DIGITS):
            sum_ = arrears.amount * arrears.rate_per_day * days
        rates = (arrears.rate_per_day,) if days else ()
        return Penalty(_at_least(sum_, arrears.minimum or NOTHING, days), days, (), rates)
    return _by_table(arrears, arrears.penalty_from, days, tuple(table))


def total_on(items: Iterable[Arrears], day: date, table: Iterable[Rate] = ()) -> Decimal | NoFormula:
    """Arrears and penalties of all items, as they are told on a day."""
    rates = tuple(table)
    total = NOTHING
    for item in items:
        penalty = penalty_on(item, day, rates)
        if isinstance(penalty, NoFormula):
            return penalty
        with localcontext(prec=DIGITS):
            total += item.amount + penalty.amount
    return _rounded(total)


def total_holds(item: Arrears, total_due: Decimal, imported: date, table: Iterable[Rate] = ()) -> bool:
    """Whether a row's own total is its sum on `as_of`; where that is absent, on the day of the import or before it."""
    if item.penalty is not None:
        return _rounded(item.amount + item.penalty) == total_due
    days = (item.as_of,) if item.as_of is not None else (imported, imported - ONE_DAY)
    rates = tuple(table)
    return any(total_on((item,), day, rates) == total_due for day in days)


def _by_table(arrears: Arrears, first: date, days: int, table: tuple[Rate, ...]) -> Penalty | NoFormula:
    """Day by day in spans of one rate: a new year or a new regulation begins a new one."""
    total, minimum = Decimal(0), NOTHING
    sources: list[str] = []
    rates: list[Decimal] = []
    for begin, end in _years(first, days):
        counted = 0
        for rate in table:
            here = _shared(rate, begin, end)
            if here > 0 and rate.customer_class == arrears.customer_class:
                per_day = rate.this_year if begin.year == first.year else rate.earlier_years
                with localcontext(prec=DIGITS):
                    total += arrears.amount * per_day * here
                counted += here
                minimum = rate.minimum  # that of the last day
                sources += [rate.source] if rate.source not in sources else []
                rates += [per_day] if per_day not in rates else []
        if counted != (end - begin).days + 1:
            return NoFormula(f"no rate for {arrears.customer_class} on every day from {begin} to {end}")
    minimum = minimum if arrears.minimum is None else arrears.minimum
    return Penalty(_at_least(total, minimum, days), days, tuple(sources), tuple(rates))


def _years(first: date, days: int) -> Iterator[tuple[date, date]]:
    """(first, last) of `days` days, cut at the end of each year."""
    last = first + timedelta(days=days - 1)
    while first <= last:
        end = min(last, date(first.year, 12, 31))
        yield first, end
        first = end + ONE_DAY


def _shared(rate: Rate, begin: date, end: date) -> int:
    """Days of [begin, end] on which a rate is in force."""
    last = end if rate.last is None else min(rate.last, end)
    return (last - max(rate.first, begin)).days + 1


def _at_least(total: Decimal, minimum: Decimal, days: int) -> Decimal:
    return max(_rounded(total), minimum) if days > 0 else NOTHING


def _rounded(amount: Decimal) -> Decimal:
    with localcontext(prec=DIGITS):
        return amount.quantize(CENT, ROUND_HALF_UP)
