"""Changes of product code, each of which the judge of campaigns must catch, by the kind of violation that it names.

Where one guard stands behind another, the change gets past both. Those of orders and hours are the order simulation's.
"""

from typing import Any

from campaigns.callbacks import putting
from campaigns.core import calling_hours, decide, pacing, retries, waiting
from campaigns.core.promises import Kept, Promise
from campaigns.dialler import case, emergencies, pace, turn, withdrawal
from campaigns.dialler.withdrawal import Withdrawn
from campaigns.ledger import campaigns, compiled, contacts, do_not_call, notices, people, revisions, turns
from campaigns.settlements import settling
from campaigns.settlements.closing import Effect
from cti.dial import orders, silence
from cti.gateway.dialling import ClaimedOrder
from tests.campaigns import never
from tests.simulation.campaigns.callers import EARLY, PROMISE
from tests.simulation.campaigns.history import CampaignHistory, theme_of
from tests.simulation.campaigns.planted_plans import OF_PLANS
from tests.simulation.campaigns.planting import Planted, both, put, wrapped
from tests.simulation.campaigns.site import HISTORIES_MAX, campaign_site
from tests.simulation.outbound import planted as of_orders

SEEDS_MAX = 2_000  # of those that follow; those of other themes are left out


def _nobody_busy(inner: Any, *args: Any) -> Any:
    return inner(*args)._replace(busy=set())


def _takes_over(inner: Any, connection: Any, rows: Any) -> Any:
    """A number that has a call is had all the same."""
    inner(connection, rows)
    return {row.number for row in rows}


def _called_never(inner: Any, *args: Any) -> Any:
    found = inner(*args)
    return found._replace(calls=dict.fromkeys(found.calls, 0))


def _reserves_all(_inner: Any, connection: Any, tenant: str, wanted: Any) -> bool:
    people.change(connection, tenant, wanted)
    return True


def _counts_no_day(inner: Any, connection: Any, tenant: str, wanted: Any) -> bool:
    del inner, connection, tenant, wanted
    return True


def _not_frozen(inner: Any, self: Any, read: Any) -> Any:
    return inner(self, read)._replace(frozen=False)


def _begins_tomorrow(inner: Any, connection: Any, row: Any) -> Any:
    return inner(connection, row._replace(since_ms=row.since_ms + 86_400_000))


def _never_over(inner: Any, row: Any) -> Any:
    found = inner(row)
    return None if found is None else found._replace(until_ms=found.until_ms + 86_400_000)


def _holds_at_once(inner: Any, connection: Any, of: Any, reason: str, until_ms: int, now_ms: int, who: str) -> Any:
    made = inner(connection, of, reason, until_ms, now_ms, who)
    row = campaigns.read(connection, of.id)
    assert row is not None
    campaigns.replace(connection, row, row._replace(emergency_from_ms=now_ms, emergency_until_ms=until_ms))
    return made


def _one_more(inner: Any, *args: Any) -> int:
    return int(inner(*args)) + 1


def _owes_when_final(contact: Any, campaign: Any) -> bool:
    del campaign
    return bool(contact.final)


def _after_the_first(contact: Any, campaign: Any) -> bool:
    del campaign
    return bool(contact.counted >= 1)


def _one_attempt_more(contact: Any, campaign: Any) -> bool:
    return bool(contact.counted > campaign.attempts_max)


def _due_at_once(inner: Any, *args: Any) -> Any:
    return inner(*args)._replace(next_at_ms=0)


def _no_time(inner: Any, contact: Any, *args: Any) -> Any:
    return None if retries.last_call(contact) is None else inner(contact, *args)


def _not_moved(inner: Any, hours: Any, asked: Any, rules: Any, due_ms: Any, now_ms: Any) -> Any:
    found = inner(hours, asked, rules, due_ms, now_ms)
    return found if found is None or due_ms is None else Promise(due_ms, due_ms + rules.late_ms)


LANE_WIDE = wrapped(pace, "room", _one_more)
MANY = ("mixed", "streams", "memoryless", "stops", "owners")
PAYING = (*MANY, "closing", "held")
HELD, STOPS, LOST = ("held", "stops"), ("stops",), ("memoryless", "mixed")
ALL = (
    Planted("hours of the first zone alone", never.QUIET, ("closing", *MANY), of_orders.first_zone_alone),
    Planted("an emergency is never over", never.QUIET, ("closing", *MANY),
            wrapped(compiled, "emergency_of", _never_over)),
    Planted("an emergency that is asked for holds", never.QUIET, ("closing", *MANY),
            wrapped(emergencies, "ask", _holds_at_once)),
    Planted("no margin before the hours end", never.QUIET, ("closing",),
            put(calling_hours, "margin_ms", lambda *_: 0)),
    Planted("claim takes sent orders again", never.TWICE, MANY, lambda: of_orders.wider_claims("'open', 'sent'")),
    Planted("an order without its attempt", never.TWICE, MANY, put(turns.attempts, "put", lambda *_: None)),
    Planted("expired without a result is not dialled", never.NOT_DIALLED, LOST, of_orders.not_dialled_at_expiry),
    Planted("an unanswered question is not dialled", never.NOT_DIALLED, LOST, of_orders.unanswered_is_not_dialled),
    Planted("withdraws what was sent", never.NOT_DIALLED, STOPS, of_orders.withdraws_what_was_sent),
    Planted(
        "a busy number is had all the same", never.TWO_LIVE, MANY,
        both(wrapped(turns, "known", _nobody_busy), wrapped(people, "take", _takes_over)),
    ),
    Planted(
        "a number is free while it is called", never.TWO_LIVE, MANY,
        both(wrapped(turns, "known", _nobody_busy), wrapped(people, "take", _takes_over),
              put(case, "has_line", lambda _: False)),
    ),
    Planted("attempts are never used up", never.TOO_OFTEN, MANY, put(decide, "exhausted", lambda *_: False)),
    Planted("one attempt more", never.TOO_OFTEN, MANY, put(decide, "exhausted", _one_attempt_more)),
    Planted(
        "no cap a day", never.CAP, MANY,
        both(put(waiting, "CALLS_A_DAY_MAX", 99), wrapped(people, "reserve", _reserves_all)),
    ),
    Planted(
        "calls of a day are not counted", never.CAP, MANY,
        both(wrapped(turns, "known", _called_never), wrapped(people, "reserve", _counts_no_day)),
    ),
    Planted("one more than the pace", never.PACE, MANY, LANE_WIDE),
    Planted(
        "a third of a second is a second", never.PACE, MANY,
        both(put(pacing, "SECOND_MS", 300), put(pace, "SECOND_MS", 300)),
    ),
    Planted("a notice for whoever is final", never.NOTICE, MANY, put(case, "owes_notice", _owes_when_final)),
    Planted("a notice after the first attempt", never.NOTICE, MANY, put(decide, "exhausted", _after_the_first)),
    Planted("notices are not written", never.NO_NOTICE, MANY, put(notices, "put", lambda *_: set())),
    Planted("notices are forgotten", never.NO_NOTICE, MANY, put(turn.Intents, "notices", lambda _: None)),
    Planted("claim takes withdrawn orders", never.AFTER_STOP, STOPS,
            lambda: of_orders.wider_claims("'open', 'withdrawn'")),
    Planted("a stop forgets sent orders", never.AFTER_STOP, HELD, put(orders, "_may_leave", lambda *_: False)),
    Planted("no second look at the clock", never.AFTER_STOP, HELD,
            put(ClaimedOrder, "left_ms", lambda one, *_: one.order.expires_at_ms - one.order.sent_at_ms)),
    Planted("the freeze is not seen", never.AFTER_STOP, STOPS, wrapped(turn.LaneDialler, "_moment", _not_frozen)),
    Planted("a payment leaves letters alone", never.AFTER_PAYMENT, PAYING,
            put(settling, "recall_notices", lambda *_: {})),
    Planted("a payment closes nobody", never.AFTER_PAYMENT, PAYING,
            put(settling, "close_contacts", lambda *_: Effect({}, Withdrawn()))),
    Planted("nobody asks the do-not-call list", never.AFTER_ENTRY, PAYING,
            put(do_not_call, "holding", lambda *_: {})),
    Planted("an entry holds from tomorrow on", never.AFTER_ENTRY, PAYING,
            wrapped(do_not_call, "write", _begins_tomorrow)),
    Planted("a change takes no order back", never.OLD_WORD, MANY, put(withdrawal, "taken_back", lambda *_: {})),
    Planted("a change leaves the items", never.OLD_WORD, MANY, put(revisions, "write_items", lambda *_: None)),
    Planted("a callback is due at once", EARLY, MANY,
            both(wrapped(putting, "_contact", _due_at_once), wrapped(retries, "_after_last", _no_time))),
    Planted("closed hours move no callback", EARLY, MANY, wrapped(putting, "promised", _not_moved)),
    Planted("nobody looks whether a promise was kept", PROMISE, MANY, put(case, "outcome_of", lambda *_: None)),
    Planted("every promise is kept", PROMISE, MANY, put(case, "outcome_of", lambda *_: Kept.KEPT)),
    Planted("unknown is never final", never.NO_END, LOST, put(silence, "UNKNOWN_FINAL_MS", 10**12)),
    Planted("deadlines are not looked for", never.NO_END, MANY, put(contacts, "with_deadline", lambda *_: [])),
    Planted("the log is never read", never.NO_END, LOST, of_orders.never_read),
    Planted("a freeze is not seen", never.EXPLAIN, STOPS, wrapped(turn.LaneDialler, "_moment", _not_frozen)),
    Planted("what is due is left alone", never.EXPLAIN, MANY, put(turn.Intents, "dial", lambda *_: None)),
    *OF_PLANS,
)  # fmt: skip


async def caught(planted: Planted, seed: int) -> int | None:
    """The first seed, from this one on, whose history shows it; None: it was not caught."""
    seeds = [one for one in range(seed, seed + SEEDS_MAX) if theme_of(one) in planted.themes and planted.shows(one)]
    for first in range(0, len(seeds), HISTORIES_MAX):
        async with campaign_site() as place:
            for one in seeds[first : first + HISTORIES_MAX]:
                with planted.change():
                    told = await CampaignHistory(place, one, planted.kind).play()
                if any(violation.kind == planted.kind for violation in told.violations):
                    return one
    return None
