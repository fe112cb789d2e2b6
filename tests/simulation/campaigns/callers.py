"""Callers who are promised a callback at any moment of a history, and the judge of those promises: it knows the rest
hours (`quiet_hours`) and the switch's log, and asks the product nothing.

1. A callback is called at its time: the time that was due where a call may be made then, else the last such moment
   before it, else the first after; never before, and at an agreed time whatever the rest hours say.
2. A promise is kept by a call that was made in time, and else missed; it is neither only where the call is not wanted
   any more. Each is told in the ledger, once it is over.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from random import Random
from typing import NamedTuple

from tests.campaigns.never import FINAL
from tests.campaigns.quiet_hours import is_open, zones_of
from tests.campaigns.seen import Seen, Violation
from tests.simulation.campaigns.jobs import GROUP
from tests.simulation.campaigns.site import CampaignSite

EARLY = "called_before_its_time"
PROMISE = "promise_told_otherwise"
KIND = "callback"
SECOND_MS, HOUR_MS = 1_000, 3_600_000
MARGIN_MS, LEAD_MS = 40_000, 60_000
ASKS, CANCELS, HAS_CALLERS = 0.12, 0.02, 0.4
NO_CALL = frozenset({"congestion", "failedOther", "noAgent", "invalidNumber", "unknown"})
NOT_WANTED = frozenset({"cancelled", "suppressed", "paid"})
AHEAD_H = ((0.01, 0.1), (0.1, 2), (2, 16))


class Promised(NamedTuple):
    """A callback as it was asked for and answered."""

    id: str
    contact: str
    asked_ms: int
    due_ms: int
    agreed_ms: int | None
    call_at_ms: int
    keep_by_ms: int
    zones: frozenset[str]


class Callers:
    """Of one history. What it draws is its own: histories without callers are what they would be without it."""

    def __init__(self, site: CampaignSite, switch: str, numbers: Sequence[str], seed: int) -> None:
        self._site, self._switch, self._numbers = site, switch, sorted(numbers)
        self._random = Random(f"callers:{seed}")
        self._has = self._random.random() < HAS_CALLERS
        self.promised: list[Promised] = []

    @property
    def zones(self) -> Mapping[str, frozenset[str]]:
        """Of the account of each."""
        return {one.id: one.zones for one in self.promised}

    async def move(self) -> str | None:
        """What was done."""
        wish = self._random.random() if self._has else 1.0
        if wish < ASKS:
            return await self._ask()
        if wish < ASKS + CANCELS and self.promised:
            await self.cancel(self._random.choice(self.promised))
            return "callback_cancelled"
        return None

    async def _ask(self) -> str | None:
        now_ms, zone = self._site.now_ms, self._random.choice(("", "", "", "Asia/Tokyo"))
        due_ms = now_ms + round(self._random.uniform(*self._random.choice(AHEAD_H)) * HOUR_MS)
        due_ms -= due_ms % SECOND_MS
        number = self._random.choice(self._numbers)
        body = {
            "number": number,
            "due_at": _text(due_ms),
            "switch": self._switch,
            "trunk_group": GROUP,
            "channel": "auto",
        }
        body |= {"zone": zone} if zone else {}
        agrees = self._random.random() < 0.25
        body |= {"agreed_at": _text(due_ms), "agreed_by": "8001"} if agrees else {}
        status, told = await self._site.call("POST", "/v1/callbacks", body)
        assert status in {201, 409, 503} or told["code"] == "cannot_dial", told
        if status != 201:
            return None
        found = (_ms(told["call_at"]), _ms(told["keep_by"]), zones_of(number, [zone] if zone else []))
        agreed_ms = due_ms if agrees else None
        self.promised.append(Promised(told["id"], told["contact"], now_ms, due_ms, agreed_ms, *found))
        return "callback_asked"

    async def cancel(self, one: Promised) -> None:
        status, told = await self._site.call("DELETE", f"/v1/callbacks/{one.id}")
        assert status in {200, 409, 503}, told

    async def settle(self, states: Mapping[str, str]) -> None:
        """What waits for a person is not wanted any more. `states`: of their contacts."""
        for one in self.promised:
            if states.get(one.contact) in {"person", "unknown"}:
                await self.cancel(one)


def violations(seen: Seen, promised: Iterable[Promised]) -> Iterator[Violation]:
    """What holds at any moment."""
    came: dict[str, list[int]] = defaultdict(list)
    contact_of = {one.command: one.contact for one in seen.ledger.attempts if one.command is not None}
    for at_ms, order, _ in seen.log.arrivals:
        came[contact_of.get(order, "")].append(at_ms)
    for one in promised:
        first_ms = min(came[one.contact], default=one.call_at_ms)
        if first_ms < one.call_at_ms:
            yield Violation(EARLY, f"{one.contact} was called {one.call_at_ms - first_ms} ms before its time")
        wrong = _wrong_time(one)
        if wrong is not None:
            yield Violation(EARLY, f"{one.contact}: {wrong}")
        yield from _told(seen, one)


def _wrong_time(one: Promised) -> str | None:
    """What is wrong with the time at which it is to be called."""
    due_ms = max(one.due_ms, one.asked_ms)
    if one.agreed_ms is not None:
        return None if one.call_at_ms == one.agreed_ms else "it is not called at the agreed time"
    if _may_call(due_ms, one.zones):
        return None if one.call_at_ms == due_ms else "it is not called at the time that was due"
    if not _may_call(one.call_at_ms, one.zones):
        return "it is to be called in closed hours"
    if one.call_at_ms > due_ms:
        early = _any(one.asked_ms, due_ms, one.zones)
        return "it could be called before it is due" if early else None
    return "it could be called later" if _any(one.call_at_ms + LEAD_MS + SECOND_MS, due_ms, one.zones) else None


def _may_call(at_ms: int, zones: Iterable[str]) -> bool:
    """Ring-out and set-up end within the hours."""
    ends = (at_ms, at_ms + MARGIN_MS)
    return all(is_open(end, zone, KIND) for zone in zones for end in ends)


def _any(from_ms: int, to_ms: int, zones: Iterable[str]) -> bool:
    """Whether a call may be made at any moment from one instant to the other."""
    return any(_may_call(at_ms, zones) for at_ms in range(from_ms, to_ms, 30 * SECOND_MS))


def _told(seen: Seen, one: Promised) -> Iterator[Violation]:
    row = seen.ledger.contacts.get(one.contact)
    if row is None or row.state not in FINAL:
        return
    calls = [each for each in seen.ledger.attempts if each.contact == one.contact and each.channel != "person"]
    made = any(each.step == "over" and each.disposition not in NO_CALL and each.decided_at_ms <= one.keep_by_ms
               for each in calls)  # fmt: skip
    wanted = {"kept"} if made else {"missed"} if row.state not in NOT_WANTED else {"missed", None}
    doubtful = any(each.revised or each.step == "held" for each in calls)
    if row.promise not in wanted and not doubtful:
        yield Violation(PROMISE, f"{one.contact} is {row.state}: its promise is {row.promise}, and was {wanted}")


def _text(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).isoformat().replace("+00:00", "Z")


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)
