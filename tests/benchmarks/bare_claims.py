"""The least that whoever works through contacts must do: claim some that are due, write that they are under way, and
write the same rows with each as a dialler does: the number and the person that are taken, the person's day, the
attempt, the order with its words, which may be claimed. One statement a table, one durable commit for as many contacts
as a dialler's turn has. No rule is asked, no words are made, nothing is read beside, nothing is compared.

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
    " WHERE id IN (SELECT id FROM due) RETURNING id, tenant, account, phones"
)
GIVEN = "FROM json_to_recordset(%s::json) AS given"
LINES = (
    "INSERT INTO campaign_live_numbers SELECT tenant, number, contact, command, since_ms",
    GIVEN, "(tenant text, number text, contact text, command text, since_ms int8) ON CONFLICT DO NOTHING",
)  # fmt: skip
DAYS = (
    "INSERT INTO campaign_person_days SELECT tenant, person, '2026-03-04', 1", GIVEN, "(tenant text, person text)",
    "ON CONFLICT (tenant, person, day) DO UPDATE SET calls = campaign_person_days.calls + 1",
)  # fmt: skip
ATTEMPTS = (
    "INSERT INTO campaign_attempts (contact, n, campaign, tenant, round, channel, number, decided_at_ms, step,",
    "decision, command, counted, rang, confirmed, template, sha256, caller_id, profile, zones, dial_before_ms,",
    "ring_until_ms, revised) SELECT contact, 1, campaign, tenant, 1, 'auto', number, at_ms, 'open', 'dialled',",
    "command, 0, 0, 0, 'billing', %s, %s, 'hours@1', '[\"Asia/Shanghai\"]', at_ms, at_ms, 0", GIVEN,
    "(contact text, campaign text, tenant text, number text, at_ms int8, command text)",
)  # fmt: skip
ORDERS = (
    "INSERT INTO dial_orders (id, tenant, switch, source, lane, command, body, made_at_ms, expires_at_ms, state)",
    "SELECT command, tenant, %s, 'none', %s, 'makeCall', body, at_ms, at_ms + 60000, 'open'", GIVEN,
    "(command text, tenant text, body text, at_ms int8)",
)  # fmt: skip
LATER_MS = 3_600_000
SHA256, CALLER_ID = "0" * 64, "+867912345678"
BODY = "x" * 900  # characters: about as many as an order of arrears has


def claimed(job: dict[str, Any]) -> dict[str, Any]:
    """`campaigns` in turn, `batch` contacts in each transaction, until none is due. `alone`: only their rows.
    `switch`, `lane`: of the orders.
    """
    begun, used, rows, now_ms = time.perf_counter(), time.process_time(), 0, int(time.time() * 1000)
    with psycopg.connect(job["address"], autocommit=True) as connection:
        left = list(job["campaigns"])
        while left:
            for campaign in list(left):
                values = (campaign, job["hours_class"], now_ms, job["batch"], now_ms + LATER_MS)
                with connection.transaction():
                    found = connection.execute(CLAIM, values).fetchall()
                    if found and not job["alone"]:
                        _write(connection, campaign, found, now_ms, (job["switch"], job["lane"]))
                rows += len(found)
                if len(found) < job["batch"]:
                    left.remove(campaign)
    return {"rows": rows, "seconds": time.perf_counter() - begun, "cpu_s": time.process_time() - used}


def _write(
    connection: psycopg.Connection[Any], campaign: str, found: list[tuple[Any, ...]], now_ms: int, to: tuple[str, str]
) -> None:
    """What a call leaves behind, for each contact; one statement a table."""
    calls = [
        {
            "tenant": tenant, "contact": contact, "campaign": campaign, "person": f"a:{account}", "at_ms": now_ms,
            "number": json.loads(phones)[0][0], "command": f"{contact}.1", "since_ms": now_ms, "body": BODY,
        }
        for contact, tenant, account, phones in found
    ]  # fmt: skip
    numbers = [{**one, "person": f"n:{one['number']}"} for one in calls]
    lines = [*calls, *({**one, "number": one["person"]} for one in calls)]
    connection.execute(" ".join(LINES), (_json(lines, "tenant", "number", "contact", "command", "since_ms"),))
    connection.execute(" ".join(DAYS), (_json([*calls, *numbers], "tenant", "person"),))
    attempts = _json(calls, "contact", "campaign", "tenant", "number", "at_ms", "command")
    connection.execute(" ".join(ATTEMPTS), (SHA256, CALLER_ID, attempts))
    connection.execute(" ".join(ORDERS), (*to, _json(calls, "command", "tenant", "body", "at_ms")))


def _json(rows: list[dict[str, Any]], *names: str) -> str:
    return json.dumps([{name: row[name] for name in names} for row in rows])


if __name__ == "__main__":
    print(json.dumps(claimed(json.loads(sys.stdin.read()))))
