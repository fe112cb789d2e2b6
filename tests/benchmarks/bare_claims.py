"""The least that whoever works through contacts must do: claim some that are due, write that they are under way.

python -m tests.benchmarks.bare_claims    a job on standard input, what came of it on standard output
"""

import json
import sys
import time
from typing import Any

import psycopg

CLAIM = (
    "WITH due AS MATERIALIZED (SELECT id FROM campaign_contacts WHERE campaign = %s AND hours_class = %s"
    " AND next_at_ms <= %s AND state IN ('waiting', 'in_progress', 'unknown', 'person')"
    " ORDER BY next_at_ms, no LIMIT %s FOR UPDATE SKIP LOCKED)"
    " UPDATE campaign_contacts SET state = 'in_progress', next_at_ms = %s, version = version + 1"
    " WHERE id IN (SELECT id FROM due)"
)
LATER_MS = 3_600_000


def claimed(job: dict[str, Any]) -> dict[str, Any]:
    """`campaigns` in turn, `batch` contacts in each transaction, until none is due."""
    begun, rows, now_ms = time.perf_counter(), 0, int(time.time() * 1000)
    with psycopg.connect(job["address"], autocommit=True) as connection:
        left = list(job["campaigns"])
        while left:
            for campaign in list(left):
                values = (campaign, job["hours_class"], now_ms, job["batch"], now_ms + LATER_MS)
                touched = connection.execute(CLAIM, values).rowcount
                rows += touched
                if touched < job["batch"]:
                    left.remove(campaign)
    return {"rows": rows, "seconds": time.perf_counter() - begun}


if __name__ == "__main__":
    print(json.dumps(claimed(json.loads(sys.stdin.read()))))
