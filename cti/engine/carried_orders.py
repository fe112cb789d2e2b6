"""Which dial orders a call is of: those whose ids its facts carry, as the envelope's `commandid`.

* Any fact may carry one, the first to arrive or the last; the set of the facts counts, not the order of their arrival.
* A command of the call's own (an intervention) is no dial order. Whether another id is one, the ledger decides.
* A result and a report name the command that they answer: that says nothing about the call.
* A fact that belongs to the next incarnation of the call id counts there, not here.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from cti.core.call_reuse import is_beyond
from cti.core.call_state import Call
from cti.core.facts import RESULT_KINDS, Fact
from cti.core.rules import Intervention

COMMANDID: Final = "$commandid"  # where a fact has it (`ingest`)
ORDERS_MAX: Final = 8
"""Ids kept of a call, those that arrived first: one that made it, a few that cleared it or asked about it."""

Orders = tuple[str, ...]
NO_ORDERS: Final[Orders] = ()


def orders_with(orders: Orders, fact: Fact, done: Sequence[Intervention]) -> Orders:
    """The ids with that of one more fact, which carries one. The same tuple where that is nothing new."""
    order: str = fact.data[COMMANDID]
    if order in orders or len(orders) >= ORDERS_MAX or fact.kind in RESULT_KINDS:
        return orders
    if any(intervention.id == order for intervention in done):
        return orders
    return (*orders, order)


def orders_of(call: Call, facts: Iterable[Fact], beyond: Sequence[Fact], done: Sequence[Intervention]) -> Orders:
    """The ids that these facts, in the order of arrival, carry for the call that they make; `beyond`: those that are
    the next incarnation's.
    """
    others = {fact.id for fact in beyond}
    orders = NO_ORDERS
    for fact in facts:
        if COMMANDID in fact.data and fact.id not in others and not is_beyond(call, fact):
            orders = orders_with(orders, fact, done)
    return orders
