"""The manager changes outages at any moment; and what must never come of it.

Whatever leaves after a change was acknowledged says what holds since then. And whoever answered a call that said
something else by the end, of a campaign that was not stopped and of an import that was not withdrawn, has begun a new
round.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from campaigns.value_forms import forms
from tests.campaigns.never import NOT_TOLD_AGAIN, OLD_WORD
from tests.campaigns.seen import Seen, Violation
from tests.simulation.campaigns.jobs import HOUR_MS, Job
from tests.simulation.campaigns.site import CampaignSite

EACH_STEP, WHO_ANSWERED = 0.05, 0.3
CANCELS = 0.3
CANCELLED_WORD = "已取消"
WITHDRAWN = "import_withdrawn"  # nobody of it is called any more
FAX = "faxOrModem"  # it answers, and hears nothing
_TOLD = forms("zh", ZoneInfo("Asia/Shanghai"))


class Revised(NamedTuple):
    """Acknowledged. `account`: whose outage it is, in this campaign. `word`: by it an order is known."""

    at_ms: int
    campaign: str
    account: str
    word: str


class Outages:
    """Of one history. It draws from a seed of its own, so that histories without outages are what they were."""

    def __init__(self, site: CampaignSite, seed: int) -> None:
        self._site, self._random = site, Random(f"outages:{seed}")
        self.revised: list[Revised] = []
        self._answered: set[tuple[str, str]] = set()  # (campaign, account) of those for whom chance has decided

    async def may_change(self, jobs: Mapping[str, Job]) -> bool:
        """Now and then; whether one was changed."""
        known = _of_outages(jobs)
        if not known or self._random.random() >= EACH_STEP:
            return False
        campaign = self._random.choice(sorted(known))
        return await self._change(campaign, self._random.choice(list(known[campaign].rows)))

    async def may_change_what_was_told(self, jobs: Mapping[str, Job], seen: Seen) -> bool:
        """Where somebody has answered, once for each; whether one was changed."""
        known = _of_outages(jobs)
        made = {one.command: one for one in seen.ledger.attempts if one.campaign in known}
        for attempt in [made[order] for _, order, _ in seen.log.answers if order in made]:
            account = seen.ledger.contacts[attempt.contact].account
            row = next((one for one in known[attempt.campaign].rows if one["account"] == account), None)
            if row is None or (attempt.campaign, account) in self._answered:
                continue
            self._answered.add((attempt.campaign, account))
            if self._random.random() < WHO_ANSWERED:
                return await self._change(attempt.campaign, row)
        return False

    async def _change(self, campaign: str, row: Mapping[str, str]) -> bool:
        change, word = self._drawn(row)
        body = {"where": {"area": row["area"], "starts_at": row["starts_at"]}, "set": change}
        now_ms = self._site.now_ms
        status, answer = await self._site.call("POST", f"/v1/campaigns/{campaign}/revisions", body)
        assert status in {202, 409, 422, 503}, (status, answer)
        if status == 202:
            self.revised.append(Revised(now_ms, campaign, row["account"], word))
        return status == 202

    def _drawn(self, row: Mapping[str, str]) -> tuple[Mapping[str, Any], str]:
        if self._random.random() < CANCELS:
            return {"cancelled": True}, CANCELLED_WORD
        starts = datetime.fromisoformat(row["starts_at"])
        at_ms = round(starts.timestamp() * 1_000 + self._random.randint(90, 300) * 60_000)
        text = datetime.fromtimestamp(at_ms // 1_000, UTC).isoformat()
        assert at_ms > starts.timestamp() * 1_000 + HOUR_MS, "never the first word"
        return {"restores_at": text.replace("+00:00", "Z")}, _TOLD.moment(text)


def _of_outages(jobs: Mapping[str, Job]) -> dict[str, Job]:
    return {id_: job for id_, job in jobs.items() if job.campaign["kind"] == "outage" and job.rows}


def old_words(seen: Seen, revised: list[Revised]) -> Iterator[Violation]:
    """What holds at any moment."""
    made = {one.command: one for one in seen.ledger.attempts if one.command is not None}
    for at_ms, order, _ in [*seen.log.arrivals, *seen.log.messages]:
        attempt, row = made.get(order), seen.ledger.orders.get(order)
        if attempt is None or row is None or row.sent_at_ms is None:
            continue
        last = _last(seen, revised, attempt, row.sent_at_ms - 1)
        # of several at the same instant, each may be the last that came before the order
        now = [one.word for one in _of(seen, revised, attempt) if one.at_ms == row.sent_at_ms]
        if last is not None and not _says(row.body, last.word, *now):
            yield Violation(OLD_WORD, f"{order} came {at_ms - last.at_ms} ms after its outage was changed")


def not_told_again(seen: Seen, revised: list[Revised]) -> Iterator[Violation]:
    """What holds at the end. Where facts are lost nobody can know who answered."""
    if seen.loses:
        return
    made = {one.command: one for one in seen.ledger.attempts if one.command is not None}
    for _, order, _ in seen.log.answers:
        attempt, row = made.get(order), seen.ledger.orders.get(order)
        if attempt is None or row is None or attempt.step != "over" or attempt.disposition == FAX:
            continue
        contact, last = seen.ledger.contacts[attempt.contact], _last(seen, revised, attempt, None)
        goes_on = seen.ledger.campaigns[attempt.campaign].state not in {"stopping", "stopped", "expired"}
        goes_on = goes_on and contact.why != WITHDRAWN
        if goes_on and last is not None and last.word not in _said(row.body) and contact.round <= attempt.round:
            yield Violation(NOT_TOLD_AGAIN, f"{order} said what was changed, and {contact.id} is {contact.state}")


def _last(seen: Seen, revised: list[Revised], attempt: Any, before_ms: int | None) -> Revised | None:
    mine = _of(seen, revised, attempt)
    return next((one for one in reversed(mine) if before_ms is None or one.at_ms <= before_ms), None)


def _of(seen: Seen, revised: list[Revised], attempt: Any) -> list[Revised]:
    account = seen.ledger.contacts[attempt.contact].account
    return [one for one in revised if (one.campaign, one.account) == (attempt.campaign, account)]


def _says(body: str, *words: str) -> bool:
    return any(word in _said(body) for word in words)


def _said(body: str) -> str:
    return json.dumps(json.loads(body), ensure_ascii=False)
