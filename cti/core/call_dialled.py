"""A call that a dial order made: outbound, with the order's id. Called by `call`, which owns the machine.

* It begins with `originated`. The called party's leg is the one that `originated` names. If another leg without an
  agent's number is reached, rings, answers or fails first, it is that leg. After it has rung, every other leg is an
  agent's.
* If the first event is `delivered` or `established` with the id of an order, the order made the call, unless the event
  names an agent or a queue.
* The first Q.850 cause of the called party's leg counts: a normal clearing after "user busy" adds nothing. An agent's
  leg gives the call no cause. The cause of callCleared counts only if no other is known.
* The first network tone counts: the busy tone follows the announcement. The machine result "unknown" does not replace
  a known one.
* Keys and messages are kept with their times, which show what was said before the gate's key was pressed.
* The called party's answer is the answer of the call. An agent who answers later ends the wait.
"""

from typing import Final

from cti.core import call_offers as offers
from cti.core import call_parties as parties
from cti.core.call_legs import customer_of
from cti.core.call_state import Call, Dialled, Ended, Keys, Opening
from cti.core.fact_data import agent_of, cause_data, commandid_of, connection_of, device_of, noted, queue_of
from cti.core.facts import CLEARED, Fact
from cti.core.leg_set import Legs, legs_of
from cti.core.legs import AGENT, ALERTING, CONNECTED, CUSTOMER, CUSTOMERS, INITIATED, QUEUED, Leg, moved
from schemas.reasons import Ignored

KEYS_MAX: Final = 1_000  # digitsGenerated kept of a call
MESSAGES_MAX: Final = 1_000  # announcementEnded kept of a call
UNKNOWN: Final = "unknown"


def begins(call: Call, connection: str | None) -> None:
    """originated: note the called party's leg."""
    call.dialled = True
    if customer_of(call.legs) is None and not call.customer_left:
        call.legs = legs_of([*call.legs, Leg(connection or "", CUSTOMER, INITIATED, call.opening.called)])
    else:
        parties.adopt(call, connection)


def stand_in(call: Call, fact: Fact) -> None:
    """delivered, established without an opening: if the event is of the called party's leg, it names the dial order."""
    order = commandid_of(fact)
    if order is not None and agent_of(fact) is None and queue_of(fact) is None:
        call.opening = Opening(direction="outbound", commandid=order)
        begins(call, None)


def reaches(call: Call, fact: Fact) -> None:
    """Give the called party's leg the connection id of an event that names no agent."""
    connection = connection_of(fact)
    if connection is not None and agent_of(fact) is None:
        parties.adopt_called(call, connection)


def moving(call: Call, fact: Fact) -> Leg | None:
    """networkReached, diverted, failed, connectionCleared: the leg that the event concerns; notes its cause."""
    reaches(call, fact)
    leg = call.legs.named(connection_of(fact)) or call.legs.at(device_of(fact)) or _without_name(call, fact)
    cause(call, fact, leg)
    return leg


def _without_name(call: Call, fact: Fact) -> Leg | None:
    """The called party's leg for an event that names no leg: before the answer there is no other."""
    customer = customer_of(call.legs)
    if customer is None or connection_of(fact) is not None or agent_of(fact) is not None:
        return None
    return customer if customer.state in (INITIATED, ALERTING) else None


def cause(call: Call, fact: Fact, leg: Leg | None) -> None:
    """Keep the called party's first Q.850 cause with its `cause`; until a Q.850 cause comes, the first `cause`."""
    word, q850 = cause_data(fact)
    if call.q850 is not None or not _is_of_called(fact, leg):
        return
    if fact.kind == CLEARED and call.cause is not None:
        return
    if q850 is not None:
        call.cause, call.q850 = word, q850
    elif call.cause is None:
        call.cause = word


def _is_of_called(fact: Fact, leg: Leg | None) -> bool:
    """Whether a fact concerns the called party; callCleared and a tone may name no leg."""
    if leg is not None:
        return leg.side is CUSTOMER
    return connection_of(fact) is None and agent_of(fact) is None


def heard(call: Call, fact: Fact) -> Ignored | None:
    """digitsGenerated, networkTone, answeringMachineResult, announcementEnded: what the called party did and heard.

    Returns why the fact adds nothing to the call, if it adds nothing.
    """
    reaches(call, fact)
    leg = call.legs.named(connection_of(fact))
    if leg is not None and leg.side is AGENT:
        return Ignored.NO_CHANGE
    if fact.kind == "networkTone":
        cause(call, fact, leg)
        return None if call.extras.tone is None else Ignored.NO_CHANGE
    if fact.kind == "answeringMachineResult":
        says_less = call.extras.machine is not None and noted(fact, "result") == UNKNOWN
        return Ignored.NO_CHANGE if says_less else None
    _keep(call, fact)
    return None


def _keep(call: Call, fact: Fact) -> None:
    """Keep keys and messages with their times."""
    extras = call.extras
    known = extras.dialled or Dialled()
    if fact.kind == "digitsGenerated" and len(known.keys) < KEYS_MAX:
        known = known._replace(keys=(*known.keys, Keys(fact.at_ms, noted(fact, "digits"))))
    elif fact.kind == "announcementEnded" and len(known.messages) < MESSAGES_MAX:
        ended = Ended(fact.at_ms, noted(fact, "message"), noted(fact, "completed") is not False)
        known = known._replace(messages=(*known.messages, ended))
    call.extras = extras._replace(dialled=known)


def agent_answers(call: Call, legs: Legs, leg: Leg, fact: Fact) -> Legs:
    """An agent answers: the called party's wait ends."""
    offers.agent_answered(call, leg.id, fact.at_ms)
    offers.goes_on(call)
    extras = call.extras
    known = extras.dialled or Dialled()
    if known.agent_answered_ms is None and not call.customer_left:
        call.extras = extras._replace(dialled=known._replace(agent_answered_ms=fact.at_ms))
        call.first_agent = call.first_agent or leg.agent
    return legs.changed([(each.id, moved(each, CONNECTED)) for each in legs.having(CUSTOMERS) if each.state is QUEUED])
