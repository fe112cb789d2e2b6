"""A call that a dial order made: outbound, with the order's id. Called by `call`, which owns the machine.

* It begins with `originated`. The called party's leg is the one that it names, until another one without an agent's
  number is reached, rings, answers or fails: then it is that one. Once it has rung, every other leg is an agent's.
* A call of which only `delivered` or `established` was seen is of the order whose id that event carries, unless it
  speaks of an agent or a queue.
* The first Q.850 cause of the called party's leg stands: a normal clearing after "user busy" says nothing new. An
  agent's leg gives the call no cause. callCleared gives one where nothing else did.
* The first network tone stands: after the announcement comes the busy tone. A machine result that says "unknown"
  replaces none that was known.
* Keys and messages are kept with their times: a message that ended before the key of the gate came before the gate.
* The answer of the call is the called party's. An agent who answers later ends the wait.
"""

from cti.core import call_intervals as intervals
from cti.core import call_parties as parties
from cti.core.call_legs import customer_of, leg_named
from cti.core.call_state import Call, Dialled, Ended, Keys, Opening
from cti.core.fact_data import agent_of, cause_data, commandid_of, connection_of, noted, queue_of
from cti.core.facts import CLEARED, Fact
from cti.core.legs import AGENT, ALERTING, CONNECTED, CUSTOMER, INITIATED, QUEUED, Leg, moved
from schemas.reasons import Ignored

KEYS_MAX = 1_000  # digitsGenerated kept of a call
MESSAGES_MAX = 1_000  # announcementEnded kept of a call
UNKNOWN = "unknown"


def begins(call: Call, name: str | None) -> None:
    """originated: the called party's leg is on its way."""
    call.dialled = True
    if customer_of(call.legs) is None and not call.customer_left:
        call.legs = (*call.legs, Leg(name or "", CUSTOMER, INITIATED, call.opening.called))
    else:
        parties.adopt(call, name)


def stand_in(call: Call, fact: Fact) -> None:
    """delivered, established without an opening: where it is the called party's, it names the order that caused it."""
    order = commandid_of(fact)
    if order is not None and agent_of(fact) is None and queue_of(fact) is None:
        call.opening = Opening(direction="outbound", commandid=order)
        begins(call, None)


def reaches(call: Call, fact: Fact) -> None:
    """An event of a leg without an agent's number: the called party's leg has this name from now on."""
    name = connection_of(fact)
    if name is not None and agent_of(fact) is None:
        parties.adopt_called(call, name)


def leg_without_name(call: Call, fact: Fact) -> Leg | None:
    """The called party's leg, where an event names none: before the answer it can be no other."""
    customer = customer_of(call.legs)
    if customer is None or connection_of(fact) is not None or agent_of(fact) is not None:
        return None
    return customer if customer.state in (INITIATED, ALERTING) else None


def cause(call: Call, fact: Fact, leg: Leg | None) -> None:
    """Keep the called party's first Q.850 cause, and the word that came with it; until then the first word."""
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
    """Whether a fact, of this leg if any is known, is the called party's. callCleared and a tone may name no leg."""
    if leg is not None:
        return leg.side is CUSTOMER
    return connection_of(fact) is None and agent_of(fact) is None


def heard(call: Call, fact: Fact) -> Ignored | None:
    """digitsGenerated, networkTone, answeringMachineResult, announcementEnded: what the called party did and heard.

    Gives a reason where that adds nothing to what the call has noted.
    """
    reaches(call, fact)
    leg = leg_named(call.legs, connection_of(fact))
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
    """Keys and messages, with their times."""
    extras = call.extras
    known = extras.dialled or Dialled()
    if fact.kind == "digitsGenerated" and len(known.keys) < KEYS_MAX:
        known = known._replace(keys=(*known.keys, Keys(fact.at_ms, noted(fact, "digits"))))
    elif fact.kind == "announcementEnded" and len(known.messages) < MESSAGES_MAX:
        ended = Ended(fact.at_ms, noted(fact, "message"), noted(fact, "completed") is not False)
        known = known._replace(messages=(*known.messages, ended))
    call.extras = extras._replace(dialled=known)


def agent_answers(call: Call, legs: tuple[Leg, ...], leg: Leg, fact: Fact) -> tuple[Leg, ...]:
    """An agent takes over the called party, who waits no longer."""
    intervals.offer_answered(call, leg, fact.at_ms)
    extras = call.extras
    known = extras.dialled or Dialled()
    if known.agent_answered_ms is None and not call.customer_left:
        call.extras = extras._replace(dialled=known._replace(agent_answered_ms=fact.at_ms))
        call.first_agent = call.first_agent or leg.agent
    return tuple([moved(each, CONNECTED) if _waits(each) else each for each in legs])


def _waits(leg: Leg) -> bool:
    return leg.side is CUSTOMER and leg.state is QUEUED
