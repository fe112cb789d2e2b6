"""Any contact, campaign and world has its decision, and the decision keeps the rules, whatever came before."""

from datetime import date

from hypothesis import example, given, settings
from hypothesis import strategies as st

from campaigns.core.after import (
    Closed,
    Dialled,
    Ended,
    HandedOver,
    HeldLong,
    NeverDialled,
    NewRound,
    Outcome,
    Word,
    after,
)
from campaigns.core.calling_hours import Open, Window, judge
from campaigns.core.campaign import Campaign
from campaigns.core.choice import Choice
from campaigns.core.contact import Contact, Phone, Step, blocking, exempt, promise_open_ms
from campaigns.core.decide import Close, Decision, Dial, Fallback, asked_of, decide
from campaigns.core.explain_contact import explain_contact
from campaigns.core.reasons import FINAL_STATES, WRITTEN, CampaignState, Channel, Disposition, FallbackKind, State, Why
from campaigns.core.waiting import WaitUntil, World
from tests.campaigns.cases import DAY, FIRST, HOUR, NINE, SECOND, THIRD, campaign
from tests.campaigns.shipped import text

EXAMPLES = 300
NUMBERS = (FIRST, SECOND, THIRD, "+862788888888")
instants = st.integers(NINE - 2 * DAY, NINE + 12 * DAY) | st.sampled_from([NINE + 3 * HOUR, NINE + 5 * HOUR])
later = st.none() | st.integers(NINE - DAY, NINE + 10 * DAY)
zones = st.lists(st.sampled_from(["Asia/Shanghai", "Asia/Urumqi", "America/New_York", "No/Where"]), max_size=2)

campaigns = st.builds(
    campaign,
    kind=st.sampled_from(["billing", "arrears", "outage", "follow-up", "nothing"]),
    channels=st.lists(st.sampled_from([Channel.AUTO, Channel.SMS, Channel.AGENT]), max_size=3, unique=True).map(tuple),
    fallback=st.sampled_from(FallbackKind),
    zone=st.sampled_from(["Asia/Shanghai", "Asia/Shanghai", "Asia/Shanghai", "No/Where"]),
    attempts_max=st.integers(1, 3),
    windows=st.sampled_from([(), (Window(9 * HOUR, 12 * HOUR),), (Window(2 * HOUR, 3 * HOUR),)]),
    closed_dates=st.sampled_from([frozenset(), frozenset({date(2026, 3, 4)})]),
    fallback_by_ms=later,
    expires_at_ms=later,
    state=st.sampled_from([CampaignState.RUNNING, *CampaignState]),
    important_until_confirmed=st.booleans(),
)
contacts = st.builds(
    Contact,
    account=st.just("A1"),
    customer_class=st.sampled_from(["resident", "organisation", "nobody"]),
    phones=st.lists(
        st.builds(Phone, st.sampled_from(NUMBERS), zones.map(tuple)), max_size=3, unique_by=lambda phone: phone.number
    ).map(tuple),
    important=st.booleans(),
)
worlds = st.builds(
    World,
    settled=st.sampled_from([False, False, False, True]),
    do_not_call=st.sampled_from([False, False, False, True]),
    frozen=st.sampled_from([False, False, True]),
    calls_today=st.integers(0, 4),
    busy_numbers=st.frozensets(st.sampled_from(NUMBERS), max_size=2),
    amount_known=st.booleans(),
    switch_heard_ms=later,
    stream_live=st.booleans(),
    switch_clock_true=st.booleans(),
    clock_steady=st.booleans(),
    trunk_free=st.booleans(),
    queue_free=st.booleans(),
    live_messages=st.frozensets(st.sampled_from(sorted(WRITTEN))),
)
attempt_ns = st.integers(0, 6)
promise_days = st.sampled_from([None, None, "2026-03-04", "2026-03-06", "2026-03-10", "2199-12-31"])
outcomes = st.one_of(
    st.builds(Dialled, instants, st.sampled_from([Channel.AUTO, Channel.SMS]), st.sampled_from(NUMBERS)),
    st.builds(
        Ended,
        attempt_ns,
        instants,
        st.sampled_from(Disposition),
        st.booleans(),
        st.booleans(),
        st.none() | instants,
        promise_days,
        named_ms=st.none() | instants,
    ),
    st.builds(NeverDialled, attempt_ns, instants),
    st.builds(HeldLong, attempt_ns),
    st.builds(Word, instants, st.sampled_from(Disposition), st.none() | instants, promise_days),
    st.builds(HandedOver),
    st.builds(Closed, st.sampled_from(State)),
    st.builds(NewRound),
)
histories = st.lists(outcomes, max_size=12)


def lived(contact: Contact, plan: Campaign, history: list[Outcome]) -> Contact:
    for outcome in history:
        before, contact = contact, after(contact, outcome, plan)
        assert contact.counted <= plan.attempts_max or exempt(contact, plan)
        if before.state in FINAL_STATES and not isinstance(outcome, NewRound):
            assert contact.state is before.state
        assert [attempt.n for attempt in contact.attempts] == list(range(1, len(contact.attempts) + 1))
    return contact


@settings(max_examples=EXAMPLES)
@given(contacts, campaigns, histories, worlds, instants)
def test_any_decision_keeps_the_rules(
    contact: Contact, plan: Campaign, history: list[Outcome], world: World, now_ms: int
) -> None:
    contact = lived(contact, plan, history)
    decision = decide(contact, plan, world, now_ms)
    if contact.state in FINAL_STATES:
        assert decision == Close(contact.state)
    if isinstance(decision, Dial):
        may_be_dialled(decision, contact, plan, world, now_ms)
    if isinstance(decision, Dial | Fallback) and contact.state is not State.PERSON:
        assert promise_open_ms(contact, plan, now_ms) is None or Step.HELD in {one.step for one in contact.this_round}
    if isinstance(decision, WaitUntil):
        assert decision.at_ms is None or decision.at_ms > now_ms
        assert decision.why is None or isinstance(decision.why, Why)
    if isinstance(decision, Fallback):
        assert not contact.handed_over
        assert after(contact, HandedOver(), plan).state in {State.FALLBACK, State.PERSON, State.IN_PROGRESS}
    if isinstance(decision, Close):
        assert decision.state in FINAL_STATES


def may_be_dialled(dial: Dial, contact: Contact, plan: Campaign, world: World, now_ms: int) -> None:
    phone = next(phone for phone in contact.phones if phone.number == dial.number)
    hours = judge(plan.hours, asked_of(contact, plan, Choice(phone, dial.channel)), now_ms)
    assert isinstance(hours, Open)
    assert now_ms < dial.dial_before_ms <= hours.dial_before_ms
    assert dial.ring_until_ms == hours.ring_until_ms
    assert plan.state is CampaignState.RUNNING
    assert not world.frozen
    assert world.amount_known
    assert dial.number not in contact.retired
    assert blocking(contact, plan) is None
    assert contact.held is None
    for by_ms in (None if contact.handed_over else plan.fallback_by_ms, plan.expires_at_ms):
        assert by_ms is None or dial.dial_before_ms <= by_ms
    if not exempt(contact, plan):
        assert contact.counted < plan.attempts_max
    if dial.channel not in WRITTEN:
        assert dial.number not in world.busy_numbers
        assert world.calls_today < 3 or exempt(contact, plan)
        assert world.switch_heard_ms is not None
        assert now_ms - world.switch_heard_ms <= 15_000


@settings(max_examples=EXAMPLES)
@given(contacts, campaigns, histories, instants)
def test_when_all_is_well_a_wait_ends_where_it_says(
    contact: Contact, plan: Campaign, history: list[Outcome], now_ms: int
) -> None:
    """At the instant that a wait names something is to be done, or no clock can tell; just before there is nothing."""
    contact = lived(contact, plan, history)
    decision = decide(contact, plan, World(switch_heard_ms=now_ms), now_ms)
    if not isinstance(decision, WaitUntil) or decision.at_ms is None:
        return
    at_ms = decision.at_ms
    then = decide(contact, plan, World(switch_heard_ms=at_ms), at_ms)
    by = {plan.fallback_by_ms, plan.expires_at_ms}
    assert not isinstance(then, WaitUntil) or at_ms in by or then.at_ms is None, text(at_ms)
    just_before = decide(contact, plan, World(switch_heard_ms=at_ms), at_ms - 1)
    assert isinstance(just_before, WaitUntil), text(at_ms)


@settings(max_examples=EXAMPLES)
@given(contacts, campaigns, histories, worlds, instants)
def test_the_explanation_is_the_decision(
    contact: Contact, plan: Campaign, history: list[Outcome], world: World, now_ms: int
) -> None:
    contact = lived(contact, plan, history)
    decision = decide(contact, plan, world, now_ms)
    said = explain_contact(contact, plan, world, now_ms)
    assert said["may_dial"] is isinstance(decision, Dial)
    assert ("dial_before" in said) is isinstance(decision, Dial)
    assert said.get("why") == getattr(decision, "why", None)
    assert said["text"]["zh"]
    assert said["text"]["en"]
    assert "until" not in said or isinstance(decision, WaitUntil)


def steps_to_the_end(contact: Contact, plan: Campaign) -> list[Decision]:
    """Every decision until the contact is final, each order answered by no answer."""
    now_ms, taken = NINE, []
    while contact.state not in FINAL_STATES and len(taken) < 50:
        decision = decide(contact, plan, World(switch_heard_ms=now_ms), now_ms)
        taken.append(decision)
        match decision:
            case Dial(number, channel):
                contact = after(contact, Dialled(now_ms, channel, number), plan)
                ended = Ended(contact.attempts[-1].n, now_ms + 30_000, Disposition.NO_ANSWER, rang=True)
                contact, now_ms = after(contact, ended, plan), now_ms + 30_000
            case WaitUntil(at_ms):
                assert at_ms is not None
                now_ms = at_ms
            case Fallback():
                contact = after(contact, HandedOver(), plan)
            case Close(state):
                contact = after(contact, Closed(state), plan)
    return taken


@given(st.integers(1, 3), st.sampled_from([FallbackKind.NOTICE, FallbackKind.LIST]), st.integers(NINE, NINE + 5 * DAY))
@example(3, FallbackKind.NOTICE, NINE + 5 * DAY)
def test_every_contact_comes_to_its_end_with_one_fallback(
    attempts_max: int, fallback: FallbackKind, fallback_by_ms: int
) -> None:
    plan = campaign(attempts_max=attempts_max, fallback=fallback, fallback_by_ms=fallback_by_ms)
    contact = Contact("A1", "resident", (Phone(FIRST, ("Asia/Shanghai",)),))
    taken = steps_to_the_end(contact, plan)
    assert [type(decision) for decision in taken].count(Fallback) == 1
    assert sum(isinstance(decision, Dial) for decision in taken) <= attempts_max
    assert isinstance(taken[-1], Fallback)
