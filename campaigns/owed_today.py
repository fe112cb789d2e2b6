"""What an account owes on the day of the dial: its items with the penalty and total of that day (ARR-1).

Billing and outage items say what they say on any day; arrears grow.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation

from campaigns.core.penalty import Arrears, NoFormula, Rate, penalty_on

ARREARS = "arrears"


def items_on(
    kind: str, items: Sequence[Mapping[str, str]], customer_class: str, day: date, rates: Iterable[Rate] = ()
) -> tuple[Mapping[str, str], ...] | NoFormula:
    """The items as they are told on a day; NoFormula: the contact is not dialled on it."""
    if kind != ARREARS:
        return tuple(items)
    table = tuple(rates)
    told: list[Mapping[str, str]] = []
    for item in items:
        owed = _arrears(item, customer_class)
        if isinstance(owed, NoFormula):
            return owed
        penalty = penalty_on(owed, day, table)
        if isinstance(penalty, NoFormula):
            return penalty
        total = owed.amount + penalty.amount
        told.append({**item, "penalty": f"{penalty.amount:.2f}", "total_due": f"{total:.2f}"})
    return tuple(told)


def _arrears(item: Mapping[str, str], customer_class: str) -> Arrears | NoFormula:
    """A penalty of its own binds where the item has no rate; in doubt there is no formula."""
    try:
        return Arrears(
            customer_class,
            Decimal(item["arrears"]),
            _day(item, "penalty_from"),
            _amount(item, "penalty_rate_per_day"),
            _amount(item, "penalty_min"),
            None if item.get("penalty_rate_per_day") else _amount(item, "penalty"),
            _day(item, "as_of"),
        )
    except (KeyError, ValueError, InvalidOperation) as error:
        return NoFormula(f"an item cannot be read: {error}")


def _amount(item: Mapping[str, str], name: str) -> Decimal | None:
    return Decimal(item[name]) if item.get(name) else None


def _day(item: Mapping[str, str], name: str) -> date | None:
    return date.fromisoformat(item[name]) if item.get(name) else None
