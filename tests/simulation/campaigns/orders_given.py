"""What a campaign's manager does over HTTP: submits, pauses, stops, freezes, and says what a person found out, who has
paid, and who is not to be called.
"""

from datetime import UTC, datetime
from random import Random

from tests.campaigns.seen import Emergency, Stopped, Told
from tests.campaigns.submitted import csv_of
from tests.simulation.campaigns.jobs import Job
from tests.simulation.campaigns.site import CampaignSite

SAID = ("reached", "noAnswer", "busy", "optedOut", "wrongParty", "alreadyPaid")
STORMS = 0.5  # of the orders that fall to an outage
DONE = frozenset({"stopped", "done", "expired"})


class Manager:
    """`stops`, `payments`, `entries`: what was acknowledged. `running`: of his campaigns, each with its job."""

    def __init__(self, site: CampaignSite, random: Random, seed: int) -> None:
        """`seed`: of what is drawn for payments and entries alone."""
        self._site, self._random = site, random
        self._customers = Random(f"customers:{seed}")
        self._storms = Random(f"storms:{seed}")
        self.emergencies: dict[str, list[Emergency]] = {}
        self.payments: list[Told] = []
        self.entries: list[Told] = []
        self.jobs: dict[str, Job] = {}
        self.stops: list[Stopped] = []
        self._stopping: set[str] = set()
        self._frozen_ms: int | None = None  # since it was acknowledged
        self.is_frozen = False

    async def create(self, job: Job) -> str:
        """The campaign, with its rows on their way. Raises AssertionError with the service's answer."""
        status, made = await self._site.call("POST", "/v1/campaigns", job.campaign)
        assert status == 201, made
        path = f"/v1/campaigns/{made['id']}/imports?file=rows.csv"
        status, told = await self._site.call("POST", path, csv_of(job.rows), "text/csv")
        assert status == 202, told
        self.jobs[made["id"]] = job
        return str(made["id"])

    async def do(self, wish: float, stops: float) -> str | None:
        """One of his orders, drawn; what it was. What the state does not allow is refused, and nothing comes of it."""
        campaign = self._random.choice(list(self.jobs))
        if self.jobs[campaign].campaign["kind"] == "outage" and self._storms.random() < STORMS:
            return await self.ask_for_the_night(campaign)
        if self.is_frozen and wish < 0.3:
            return await self.thaw()
        if wish < 0.06 * stops:
            return await self.freeze()
        if wish < 0.12 * stops:
            return await self.stop(campaign, self._random.choice(("finish", "clear")))
        if wish < 0.2 * stops:
            return await self._act(campaign, "pause")
        if wish < 0.5:
            return await self._act(campaign, "resume")
        if wish < 0.7:
            return await self._say(campaign)
        return await self.settle() if wish < 0.85 else await self.enter()

    async def settle(self) -> str | None:
        """A customer has paid all."""
        account = await self._somebody()
        now_ms = self._site.now_ms
        body = {"reference": f"R{len(self.payments)}-{now_ms}", "account": account, "settled_at": _text(now_ms)}
        status, answer = await self._site.call("POST", "/v1/settlements", body)
        assert status in {200, 503}, answer
        if status == 200:
            self.payments.append(Told(now_ms, account))
        return "payment" if status == 200 else None

    async def _somebody(self) -> str:
        """Rather one whose order is made, or whose letter is."""
        campaign, state = self._customers.choice(list(self.jobs)), self._customers.choice(("in_progress", "fallback"))
        status, page = await self._site.call("GET", f"/v1/campaigns/{campaign}/contacts?state={state}")
        if status == 200 and page["contacts"]:
            return str(self._customers.choice(page["contacts"])["account"])
        return self._customers.choice(sorted({row["account"] for job in self.jobs.values() for row in job.rows}))

    async def enter(self) -> str | None:
        """A customer is not to be called, or nobody at a number."""
        account = await self._somebody()
        rows = [row for job in self.jobs.values() for row in job.rows if row["account"] == account]
        row = self._customers.choice(rows)
        named = {"number": row["number"]} if self._customers.random() < 0.7 else {"account": row["account"]}
        now_ms = self._site.now_ms
        status, answer = await self._site.call("POST", "/v1/do-not-call", {**named, "reason": "a simulation"})
        assert status in {200, 201, 503}, answer
        if status < 300:
            line = f"+86{row['number']}" if "number" in named else f"a:{row['account']}"
            self.entries.append(Told(now_ms, line))
        return "entry" if status < 300 else None

    async def ask_for_the_night(self, campaign: str) -> str | None:
        """An exception to the quiet hours of an outage. Half of them nobody approves: they are nothing."""
        now_ms = self._site.now_ms
        until_ms = now_ms + self._storms.choice((120_000, 1_800_000, 5 * 3_600_000))
        path = f"/v1/campaigns/{campaign}/emergency"
        status, made = await self._site.call("POST", path, {"reason": "a storm", "until": _text(until_ms)})
        assert status in {201, 409, 503}, made
        if status != 201 or self._storms.random() < 0.5:
            return "asked_for_the_night" if status == 201 else None
        began_ms = self._site.now_ms
        status, told = await self._site.call("POST", f"{path}/approve", {"n": made["n"]}, second=True)
        assert status in {202, 409, 503}, told
        if status != 409:  # 503: nobody knows whether it was
            self.emergencies.setdefault(campaign, []).append(Emergency(began_ms, until_ms))
        return "emergency" if status == 202 else None

    async def stop(self, campaign: str, live: str) -> str | None:
        if await self._act(campaign, "stop", {"live": live}) is None:
            return None
        self._stopping.add(campaign)
        return "stop"

    async def freeze(self) -> str | None:
        status, _ = await self._site.call("POST", "/v1/outbound/freeze", {"reason": "a simulation"})
        if status >= 300:
            return None
        self.is_frozen = True
        return "freeze"

    async def thaw(self) -> str | None:
        now_ms = self._site.now_ms
        status, _ = await self._site.call("POST", "/v1/outbound/thaw")
        if status >= 300:
            return None
        if self._frozen_ms is not None:
            self.stops.append(Stopped("freeze", self._frozen_ms, now_ms, None))
        self.is_frozen, self._frozen_ms = False, None
        return "thaw"

    async def look(self) -> None:
        """Whether a stop or a freeze is acknowledged by now."""
        now_ms = self._site.now_ms
        for campaign in sorted(self._stopping):
            status, told = await self._site.call("GET", f"/v1/campaigns/{campaign}")
            if status == 200 and told["state"] == "stopped":
                self._stopping.discard(campaign)
                self.stops.append(Stopped("stop", now_ms, None, frozenset({campaign})))
        if self.is_frozen and self._frozen_ms is None:
            status, told = await self._site.call("GET", "/v1/outbound")
            if status == 200 and told["acknowledged"]:
                self._frozen_ms = now_ms

    @property
    def waits(self) -> bool:
        """For an acknowledgement."""
        return bool(self._stopping) or (self.is_frozen and self._frozen_ms is None)

    def standing(self) -> list[Stopped]:
        """With a freeze that still stands."""
        return [*self.stops, *([Stopped("freeze", self._frozen_ms, None, None)] if self._frozen_ms is not None else [])]

    async def _act(self, campaign: str, what: str, body: object = None) -> str | None:
        status, answer = await self._site.call("POST", f"/v1/campaigns/{campaign}/{what}", body)
        assert status in {202, 409, 503}, (status, answer)
        return what if status == 202 else None

    async def _say(self, campaign: str) -> str | None:
        """A person's word on somebody whose call nobody knows the end of."""
        state = self._random.choice(("unknown", "person"))
        status, page = await self._site.call("GET", f"/v1/campaigns/{campaign}/contacts?state={state}")
        if status != 200 or not page["contacts"]:
            return None
        contact = self._random.choice(page["contacts"])["contact"]
        body = {"disposition": self._random.choice(SAID)}
        status, answer = await self._site.call("POST", f"/v1/campaigns/{campaign}/contacts/{contact}/outcome", body)
        assert status < 300 or status in {409, 503}, answer
        return "word" if status < 300 else None


def _text(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).isoformat().replace("+00:00", "Z")
