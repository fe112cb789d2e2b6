"""What must never come of what a manager plans and changes (`planner`), from the switch's log and the ledger's rows."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from cti.switches.simulated.agent_first import NO_AGENT
from tests.campaigns.never import FAR_MS
from tests.campaigns.quiet_hours import closed_in
from tests.campaigns.seen import Seen, Violation
from tests.simulation.campaigns import planner
from tests.simulation.campaigns.planner import APPROVED, NOT_SEEN, SCHEDULED, STARTED, UNAPPROVED, VOIDED, Acted
from tests.simulation.campaigns.site import APPROVED_FROM

DRAIN = "drained_otherwise"
EARLY_START = "began_before_its_start"
TAKEN_BACK = "called_though_taken_back"
TEST = "test_call_otherwise"
RERUN = "called_again_though_reached"
AGENT = "called_without_an_agent"
RECEIPT = "called_after_a_receipt"
HOURS = "left_in_closed_windows"
KINDS = (HOURS, DRAIN, EARLY_START, UNAPPROVED, NOT_SEEN, TAKEN_BACK, TEST, RERUN, AGENT, RECEIPT)
TEST_LASTS_MS = 3_600_000


class Plans(NamedTuple):
    """`campaigns`: those that a manager made. `receipts`: (at, order, status) that the door took."""

    acted: Sequence[Acted]
    campaigns: Collection[str]
    receipts: Sequence[tuple[int, str, str]] = ()


class _Sent(NamedTuple):
    """An order that left, and its attempt."""

    order: Any
    attempt: Any
    contact: Any


def violations(seen: Seen, plans: Plans) -> Iterator[Violation]:
    """What holds at any moment."""
    sent: dict[str, list[_Sent]] = defaultdict(list)
    for one in seen.ledger.attempts:
        row = None if one.command is None else seen.ledger.orders.get(one.command)
        if row is not None and row.sent_at_ms is not None:
            sent[one.campaign].append(_Sent(row, one, seen.ledger.contacts[one.contact]))
    acted: dict[str, list[Acted]] = defaultdict(list)
    for act in plans.acted:
        acted[act.campaign].append(act)
    for campaign, acts in acted.items():
        yield from _drained(seen, acts, sent[campaign])
        yield from _taken_back(seen, acts, sent[campaign])
        yield from _tests(seen, acts, sent[campaign])
        yield from _reruns(seen, campaign, acts)
    for campaign in plans.campaigns:
        yield from _early(acted[campaign], sent[campaign])
        yield from _unapproved(seen, campaign, acted[campaign], sent[campaign])
        yield from _windows(seen, campaign, sent[campaign])
    yield from _agents(seen, sent)
    yield from _receipts(seen, plans.receipts)


def _drained(seen: Seen, acts: Iterable[Acted], sent: Iterable[_Sent]) -> Iterator[Violation]:
    """Nobody new is called; who was called goes on to the end."""
    at_ms = next((act.at_ms for act in acts if act.what == planner.DRAINED), None)
    if at_ms is None:
        return
    begun = {one.contact.id for one in sent if one.order.made_at_ms <= at_ms and _may_be_known(one.attempt)}
    for one in sent:
        if one.order.sent_at_ms > at_ms and (one.order.made_at_ms < at_ms or one.contact.id not in begun):
            yield Violation(DRAIN, f"{one.order.id} left {one.order.sent_at_ms - at_ms} ms after its campaign drained")
        over = one.attempt.counted and not one.attempt.revised and (one.attempt.ended_at_ms or at_ms) < at_ms
        if over and (one.contact.state, one.contact.why) == ("cancelled", "campaign_draining"):
            yield Violation(DRAIN, f"{one.contact.id} was called before its campaign drained, and is cancelled")


def _may_be_known(attempt: Any) -> bool:
    """Somebody was called, or may have been."""
    return bool(attempt.step != "not_dialled" or attempt.revised)


def _early(acts: Iterable[Acted], sent: Iterable[_Sent]) -> Iterator[Violation]:
    """Nothing leaves before the start, or before the time for which that was set."""
    first_ms = pending_ms = FAR_MS
    for act in acts:
        first_ms = min(first_ms, pending_ms if pending_ms <= act.at_ms else FAR_MS)
        if act.what == STARTED:
            first_ms = min(first_ms, act.at_ms)
        if act.what in {SCHEDULED, VOIDED}:
            pending_ms = act.value if act.what == SCHEDULED else FAR_MS
    first_ms = min(first_ms, pending_ms)
    for one in sent:
        if one.order.sent_at_ms < first_ms:
            yield Violation(EARLY_START, f"{one.order.id} left before its campaign was to start")


def _windows(seen: Seen, campaign: str, sent: Iterable[_Sent]) -> Iterator[Violation]:
    """Nothing leaves outside of the windows that hold then, whether it rings or not."""
    if campaign not in seen.changed:  # others are judged by when they ring
        return
    row = seen.ledger.campaigns[campaign]
    for one in sent:
        at_ms = one.order.sent_at_ms
        held = seen.windows_of(campaign, at_ms)
        if all(any(closed_in(at_ms, at_ms, (), row.kind, windows, row.zone)) for windows in held):
            yield Violation(HOURS, f"{one.order.id} left outside of {held[-1]}")


def _unapproved(seen: Seen, campaign: str, acts: Sequence[Acted], sent: Iterable[_Sent]) -> Iterator[Violation]:
    """A campaign of more contacts than that has an approval of just these files, and nothing has changed since."""
    gone = {account for act in acts if act.what == planner.WITHDRAWN for account in act.value}
    mine = [row for row in seen.ledger.contacts.values() if row.campaign == campaign and row.account not in gone]
    for one in sent:
        no = _import_of(one.contact)
        if sum(_import_of(row) <= no for row in mine) <= APPROVED_FROM:
            continue
        decisive = (act for act in acts if act.what in {APPROVED, VOIDED} and act.at_ms <= one.order.sent_at_ms)
        last = max(enumerate(decisive), default=(0, None), key=lambda pair: pair[0])[1]
        if last is None or last.what == VOIDED or no not in last.value:
            yield Violation(UNAPPROVED, f"{one.order.id} of import {no} left without an approval")


def _import_of(contact: Any) -> int:
    return int(contact.hours_class.split("|")[0])


def _taken_back(seen: Seen, acts: Iterable[Acted], sent: Iterable[_Sent]) -> Iterator[Violation]:
    for act in acts:
        if act.what != planner.WITHDRAWN:
            continue
        for one in sent:
            if one.contact.account in act.value and one.order.sent_at_ms > act.at_ms:
                after_ms = one.order.sent_at_ms - act.at_ms
                yield Violation(TAKEN_BACK, f"{one.order.id} left {after_ms} ms after its file was withdrawn")
        for row in seen.ledger.notices:
            contact = seen.ledger.contacts[row.contact]
            if row.campaign == act.campaign and row.state == "pending" and contact.account in act.value:
                yield Violation(TAKEN_BACK, f"{row.id} is pending after its file was withdrawn")


def _tests(seen: Seen, acts: Iterable[Acted], sent: Sequence[_Sent]) -> Iterator[Violation]:
    """One call to the number that was named, within the hour; no letter."""
    for act in acts:
        if act.what != planner.TESTED:
            continue
        orders = {one.order.id for one in sent}
        for _, order, number in seen.log.arrivals:
            if order in orders and number != act.value:
                yield Violation(TEST, f"{order} went to {number}, not to {act.value}")
        rang = [order for order, _, _ in seen.log.rings if order in orders]
        if len(rang) > 1 and not seen.loses:
            yield Violation(TEST, f"{act.campaign} rang {len(rang)} times: {rang}")
        if any(one.order.sent_at_ms > act.at_ms + TEST_LASTS_MS for one in sent):
            yield Violation(TEST, f"{act.campaign} calls after its hour")
        if any(row.campaign == act.campaign for row in seen.ledger.notices):
            yield Violation(TEST, f"{act.campaign} has a letter")


def _reruns(seen: Seen, campaign: str, acts: Iterable[Acted]) -> Iterator[Violation]:
    for act in acts:
        if act.what == planner.RERUN:
            for row in seen.ledger.contacts.values():
                if row.campaign == campaign and row.account not in act.value:
                    yield Violation(RERUN, f"{row.id} is {row.account}, whom somebody has reached")


def _agents(seen: Seen, sent: Mapping[str, Iterable[_Sent]]) -> Iterator[Violation]:
    """Where agents call, one is on the line before anybody rings; where none came, no attempt is used up."""
    by_agent = {one.order.id: one for many in sent.values() for one in many if one.attempt.channel == "agent"}
    if not by_agent:
        return
    for order, from_ms, _ in seen.log.rings:
        if order in by_agent and seen.log.agents.get(order, FAR_MS) > from_ms:
            yield Violation(AGENT, f"{order} rang, and no agent was there")
    for order, one in by_agent.items():
        if one.attempt.counted and (one.order.result, one.order.reason) == ("refused", NO_AGENT):
            yield Violation(AGENT, f"{order} is counted as {one.attempt.disposition}, and nobody was dialled")


def _receipts(seen: Seen, receipts: Iterable[tuple[int, str, str]]) -> Iterator[Violation]:
    """Whom a message has told of an outage is not called about it, unless it is important."""
    made = {one.command: one for one in seen.ledger.attempts if one.command is not None}
    for at_ms, order, status in receipts:
        attempt = made.get(order)
        if attempt is None or status != "delivered" or attempt.revised:
            continue
        if attempt.disposition != "unknown" or at_ms < (attempt.ended_at_ms or 0):
            yield from _called_since(seen, attempt, at_ms)


def _called_since(seen: Seen, told: Any, at_ms: int) -> Iterator[Violation]:
    contact = seen.ledger.contacts[told.contact]
    if contact.important or seen.ledger.campaigns[contact.campaign].kind != "outage":
        return
    for one in seen.ledger.attempts:
        row = None if one.command is None else seen.ledger.orders.get(one.command)
        same = one.contact == told.contact and one.round == told.round and one.channel in {"auto", "agent"}
        if same and row is not None and row.made_at_ms > at_ms:
            yield Violation(RECEIPT, f"{one.command} was made {row.made_at_ms - at_ms} ms after {told.command} arrived")
