"""What a history's manager submits: one campaign or two on one trunk group, a few accounts, and what becomes of each
call. Numbers are shared between accounts and accounts between campaigns, so that persons meet."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any, NamedTuple

from tests.campaigns.quiet_hours import ALWAYS, Spans

HOUR_MS, DAY_MS = 3_600_000, 24 * 3_600_000
WORDS = {
    "reached": 2, "noAnswer": 6, "busy": 4, "hangUpEarly": 2, "poweredOff": 1, "machine": 1, "q850:21": 1,
    "congestion": 1, "failedOther": 0.5, "invalid": 1, "suspended": 0.5, "fax": 0.5, "silence": 1, "neverSeen": 1,
    "refused:busy": 1, "refused:error": 0.5, "refused:expired": 0.5, "refused:duplicate": 0.3, "noGate": 1,
    "key:2": 0.3, "key0NoAgent": 0.3,
}  # fmt: skip
ONCE = frozenset({"neverSeen", "refused:expired"})  # never the last: after these the same call is dialled anew at once
MESSAGES = ("sms:delivered", "sms:undeliverable", "sms:undeliverable")

ITEMS: Mapping[str, Mapping[str, str]] = {
    "arrears": {
        "months": "2026-01", "arrears": "120.00", "penalty": "0.00", "as_of": "", "penalty_from": "",
        "total_due": "120.00", "pay_at": "营业厅",
    },
    "billing": {
        "reading_date": "2026-03-01", "reading": "4321", "energy_kwh": "210", "amount": "105.00",
        "previous_balance": "0.00", "amount_due": "105.00",
    },
    "outage": {"important": "no", "area": "东湖区A1", "reason": "检修"},
}  # fmt: skip
BY_AGENTS, BY_GATEWAY = 0.15, 0.25  # of the histories
GROUP, QUEUE = "main", "service"
LIVES_H = ((1.5, 5), (1.5, 5), (5, 14))  # until `fallback_by`
WINDOWS: Sequence[Spans] = (
    (("09:00", "11:30"),),
    (("09:00", "12:30"), ("14:00", "18:00")),
    (("14:30", "20:00"),),
)


class Job(NamedTuple):
    """A campaign to be. `windows`: its own, for the judge."""

    campaign: Mapping[str, Any]
    rows: Sequence[Mapping[str, str]]
    windows: Spans


class Jobs(NamedTuple):
    """`zones`: of an account, as its rows say."""

    all: Sequence[Job]
    scripts: Mapping[str, Sequence[str]]
    zones: Mapping[str, frozenset[str]]


def drawn(random: Random, switch: str, now_ms: int, pace: int) -> Jobs:
    numbers = [f"1380000{n:04d}" for n in range(1, random.randint(4, 6))]
    accounts = [f"A{n}" for n in range(random.choice((1, 2, 3, 3)))]
    zones = {account: random.choice(("", "", "", "Asia/Urumqi", "Asia/Tokyo")) for account in accounts}
    kinds = random.sample(("billing", "billing", "outage"), k=random.choice((1, 1, 1, 2)))
    made = [_job(random, kind, n, switch, now_ms, pace, accounts, numbers, zones) for n, kind in enumerate(kinds)]
    words = list(WORDS)
    scripts = {}
    for number in numbers:
        drawn_words = random.choices(words, list(WORDS.values()), k=random.randint(1, 4))
        drawn_words += ["noAnswer"] if drawn_words[-1] in ONCE else []
        scripts[f"+86{number}"] = [*drawn_words, random.choice(MESSAGES)]
    named = {account: frozenset([zone] if zone else []) for account, zone in zones.items()}
    return Jobs(made, scripts, named)


class Ways(NamedTuple):
    """How a history reaches people, beside calls of the switch alone. `agents`: so many call; none: nobody does."""

    agents: int
    by_gateway: bool


def ways_of(seed: int) -> Ways:
    random = Random(f"ways of:{seed}")
    return Ways(random.choice((1, 2, 2)) if random.random() < BY_AGENTS else 0, random.random() < BY_GATEWAY)


def by_agents(jobs: Jobs, seed: int) -> Jobs:
    """Some of them are called by agents, who are there first."""
    random = Random(f"agents:{seed}")
    made = [
        one._replace(campaign={**one.campaign, "channels": ["agent"], "queue": QUEUE}) if random.random() < 0.7 else one
        for one in jobs.all
    ]  # fmt: skip
    return jobs._replace(all=made)


def by_gateway(jobs: Jobs, seed: int) -> Jobs:
    """Some write before they call."""
    random = Random(f"written:{seed}")
    made = [
        one._replace(campaign={**one.campaign, "channels": ["sms", "auto"]}) if random.random() < 0.5 else one
        for one in jobs.all
    ]  # fmt: skip
    return jobs._replace(all=made)


def _job(
    random: Random, kind: str, n: int, switch: str, now_ms: int, pace: int, accounts: Sequence[str],
    numbers: Sequence[str], zones: Mapping[str, str],
) -> Job:  # fmt: skip
    fallback_ms = now_ms + round(random.uniform(*random.choice(LIVES_H)) * HOUR_MS)
    campaign: dict[str, Any] = {
        "name": f"{kind}-{n}", "kind": kind, "switch": switch, "trunk_group": GROUP,
        "pacing": {"calls_per_second": random.choice((1, 1, pace)), "calls_at_once": random.randint(2, 6)},
        "ring_timeout_s": random.choice((30, 45)), "attempts_max": random.choice((1, 1, 2, 3)),
    }  # fmt: skip
    if kind != "outage":
        campaign |= {
            "notice_out_by": _text(now_ms + round((fallback_ms - now_ms) / 2)),
            "fallback_by": _text(fallback_ms),
            "expires_at": _text(fallback_ms + round(random.uniform(0.2, 4) * HOUR_MS)),
        }
    windows = ALWAYS
    if random.random() < 0.25:
        windows = random.choice(WINDOWS)
        campaign["windows"] = ["-".join(span) for span in windows]
    rows = [row_of(random, kind, account, now_ms, numbers, zones) for account in random.sample(accounts, len(accounts))]
    return Job(campaign, rows, windows)


def row_of(
    random: Random, kind: str, account: str, now_ms: int, numbers: Sequence[str], zones: Mapping[str, str]
) -> Mapping[str, str]:
    own = random.sample(numbers, random.choice((1, 1, 2, 3)))
    row = {"account": account, "name": "测试", "zone": zones[account], **ITEMS[kind]}
    row |= {f"number{n}" if n > 1 else "number": own[n - 1] if n <= len(own) else "" for n in (1, 2, 3)}
    if kind == "outage":
        starts_ms = now_ms + round(random.uniform(2, 5) * HOUR_MS)
        row |= {"starts_at": _text(starts_ms), "restores_at": _text(starts_ms + 1 * HOUR_MS)}
        row["important"] = random.choice(("no", "no", "yes"))
    return row


def _text(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).isoformat().replace("+00:00", "Z")
