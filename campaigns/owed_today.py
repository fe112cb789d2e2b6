"""What an account owes on the day of the dial: its items with the penalty and total of that day (ARR-1).

Billing and outage items say what they say on any day; arrears grow. What is paid is no item any more.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import InvalidOperation

from campaigns.core.penalty import Arrears, NoFormula, Rate, arrears_of, penalty_on
from campaigns.ledger.rows import ContactRow
from campaigns.outages import items as outages
from campaigns.settlements.items import is_in_part, left

ARREARS = "arrears"
RATES = "penalty_rates"
"""Beside an item's fields, for the words alone: the daily rates of its penalty, `;` between two of them (ARR-1)."""
SUMS = ("penalty", "total_due")
"""What of an item is another sum on another day."""


def items_left(kind: str, contact: ContactRow) -> list[Mapping[str, str]]:
    """The contact's items, without those that are paid, and without outages that are cancelled and of which it was
    never told.
    """
    items = outages.of_round(json.loads(contact.items), contact.round)
    return left(kind, items, settled_of(contact))


def settled_of(contact: ContactRow) -> frozenset[str]:
    """The marks of its items that are paid (`campaigns.settlements.items`)."""
    return frozenset(json.loads(contact.settled)) if contact.settled else frozenset()


def owed_on(
    kind: str, contact: ContactRow, day: date, rates: Iterable[Rate] = ()
) -> tuple[Mapping[str, str], ...] | NoFormula:
    """What the contact is told on a day; NoFormula: it is not dialled on it."""
    items, settled = items_left(kind, contact), settled_of(contact)
    if not items and outages.can_be_revised(kind):
        return NoFormula("its outage is cancelled: there is nothing to be told")
    if settled and any(is_in_part(kind, item, settled) for item in items):
        return NoFormula("some months of an item are paid: what is left of it is not known")
    return items_on(kind, items, contact.customer_class, day, rates)


def items_on(
    kind: str, items: Sequence[Mapping[str, str]], customer_class: str, day: date, rates: Iterable[Rate] = ()
) -> tuple[Mapping[str, str], ...] | NoFormula:
    """The items as they are told on a day, with how their penalty is computed (RATES); NoFormula: the contact is not
    dialled on it.
    """
    if kind != ARREARS:
        return tuple(items)
    table = tuple(rates)
    summed: list[Mapping[str, str]] = []
    for item in items:
        owed = _arrears(item, customer_class)
        if isinstance(owed, NoFormula):
            return owed
        penalty = penalty_on(owed, day, table)
        if isinstance(penalty, NoFormula):
            return penalty
        total = owed.amount + penalty.amount
        by = ";".join(f"{rate.normalize():f}" for rate in penalty.rates)
        summed.append({**item, "penalty": f"{penalty.amount:.2f}", "total_due": f"{total:.2f}", RATES: by})
    return tuple(summed)


def _arrears(item: Mapping[str, str], customer_class: str) -> Arrears | NoFormula:
    """In doubt there is no formula."""
    try:
        return arrears_of(item, customer_class)
    except (KeyError, ValueError, InvalidOperation) as error:
        return NoFormula(f"an item cannot be read: {error}")
