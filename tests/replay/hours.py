"""Worked examples of the calling hours, asked of `explain_hours`.

    python -m tests.replay.hours DIR --json out.json

writes {name: "passed" or the difference} and exits 0 only if all passed. The form of a case is told in docs/vectors.md.
"""

import sys
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any

from campaigns.calendars import work_calendar
from campaigns.core.calling_hours import Asked, Window
from campaigns.core.explain import explain_hours
from campaigns.core.operator_rules import OperatorRules
from campaigns.profile import clock_ms, shipped_rules
from tests.replay.cases import differences, ms_of, run


@cache
def rules() -> OperatorRules:
    return shipped_rules(work_calendar())


def judge(case: Mapping[str, Any]) -> str:
    operator = rules()
    if case["profile"] not in operator.profiles:
        raise ValueError(f"no hours are known of the profile {case['profile']}")
    return differences(case["expect"], explain_hours(operator.hours, asked_of(case), ms_of(case["at"])))


def asked_of(case: Mapping[str, Any]) -> Asked:
    agreed = case.get("agreed_at")
    return Asked(
        kind=case["kind"],
        customer_class=case["class"],
        zones=tuple(case["zones"]),
        ring_timeout_ms=round(case["ring_timeout_s"] * 1000),
        channel=case.get("channel", "auto"),
        windows=tuple(_window(text) for text in case.get("windows", ())),
        closed_dates=frozenset(date.fromisoformat(day) for day in case.get("closed_dates", ())),
        agreed_at_ms=None if agreed is None else ms_of(agreed),
        zone=case.get("zone", rules().zone),
    )


def _window(text: str) -> Window:
    opens, _, closes = text.partition("-")
    return Window(clock_ms(opens), clock_ms(closes))


if __name__ == "__main__":
    sys.exit(run(__doc__ or "", judge))
