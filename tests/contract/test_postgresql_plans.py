"""PostgreSQL answers what the doors and a starting engine ask from indexes: no table that grows is read as a whole."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import psycopg
import pytest
from sqlalchemy import Connection, create_engine, text

from cti.adapters.ledger import breaches, calls, commands, records, retention, stored, timeline_days, totals
from cti.adapters.migrations import CHAIN
from cti.dial import claims, streams
from cti.dial.clock import LedgerClock
from cti.dial.rows import Ability
from cti.rows import BreachFilter, CallFilter, TotalsFilter
from cti.sql.connections import database_url, writer_engine
from cti.sql.schema import upgrade
from tests.contract.dialling import LANE, SWITCH
from tests.contract.rows import SOURCE, START_MS, TENANT
from tests.postgres import PostgresServer

DAYS = 9
CALLS = 2_000  # a day
LIVE = 40
END_MS = START_MS + DAYS * timeline_days.DAY_MS
NOTHING = re.compile(r"\brows=0(\.00)? ")  # what was never carried out has no rows at all
GROWING = re.compile(r"Seq Scan on (timeline\w*|calls|records|breaches|commands)\b.*")
# One call every 43 s by day and night in four partitions, of one event every 4 s; the last ones are live,
# of most the timeline is no longer kept.
FILLED = (
    """INSERT INTO calls SELECT 'call-' || lpad(n::text, 8, '0'), n * 7919, :tenant, :source, 'subject ' || n, 0, n % 4,
       n * 16, :start + n * 43200, 'inbound', CASE WHEN n <= :calls - :live THEN :start + n * 43200 + 40000 END,
       CASE WHEN n <= :calls * 8 / 10 THEN 0 ELSE 1 END,
       CASE WHEN n <= :calls - :live THEN :start + n * 43200 + 40000 END
       FROM generate_series(1, :calls) AS n""",
    """INSERT INTO timeline SELECT n % 4, n * 16, n * 16 + k, 0, :start + n * 43200 + k * 4000,
       :start + n * 43200 + k * 4000, NULL, 'held', 'event-' || n || '-' || k, n, '{}'
       FROM generate_series(1, :calls) AS n, generate_series(0, 9) AS k""",
    """INSERT INTO records SELECT call_id, tenant, source, 1, opened_at_ms, ended_at_ms, 'answered', direction, 'power',
       '1001', 9, 1, 4, 5, 6, 0, 1, 1, '{}' FROM calls WHERE ended_at_ms IS NOT NULL""",
    """INSERT INTO breaches SELECT call_id, 0, tenant, source, 'RING-1', opened_at_ms, 12, 13, '1001', 'power'
       FROM calls""",
    """INSERT INTO commands SELECT 'c-' || call_id || k, tenant, source, call_id, partition, born * 2 + k, 'RING-1',
       'deflectCall', 'offer:0', opened_at_ms, opened_at_ms, opened_at_ms + 9000,
       CASE WHEN ended_at_ms IS NULL THEN 'open' ELSE 'done' END, NULL, '{}'
       FROM calls, generate_series(0, 1) AS k""",
    "INSERT INTO partitions SELECT n, 1, 0, 0, '' FROM generate_series(0, 3) AS n",
    "ANALYZE",
)


class Explaining(psycopg.Cursor[Any]):
    """Keeps the plan of every SELECT that it carries out."""

    plans: ClassVar[list[str]] = []

    def execute(self, query: Any, params: Any = None, **how: Any) -> Any:
        said = query if isinstance(query, bytes) else str(query).encode()
        if said.startswith(b"SELECT"):
            super().execute(b"EXPLAIN (ANALYZE, COSTS OFF, SUMMARY OFF) " + said, params)
            self.plans.append("\n".join(line for (line,) in self.fetchall()))
        return super().execute(query, params, **how)


@pytest.fixture(scope="module")
def filled(postgres: PostgresServer) -> Iterator[str]:
    url = postgres.create_database()
    upgrade(url, [CHAIN])
    engine = create_engine(url)
    values = {"tenant": TENANT, "source": SOURCE, "start": START_MS, "calls": DAYS * CALLS, "live": LIVE}
    with engine.begin() as connection:
        for day in range(DAYS):
            timeline_days.make_days(connection, START_MS + day * timeline_days.DAY_MS)
        for statement in FILLED:
            named = {name: value for name, value in values.items() if f":{name}" in statement}
            connection.execute(text(statement), named)
    engine.dispose()
    yield url
    postgres.drop_database(url)


@contextmanager
def explained(url: str) -> Iterator[tuple[Connection, list[str]]]:
    engine = create_engine(database_url(url), connect_args={"cursor_factory": Explaining})
    Explaining.plans.clear()
    try:
        with engine.connect() as connection:
            yield connection, Explaining.plans
    finally:
        engine.dispose()


WINDOW = (END_MS - 3_600_000, END_MS)
IDS = ["call-00015000", "call-00016000"]
ASKED: dict[str, Callable[[Connection], Any]] = {
    "live calls with all that is theirs": lambda c: stored.live_slice(c, 1, 0, 2_000),
    "calls by id": lambda c: stored.stored_calls(c, IDS),
    "one call": lambda c: stored.stored_calls(c, IDS[:1], TENANT),
    "past calls by the hash of their key": lambda c: calls.past_calls(c, [7919 * n for n in range(1, 40)]),
    "unanswered calls": lambda c: commands.unanswered_calls(c, 1),
    "a page of calls": lambda c: calls.list_calls(c, TENANT, CallFilter(), None, 100),
    "the next page": lambda c: calls.list_calls(c, TENANT, CallFilter(), (START_MS + 400_000_000, IDS[1]), 100),
    "calls of a subject": lambda c: calls.list_calls(c, TENANT, CallFilter(subject="subject 77"), None, 100),
    "calls of a window": lambda c: calls.list_calls(c, TENANT, CallFilter(from_ms=WINDOW[0], to_ms=END_MS), None, 100),
    "ended calls of a queue": lambda c: calls.list_calls(
        c, TENANT, CallFilter(state="ended", queue="power"), None, 100
    ),
    "breached calls": lambda c: calls.list_calls(c, TENANT, CallFilter(rule="RING-1"), None, 100),
    "a page of breaches": lambda c: breaches.list_breaches(c, TENANT, BreachFilter(rule="RING-1"), None, 100),
    "breaches of a window": lambda c: breaches.breach_counts(c, TENANT, TotalsFilter(*WINDOW)),
    "breaches of a queue": lambda c: breaches.breach_counts(c, TENANT, TotalsFilter(*WINDOW, queue="power")),
    "a page of records": lambda c: records.record_texts(c, TENANT, IDS[1], 100),
    "sums over a window": lambda c: totals.totals(c, TENANT, TotalsFilter(*WINDOW), "queue", 15_000, 12_000),
    "interventions of a window": lambda c: commands.intervention_counts(c, TENANT, TotalsFilter(*WINDOW)),
    "interventions of a queue": lambda c: commands.intervention_counts(c, TENANT, TotalsFilter(*WINDOW, queue="power")),
    "open commands": lambda c: commands.open_commands(c, TENANT, SOURCE, START_MS, 100),
    "commands behind a mark": lambda c: commands.commands_after(c, dict.fromkeys(range(4), 570000), 1_000),
    "one command": lambda c: commands.command(c, TENANT, "c-call-000090000"),
    "whether a day is needed": lambda c: timeline_days.unneeded_day(c, START_MS + timeline_days.DAY_MS),
    "retention": lambda c: retention.purge(c, [(START_MS + 86_400_000, START_MS, START_MS + 10**9)]),
}


@pytest.mark.parametrize("asked", ASKED)
def test_what_is_asked_is_answered_from_an_index(asked: str, filled: str) -> None:
    with explained(filled) as (connection, plans):
        ASKED[asked](connection)
        assert plans, "nothing was asked"
        assert [found.group() for plan in plans for found in GROWING.finditer(plan) if _touched(found)] == []


def test_a_table_read_as_a_whole_is_found(filled: str) -> None:
    with explained(filled) as (connection, plans):
        calls.list_calls(connection, TENANT, CallFilter(), None, 1_000_000)
        found = [found for plan in plans for found in GROWING.finditer(plan)]
        assert any(map(_touched, found))


def _touched(scan: re.Match[str]) -> bool:
    """A part that is empty is read as a whole too, and best so."""
    return NOTHING.search(scan.group()) is None


ORDERS, OPEN_ORDERS = 20_000, 50
# Calls under way on another lane, and some orders that may be claimed.
UNSETTLED = """INSERT INTO dial_orders (id, tenant, switch, source, lane, command, body, made_at_ms, expires_at_ms,
    sent_at_ms, state) SELECT 'o' || n, :tenant, :switch, 'none', CASE WHEN n > :open THEN 'other' ELSE :lane END,
    'makeCall', '{}', 1, :until, CASE WHEN n > :open THEN 1 END, CASE WHEN n > :open THEN 'sent' ELSE 'open' END
    FROM generate_series(1, :orders) AS n"""
READ = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'dial_orders'"


def test_a_claim_that_was_often_made_on_an_empty_table_does_not_read_all_of_a_full_one(postgres_url: str) -> None:
    """PostgreSQL keeps a plan for what a connection asks again and again: it was the best one for nothing."""
    upgrade(postgres_url, [CHAIN])
    engine, clock = writer_engine(database_url(postgres_url)), LedgerClock(lambda: START_MS)
    try:
        with engine.connect() as connection:
            (epoch,) = streams.subscribe(connection, clock, [(TENANT, SWITCH)])
            asked = claims.Asked(TENANT, SWITCH, epoch, Ability("none", {LANE: 1_000.0}), 1_000)
            for _ in range(20):
                assert claims.claim(connection, clock, [asked])[0].orders == []
            connection.commit()
            given = {"tenant": TENANT, "switch": SWITCH, "lane": LANE, "orders": ORDERS, "open": OPEN_ORDERS}
            connection.execute(text(UNSETTLED), given | {"until": START_MS + 1})
            connection.commit()
            assert len(claims.claim(connection, clock, [asked])[0].orders) == OPEN_ORDERS
            assert (connection.scalar(text(READ)) or 0) < ORDERS
    finally:
        engine.dispose()
