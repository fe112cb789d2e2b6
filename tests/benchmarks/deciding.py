"""A process that decides on contacts, beside one that only asks whether the hours allow their next call.

    python -m tests.benchmarks.deciding < {"rounds": N, "runs": N}

`due`: contacts that are called, as a turn finds them when they are due. `waiting`: contacts of which each waits for
something else, so that the first instant which allows a dial must be found.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from campaigns.core.calling_hours import Asked, judge
from campaigns.core.campaign import Campaign
from campaigns.core.choice import next_call
from campaigns.core.contact import Contact, Phone
from campaigns.core.decide import asked_of, decide
from campaigns.core.reasons import Channel, Disposition
from campaigns.core.waiting import World
from tests.campaigns.cases import FIRST, SECOND, at, campaign, contact, dialled, outage, tried, world
from tests.campaigns.shipped import SHANGHAI, URUMQI

MORNING, NOON, AFTERNOON, NIGHT = at("03-04 09:30"), at("03-04 12:45"), at("03-04 16:00"), at("03-04 22:00")


class Case(NamedTuple):
    contact: Contact
    campaign: Campaign
    world: World
    now_ms: int


def due() -> list[Case]:
    """Ten contacts, as many of a kind as a campaign has about its second day."""
    arrears, power = campaign(), outage()
    once = tried(contact(FIRST, SECOND), arrears, Disposition.NO_ANSWER, MORNING)
    twice = tried(once, arrears, Disposition.BUSY, MORNING + 3_600_000)
    two_zones = contact(phones=(Phone(FIRST, (SHANGHAI, URUMQI)),))
    important = tried(contact(important=True), power, Disposition.REACHED, MORNING, channel=Channel.SMS)
    plans = [
        *[(contact(FIRST, SECOND), arrears)] * 5, (once, arrears), (once, arrears), (twice, arrears),
        (two_zones, arrears), (important, power),
    ]  # fmt: skip
    return [Case(found, plan, world(AFTERNOON), AFTERNOON) for found, plan in plans]


def waiting() -> list[Case]:
    """Closed hours, a retry time, a third attempt in another part of the day, a cap, an open call, an unknown one."""
    plan = campaign()
    fresh, busy = contact(), tried(contact(), plan, Disposition.BUSY, MORNING)
    twice = tried(busy, plan, Disposition.BUSY, MORNING + 3_600_000)
    called_often = world(AFTERNOON, calls_today=3)
    return [
        Case(fresh, plan, world(NOON), NOON),
        Case(fresh, plan, world(NIGHT), NIGHT),
        Case(busy, plan, world(MORNING + 60_000), MORNING + 60_000),
        Case(twice, plan, world(MORNING + 3_660_000), MORNING + 3_660_000),
        Case(fresh, plan, called_often, AFTERNOON),
        Case(dialled(fresh, plan, AFTERNOON), plan, world(AFTERNOON), AFTERNOON + 1000),
        Case(tried(fresh, plan, Disposition.UNKNOWN, AFTERNOON), plan, world(AFTERNOON + 2000), AFTERNOON + 2000),
    ]


def asked(case: Case) -> Asked:
    """What the decision asks the hours."""
    choice = next_call(case.contact, case.campaign)
    assert choice is not None
    return asked_of(case.contact, case.campaign, choice)


def rates(cases: list[Case], rounds: int, runs: int) -> dict[str, list[float]]:
    """Decisions a second, and checks of the hours for the same calls, in turn."""
    questions = [(case.campaign.hours, asked(case), case.now_ms) for case in cases]

    def decided() -> None:
        for case in cases:
            decide(*case)

    def checked() -> None:
        for question in questions:
            judge(*question)

    ways: dict[str, Callable[[], None]] = {"decide": decided, "hours": checked}
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            started = time.perf_counter()
            for _ in range(rounds):
                way()
            found[name].append(rounds * len(cases) / (time.perf_counter() - started))
    return found


def main() -> int:
    """The rates of both."""
    job = json.load(sys.stdin)
    print(json.dumps({"due": rates(due(), **job), "waiting": rates(waiting(), **job)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
