"""Plays a short campaign against `decide` and `after` on a virtual time line: no store, no door, no dialler.

The judge is the file's own `expect`. What the real dialler does in its turn is done here in the plainest way: outcomes
first, then every contact is decided on in the order of import; a decision that waits is looked at again when its time
has come or anything else happened.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from campaigns.core.after import (
    UNKNOWN_FINAL_AFTER_MS,
    Closed,
    Dialled,
    Ended,
    HandedOver,
    HeldLong,
    NeverDialled,
    Outcome,
    after,
    owes_notice,
)
from campaigns.core.calling_hours import Open, judge
from campaigns.core.campaign import Campaign, delays
from campaigns.core.choice import Choice
from campaigns.core.contact import Attempt, Contact, Phone, Step
from campaigns.core.deadlines import default_deadlines
from campaigns.core.decide import Close, Decision, Dial, Fallback, asked_of, decide
from campaigns.core.dispositions import Disposition, confirmed, verdict
from campaigns.core.pacing import Lane, Pace, Slot, kept, room, room_at
from campaigns.core.reasons import CampaignState, Channel, FallbackKind, NotDialled
from campaigns.core.waiting import WaitUntil, World
from campaigns.core.zones import local_day
from campaigns.kinds import Kind, known_kinds
from tests.campaigns import shipped
from tests.campaigns.scripted import said_to
from tests.replay.cases import PASSED, ms_of

TOLERANCE_S = 60
STEPS_MAX = 100_000


def kind_of(case: Mapping[str, Any]) -> Kind:
    return known_kinds()[case["campaign"]["kind"]]


def campaign_of(case: Mapping[str, Any]) -> Campaign:
    """The campaign as it holds, defaults included."""
    asked, kind, rules = case["campaign"], kind_of(case), shipped.rules()
    start_ms = ms_of(case["start"])
    outage = next((row for row in case["rows"] if "starts_at" in row), {})
    by = default_deadlines(
        rules.deadlines,
        rules.hours.calendar,
        kind.name,
        start_ms,
        rules.zone,
        *(ms_of(outage[name]) if name in outage else None for name in ("starts_at", "restores_at")),
    )
    minutes = {name: minutes * 60_000 for name, minutes in asked.get("retry", {}).items()}
    return Campaign(
        kind=kind.name,
        channels=tuple(Channel(channel) for channel in asked.get("channels", kind.defaults.channels)),
        fallback=FallbackKind(asked.get("fallback", kind.defaults.fallback)),
        ring_timeout_ms=asked.get("ring_timeout_s", kind.defaults.ring_timeout_s) * 1000,
        hours=rules.hours,
        zone=rules.zone,
        attempts_max=asked.get("attempts_max", kind.defaults.attempts_max),
        delays_ms=delays(rules.retry_ms[kind.name], minutes),
        fallback_by_ms=by.fallback_by_ms,
        expires_at_ms=by.expires_at_ms,
        important_until_confirmed=kind.important_until_confirmed,
    )


def contacts_of(case: Mapping[str, Any]) -> list[Contact]:
    """One an account, its numbers in order of appearance."""
    rows = defaultdict(list)
    for row in case["rows"]:
        rows[row["account"]].append(row)
    return [_contact(account, of_it) for account, of_it in rows.items()]


def _contact(account: str, rows: list[Mapping[str, str]]) -> Contact:
    numbers = [row[name] for row in rows for name in ("number", "number2", "number3") if row.get(name)]
    return Contact(
        account=account,
        customer_class=rows[0].get("class", "resident"),
        phones=tuple(Phone(f"+86{number}", ("Asia/Shanghai",)) for number in dict.fromkeys(numbers)),
        important=rows[0].get("important") == "yes",
    )


@dataclass(slots=True)
class Played:
    """A campaign on its way. `switch`: the words that are left of each number."""

    campaign: Campaign
    contacts: list[Contact]
    switch: dict[str, list[str]]
    has_gate: bool
    pace: Pace
    now_ms: int
    decisions: list[tuple[int, str, Decision]] = field(default_factory=list)
    slots: tuple[Slot, ...] = ()
    _due: list[tuple[int, int, int, Outcome | None]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    def run(self, until_ms: int) -> None:
        """Until this instant, everything that falls on it included."""
        started_ms = self.now_ms
        for index in range(len(self.contacts)):
            self._at(started_ms, index, None)
        for _ in range(STEPS_MAX):
            if not self._due or self._due[0][0] > until_ms:
                return
            self.now_ms, _, index, outcome = heapq.heappop(self._due)
            if outcome is not None:
                self._take(index, outcome)
            if outcome is not None or not self._due or self._due[0][0] > self.now_ms:
                self._turn(started_ms)
        raise AssertionError("the campaign does not come to rest")

    def _at(self, at_ms: int, index: int, outcome: Outcome | None) -> None:
        heapq.heappush(self._due, (at_ms, next(self._numbers), index, outcome))

    def _take(self, index: int, outcome: Outcome) -> None:
        contact = self.contacts[index] = after(self.contacts[index], outcome, self.campaign)
        held = contact.held
        if isinstance(outcome, Ended) and held is not None and held.n == outcome.n:
            self._at(outcome.at_ms + UNKNOWN_FINAL_AFTER_MS, index, HeldLong(held.n, outcome.at_ms))

    def _turn(self, started_ms: int) -> None:
        for index in range(len(self.contacts)):
            while not self.contacts[index].final:
                decision = decide(self.contacts[index], self.campaign, self._world(index), self.now_ms)
                self.decisions.append((self.now_ms, self.contacts[index].account, decision))
                if isinstance(decision, WaitUntil):
                    if decision.at_ms is not None:
                        assert decision.at_ms > self.now_ms
                        self._at(decision.at_ms, index, None)
                    break
                if isinstance(decision, Dial) and not self._may_dial(index, started_ms):
                    break
                self._act(index, decision)

    def _may_dial(self, index: int, started_ms: int) -> bool:
        self.slots = kept(self.slots, self.now_ms)
        live = sum(attempt.step is Step.OPEN for contact in self.contacts for attempt in contact.attempts)
        lane = Lane(self.slots, live, started_ms - 60_000)
        if room(self.pace, lane, self.now_ms) > 0:
            return True
        at_ms = room_at(self.pace, lane, self.now_ms)
        if at_ms is not None:
            self._at(at_ms, index, None)
        return False

    def _act(self, index: int, decision: Decision) -> None:
        contact = self.contacts[index]
        match decision:
            case Close(state):
                self._take(index, Closed(state))
            case Fallback():
                self._take(index, HandedOver())
            case Dial(number, channel, dial_before_ms, ring_until_ms):
                asked = asked_of(contact, self.campaign, Choice(_phone(contact, number), channel))
                hours = judge(self.campaign.hours, asked, self.now_ms)
                assert isinstance(hours, Open)
                assert self.now_ms < dial_before_ms <= hours.dial_before_ms
                assert ring_until_ms == hours.ring_until_ms
                self._take(index, Dialled(self.now_ms, channel, number))
                self._send(index, self.contacts[index].attempts[-1])

    def _send(self, index: int, attempt: Attempt) -> None:
        words = self.switch.get(attempt.number, ["noAnswer"])
        word = words.pop(0) if len(words) > 1 else words[0]
        if not attempt.written:
            self.slots = (*self.slots, Slot(self.now_ms))
        said = said_to(word, self.campaign.ring_timeout_ms / 1000, self.has_gate)
        at_ms = self.now_ms + round(said.after_s * 1000)
        came_to = verdict(said.evidence)
        if came_to is NotDialled.NOT_SUPPORTED:
            self.campaign = replace(self.campaign, state=CampaignState.PAUSED)
        if isinstance(came_to, NotDialled):
            self._at(at_ms, index, NeverDialled(attempt.n, at_ms))
        else:
            ended = Ended(attempt.n, at_ms, came_to, said.evidence.rang, confirmed(said.evidence))
            self._at(at_ms, index, ended)

    def _world(self, index: int) -> World:
        calls = [attempt for attempt in self.contacts[index].attempts if not attempt.written]
        today = local_day(self.now_ms, self.campaign.zone)
        unknown = Disposition.UNKNOWN
        return World(
            calls_today=sum(
                (call.rang or call.counted or call.disposition is unknown)
                and local_day(call.at_ms, self.campaign.zone) == today
                for call in calls
            ),
            busy_numbers=frozenset(
                attempt.number
                for other, contact in enumerate(self.contacts)
                for attempt in contact.attempts
                if other != index and attempt.step is Step.OPEN and not attempt.written
            ),
            switch_heard_ms=self.now_ms,
        )


def _phone(contact: Contact, number: str) -> Phone:
    return next(phone for phone in contact.phones if phone.number == number)


def played(case: Mapping[str, Any]) -> Played:
    """The campaign of a file after its `until`."""
    kind = kind_of(case)
    pacing = case["campaign"].get("pacing", {})
    play = Played(
        campaign=campaign_of(case),
        contacts=contacts_of(case),
        switch={number: list(words) for number, words in case["switch"].items()},
        has_gate=kind.gate is not None,
        pace=Pace(
            pacing.get("calls_per_second", kind.defaults.calls_per_second),
            pacing.get("calls_at_once", kind.defaults.calls_at_once),
        ),
        now_ms=ms_of(case["start"]),
    )
    play.run(ms_of(case["until"]))
    return play


def verdict_of(case: Mapping[str, Any]) -> str:
    """ "passed", or how the contacts differ from what is expected."""
    play = played(case)
    found = {contact.account: contact for contact in play.contacts}
    differ = [line for wanted in case["expect"] for line in _differences(wanted, found[wanted["account"]], play)]
    return "; ".join(differ) or PASSED


def _differences(wanted: Mapping[str, Any], contact: Contact, play: Played) -> Iterator[str]:
    name = wanted["account"]
    notice = "pending" if owes_notice(contact, play.campaign) else None
    for key, value in (("outcome", contact.state.value), ("notice", notice)):
        if key in wanted and wanted[key] != value:
            yield f"{name} {key}: {wanted[key]!r} expected, {value!r} found"
    if wanted.get("judge") == "outcome":
        return
    attempts = [_plain(attempt) for attempt in contact.attempts]
    if len(attempts) != len(wanted["attempts"]):
        yield f"{name}: {len(wanted['attempts'])} attempts expected, found {attempts}"
        return
    for n, (one, other) in enumerate(zip(wanted["attempts"], attempts, strict=True), 1):
        late_ms = other["at_ms"] - ms_of(one["at"])
        if not 0 <= late_ms <= one.get("tolerance_s", TOLERANCE_S) * 1000:
            yield f"{name} attempt {n}: {late_ms / 1000} s after {one['at']}"
        for key, value in one.items():
            if key not in {"at", "tolerance_s"} and other.get(key) != value:
                yield f"{name} attempt {n} {key}: {value!r} expected, {other.get(key)!r} found"


def _plain(attempt: Attempt) -> dict[str, Any]:
    not_dialled = attempt.step is Step.NOT_DIALLED
    plain: dict[str, Any] = {
        "n": attempt.n,
        "round": attempt.round,
        "channel": attempt.channel.value,
        "number": attempt.number,
        "at_ms": attempt.at_ms,
        "decision": "not_dialled" if not_dialled else "dialled",
        "counted": attempt.counted,
    }
    return plain if attempt.disposition is None else {**plain, "disposition": attempt.disposition.value}
