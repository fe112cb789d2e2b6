"""The accidents of a campaign manager, each as a whole campaign through the real service on a virtual clock.

    python -m tests.campaigns.drill wrong-file|outage-moved|outage-cancelled|paid-meanwhile|stop-now [--db URL]
        [--json out.json]

wrong-file: a second file was imported by mistake, and is withdrawn while it is called. paid-meanwhile: half of the
accounts pay while they are called. stop-now: the campaign is stopped while it runs. outage-moved, outage-cancelled: the
power comes back at another time, or does not go off at all (tests.campaigns.outage_drill).

The result is one JSON object. Whom a call has told is judged by the switch's own log: whoever answered.
`told_before`: before the action; `told_after`: by a call that was under way; `told_wrongly`: after nothing more should
have reached him - after the withdrawal or the stop was acknowledged, or by an order that came in after his payment was.
Exit code 1: somebody was told wrongly, or the figures do not add up.
"""

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cti.cli.logging_setup import set_up_logging
from tests.campaigns import never, outage_drill
from tests.campaigns.drilled import started, to_its_end
from tests.campaigns.never import FINAL
from tests.campaigns.scripted_switch import CALLS_PER_SECOND
from tests.campaigns.seen import Seen, Stopped, Told, read
from tests.campaigns.stage import Stage, stage
from tests.campaigns.submitted import Submitted, asked, csv_of
from tests.replay.campaigns import DATABASES
from tests.replay.cases import ms_of
from tests.replay.vectors import stores

START_MS = ms_of("2026-03-04T09:00:00+08:00")
CONTACTS = 36  # concerned; a wrong file has others beside it
RIGHT = 6
ACTS_MS = 16_000  # after the start: some have answered, some ring, some wait
LOOK_MS = 1_000
LOOKS_MAX = 300
WORDS = ("reached", "noAnswer", "invalid", "reached", "hangUpEarly", "reached")
PACING = {"calls_per_second": 2, "calls_at_once": 20}
CAMPAIGN = {"name": "drill", "kind": "arrears", "switch": "s1", "trunk_group": "main", "pacing": PACING}
ITEM = {
    "months": "2026-01", "arrears": "120.00", "penalty_rate_per_day": "0.001", "penalty_from": "2026-02-01",
    "total_due": "123.84", "pay_at": "营业厅",
}  # fmt: skip


class Acknowledged(NamedTuple):
    """What was done at `acted_ms` and acknowledged at `at_ms`. `of`: the accounts that it concerns.

    `finishes`: a call that the switch had by then may still be answered. `told`: the accounts that the service names.
    """

    acted_ms: int
    at_ms: int
    of: frozenset[str]
    finishes: bool
    told: frozenset[str] | None = None


Act = Callable[[Stage, Submitted], Awaitable[Acknowledged]]


class Drill(NamedTuple):
    """`files`: what is imported, in turn."""

    files: Sequence[Sequence[Mapping[str, str]]]
    act: Act


def row(no: int, *, number: int | None = None) -> dict[str, str]:
    return {"account": f"A{no}", "name": "测试", "number": f"138{number or no:08d}", "address": "一号路", **ITEM}


def accounts(rows: Sequence[Mapping[str, str]]) -> frozenset[str]:
    return frozenset(one["account"] for one in rows)


def in_spelling_of_orders(number: str) -> str:
    return f"+86{number}"


# -- what is done ------------------------------------------------------------------------------------------------------


async def withdraw(it: Stage, of: Submitted) -> Acknowledged:
    """The second file; asked again until nothing of it reaches anybody."""
    acted_ms, path = it.now_ms, f"{of.path}/imports/2/withdraw"
    found = await asked(it, "POST", path, 202)
    for _ in range(LOOKS_MAX):
        if found["acknowledged"]:
            break
        await it.to(it.now_ms + LOOK_MS)
        found = await asked(it, "POST", path, 202)
    assert found["acknowledged"], found
    told = frozenset(one["account"] for one in found["accounts"])
    return Acknowledged(acted_ms, it.now_ms, accounts(WRONG), finishes=False, told=told)


async def pay(it: Stage, _of: Submitted) -> Acknowledged:
    """Every second account."""
    paid = [one["account"] for one in FILE[::2]]
    rows = [{"account": one, "settled_at": "2026-03-04T09:00:01+08:00", "reference": f"P-{one}"} for one in paid]
    status, text = await it.call("POST", "/v1/settlements", csv_of(rows), media="text/csv")
    assert status == 200, text
    return Acknowledged(it.now_ms, it.now_ms, frozenset(paid), finishes=True)


async def stop(it: Stage, of: Submitted) -> Acknowledged:
    """Until it is `stopped`."""
    acted_ms = it.now_ms
    found = await asked(it, "POST", f"{of.path}/stop", 202, {"live": "finish"})
    for _ in range(LOOKS_MAX):
        if found["state"] == "stopped":
            break
        await it.to(it.now_ms + LOOK_MS)
        found = await of.campaign()
    assert found["state"] == "stopped", found
    return Acknowledged(acted_ms, it.now_ms, accounts(FILE), finishes=False)


FILE = [row(no) for no in range(1, CONTACTS + 1)]
BESIDE = [row(no) for no in range(CONTACTS + 1, CONTACTS + RIGHT + 1)]
WRONG = [*FILE, row(CONTACTS + RIGHT, number=99)]  # the last has been brought by the right file, with another number
DRILLS: Mapping[str, Drill] = {
    "wrong-file": Drill((BESIDE, WRONG), withdraw),
    "paid-meanwhile": Drill((FILE,), pay),
    "stop-now": Drill((FILE,), stop),
}
NAMES = (*DRILLS, *outage_drill.DRILLS)


# -- the campaign ------------------------------------------------------------------------------------------------------


async def played(name: str, url: str, *, acting: bool = True) -> dict[str, Any]:
    """The figures of a drill. Without `acting` nobody does anything: whoever is told from then on is told wrongly."""
    if name in outage_drill.DRILLS:
        return await outage_drill.played(name, url, acting=acting)
    drill = DRILLS[name]
    numbers = {in_spelling_of_orders(one["number"]): one["account"] for file in drill.files for one in file}
    words = {number: [WORDS[at % len(WORDS)]] * 3 for at, number in enumerate(sorted(numbers))}
    async with stage(url, START_MS, "s1", words, ["main"]) as it:
        of = await started(it, CAMPAIGN, drill.files)
        await it.to(START_MS + ACTS_MS)
        if acting:
            done = await drill.act(it, of)
        else:
            concerned = accounts(WRONG if name == "wrong-file" else FILE)
            done = Acknowledged(it.now_ms, it.now_ms, concerned, finishes=name == "paid-meanwhile")
        await to_its_end(it, of)
        return await told(it, of, done, numbers)


# -- what came of it ---------------------------------------------------------------------------------------------------


async def told(it: Stage, of: Submitted, done: Acknowledged, numbers: Mapping[str, str]) -> dict[str, Any]:
    came = {order: at_ms for at_ms, order, _ in it.switch.log().arrivals}
    when: dict[str, set[str]] = {"before": set(), "after": set(), "wrongly": set()}
    for at_ms, order, number in it.switch.answers:
        if (account := numbers[number]) in done.of:
            when[_judged(done, at_ms, came[order])].add(account)
    rows, notices = await of.contacts(), await of.notices()
    assert it.it.store.database is not None
    ledger = await it.it.store.database.reader.run(read)
    stops = [] if done.finishes else [Stopped("drill", done.at_ms, None, frozenset({of.id}))]
    is_whole = done.of >= accounts(rows)
    payments = [Told(done.at_ms, account) for account in sorted(done.of)] if done.finishes else []
    seen = Seen(it.switch.log(), ledger, {}, {}, CALLS_PER_SECOND, stops if is_whole else (), payments)
    found = {
        "told_before": len(when["before"]),
        "told_after": len(when["after"] - when["before"]),
        "told_wrongly": len(when["wrongly"]),
        "notices_recalled": sum(one["state"] == "recalled" for one in notices if one["account"] in done.of),
        "contacts": len(done.of),
        "acknowledged_after_ms": done.at_ms - done.acted_ms,
        "states": dict(sorted(Counter(one["state"] for one in rows if one["account"] in done.of).items())),
        "violations": [f"{one.kind}: {one.what}" for one in never.violations(seen)],
    }
    wrong = await _does_not_add_up(of, done, when, numbers, notices)
    return found | {"adds_up": not wrong and not found["violations"], "wrong": wrong}


def _judged(done: Acknowledged, answered_ms: int, came_ms: int) -> str:
    if answered_ms <= done.acted_ms:
        return "before"
    late_ms = came_ms if done.finishes else answered_ms
    return "wrongly" if late_ms > done.at_ms else "after"


async def _does_not_add_up(
    of: Submitted,
    done: Acknowledged,
    when: Mapping[str, set[str]],
    numbers: Mapping[str, str],
    notices: Sequence[Mapping[str, Any]],
) -> list[str]:
    """What the service tells, against the switch's log and against itself."""
    campaign, rows, attempts = await of.campaign(), await of.contacts(), await of.attempts()
    progress = campaign["progress"]
    account_of = {one["contact"]: one["account"] for one in rows}
    by_service = {
        account_of[contact] for contact, each in attempts.items() if any("answered_at" in one for one in each)
    }
    by_switch = {numbers[number] for _, _, number in of.stage.switch.answers}
    concerned = set().union(*when.values())
    checks = {
        "the contacts are those of the files": set(account_of.values()) == set(numbers.values()),
        "the states add up": progress["contacts"] == len(rows) == sum(progress.get(state, 0) for state in FINAL),
        "each state is counted": all(
            progress[state] == sum(one["state"] == state for one in rows) for state in FINAL
        ),
        "who answered is on record": by_service == by_switch,
        "the service names those who were told": done.told is None or done.told == concerned,
        "no letter is left": not any(one["state"] == "pending" and one["account"] in done.of for one in notices),
    }  # fmt: skip
    return [what for what, holds in checks.items() if not holds]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("drill", choices=sorted(NAMES))
    parser.add_argument("--db", default="sqlite", metavar="URL", help="sqlite, postgresql, or an empty database")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    set_up_logging("error")  # standard output is the result alone
    if args.db in DATABASES:
        with stores(args.db) as fresh:
            found = asyncio.run(played(args.drill, fresh()))
    else:
        found = asyncio.run(played(args.drill, args.db))
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    if args.json:
        args.json.write_text(text, "utf-8")
    sys.stdout.write(text)
    return 1 if found["told_wrongly"] or not found["adds_up"] else 0


if __name__ == "__main__":
    sys.exit(main())
