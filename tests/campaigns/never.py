"""What must never be in a campaign (outbound.md, section 6), judged from the switch's own log of what it received, when
it rang and which calls it had, and from the ledger's rows. The product is asked nothing.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from tests.campaigns.quiet_hours import closed_in, day_of, zones_of
from tests.campaigns.seen import Seen, Span, Violation
from tests.campaigns.shipped import rules

QUIET = "rang_in_quiet_hours"
TWICE = "received_twice"
NOT_DIALLED = "received_though_not_dialled"
TWO_LIVE = "two_live_calls"
TOO_OFTEN = "counted_too_often"
CAP = "called_too_often_a_day"
PACE = "faster_than_the_pace"
NOTICE = "notice_without_reason"
NO_NOTICE = "no_notice_after_all"
AFTER_STOP = "received_after_stop"
AFTER_PAYMENT = "dunned_after_payment"
AFTER_ENTRY = "called_though_not_to_be"
OLD_WORD = "told_what_was_changed"
NOT_TOLD_AGAIN = "not_told_of_the_change"
NO_END = "without_an_end"
EXPLAIN = "explained_otherwise"
BROKEN = "history_broken"
KINDS = (
    QUIET, TWICE, NOT_DIALLED, TWO_LIVE, TOO_OFTEN, CAP, PACE, NOTICE, NO_NOTICE, AFTER_STOP, AFTER_PAYMENT,
    AFTER_ENTRY, OLD_WORD, NOT_TOLD_AGAIN, NO_END, EXPLAIN, BROKEN,
)  # fmt: skip

SECOND_MS = 1_000
AGREED_MS = 900_000  # CB-1
CALLS_A_DAY_MAX, FAR_MS = 3, 1 << 62
NORMAL_CLEARING = frozenset({16, 31})  # Q.850: somebody ended the call
RETIRING = frozenset({"invalidNumber", "suspended", "faxOrModem", "wrongParty"})
PAID_KINDS = frozenset({"billing", "arrears"})
TOLD = frozenset({"reached", "promised", "paid", "disputed"})
FINAL = TOLD | {"fallback", "suppressed", "cancelled", "expired"}


def violations(seen: Seen) -> list[Violation]:
    """What holds at any moment."""
    judges = (_quiet, _twice, _not_dialled, _two_live, _too_often, _cap, _pace, _notices, _after_stop, _paid, _barred)
    return [violation for judge in judges for violation in judge(seen)]


def unended(seen: Seen) -> Iterator[Violation]:
    """What holds once every deadline is past."""
    for one in seen.ledger.attempts:
        is_over = one.step not in {"open", "held"} or (one.step == "held" and one.counted)  # after half an hour
        if not is_over and seen.ledger.contacts[one.contact].state not in FINAL:
            yield Violation(NO_END, f"attempt {one.contact}.{one.n} is {one.step}")
    for row in seen.ledger.orders.values():
        if row.state in {"open", "sent"}:
            yield Violation(NO_END, f"order {row.id} is {row.state}")
    for row in seen.ledger.contacts.values():
        campaign = seen.ledger.campaigns[row.campaign]
        if row.state not in FINAL and campaign.state != "stopped":
            yield Violation(NO_END, f"contact {row.id} is {row.state}")
    yield from _missing_notices(seen)


def _by_command(seen: Seen) -> dict[str, Any]:
    return {one.command: one for one in seen.ledger.attempts if one.command is not None}


# -- what the switch has seen ------------------------------------------------------------------------------------------


def _quiet(seen: Seen) -> Iterator[Violation]:
    made = _by_command(seen)
    spoken = [(order, at_ms, at_ms) for at_ms, order, _ in seen.log.messages]
    for order, from_ms, to_ms in [*seen.log.rings, *spoken]:
        attempt = made.get(order)
        if attempt is None:
            yield Violation(QUIET, f"{order} rang, and no attempt has ordered it")
            continue
        if _is_agreed(seen, attempt, from_ms, to_ms):
            continue
        closed = [list(one) for one in _closed(seen, order, attempt, from_ms, to_ms)]
        if all(closed):
            yield from (Violation(QUIET, f"{order} rang from {from_ms} to {to_ms}, closed in {z}") for z in closed[-1])


def _closed(seen: Seen, order: str, attempt: Any, from_ms: int, to_ms: int) -> Iterator[Iterable[str]]:
    """Where it is closed, by each of the windows that may have held when the order left."""
    contact = seen.ledger.contacts[attempt.contact]
    campaign, row = seen.ledger.campaigns[contact.campaign], seen.ledger.orders.get(order)
    sent_ms = None if row is None else row.sent_at_ms
    zones = zones_of(attempt.number, seen.zones.get(contact.account, ()))
    excepted = seen.excepted(campaign.id, sent_ms)
    for windows in seen.windows_of(campaign.id, sent_ms):
        yield closed_in(from_ms, to_ms, zones, campaign.kind, windows, campaign.zone, excepted)


def _is_agreed(seen: Seen, attempt: Any, from_ms: int, to_ms: int) -> bool:
    """The one call of a callback for which a time that the caller asked for opens the rest hours."""
    at_ms = seen.ledger.contacts[attempt.contact].agreed_at_ms
    if at_ms is None or not at_ms - AGREED_MS <= from_ms <= to_ms <= at_ms + AGREED_MS:
        return False
    others = (one for one in seen.ledger.attempts if one.contact == attempt.contact and one.n < attempt.n)
    return all(one.step == "not_dialled" for one in others)


def _twice(seen: Seen) -> Iterator[Violation]:
    """An order comes in once, and what comes in is an attempt's order."""
    made = _by_command(seen)
    came = Counter(order for _, order, _ in [*seen.log.arrivals, *seen.log.messages])
    for order, times in came.items():
        if times > 1:
            yield Violation(TWICE, f"{order} {times} times")
        if order not in made:
            yield Violation(TWICE, f"{order} came, and is no attempt's order")


def _not_dialled(seen: Seen) -> Iterator[Violation]:
    made = _by_command(seen)
    for _, order, _ in [*seen.log.arrivals, *seen.log.messages]:
        attempt = made.get(order)
        if attempt is not None and attempt.decision != "dialled" and order not in seen.log.unheard:
            yield Violation(NOT_DIALLED, f"{order} is {attempt.decision}, and was received")


def _two_live(seen: Seen) -> Iterator[Violation]:
    """One live call a number, and one an account."""
    made = _by_command(seen)
    spans: dict[str, list[Span]] = defaultdict(list)
    for span in seen.log.calls:
        spans[span.number].append(span)
        attempt = made.get(span.order)
        if attempt is not None:
            spans[f"account {seen.ledger.contacts[attempt.contact].account}"].append(span)
    for whose, calls in spans.items():
        for one, other in pairwise(sorted(calls, key=lambda span: span.from_ms)):
            if one.to_ms is None or one.to_ms > other.from_ms:
                yield Violation(TWO_LIVE, f"{whose}: {one.order} and {other.order}")


def _cap(seen: Seen) -> Iterator[Violation]:
    """To a number and to an account in a day, over all campaigns; who is called until confirmed is exempt."""
    made = _by_command(seen)
    rang: Counter[tuple[str, str]] = Counter()
    for order, from_ms, _ in seen.log.rings:
        attempt = made.get(order)
        if attempt is None or _exempt(seen, attempt.contact) or (seen.loses and _is_said_to_have_failed(attempt)):
            continue
        day, account = day_of(from_ms, rules().zone), seen.ledger.contacts[attempt.contact].account
        rang.update([(attempt.number.split(";")[0], day), (f"account {account}", day)])
    for (whose, day), times in rang.items():
        if times > CALLS_A_DAY_MAX:
            yield Violation(CAP, f"{whose} was called {times} times on {day}")


def _is_said_to_have_failed(attempt: Any) -> bool:
    """Where the fact of the ringing is lost, and the switch's word is that the call failed or never was."""
    failed = attempt.step == "over" and not attempt.counted and attempt.q850 not in {None, *NORMAL_CLEARING}
    return failed or attempt.step == "not_dialled"


def _exempt(seen: Seen, contact: str) -> bool:
    row = seen.ledger.contacts[contact]
    return bool(row.important) and seen.ledger.campaigns[row.campaign].kind == "outage"


def _pace(seen: Seen) -> Iterator[Violation]:
    """Of a lane and of each campaign, by when orders were sent, in every sliding second."""
    made, sent = _by_command(seen), list[int]()
    of_campaign: dict[str, list[int]] = defaultdict(list)
    for row in seen.ledger.orders.values():
        if row.command == "makeCall" and row.sent_at_ms:
            sent.append(row.sent_at_ms)
            if row.id in made:
                of_campaign[made[row.id].campaign].append(row.sent_at_ms)
    yield from _too_fast(sorted(sent), max(int(seen.lane_pace), 1), "the lane")
    for campaign, times in of_campaign.items():
        for pace, since_ms in seen.pace_of(campaign):
            yield from _too_fast(sorted(at_ms for at_ms in times if at_ms >= since_ms), pace, campaign)


def _too_fast(times: Sequence[int], pace: int, whose: str) -> Iterator[Violation]:
    for first, last in zip(times, times[pace:], strict=False):
        if last - first < SECOND_MS:
            yield Violation(PACE, f"{whose}: {pace + 1} within {last - first} ms")


def _after_stop(seen: Seen) -> Iterator[Violation]:
    made = _by_command(seen)
    for stop in seen.stops:
        for at_ms, order, _ in [*seen.log.arrivals, *seen.log.messages]:
            within = at_ms > stop.since_ms and (stop.until_ms is None or at_ms < stop.until_ms)
            attempt = made.get(order)
            of_these = stop.campaigns is None or (attempt is not None and attempt.campaign in stop.campaigns)
            if within and of_these:
                yield Violation(AFTER_STOP, f"{order} {at_ms - stop.since_ms} ms after a {stop.what}")


def _paid(seen: Seen) -> Iterator[Violation]:
    """Who has paid is neither called nor written to, but for what the switch had by then."""
    made = _by_command(seen)
    for told in seen.payments:
        for at_ms, order, _ in [*seen.log.arrivals, *seen.log.messages]:
            attempt = made.get(order)
            if (
                attempt is not None
                and _owed_by(seen, attempt.contact, told.of)
                and _left_after(seen, order, told.at_ms)
            ):
                yield Violation(AFTER_PAYMENT, f"{order} {at_ms - told.at_ms} ms after a payment")
        for row in seen.ledger.notices:
            if row.state == "pending" and _owed_by(seen, row.contact, told.of):
                yield Violation(AFTER_PAYMENT, f"{row.id} is pending after a payment")


def _owed_by(seen: Seen, contact: str, account: str) -> bool:
    row = seen.ledger.contacts[contact]
    return bool(row.account == account and seen.ledger.campaigns[row.campaign].kind in PAID_KINDS)


def _barred(seen: Seen) -> Iterator[Violation]:
    """Who is not to be called is not called, but for what the switch had by then."""
    made = _by_command(seen)
    for told in seen.entries:
        for at_ms, order, number in seen.log.arrivals:
            attempt = made.get(order)
            account = "" if attempt is None else f"a:{seen.ledger.contacts[attempt.contact].account}"
            if told.of in {number, account} and _left_after(seen, order, told.at_ms):
                yield Violation(AFTER_ENTRY, f"{order} {at_ms - told.at_ms} ms after an entry of {told.of}")


def _left_after(seen: Seen, order: str, at_ms: int) -> bool:
    row = seen.ledger.orders.get(order)
    return row is not None and row.sent_at_ms is not None and row.sent_at_ms > at_ms


# -- what the ledger says ----------------------------------------------------------------------------------------------


def _too_often(seen: Seen) -> Iterator[Violation]:
    """Neither counted beyond `attempts_max` nor called once so many are counted."""
    counted: Counter[tuple[str, int]] = Counter()
    used_up_ms: dict[tuple[str, int], int] = {}
    for one in seen.ledger.attempts:  # of a contact by number
        key = (one.contact, one.round)
        most = seen.ledger.campaigns[one.campaign].attempts_max
        called = one.channel == "auto" and one.decision == "dialled" and not _exempt(seen, one.contact)
        if called and one.decided_at_ms > used_up_ms.get(key, FAR_MS):
            yield Violation(TOO_OFTEN, f"{one.contact} round {one.round}: attempt {one.n} beyond {most}")
        counted[key] += one.counted
        if counted[key] >= most and one.counted and not one.revised and one.ended_at_ms is not None:
            used_up_ms.setdefault(key, one.ended_at_ms)
    for (contact, round_), times in counted.items():
        most = seen.ledger.campaigns[seen.ledger.contacts[contact].campaign].attempts_max
        if times > most and not _exempt(seen, contact):
            yield Violation(TOO_OFTEN, f"{contact} round {round_}: {times} counted, at most {most}")


def _notices(seen: Seen) -> Iterator[Violation]:
    """One for a contact and round, with a reason, and none that stands beside what settled it."""
    each = Counter((row.contact, row.round) for row in seen.ledger.notices)
    for (contact, round_), times in each.items():
        if times > 1:
            yield Violation(NOTICE, f"{contact} round {round_} has {times}")
    for row in seen.ledger.notices:
        contact = seen.ledger.contacts[row.contact]
        if contact.state in TOLD and row.state == "pending":
            yield Violation(NOTICE, f"{row.id} is pending, and {contact.id} is {contact.state}")
        if not _has_reason(seen, contact, row):
            yield Violation(NOTICE, f"{row.id}: calls are left to {contact.id}")


def _has_reason(seen: Seen, contact: Any, notice: Any) -> bool:
    tries = [one for one in seen.ledger.attempts if one.contact == contact.id]
    of_round = [one for one in tries if one.round == notice.round]
    if sum(one.counted for one in of_round) >= seen.ledger.campaigns[contact.campaign].attempts_max:
        return True
    if contact.fallback_by_ms is not None and notice.created_at_ms >= contact.fallback_by_ms:
        return True
    retired = {one.number for one in tries if one.disposition in RETIRING}
    revised = any(one.revised for one in of_round)  # a late fact has changed what was so when it was owed
    barred = seen.ledger.barred
    numbers = {number for number, _ in json.loads(contact.phones)}
    silenced = f"a:{contact.account}" in barred or numbers <= retired | barred
    return revised or _opted_out(of_round) or silenced


def _opted_out(tries: Iterable[Any]) -> bool:
    return any(one.disposition == "optedOut" for one in tries)


def _missing_notices(seen: Seen) -> Iterator[Violation]:
    """Whose calls have come to nothing has a notice, where the campaign's fallback is one."""
    there = {(row.contact, row.round) for row in seen.ledger.notices}
    for row in seen.ledger.contacts.values():
        campaign = seen.ledger.campaigns[row.campaign]
        if row.state == "fallback" and campaign.fallback == "notice" and (row.id, row.round) not in there:
            yield Violation(NO_NOTICE, f"{row.id} is a fallback without a notice")
