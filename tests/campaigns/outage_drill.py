"""The outage that moved, and the one that is cancelled, while people are told of it.

Who heard what is judged by the switch's own log: the words of the orders that came in, who answered, which messages
arrived. An order says the old word, the new one, or that the outage is cancelled. `told_before`: accounts that heard
the old word before the change; `told_after`: only afterwards, by what was under way. `told_wrongly`: who heard the old
word last of all, or by an order that came in after nobody was to be told it any more; of a cancelled outage also who
had never heard of it, and was told. Who was sent a message may have read it, whatever is reported of it.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tests.campaigns import never
from tests.campaigns.drilled import started, to_its_end
from tests.campaigns.never import FINAL
from tests.campaigns.scripted_switch import CALLS_PER_SECOND
from tests.campaigns.seen import Seen, read
from tests.campaigns.stage import Stage, stage
from tests.campaigns.submitted import Submitted, asked
from tests.replay.cases import ms_of

START_MS = ms_of("2026-03-04T09:00:00+08:00")
ACTS_MS = 24_000  # after the start: some have heard, some are being called, some wait
LOOK_MS, LOOKS_MAX = 1_000, 300
CONTACTS = 36
AREA, STARTS_AT, OLD, NEW = "东湖区A1", "2026-03-04T15:00:00+08:00", "18:00", "20:30"
OTHER_AREA = "西湖区B2"
OLD_WORD, NEW_WORD, CANCELLED_WORD = "3月4日18点", "3月4日20点30分", "已取消"
MOVED, CANCELLED = "outage-moved", "outage-cancelled"
SETS: Mapping[str, Mapping[str, Any]] = {
    MOVED: {"restores_at": f"2026-03-04T{NEW}:00+08:00"},
    CANCELLED: {"cancelled": True},
}
# Of calls the n-th; of messages too. Whoever has heard the old word can be reached afterwards.
SCRIPTS = (
    ("sms:delivered",),
    ("reached", "sms:undeliverable"),
    ("hangUpEarly", "reached", "sms:undeliverable"),
    ("machine", "reached", "sms:undeliverable"),
    ("noAnswer", "reached", "sms:undeliverable", "sms:delivered"),
    ("invalid", "sms:undeliverable"),
)
CAMPAIGN = {
    "name": "drill", "kind": "outage", "switch": "s1", "trunk_group": "main", "fallback": "notice",
    "pacing": {"calls_per_second": 2, "calls_at_once": 20},
}  # fmt: skip


class Word(NamedTuple):
    """Somebody heard it. `came_ms`: its order. `word`: old | new | cancelled."""

    at_ms: int
    came_ms: int
    account: str
    word: str


class Done(NamedTuple):
    acted_ms: int
    at_ms: int  # nobody is told the old word any more
    revision: Mapping[str, Any]


def row(no: int, area: str = AREA, restores: str = OLD) -> dict[str, str]:
    return {
        "account": f"A{no}", "name": "测试", "number": f"138{no:08d}", "address": "一号路", "area": area,
        "important": "yes" if no % 12 == 2 else "no", "reason": "检修", "starts_at": STARTS_AT,
        "restores_at": f"2026-03-04T{restores}:00+08:00",
    }  # fmt: skip


ALONE = [row(no) for no in range(1, CONTACTS + 1)]
SECOND = [row(no, OTHER_AREA, "17:00") for no in range(3, CONTACTS + 1, 5)]  # these have another outage, which stands
FILE = [*ALONE, *SECOND]


async def played(name: str, url: str, *, acting: bool = True) -> dict[str, Any]:
    """The figures of a drill. Without `acting` the outage changes, and nobody tells the product."""
    numbers = {f"+86{one['number']}": one["account"] for one in ALONE}
    scripts = {number: SCRIPTS[at % len(SCRIPTS)] for at, number in enumerate(sorted(numbers))}
    async with stage(url, START_MS, "s1", scripts, ["main"]) as it:
        of = await started(it, CAMPAIGN, [FILE])
        await it.to(START_MS + ACTS_MS)
        if name == MOVED and acting:
            await it.call("POST", "/v1/notice-batches", {"campaign": of.id})  # some letters have left by then
        done = await revised(it, of, SETS[name]) if acting else Done(it.now_ms, it.now_ms, {})
        await to_its_end(it, of)
        return await told(it, of, done, numbers)


async def revised(it: Stage, of: Submitted, change: Mapping[str, Any]) -> Done:
    acted_ms, path = it.now_ms, f"{of.path}/revisions"
    body = {"where": {"area": AREA, "starts_at": STARTS_AT}, "set": change}
    found = await asked(it, "POST", path, 202, body)
    for _ in range(LOOKS_MAX):
        if found["acknowledged"]:
            break
        await it.to(it.now_ms + LOOK_MS)
        (found,) = (await asked(it, "GET", path, 200))["revisions"]
    assert found["acknowledged"], found
    return Done(acted_ms, it.now_ms, found)


# -- what came of it ---------------------------------------------------------------------------------------------------


def words_heard(it: Stage, numbers: Mapping[str, str]) -> list[Word]:
    """In order of time."""
    orders = {one.id: one for one in it.switch.orders}
    found = [
        Word(at_ms, orders[order].at_ms, numbers[number], _word(orders[order].body))
        for at_ms, order, number in it.switch.answers
    ]
    reports = [fact for fact in it.switch.said if fact["type"].split(".")[2] == "messageReport"]
    arrived = [orders[one["commandid"]] for one in reports if one["data"]["state"] == "delivered"]
    found += [Word(one.at_ms, one.at_ms, numbers[str(one.body["to"])], _word(one.body)) for one in arrived]
    return sorted(found)


def _word(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, ensure_ascii=False)
    assert sum(word in text for word in (OLD_WORD, NEW_WORD, CANCELLED_WORD)) <= 1, "no order says two things"
    if OLD_WORD in text:
        return "old"
    return "new" if NEW_WORD in text else "cancelled" if CANCELLED_WORD in text else "other"


async def told(
    it: Stage, of: Submitted, done: Done, numbers: Mapping[str, str]
) -> dict[str, Any]:  # fmt: skip
    each: dict[str, list[Word]] = {account: [] for account in numbers.values()}
    for one in words_heard(it, numbers):
        each[one.account].append(one)
    old = {account for account, words in each.items() if any(one.word == "old" for one in words)}
    before = {
        account for account in old if any(one.word == "old" and one.at_ms <= done.acted_ms for one in each[account])
    }
    sent = {numbers[str(one.body["to"])] for one in it.switch.orders_of("sendMessage") if _word(one.body) == "old"}
    wrongly = {account for account, words in each.items() if _is_wrong(words, done, account in old | sent)}
    rows, notices = await of.contacts(), await of.notices()
    assert it.it.store.database is not None
    ledger = await it.it.store.database.reader.run(read)
    found = {
        "told_before": len(before),
        "told_after": len(old - before),
        "told_wrongly": len(wrongly),
        "notices_recalled": sum(one["state"] == "recalled" or "to_recall" in one for one in notices),
        "contacts": len(rows),
        "told_again": sum(any(one.word in {"new", "cancelled"} for one in each[account]) for account in old),
        "acknowledged_after_ms": done.at_ms - done.acted_ms,
        "states": dict(sorted(Counter(one["state"] for one in rows).items())),
        "violations": [
            f"{one.kind}: {one.what}"
            for one in never.violations(Seen(it.switch.log(), ledger, {}, {}, CALLS_PER_SECOND))
        ],
    }
    wrong = await _does_not_add_up(of, done, each, old, sent, notices)
    return found | {"adds_up": not wrong and not found["violations"], "wrong": wrong}


def _is_wrong(words: Sequence[Word], done: Done, may_have_heard: bool) -> bool:
    of_it = [one.word for one in words if one.word != "other"]
    late = any(one.word == "old" and one.came_ms > done.at_ms for one in words)
    needless = "cancelled" in of_it and not may_have_heard
    return late or needless or (bool(of_it) and of_it[-1] == "old")


async def _does_not_add_up(
    of: Submitted,
    done: Done,
    each: Mapping[str, Sequence[Word]],
    old: set[str],
    sent: set[str],
    notices: Sequence[Mapping[str, Any]],
) -> list[str]:
    """What the service tells, against the switch's log and against itself."""
    campaign, rows, attempts = await of.campaign(), await of.contacts(), await of.attempts()
    progress = campaign["progress"]
    account_of = {one["contact"]: one["account"] for one in rows}
    rounds = {account_of[contact]: max(one["round"] for one in tries) for contact, tries in attempts.items()}
    by_letter = {one["account"] for one in notices if "to_recall" in one}
    silent = {account for account, words in each.items() if not words}
    untold = {one["account"] for one in rows if one["state"] == "cancelled"}
    checks = {
        "the contacts are those of the file": set(account_of.values()) == set(each),
        "the states add up": progress["contacts"] == len(rows) == sum(progress.get(state, 0) for state in FINAL),
        "each state is counted": all(
            progress[state] == sum(one["state"] == state for one in rows) for state in FINAL
        ),
        "who heard the old word has a second round": all(rounds[account] > 1 for account in old),
        "who has a second round was told before": {one for one, n in rounds.items() if n > 1} <= old | sent | by_letter,
        "who is cancelled heard nothing": untold <= silent,
        "no letter says the old word": not any(
            one["state"] == "pending" and any(_says_old(item) for item in one["items"]) for one in notices
        ),
        "the outage is that of all": done.revision.get("contacts") == len(rows),
    }  # fmt: skip
    return [what for what, holds in checks.items() if not holds]


def _says_old(item: Mapping[str, str]) -> bool:
    return item["area"] == AREA and f"T{OLD}" in item["restores_at"] and "cancelled" not in item


DRILLS = (MOVED, CANCELLED)
