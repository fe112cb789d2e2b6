"""Changes of product code, each of which the judge must catch: a guard left out, a limit too wide, a doubt taken for
certainty. Each names the kind of violation by which it must be found; another kind alone does not count.

Where one guard stands behind another, the change is one that gets past both: the gateway's pace is judged with a
dialler that does not bound it, and the hours with a switch whose clock is slow within what is trusted.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

from campaigns.core import calling_hours, pacing
from cti.dial import claims, orders, pace, silence, store, streams, words
from cti.gateway.dialling import ClaimedOrder
from cti.leases import sql as leases
from tests.simulation.outbound import judge
from tests.simulation.outbound.history import History, theme_of
from tests.simulation.outbound.site import WEEKS_MAX, site

HISTORIES_MAX = 420  # of the seeds that follow; those of other themes are left out


class Planted(NamedTuple):
    """`kind`: the violation that gives it away. `themes`: of the histories in which it shows most often."""

    name: str
    kind: str
    themes: tuple[str, ...]
    change: Callable[[], AbstractContextManager[Any]]


@contextmanager
def wider_claims(states: str) -> Iterator[None]:
    """A claim takes orders in other states, too."""
    wide = claims._OPEN_CALL.replace("state = 'open'", f"state IN ({states})").replace(" AND sent_at_ms IS NULL", "")
    mark = claims._MARK.replace("AND state = 'open'", f"AND state IN ({states})")
    with patch.object(claims, "_OPEN_CALL", wide), patch.object(claims, "_MARK", mark):
        yield


def not_dialled_at_expiry() -> AbstractContextManager[Any]:
    """A sent order without a result is taken for not dialled, once it has expired."""
    unsent = silence._unsent

    def changed(order: Any, now_ms: int) -> Any:
        silent = order.result is None and now_ms >= order.order.expires_at_ms
        return silence.NeverRang("expired") if silent else unsent(order, now_ms)

    return patch.object(silence, "_unsent", changed)


def unanswered_is_not_dialled() -> AbstractContextManager[Any]:
    asked = silence._asked

    def changed(asks: Sequence[Any], heard: bool, now_ms: int) -> Any:
        judged = asked(asks, heard, now_ms)
        return silence.NeverRang("never_seen") if isinstance(judged, silence.Unknown) else judged

    return patch.object(silence, "_asked", changed)


def _refused_is_not_dialled() -> AbstractContextManager[Any]:
    unsent = silence._unsent

    def changed(order: Any, now_ms: int) -> Any:
        judged = unsent(order, now_ms)
        return silence.NeverRang("refused_expired") if isinstance(judged, silence.Refused) else judged

    return patch.object(silence, "_unsent", changed)


def withdraws_what_was_sent() -> AbstractContextManager[Any]:
    """A withdrawal does not look whether a claim came first."""
    change_all = orders._change_all

    def changed(connection: Any, which: Any, state: str) -> set[str]:
        others = change_all(connection, which, "sent") if state == "open" else set()
        return others | change_all(connection, which, state)

    return patch.object(orders, "_change_all", changed)


def _no_second_look() -> AbstractContextManager[Any]:
    """How long an order is valid is not counted on from the claim."""
    return patch.object(ClaimedOrder, "left_ms", lambda one, *_: one.order.expires_at_ms - one.order.sent_at_ms)


def first_zone_alone() -> AbstractContextManager[Any]:
    of_the_callee = calling_hours._of_the_callee
    return patch.object(
        calling_hours, "_of_the_callee", lambda hours, asked, zones: of_the_callee(hours, asked, zones[:1])
    )


def _later_end() -> AbstractContextManager[Any]:
    """Ringing may go on for as long as set-up and ringing take, beyond the end of the hours."""
    judged = calling_hours._judged

    def changed(layers: Any, now_ms: int, margin: int) -> Any:
        found = judged(layers, now_ms, 0)
        return found._replace(ring_until_ms=found.ring_until_ms + margin) if hasattr(found, "ring_until_ms") else found

    return patch.object(calling_hours, "_judged", changed)


def _epoch_stays() -> AbstractContextManager[Any]:
    """A lane passes on under the epoch that it had."""
    pass_on = leases.SqlGroup._pass_on

    def changed(group: Any, connection: Any, which: Any, owner: str) -> Any:
        taken = pass_on(group, connection, which, owner)
        connection.execute(leases.update(group.resources).values(epoch=1))
        return [one._replace(epoch=1) for one in taken]

    return patch.object(leases.SqlGroup, "_pass_on", changed)


def _one_more() -> AbstractContextManager[Any]:
    claim_lane = claims._claim_lane

    def changed(connection: Any, asked: claims.Asked, lane: str, at_ms: int, most: int) -> Any:
        raised = {name: limit + 1 for name, limit in asked.ability.limits.items()}
        more = asked._replace(ability=asked.ability._replace(limits=raised))
        return claim_lane(connection, more, lane, at_ms, most)

    return patch.object(claims, "_claim_lane", changed)


def _any_epoch() -> AbstractContextManager[Any]:
    """Whoever asks may claim."""
    claim = claims._claim

    def changed(connection: Any, clock: Any, asked: claims.Asked) -> Any:
        found = claims.rows_of(connection, claims._EPOCH, *asked.of)
        return claim(connection, clock, asked._replace(epoch=found[0][0]))

    return patch.object(claims, "_claim", changed)


def never_read() -> AbstractContextManager[Any]:
    """No partition's word ever passes an instant."""
    least = words.least

    def changed(said: Any, partitions: Any) -> Any:
        word = least(said, partitions)
        return None if word is None else word._replace(appended_at_ms=0)

    return patch.object(words, "least", changed)


def _resumes_at_once() -> AbstractContextManager[Any]:
    return patch.object(
        streams, "_RESUME", streams._RESUME.replace("alive_until_ms <= ?", "(alive_until_ms <= ? OR 1)")
    )


def _put(place: Any, name: str, value: Any) -> Callable[[], AbstractContextManager[Any]]:
    return lambda: patch.object(place, name, value)


LOST, STOPS, HELD, OWNERS = ("memoryless",), ("stops",), ("held",), ("owners",)
MANY = ("mixed", "streams", "memoryless", "stops")
ALL = (
    Planted("claim takes sent orders again", judge.TWICE, MANY, lambda: wider_claims("'open', 'sent'")),
    Planted("expired without a result is not dialled", judge.TWICE, ("memoryless", "mixed"), not_dialled_at_expiry),
    Planted("an unanswered question is not dialled", judge.TWICE, LOST, unanswered_is_not_dialled),
    Planted("any refusal is not dialled", judge.NOT_DIALLED, MANY, _refused_is_not_dialled),
    Planted("withdraws what was sent", judge.NOT_DIALLED, STOPS, withdraws_what_was_sent),
    Planted("no second look at the clock", judge.AFTER_STOP, ("held", "stops"), _no_second_look),
    Planted("a stop forgets sent orders", judge.AFTER_STOP, STOPS, _put(orders, "_may_leave", lambda *_: False)),
    Planted("claim takes withdrawn orders", judge.AFTER_STOP, STOPS, lambda: wider_claims("'open', 'withdrawn'")),
    Planted("dialling that is not allowed", judge.AFTER_STOP, STOPS, _put(store, "require_allowed", lambda _: None)),
    Planted("hours of the first zone alone", judge.RINGING, ("closing", *MANY), first_zone_alone),
    Planted(
        "no margin before the hours end", judge.RINGING, ("closing",), _put(calling_hours, "margin_ms", lambda *_: 0)
    ),
    Planted("ringing goes on beyond the hours", judge.RINGING, ("closing",), _later_end),
    Planted("no fence", judge.TWO_OWNERS, OWNERS, _put(leases, "hold", lambda *_: None)),
    Planted("a lease's epoch stays", judge.TWO_OWNERS, OWNERS, _epoch_stays),
    Planted("a new owner does not wait", judge.TWO_OWNERS, OWNERS, _put(pacing, "TAKEOVER_WAIT_MS", 0)),
    Planted("half a second is a second", judge.PACE, MANY, _put(pace, "PACE_MS", 500)),
    Planted("one more than the pace", judge.PACE, MANY, _one_more),
    Planted("unknown is never final", judge.NO_END, LOST, _put(silence, "UNKNOWN_FINAL_MS", 10**12)),
    Planted("the log is never read", judge.NO_END, ("memoryless", "mixed"), never_read),
    Planted("any subscription claims", judge.OLDER, ("streams", "held"), _any_epoch),
    Planted("an older subscription resumes at once", judge.OLDER, ("streams", "held"), _resumes_at_once),
)


async def caught(planted: Planted, seed: int) -> int | None:
    """The first seed, from this one on, whose history shows it; None: it was not caught."""
    seeds = [one for one in range(seed, seed + HISTORIES_MAX) if theme_of(one) in planted.themes]
    for first in range(0, len(seeds), WEEKS_MAX):
        async with site() as place:
            for one in seeds[first : first + WEEKS_MAX]:
                with planted.change():
                    told = await History(place, one).play()
                if any(violation.kind == planted.kind for violation in told.violations):
                    return one
    return None
