"""What a campaign's manager plans, and changes at any moment, beside stopping: a start at its time, a second key's
approval, other settings, one more file, a file that is taken back, a test call, the end of an exception, draining, and
one more campaign for those whom nobody reached.

What was acknowledged is kept as `Acted`, and judged by `plans_kept`.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cti.sql.point import rows_of
from tests.campaigns.quiet_hours import ALWAYS, Spans
from tests.campaigns.seen import Changed, Violation
from tests.campaigns.submitted import csv_of
from tests.simulation.campaigns.jobs import WINDOWS, Job, row_of
from tests.simulation.campaigns.orders_given import Manager
from tests.simulation.campaigns.site import APPROVED_FROM, CampaignSite

STARTED, SCHEDULED, APPROVED, VOIDED = "started", "scheduled", "approved", "voided"
DRAINED, WITHDRAWN, TESTED, RERUN = "drained", "withdrawn", "tested", "rerun"
UNAPPROVED, NOT_SEEN = "dialled_without_approval", "done_by_who_had_not_seen_it"
HAS_PLANS, ACTS, ACTS_BEFORE = 0.4, 0.08, 0.3  # ACTS_BEFORE: while something of his has not begun
PLANS = {"drain": 3, "change": 4, "file": 3, "take_back": 2, "test": 3, "exception": 2, "rerun": 1, "start": 1}
MOSTLY = 6  # times as often as others do
ACTS_UNSENT = 0.35  # while an order is made and has not left
UNSENT = (
    "SELECT id FROM dial_orders WHERE state = 'open' AND sent_at_ms IS NULL AND command IN ('makeCall', 'sendMessage')"
)
EDGES_MS, EDGE_WITHIN_MS = (-1, 0, 1), 4_000
LATER_S = (2, 20, 90, 1_800, 7_200)
UNREACHED = ("fallback", "expired", "cancelled")
LASTS_MS = 24 * 3_600_000  # a campaign for the unreached is stopped after a day: its own deadlines are beyond the week
LEFT_ALONE = 0.8  # of the starts that are set
TRIES_MAX = 3  # of a start, at the end
NOT_BEGUN = frozenset({"draft", "approved", "scheduled"})
ENDED = "SELECT id FROM campaigns WHERE state IN ('done', 'stopped', 'expired') AND kind <> 'callback' ORDER BY id"
TESTER = "13900000001"


class Acted(NamedTuple):
    """`value`: of a start that was set its time, of an approval the files, of a withdrawal or a rerun the accounts, of
    a test call the number.
    """

    at_ms: int
    campaign: str
    what: str
    value: Any = None


def plan_of(seed: int) -> str | None:
    """What the manager of this history does most often, of all that he may; None: he plans nothing."""
    random = Random(f"plan of:{seed}")
    return random.choice(list(PLANS)) if random.random() < HAS_PLANS else None


class Planner:
    """Of one history. What it draws is its own. `found`: what was wrong in an answer."""

    def __init__(self, site: CampaignSite, manager: Manager, numbers: Sequence[str], seed: int) -> None:
        self._site, self._manager = site, manager
        self._numbers = sorted(number.removeprefix("+86") for number in numbers)
        self._random = Random(f"plans:{seed}")
        self._mostly = plan_of(seed)
        self.has = self._mostly is not None
        self.acted: list[Acted] = []
        self.changed: dict[str, list[Changed]] = {}
        self.found: list[Violation] = []
        self._of_tests: dict[str, Spans] = {}
        self._files: dict[str, dict[int, frozenset[str]]] = {}  # accounts of each import, by campaign
        self._digests: dict[str, str] = {}
        self._waiting: list[str] = []  # campaigns that have not begun
        self._rerun_ms: dict[str, int] = {}
        self._set: set[str] = set()  # to start by themselves: he leaves them alone
        self._tries: Counter[str] = Counter()

    @property
    def windows(self) -> Mapping[str, Spans]:
        """Those with which each campaign began."""
        return {**{id_: job.windows for id_, job in self._manager.jobs.items()}, **self._of_tests}

    # -- the beginning -------------------------------------------------------------------------------------------------

    async def begin(self, campaign: str) -> None:
        """What waits for an approval gets it, and starts. Who plans does it in his own time, and not always right."""
        self._files[campaign] = {1: frozenset(row["account"] for row in self._manager.jobs[campaign].rows)}
        if not self.has:
            await self._start(campaign, approves=True, later=False)
            return
        self._waiting.append(campaign)
        if self._random.random() < 0.7:
            await self._go_on(campaign)

    async def _go_on(self, campaign: str) -> str | None:
        """One more try to begin with it."""
        if self._random.random() < 0.2:
            return await self._change(campaign)
        hasty = self._mostly == "start"
        later = self._random.random() < (0.7 if hasty else 0.3)
        return await self._start(campaign, approves=self._random.random() < (0.4 if hasty else 0.8), later=later)

    async def _start(self, campaign: str, *, approves: bool, later: bool) -> str | None:
        contacts = await self._site.database.reader.run(_count, campaign)
        if approves and contacts > APPROVED_FROM:
            status, shown = await self._site.call("GET", f"/v1/campaigns/{campaign}")
            if status == 200 and shown["approval"]["needed"] and not shown["approval"]["in_force"]:
                await self._approve(campaign, shown)
        body: dict[str, Any] = {"contacts": contacts, "allow_overlap": True}
        if self.has and self._random.random() < 0.1:
            status, _ = await self._site.call("POST", f"/v1/campaigns/{campaign}/start", {**body, "contacts": 99})
            if status == 202:
                self.found.append(Violation(NOT_SEEN, f"{campaign} was started by who had seen 99 contacts"))
        now_ms = self._site.now_ms
        at_ms = now_ms + self._random.choice(LATER_S) * 1_000 if later else None
        if at_ms is not None:
            body["start_at"] = text_of(at_ms)
            at_ms -= at_ms % 1_000
        status, answer = await self._site.call("POST", f"/v1/campaigns/{campaign}/start", body)
        assert status in {202, 409, 422, 503}, answer
        if status in {202, 503}:
            self._note(campaign, SCHEDULED if later else STARTED, at_ms)
        if status == 202 and later and self._random.random() < LEFT_ALONE:
            self._set.add(campaign)
        if status == 202 and not later and campaign in self._waiting:
            self._waiting.remove(campaign)
        return f"start_{status}"

    async def _approve(self, campaign: str, shown: Mapping[str, Any]) -> None:
        """Rarely by the key that made it, or what was read before it was changed."""
        path, digest = f"/v1/campaigns/{campaign}/approve", shown["approval"]["digest"]
        old = self._digests.get(campaign)
        self._digests[campaign] = digest
        if self.has and self._random.random() < 0.2:
            status, answer = await self._site.call("POST", path, {"digest": digest})
            assert status >= 400 or status == 202, answer
            if status == 202:
                self.found.append(Violation(UNAPPROVED, f"{campaign} was approved by the key that made it"))
        if old is not None and old != digest:
            status, answer = await self._site.call("POST", path, {"digest": old}, second=True)
            if status == 202:
                self.found.append(Violation(NOT_SEEN, f"{campaign} was approved as it was before it was changed"))
        status, answer = await self._site.call("POST", path, {"digest": digest}, second=True)
        assert status in {202, 409, 503} or answer["code"] == "cannot_dial", answer
        if status in {202, 503}:
            self._note(campaign, APPROVED, frozenset(one["n"] for one in shown["approval"]["files"]))

    # -- at any moment -------------------------------------------------------------------------------------------------

    async def move(self, edge: Callable[[int, int], Awaitable[None]]) -> str | None:
        """What was done. `edge`: passes the time to so many ms from the next thing that happens at the switch, where
        that is so near.
        """
        if not self.has:
            return None
        undecided = [one for one in self._waiting if one not in self._set]
        if undecided and self._random.random() < ACTS_BEFORE:
            return await self._go_on(self._random.choice(undecided))
        unsent = [one for one in await self._site.database.reader.run(_unsent) if one in self._manager.jobs]
        if self._random.random() >= (ACTS_UNSENT if unsent else ACTS):
            return None
        if not unsent and self._random.random() < 0.6:
            await edge(self._random.choice(EDGES_MS), EDGE_WITHIN_MS)
        campaign = self._random.choice(unsent or list(self._manager.jobs))
        weights = [weight * (MOSTLY if name == self._mostly else 1) for name, weight in PLANS.items()]
        name = self._random.choices(list(PLANS), weights)[0]
        return await _ACTS[name](self, campaign)

    async def _drain(self, campaign: str) -> str | None:
        return await self._order(campaign, "drain", DRAINED)

    async def _order(self, campaign: str, path: str, what: str, value: Any = None) -> str | None:
        status, answer = await self._site.call("POST", f"/v1/campaigns/{campaign}/{path}")
        assert status in {202, 409, 503}, (status, answer)
        if status == 202:
            self._note(campaign, what, value)
        return what if status == 202 else None

    async def _change(self, campaign: str) -> str | None:
        """Other windows, another pace or priority; sometimes the same again, by who has not seen the first."""
        path = f"/v1/campaigns/{campaign}"
        status, before = await self._site.call("GET", path)
        etag = self._site.etag
        if status != 200:
            return None
        windows, body = self._settings()
        status, after = await self._site.call("PATCH", path, body, headers={"If-Match": etag})
        assert status in {200, 409, 412, 422, 503}, after
        if status != 200:
            return None
        if self._site.etag != etag:
            if after["state"] in NOT_BEGUN:
                self._note(campaign, VOIDED)
                self._set.discard(campaign)
            pace = before["pacing"]["calls_per_second"]
            self.changed.setdefault(campaign, []).append(Changed(self._site.now_ms, windows, pace))
            if self._random.random() < 0.3:
                status, _ = await self._site.call("PATCH", path, {"priority": 9}, headers={"If-Match": etag})
                if status == 200:
                    self.found.append(Violation(NOT_SEEN, f"{campaign} was changed by who had read {etag}"))
        return "changed"

    def _settings(self) -> tuple[Spans | None, dict[str, Any]]:
        wish = self._random.random()
        if wish < 0.2:
            return None, {"pacing": {"calls_per_second": self._random.randint(1, 3)}}
        if wish < 0.3:
            return None, {"priority": self._random.randint(0, 9)}
        windows = self._random.choice((*WINDOWS, *self._closing()))
        return windows, {"windows": ["-".join(span) for span in windows]}

    def _closing(self) -> list[Spans]:
        """Windows that close, or closed, just now."""
        local = datetime.fromtimestamp(self._site.now_ms / 1_000, UTC) + timedelta(hours=8)
        ends = [f"{local + timedelta(minutes=minutes):%H:%M}" for minutes in (0, 1, 2)]
        return [(("07:30", end),) for end in ends if "08:00" < end < "12:30"]

    async def _one_more_file(self, campaign: str) -> str | None:
        job = self._manager.jobs[campaign]
        if 2 in self._files.get(campaign, {2: None}) or not job.rows:
            return None
        accounts = [f"B{n}-{campaign[:4]}" for n in range(self._random.choice((1, 1, 2)))]
        zones = dict.fromkeys(accounts, "")
        kind, now_ms = job.campaign["kind"], self._site.now_ms
        rows = [row_of(self._random, kind, one, now_ms, self._numbers, zones) for one in accounts]
        path = f"/v1/campaigns/{campaign}/imports?file=more.csv"
        status, told = await self._site.call("POST", path, csv_of(rows), "text/csv")
        assert status in {202, 409, 503}, told
        if status == 202:
            self._files[campaign][2] = frozenset(accounts)
            if campaign not in self._waiting:
                self._waiting.append(campaign)  # it may pause, until that is approved
        return "one_more_file" if status == 202 else None

    async def _take_back(self, campaign: str) -> str | None:
        if campaign not in self._files:
            return None
        no = self._random.choice(sorted(self._files[campaign]))
        return await self._order(campaign, f"imports/{no}/withdraw", WITHDRAWN, self._files[campaign][no])

    async def _test(self, campaign: str) -> str | None:
        number = self._random.choice((TESTER, TESTER, *self._numbers))
        status, made = await self._site.call("POST", f"/v1/campaigns/{campaign}/test-call", {"number": number})
        assert status in {201, 409, 422, 429, 503}, made
        if status != 201:
            return None
        self._of_tests[made["id"]] = self._windows_now(campaign)
        self._note(made["id"], TESTED, f"+86{number}")
        return TESTED

    def _windows_now(self, campaign: str) -> Spans:
        later = [one.windows for one in self.changed.get(campaign, ()) if one.windows is not None]
        return later[-1] if later else self.windows.get(campaign, ALWAYS)

    async def _end_exception(self, campaign: str) -> str | None:
        given = self._manager.emergencies.get(campaign, [])
        if not given:
            return None
        status, told = await self._site.call("POST", f"/v1/campaigns/{campaign}/emergency/end")
        assert status in {202, 409, 503}, told
        if status == 202:
            now_ms = self._site.now_ms
            given[:] = [one if one.ended_ms is not None else one._replace(ended_ms=now_ms) for one in given]
        return "exception_ended" if status == 202 else None

    async def rerun(self, chance: float) -> str | None:
        """Those of an ended campaign whom nobody reached, once in a history."""
        if not self.has or self._rerun_ms or self._random.random() >= (1.0 if self._mostly == "rerun" else chance):
            return None
        ended = [id_ for id_ in await self._site.database.reader.run(_ended) if id_ in self._files]
        if not ended:
            return None
        old = self._random.choice(ended)
        allowed = await self._site.database.reader.run(_unreached, old)
        status, made = await self._site.call("POST", f"/v1/campaigns/{old}/rerun", {})
        assert status in {201, 409, 422, 503}, made
        if status != 201:
            return None
        job = self._manager.jobs[old]
        self._manager.jobs[made["id"]] = Job(job.campaign, (), self._windows_now(old))
        self._files[made["id"]] = {1: allowed}
        self._waiting.append(made["id"])
        self._rerun_ms[made["id"]] = self._site.now_ms
        self._note(made["id"], RERUN, allowed)
        return RERUN

    async def _begin_somebody(self, campaign: str) -> str | None:
        return await self._go_on(campaign) if campaign in self._waiting else None

    async def _rerun_now(self, campaign: str) -> str | None:
        del campaign
        return await self.rerun(1.0)

    # -- the end -------------------------------------------------------------------------------------------------------

    async def settle(self) -> None:
        """What has not begun begins, or never does; what is paused for an approval gets it. What was begun for the
        unreached ends with the day.
        """
        for campaign in [*self._waiting]:
            self._tries[campaign] += 1
            status, shown = await self._site.call("GET", f"/v1/campaigns/{campaign}")
            if status != 200 or shown["state"] == "scheduled":
                continue
            if shown["state"] in {"draft", "approved"} and self._tries[campaign] <= TRIES_MAX:
                await self._start(campaign, approves=True, later=False)
                continue
            self._waiting.remove(campaign)
            if shown["state"] in {"draft", "approved"}:
                await self._manager.stop(campaign, "finish")
            elif shown["state"] == "paused" and shown["approval"]["needed"]:
                await self._approve(campaign, shown)
                await self._site.call("POST", f"/v1/campaigns/{campaign}/resume")
        for campaign, at_ms in self._rerun_ms.items():
            if self._site.now_ms > at_ms + LASTS_MS:
                await self._manager.stop(campaign, "finish")

    def _note(self, campaign: str, what: str, value: Any = None) -> None:
        self.acted.append(Acted(self._site.now_ms, campaign, what, value))


_ACTS: Mapping[str, Callable[[Planner, str], Awaitable[str | None]]] = {
    "drain": Planner._drain,
    "change": Planner._change,
    "file": Planner._one_more_file,
    "take_back": Planner._take_back,
    "test": Planner._test,
    "exception": Planner._end_exception,
    "rerun": Planner._rerun_now,
    "start": Planner._begin_somebody,
}


def _unsent(connection: Connection) -> list[str]:
    """Campaigns with an order that has not left."""
    return sorted({id_.rsplit("-", 1)[0] for (id_,) in rows_of(connection, UNSENT)})


def _count(connection: Connection, campaign: str) -> int:
    return int(rows_of(connection, "SELECT count(*) FROM campaign_contacts WHERE campaign = ?", campaign)[0][0])


def _ended(connection: Connection) -> list[str]:
    return [id_ for (id_,) in rows_of(connection, ENDED)]


def _unreached(connection: Connection, campaign: str) -> frozenset[str]:
    query = "SELECT account, state FROM campaign_contacts WHERE campaign = ?"
    return frozenset(account for account, state in rows_of(connection, query, campaign) if state in UNREACHED)


def text_of(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1_000, UTC).isoformat().replace("+00:00", "Z")
