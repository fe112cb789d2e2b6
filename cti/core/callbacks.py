"""Callbacks that callers ask for, and that agents promise: who is to be called back, of what a call says.

* QUEUE-1: the caller has been played the callback offer, waits, and presses 1. One request for each offer: who presses
  twice asks once.
* HOLD-3: the agent says that a callback was promised, and by when. One request for each such event.

Ids derive from the cause (the offer's command, the agent's event): the same cause gives the same request.
"""

from collections.abc import Sequence
from typing import Final

from cti.core.call_state import Call, Keys, Promise
from cti.core.commands import STEPS_MAX
from cti.core.identity import command_id
from cti.core.numbers import e164
from cti.core.rules import Intervention, RuleBook

OFFER: Final = "callback_offer"  # as the next: keys of messages in the profile
CONFIRMED: Final = "callback_confirmed"
KEY: Final = "1"
PROMISED: Final = "HOLD-3"
USEFUL_MS: Final = 10_000  # a confirmation that comes later is not played
ONCE: Final = 1  # n of an occurrence
CONFIRMS: Final = STEPS_MAX  # as the next: steps beyond those of a profile
ASKS: Final = STEPS_MAX + 1
NOT_PLAYED: Final = frozenset({"refused", "overtaken"})

_Offer = tuple[str, int, int]
"""(rule, entry, step) of a profile."""


def offers_of(book: RuleBook) -> frozenset[_Offer]:
    """The steps of rules in which this profile plays the callback offer."""
    return frozenset(
        (rule.id, rule.entry, step.ordinal)
        for rule in book.interventions
        for step in rule.steps
        if step.command == "playMessage" and step.said.get("message") == OFFER
    )


def accepted(call: Call, done: Sequence[Intervention], offers: frozenset[_Offer]) -> list[tuple[Intervention, Keys]]:
    """The offers that the caller has accepted and that were not confirmed yet, each with the first key that did."""
    confirmed = {each.cause for each in done}
    return [
        (offer, keys)
        for offer in done
        if (offer.rule, offer.entry, offer.step) in offers
        and offer.state not in NOT_PLAYED
        and offer.id not in confirmed
        and (keys := next((keys for keys in call.extras.pressed if _accepts(keys, offer)), None)) is not None
    ]


def _accepts(keys: Keys, offer: Intervention) -> bool:
    return KEY in keys.digits and keys.at_ms >= offer.due_ms


def confirmation(offer: Intervention, keys: Keys, tenant: str, call_id: str) -> Intervention:
    """What tells the caller that he is called back. Its cause is the offer: it is there once, and so is the request."""
    id_ = command_id(tenant, f"{call_id}:{offer.id}", offer.rule, ONCE, CONFIRMS)
    expires_ms = keys.at_ms + USEFUL_MS
    return Intervention(
        id_, offer.rule, offer.entry, ONCE, CONFIRMS, offer.id, "playMessage", keys.at_ms, expires_ms, "open"
    )


def request_id(offer: Intervention, tenant: str, call_id: str) -> str:
    """The id of the request of a caller who accepts this offer."""
    return command_id(tenant, f"{call_id}:{offer.id}", offer.rule, ONCE, ASKS)


def promise_id(promise: Promise, tenant: str, source: str) -> str:
    """The id of the request that an agent promises."""
    return command_id(tenant, f"{len(source)}:{source}:{promise.event}", PROMISED, ONCE, ASKS)


def number_of(call: Call) -> str | None:
    """The customer's number in E.164; None: nobody can tell it."""
    opening = call.opening
    return e164(opening.called if opening.direction == "outbound" else opening.calling)
