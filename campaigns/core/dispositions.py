"""What an attempt came to, from its evidence, and what each disposition means. The first rule that applies decides:

1. the code of a person or an agent;
2. the order's end: expired, withdrawn, refused, never seen, no result. A call that rang or was answered is stronger
   than what the order says, and any sign of the call is stronger than a missing result: a telephone that rang is
   never "not dialled";
3. a key of the script; key 0 is reached where an agent answered, else noAgent;
4. the machine;
5. an answered call: reached where the body was said to its end after the gate (`confirm` says that it was heard),
   noAgent where we released it before, else answeredIncomplete. Where an agent was there first: reached, unless the
   network cut it off; the agent's code says it better (1);
6. the network's tone, then the first q850 of the called leg: what stands in no row is failedOther;
7. lost, stale, silence: unknown.

A message (SMS, fax) is judged by its report.

Whether it rang is asked for the person's cap, and fails closed (`may_have_rung`): facts get lost, so that none of a
ringing proves nothing where others are missing too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from campaigns.core.reasons import Disposition, KeyAction, NotDialled, State

MINUTE_MS = 60_000
NO_AGENT_MAX_MINUTES = 60
"""Who asked for an agent and got none is called again within this."""


class OrderEnd(StrEnum):
    """How an order ended where no call came of it."""

    EXPIRED = "expired"  # unsent
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"  # `refusal` says why
    NEVER_SEEN = "never_seen"
    NO_RESULT = "no_result"


class CallEnd(StrEnum):
    """How the call of an order ended."""

    ENDED = "ended"
    LOST = "lost"
    STALE = "stale"
    SILENT = "silent"  # no fact for 30 min


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of an attempt when it is judged.

    `code`: an agent's or a person's word. `keys`: what the pressed keys meant, in order. `has_gate`: the script asks
    for the right person first. `dropped`: we released the answered call. `report`: of a message. `from_start`: the
    call's beginning was heard of. `lasted_ms`: from there to its end. `agent_first`: an agent was there before the
    called party was dialled. `cut`: the network released the answered call by a failure of its own (CB-5).
    `named_ms`: a time that the agent named with his code.
    """

    code: str | None = None
    order: OrderEnd | None = None
    refusal: str | None = None
    rang: bool = False
    answered: bool = False
    keys: tuple[KeyAction, ...] = ()
    agent_answered: bool = False
    machine: str | None = None
    has_gate: bool = False
    body_ended: bool = False
    dropped: bool = False
    tone: str | None = None
    q850: int | None = None
    end: CallEnd | None = None
    report: str | None = None
    from_start: bool = False
    lasted_ms: int | None = None
    agent_first: bool = False
    cut: bool = False
    named_ms: int | None = None


class Followup(StrEnum):
    """What follows an attempt."""

    STOP = "stop"
    RETRY = "retry"  # after `minutes`
    NEXT_WINDOW = "next_window"
    NEXT_PART = "next_part"  # of the day
    AGREED = "agreed"  # at the time agreed upon
    NEXT_NUMBER = "next_number"  # at once; the number is retired
    HOLD = "hold"  # no redial until it is known


class Row(NamedTuple):
    """A disposition's row. `at_most`: so many a contact, then `beyond` (another disposition), else a person decides."""

    counts: bool
    then: Followup
    minutes: int = 0
    at_most: int | None = None
    beyond: Disposition | None = None
    state: State | None = None  # of the contact, after STOP
    first: bool = False  # its next attempt goes before others


def _stop(state: State, counts: bool = True) -> Row:
    return Row(counts, Followup.STOP, state=state)


_D = Disposition
TABLE: Mapping[Disposition, Row] = MappingProxyType(
    {
        _D.REACHED: _stop(State.REACHED),
        _D.ANSWERED_INCOMPLETE: Row(True, Followup.RETRY, 15),
        _D.NO_ANSWER: Row(True, Followup.RETRY, 60),
        _D.BUSY: Row(True, Followup.RETRY, 30),
        _D.REJECTED: Row(True, Followup.NEXT_WINDOW),
        _D.POWERED_OFF: Row(True, Followup.RETRY, 120),
        _D.SUSPENDED: Row(True, Followup.NEXT_NUMBER),  # once: a retired number is not dialled again
        _D.INVALID_NUMBER: Row(False, Followup.NEXT_NUMBER),
        _D.CONGESTION: Row(False, Followup.RETRY, 5, at_most=3, beyond=_D.FAILED_OTHER),
        _D.FAILED_OTHER: Row(False, Followup.RETRY, 15, at_most=3),
        _D.PROMISED_TO_PAY: _stop(State.PROMISED),
        _D.ALREADY_PAID: _stop(State.PAID),
        _D.DISPUTED: _stop(State.DISPUTED),
        _D.MACHINE: Row(True, Followup.RETRY, 120),
        _D.FAX_OR_MODEM: Row(False, Followup.NEXT_NUMBER),
        _D.NO_AGENT: Row(False, Followup.RETRY, 15, at_most=3, first=True),  # within 60 min; not into the full queue
        _D.NOT_CONVENIENT: Row(True, Followup.NEXT_PART),
        _D.WRONG_PARTY: Row(False, Followup.NEXT_NUMBER),
        _D.CALLBACK_ASKED: Row(False, Followup.AGREED, at_most=3),
        _D.OPTED_OUT: _stop(State.SUPPRESSED, counts=False),
        _D.UNKNOWN: Row(True, Followup.HOLD, 30),  # counted when it is final, after these minutes
    }
)

BY_Q850: Mapping[int, Disposition] = MappingProxyType(
    {
        1: _D.INVALID_NUMBER,  # unallocated number
        17: _D.BUSY,
        18: _D.NO_ANSWER,  # no user responding
        19: _D.NO_ANSWER,  # no answer from the user, who was alerted
        20: _D.POWERED_OFF,  # subscriber absent
        21: _D.REJECTED,
        22: _D.INVALID_NUMBER,  # number changed
        28: _D.INVALID_NUMBER,  # invalid number format
        34: _D.CONGESTION,  # no circuit
        38: _D.CONGESTION,  # network out of order
        41: _D.CONGESTION,  # temporary failure
        42: _D.CONGESTION,  # switching equipment
        44: _D.CONGESTION,  # requested circuit
    }
)

BY_TONE: Mapping[str, Disposition] = MappingProxyType(
    {
        "poweredOff": _D.POWERED_OFF,
        "notReachable": _D.POWERED_OFF,  # out of coverage: as absent as one that is off
        "suspended": _D.SUSPENDED,
        "invalidNumber": _D.INVALID_NUMBER,
        "busy": _D.BUSY,
        "noAnswer": _D.NO_ANSWER,
        "congestion": _D.CONGESTION,
    }
)
"""A tone that stands here decides before q850; another leaves it to q850."""

NORMAL_CLEARING = frozenset({16, 31})
"""Of a call that somebody ends, not of one that failed."""
SET_UP_MAX_MS = 10_000
"""CB-1 leaves so long for the set-up: a call that went on beyond it without ringing has lost the fact of that."""

BY_KEY: Mapping[KeyAction, Disposition] = MappingProxyType(
    {
        KeyAction.ALREADY_PAID: _D.ALREADY_PAID,
        KeyAction.PROMISE: _D.PROMISED_TO_PAY,
        KeyAction.WRONG_PARTY: _D.WRONG_PARTY,
        KeyAction.OPT_OUT: _D.OPTED_OUT,
        KeyAction.NOT_CONVENIENT: _D.NOT_CONVENIENT,
    }
)
BY_MACHINE: Mapping[str, Disposition] = MappingProxyType({"machine": _D.MACHINE, "faxOrModem": _D.FAX_OR_MODEM})

BY_REFUSAL: Mapping[str, Disposition | NotDialled] = MappingProxyType(
    {"expired": NotDialled.EXPIRED, "busy": _D.CONGESTION, "notSupported": NotDialled.NOT_SUPPORTED}
)
NO_AGENT_FIRST = "noOtherAgent"
"""Of an order with `agent_first`: no agent came, so nobody was dialled. Of any other it says nothing that is known."""
"""Any other refusal, `duplicate` and `error` among them, leaves open whether it rang: unknown."""


def said_by(code: str | None) -> Disposition | None:
    """The disposition that a person or an agent named. `unknown` and words outside the list say nothing."""
    named = next((each for each in Disposition if each.value == code), None)
    return None if named is Disposition.UNKNOWN else named


def verdict(evidence: Evidence) -> Disposition | NotDialled:
    """What the attempt came to. Total: any evidence has its verdict."""
    return said_by(evidence.code) or _by_report(evidence) or _by_order(evidence) or _by_call(evidence)


def confirmed(evidence: Evidence) -> bool:
    """The person is certain to know (OUT-1): a key pressed for it, or an agent's word."""
    spoke = KeyAction.QUEUE in evidence.keys and evidence.agent_answered
    return said_by(evidence.code) is Disposition.REACHED or KeyAction.CONFIRM in evidence.keys or spoke


def may_have_rung(evidence: Evidence) -> bool:
    """It rang, or that cannot be excluded. It can where no call came of the order, where there is no such number, and
    where the call was heard of from its start and a reason was given why it failed while it was being set up.
    """
    if evidence.rang or evidence.answered:
        return True
    if evidence.order is not None or evidence.report is not None:
        return False
    if _by_network(evidence) is Disposition.INVALID_NUMBER:
        return False
    failed = evidence.tone in BY_TONE or (evidence.q850 is not None and evidence.q850 not in NORMAL_CLEARING)
    in_set_up = evidence.lasted_ms is not None and 0 <= evidence.lasted_ms <= SET_UP_MAX_MS
    return not (evidence.from_start and failed and in_set_up)


def _by_report(evidence: Evidence) -> Disposition | None:
    if evidence.report is None:
        return None
    return Disposition.REACHED if evidence.report == "delivered" else Disposition.FAILED_OTHER


def _by_order(evidence: Evidence) -> Disposition | NotDialled | None:
    if evidence.order is None or evidence.rang or evidence.answered:
        return None
    if evidence.order is OrderEnd.REFUSED:
        if evidence.agent_first and evidence.refusal == NO_AGENT_FIRST:
            return NotDialled.NO_AGENT
        refused = BY_REFUSAL.get(evidence.refusal or "", Disposition.UNKNOWN)
        return _unless_the_call_tells(evidence) if refused is Disposition.UNKNOWN else refused
    if evidence.order is OrderEnd.NO_RESULT:
        return _unless_the_call_tells(evidence)
    return NotDialled(evidence.order.value)


def _unless_the_call_tells(evidence: Evidence) -> Disposition | None:
    """Unknown, where the call itself left nothing to judge by."""
    call_tells = evidence.end is CallEnd.ENDED or evidence.tone is not None or evidence.q850 is not None
    return None if call_tells else Disposition.UNKNOWN


def _by_call(evidence: Evidence) -> Disposition:
    return _by_keys(evidence) or BY_MACHINE.get(evidence.machine or "") or _by_answer(evidence) or _by_network(evidence)


def _by_keys(evidence: Evidence) -> Disposition | None:
    """The last deciding key holds: who corrects himself is believed."""
    deciding = [BY_KEY[key] for key in evidence.keys if key in BY_KEY]
    if deciding:
        return deciding[-1]
    if KeyAction.QUEUE in evidence.keys:
        return Disposition.REACHED if evidence.agent_answered else Disposition.NO_AGENT
    return None


def _by_answer(evidence: Evidence) -> Disposition | None:
    if not evidence.answered:
        return None
    if evidence.agent_first:
        return _by_agent(evidence)
    passed = not evidence.has_gate or KeyAction.RIGHT_PARTY in evidence.keys
    if passed and (evidence.body_ended or KeyAction.CONFIRM in evidence.keys):
        return Disposition.REACHED
    return Disposition.NO_AGENT if evidence.dropped else Disposition.ANSWERED_INCOMPLETE


def _by_agent(evidence: Evidence) -> Disposition:
    """An agent was there first and said nothing of it."""
    if evidence.cut:
        return Disposition.ANSWERED_INCOMPLETE
    return Disposition.REACHED if evidence.agent_answered else Disposition.NO_AGENT


def _by_network(evidence: Evidence) -> Disposition:
    by_tone = BY_TONE.get(evidence.tone or "")
    if by_tone is not None:
        return by_tone
    if evidence.q850 is not None:
        return BY_Q850.get(evidence.q850, Disposition.FAILED_OTHER)
    failed = evidence.tone is not None or evidence.end is CallEnd.ENDED
    return Disposition.FAILED_OTHER if failed else Disposition.UNKNOWN
