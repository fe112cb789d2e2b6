"""Worked examples of deadlines in working days.

    python -m tests.replay.workdays DIR --json out.json

writes {name: "passed" or the difference} and exits 0 only if all passed. The form of a case is told in docs/vectors.md.
"""

import sys
from collections.abc import Mapping
from typing import Any

from campaigns.core.deadlines import default_deadlines
from campaigns.core.explain import rfc3339
from tests.replay.cases import differences, ms_of, run
from tests.replay.hours import rules


def judge(case: Mapping[str, Any]) -> str:
    operator = rules()
    kind, zone = case.get("kind", "billing"), case.get("zone", operator.zone)
    deadlines = default_deadlines(operator.deadlines, operator.hours.calendar, kind, ms_of(case["received_at"]), zone)
    found = {
        "notice_out_by": deadlines.notice_out_by_ms,
        "fallback_by": deadlines.fallback_by_ms,
        "expires_at": deadlines.expires_at_ms,
    }
    texts = {name: None if ms is None else rfc3339(ms) for name, ms in found.items()}
    return differences(case["expect"], {**texts, "provisional": deadlines.provisional})


if __name__ == "__main__":
    sys.exit(run(__doc__ or "", judge))
