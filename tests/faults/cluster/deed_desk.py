"""A manager at work while a storm goes on: what was planned is done over HTTP, each at its moment, and noted with the
time at which it was answered. Whoever is meant is chosen among those whom nobody has called yet.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.campaigns.open_now import Country, day_ms
from tests.faults.cluster import deed_plan
from tests.faults.cluster.deed_campaigns import (
    AREAS,
    ARREARS,
    CANCELLED_WORD,
    DRAINED,
    FILES,
    KINDS,
    LANE,
    NEW_WORD,
    OLD_WORD,
    OUTAGES,
    PAID_MONTH,
    PAID_WORDS,
    Customer,
    Customers,
    Sizes,
    Times,
    drawn,
    files,
    settings,
    times,
)
from tests.faults.cluster.deed_judge import (
    CALLED_OFF,
    DO_NOT_CALL,
    SETTLED,
    WITHDRAWN,
    Barred,
    Changed,
    Closed,
    Deeds,
    Drained,
    Paid,
    Promised,
    Revised,
)
from tests.faults.cluster.deed_plan import Deed
from tests.faults.cluster.driver_book import SWITCH
from tests.faults.cluster.submitting import submitted
from tests.faults.cluster.trial import say
from tests.faults.cluster.waiting import TooLong, pause, until
from tests.faults.desk import WRONG_STATE, Desk, Refused

ACKNOWLEDGED_MAX_S = 240.0  # under faults a lane may have no owner for long, and a call lasts half a minute
CHANGED_FOR = 0.1  # how long other settings hold, as a part of the storm
SLOW = 1  # calls a second
DUE_IN_S = (2.0, 20.0)  # a callback, from its promise on
OFF_DUE_IN_S = 6.0  # one that is cancelled
AGREED_EVERY = 5  # callbacks of which the caller himself has named the time
PRIORITY = 7
BURST_MAX_S, LOOK_S = 10.0, 0.2
CALLED_MIN, CALLED_MAX_S = 5, 60.0
NOON_MS = 13 * 3_600_000
MORNING, AFTERNOON = ("08:00-12:30",), ("14:00-21:00",)


@dataclass(slots=True)
class Manager:
    """`customers`: of the campaigns, by name; `log`: what the switch has received so far."""

    desk: Desk
    country: Country
    sizes: Sizes
    customers: Customers
    seconds: float
    log: Path
    times: Times = field(init=False)
    campaigns: dict[str, str] = field(default_factory=dict)  # name -> id
    deeds: Deeds = field(default_factory=Deeds)
    callbacks: dict[str, dict[str, Any]] = field(default_factory=dict)  # id -> what was asked for and answered
    called_off: list[str] = field(default_factory=list)  # campaigns of callbacks that were cancelled
    chosen: set[str] = field(default_factory=set)  # accounts

    async def submit(self) -> None:
        """All campaigns, imported and started. Raises TooLong, Refused."""
        self.times = times(datetime.now(UTC), self.country.zone)
        for name in KINDS:
            wish = settings(name, self.country.zone, self.sizes.pace)
            each = files(name, self.customers, self.times)
            self.campaigns[name] = await submitted(self.desk, wish, each, len(self.customers.of[name]))

    @property
    def all_campaigns(self) -> Sequence[tuple[str, int]]:
        """The id of each, those of callbacks too, and its contacts."""
        made = [(self.campaigns[name], len(self.customers.of[name])) for name in KINDS]
        of = [*(str(one["campaign"]) for one in self.callbacks.values()), *self.called_off]
        return made + [(campaign, of.count(campaign)) for campaign in sorted(set(of))]

    async def work(self, planned: Sequence[Deed]) -> None:
        """All that was planned; return when each is acknowledged, or its time is over. Raises Refused."""
        began_s = time.monotonic()
        tasks = [asyncio.create_task(self._at_its_moment(deed, began_s)) for deed in planned]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _at_its_moment(self, deed: Deed, began_s: float) -> None:
        await pause(max(0.0, began_s + deed.at_s - time.monotonic()))
        if deed.kind in OFTEN and deed.no % 2:
            await self._while_calls_come()
        self.deeds.asked[deed.kind] += 1
        try:
            await DONE[deed.kind](self, deed)
        except TooLong as late:  # the judge counts it
            say(f"{deed.kind} {deed.no}: {late}")
            return
        except Refused as refused:
            raise Refused(refused.status, {"deed": deed.kind, **refused.problem}) from refused
        self.deeds.acknowledged[deed.kind] += 1
        if deed.kind not in OFTEN:
            say(f"the {deed.kind} is acknowledged")

    async def _while_calls_come(self) -> None:
        """Calls come in bursts, for most of the time a lane has no owner: in one of them a deed meets orders on their
        way. Return when one has begun, or after a while.
        """
        before = len(_called(self.log))

        async def more() -> bool:
            return len(_called(self.log)) > before

        with contextlib.suppress(TooLong):
            await until("calls come", more, BURST_MAX_S, LOOK_S)

    async def _some_called(self, numbers: frozenset[str]) -> None:
        """Return when so many were called that some have heard what is changed then, or after a while."""

        async def enough() -> bool:
            return len(numbers & _called(self.log)) >= CALLED_MIN

        with contextlib.suppress(TooLong):
            await until(f"{CALLED_MIN} are called", enough, CALLED_MAX_S, LOOK_S)

    async def end(self) -> None:
        """Note what became of the callbacks, and of contacts that were closed."""
        path = f"/v1/campaigns/{self.campaigns[ARREARS]}/contacts"
        for contact in await self.desk.pages(path, "contacts"):
            self.deeds.states[contact["account"]] = (contact["contact"], contact["state"])
        for id_, made in self.callbacks.items():
            found = await self.desk.ask("GET", f"/v1/callbacks/{id_}")
            self.deeds.promised.append(
                Promised(
                    str(made["campaign"]), str(made["asked_for"]), _ms(made["from_at"]), _ms(made["keep_by"]),
                    found["promise"],
                )
            )  # fmt: skip

    async def undecided(self) -> int:
        """Callbacks that are neither kept nor missed so far."""
        open_ = await self.desk.pages("/v1/callbacks?promise=open", "callbacks")
        return sum(one["id"] in self.callbacks for one in open_)

    # -- deeds ---------------------------------------------------------------------------------------------------------

    def _choose(self, name: str, pick: float) -> Customer:
        """Of those whom nobody has called and to whom nothing was done; of all the others, where there are none."""
        called = _called(self.log)
        left = [one for one in self.customers.of[name] if one.account not in self.chosen]
        new = [one for one in left if not called.intersection(one.numbers)] or left
        one = new[int(pick * len(new))]
        self.chosen.add(one.account)
        return one

    async def _settle(self, deed: Deed) -> None:
        one = self._choose(ARREARS, deed.pick)
        at_ms = await self.desk.settle(_payment(deed, one))
        self.deeds.barred.append(Barred(SETTLED, frozenset(one.numbers), self.campaigns[ARREARS], at_ms))
        self.deeds.closed.append(Closed(one.account, "paid"))

    async def _settle_part(self, deed: Deed) -> None:
        one = self._choose(ARREARS, deed.pick)
        at_ms = await self.desk.settle(_payment(deed, one) | {"items": [PAID_MONTH]})
        self.deeds.paid.append(Paid(self.campaigns[ARREARS], frozenset(one.numbers), PAID_WORDS, at_ms))

    async def _bar_number(self, deed: Deed) -> None:
        """The first of his; he may be called at his other one."""
        number = self._choose(ARREARS, deed.pick).numbers[0]
        at_ms = await self.desk.bar({"number": number, "reason": "asked for it"})
        self.deeds.barred.append(Barred(DO_NOT_CALL, frozenset({number}), None, at_ms))

    async def _bar_account(self, deed: Deed) -> None:
        one = self._choose(ARREARS, deed.pick)
        at_ms = await self.desk.bar({"account": one.account, "reason": "asked for it"})
        self.deeds.barred.append(Barred(DO_NOT_CALL, frozenset(one.numbers), None, at_ms))
        self.deeds.closed.append(Closed(one.account, "suppressed"))

    async def _call_back(self, deed: Deed) -> None:
        number = self.customers.callers[deed.no]
        wish = _wish(number, DUE_IN_S[0] + deed.pick * (DUE_IN_S[1] - DUE_IN_S[0]))
        due_at = wish["due_at"]
        agreed = {"agreed_at": due_at, "agreed_by": "a clerk"} if deed.no % AGREED_EVERY == 0 else {}
        made = await self.desk.call_back({**wish, **agreed, "reference": f"W-{deed.no}"})
        from_at = made["call_at"] if made["moved"] else due_at  # moved: only near the end of the hours
        self.callbacks[str(made["id"])] = made | {"asked_for": number, "from_at": from_at}

    async def _call_off(self, deed: Deed) -> None:
        """Promised, and cancelled about when it is due: one that was called by then has ended, or goes on."""
        number = self.customers.callers[-1 - deed.no]
        made = await self.desk.call_back({**_wish(number, OFF_DUE_IN_S), "reference": f"O-{deed.no}"})
        campaign = str(made["campaign"])
        self.called_off.append(campaign)
        await pause(deed.pick * 2 * OFF_DUE_IN_S)
        try:
            at_ms = await self.desk.call_off(str(made["id"]))
        except Refused as refused:
            if refused.code != WRONG_STATE:
                raise
            return
        self.deeds.barred.append(Barred(CALLED_OFF, frozenset({number}), campaign, at_ms))

    async def _move(self, _deed: Deed) -> None:
        await self._revise(AREAS[0], {"restores_at": self.times.later}, NEW_WORD)

    async def _cancel(self, _deed: Deed) -> None:
        await self._revise(AREAS[1], {"cancelled": True}, CANCELLED_WORD)

    async def _revise(self, area: str, wish: Mapping[str, Any], word: str) -> None:
        campaign = self.campaigns[OUTAGES]
        where = {"area": area, "starts_at": self.times.starts_at}
        numbers = frozenset(number for one in self.customers.in_area(area) for number in one.numbers)
        await self._some_called(numbers)
        at_ms, acknowledged_ms = await self.desk.revise(campaign, where, wish, ACKNOWLEDGED_MAX_S)
        self.deeds.revised.append(
            Revised(campaign, numbers, OLD_WORD, word, at_ms, acknowledged_ms, word == CANCELLED_WORD)
        )

    async def _withdraw(self, _deed: Deed) -> None:
        """The first file."""
        numbers = frozenset(number for one in self.customers.withdrawn for number in one.numbers)
        at_ms = await self.desk.withdraw(self.campaigns[FILES], 1, ACKNOWLEDGED_MAX_S)
        self.deeds.barred.append(Barred(WITHDRAWN, numbers, self.campaigns[FILES], at_ms, is_final=True))

    async def _drain(self, _deed: Deed) -> None:
        at_ms = await self.desk.drain(self.campaigns[DRAINED])
        self.deeds.drained.append(Drained(self.campaigns[DRAINED], at_ms))

    async def _change_pace(self, _deed: Deed) -> None:
        """Slower and later than others, and then as before."""
        slow = {"pacing": {"calls_per_second": SLOW}, "priority": PRIORITY}
        await self._change(ARREARS, slow, {"pacing": {"calls_per_second": self.sizes.pace}}, SLOW)

    async def _change_windows(self, _deed: Deed) -> None:
        """Closed now, and then open again."""
        is_morning = day_ms(self.country.zone, time.time() * 1000) < NOON_MS
        closed = {"windows": AFTERNOON if is_morning else MORNING}
        await self._change(FILES, closed, {"windows": [*MORNING, *AFTERNOON]}, None)

    async def _change(self, name: str, first: Mapping[str, Any], then: Mapping[str, Any], pace: int | None) -> None:
        campaign = self.campaigns[name]
        at_ms = await self.desk.change(campaign, first)
        await pause(CHANGED_FOR * self.seconds)
        self.deeds.changed.append(Changed(campaign, at_ms, int(time.time() * 1000), pace))
        await self.desk.change(campaign, then)


OFTEN = frozenset(
    {
        deed_plan.SETTLE, deed_plan.SETTLE_PART, deed_plan.BAR_NUMBER, deed_plan.BAR_ACCOUNT, deed_plan.CALL_BACK,
        deed_plan.CALL_OFF,
    }
)  # fmt: skip
DONE: Mapping[str, Callable[[Manager, Deed], Awaitable[None]]] = MappingProxyType({
    deed_plan.SETTLE: Manager._settle, deed_plan.SETTLE_PART: Manager._settle_part,
    deed_plan.BAR_NUMBER: Manager._bar_number, deed_plan.BAR_ACCOUNT: Manager._bar_account,
    deed_plan.CALL_BACK: Manager._call_back, deed_plan.CALL_OFF: Manager._call_off,
    deed_plan.MOVE: Manager._move, deed_plan.CANCEL: Manager._cancel,
    deed_plan.WITHDRAW: Manager._withdraw, deed_plan.DRAIN: Manager._drain,
    deed_plan.CHANGE_PACE: Manager._change_pace, deed_plan.CHANGE_WINDOWS: Manager._change_windows,
})  # fmt: skip


def manager(desk: Desk, country: Country, sizes: Sizes, first: int, seconds: float, log: Path) -> Manager:
    """`first`: the place of the first number that nobody else has."""
    return Manager(desk, country, sizes, drawn(sizes, country, first), seconds, log)


def _payment(deed: Deed, one: Customer) -> dict[str, Any]:
    """Its reference is the same however often it is sent."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"reference": f"{deed.kind}-{deed.no}", "account": one.account, "settled_at": now}


def _wish(number: str, after_s: float) -> dict[str, Any]:
    """A callback, due so much later."""
    due_at = (datetime.now(UTC) + timedelta(seconds=after_s)).isoformat(timespec="milliseconds")
    return {"number": number, "due_at": due_at, "switch": SWITCH, "trunk_group": LANE, "channel": "auto"}


def _called(log: Path) -> set[str]:
    """Numbers of the orders that the switch has received."""
    with log.open(encoding="utf-8") as lines:
        return {json.loads(line)["to"] for line in lines if line.startswith('{"entry": "makeCall"')}


def _ms(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)
