"""What is to be done about a contact at an instant. Nothing else decides; `explain` renders this.

The checks, in the order in which a person reads the first reason:
1. final or settled, do-not-call, stopped, draining where nothing was begun: close. An attempt that is open then is
   waited for, but by a payment; what a person works on is his; an important contact of an outage who may not be called
   is handed to a person (OUT-1);
2. handed over: the deadline is past, no attempt or number is left. Deadlines run and fallbacks are made while a
   campaign is paused or frozen. An attempt that is open at the deadline is waited for, 60 min at the latest; a
   promise to pay by a day until that day has ended;
3. a person works on it: calling waits, but for an important contact of an outage who did not opt out;
4. frozen, paused; the deadline (no new dial while that attempt is open); hours; unknown pending; an attempt of the
   contact itself is open; the person's cap; number busy; retry time; no formula; switch, clock, trunk, queue.

`WaitUntil.at_ms` is the first instant at which all that is known now would allow a dial, or at which a deadline acts;
None where no clock can tell: something must happen first.
"""

from typing import NamedTuple

from campaigns.core.calling_hours import Asked, Open, judge
from campaigns.core.campaign import Campaign
from campaigns.core.choice import Choice, call_meanwhile, next_call
from campaigns.core.contact import (
    Contact,
    Step,
    begun,
    exempt,
    exhausted,
    fallback_acts_ms,
    promise_open_ms,
    undecided,
    wants_no_calls,
)
from campaigns.core.reasons import FINAL_STATES, CampaignState, Channel, FallbackKind, State, Why
from campaigns.core.retries import agreed_at_ms
from campaigns.core.waiting import GRACE_MS, TRY_1, Asking, WaitUntil, World, next_deadline, waiting

OUT_1 = "OUT-1"
_WHY_HELD = {State.UNKNOWN: Why.UNKNOWN_PENDING, State.IN_PROGRESS: Why.NUMBER_BUSY}


class Dial(NamedTuple):
    """Make the order: never sent from `dial_before_ms` on, never ringing from `ring_until_ms` on. `rule`: of the
    exception by which alone the hours allow it.
    """

    number: str
    channel: Channel
    dial_before_ms: int
    ring_until_ms: int
    rule: str = ""


class Fallback(NamedTuple):
    """Hand over. `why` is None where the attempts are used up (TRY-1)."""

    why: Why | None
    rule: str


class Close(NamedTuple):
    """The contact is final, or becomes so, in this state."""

    state: State
    why: Why | None = None


Decision = Dial | WaitUntil | Fallback | Close


def decide(contact: Contact, campaign: Campaign, world: World, now_ms: int) -> Decision:
    """Total: any contact has its decision at any instant."""
    closed = _closed(contact, campaign, world, now_ms)
    if closed is not None:
        return closed
    handed_over = _handed_over(contact, campaign, now_ms)
    if handed_over is not None:
        return handed_over
    choice = next_call(contact, campaign)
    promised_ms = promise_open_ms(contact, campaign, now_ms)
    if choice is None and promised_ms is not None and contact.state is State.WAITING:
        return WaitUntil(promised_ms, Why.AGREED_TIME, TRY_1)
    called_on = exempt(contact, campaign) and not wants_no_calls(contact)
    if choice is None or (contact.state is State.PERSON and not called_on):
        return WaitUntil(next_deadline(contact, campaign, now_ms), _WHY_HELD.get(contact.state), TRY_1)
    asking = Asking(contact, campaign, world, now_ms, choice, asked_of(contact, campaign, choice))
    reason = waiting(asking)
    if reason is not None and reason.why is Why.MESSAGE_GATEWAY_AWAY:
        return _call_meanwhile(asking) or reason
    return reason or _dial(asking)


def _call_meanwhile(asking: Asking) -> Decision | None:
    """Where it may be made now. Until then the contact waits for the gateway: the message goes once that is there."""
    choice = call_meanwhile(asking.contact, asking.campaign)
    if choice is None:
        return None
    call = asking._replace(choice=choice, asked=asked_of(asking.contact, asking.campaign, choice))
    return _dial(call) if waiting(call) is None else None


def asked_of(contact: Contact, campaign: Campaign, choice: Choice) -> Asked:
    """The question to the calling hours about this call."""
    return Asked(
        campaign.kind,
        contact.customer_class,
        choice.phone.zones,
        campaign.ring_timeout_ms,
        choice.channel,
        campaign.windows,
        campaign.closed_dates,
        agreed_at_ms(contact),
        campaign.emergency,
        zone=campaign.zone,
    )


def _closed(contact: Contact, campaign: Campaign, world: World, now_ms: int) -> Decision | None:
    if contact.state in FINAL_STATES:
        return Close(contact.state)
    if world.settled:
        return Close(State.PAID, Why.SETTLED)
    is_open = any(attempt.step is Step.OPEN for attempt in contact.this_round)
    if world.do_not_call and contact.state is not State.PERSON:
        promised_ms = promise_open_ms(contact, campaign, now_ms)
        if is_open or promised_ms is not None:
            return WaitUntil(promised_ms, Why.DO_NOT_CALL, "")
        if exempt(contact, campaign) and campaign.fallback is FallbackKind.PERSON and not contact.handed_over:
            return Fallback(Why.DO_NOT_CALL, OUT_1)
        return Close(State.SUPPRESSED, Why.DO_NOT_CALL)
    if campaign.state in {CampaignState.STOPPING, CampaignState.STOPPED}:
        if is_open:
            return WaitUntil(None, Why.CAMPAIGN_STOPPED, "")
        return Close(State.CANCELLED, Why.CAMPAIGN_STOPPED)
    if campaign.state is CampaignState.DRAINING and not begun(contact):
        return Close(State.CANCELLED, Why.CAMPAIGN_DRAINING)
    return None


def _handed_over(contact: Contact, campaign: Campaign, now_ms: int) -> Decision | None:
    fallback_by_ms, expires_at_ms = fallback_acts_ms(contact, campaign), campaign.expires_at_ms
    is_undecided = any(True for _ in undecided(contact))
    if not contact.handed_over and fallback_by_ms is not None and now_ms >= fallback_by_ms:
        waited_for = is_undecided and now_ms < fallback_by_ms + GRACE_MS
        return None if waited_for else Fallback(Why.DEADLINE_PAST, TRY_1)
    if is_undecided:
        return None
    if expires_at_ms is not None and now_ms >= expires_at_ms:
        return Close(State.EXPIRED, Why.DEADLINE_PAST)
    if contact.handed_over or contact.state is State.PERSON or promise_open_ms(contact, campaign, now_ms) is not None:
        return None
    if exhausted(contact, campaign):
        return Fallback(None, TRY_1)
    return _without_number(contact, campaign)


def _without_number(contact: Contact, campaign: Campaign) -> Decision | None:
    if contact.state is not State.WAITING or next_call(contact, campaign) is not None:
        return None
    if not contact.phones and campaign.important_until_confirmed and not contact.important:
        return Close(State.EXPIRED, Why.NO_NUMBER)
    return Fallback(Why.NO_NUMBER, TRY_1)


def _dial(asking: Asking) -> Decision:
    answer = judge(asking.campaign.hours, asking.asked, asking.now_ms)
    assert isinstance(answer, Open), "the hours were asked just now"
    deadline_ms = next_deadline(asking.contact, asking.campaign, asking.now_ms)
    before_ms = answer.dial_before_ms if deadline_ms is None else min(answer.dial_before_ms, deadline_ms)
    return Dial(asking.choice.phone.number, asking.choice.channel, before_ms, answer.ring_until_ms, answer.rule)
