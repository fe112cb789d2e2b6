"""A notice is made once for a contact and round, says what was so at that moment, and can be recalled until it left."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier

import pytest
from sqlalchemy import Engine, func, select, update

from campaigns.core.penalty import NoFormula
from campaigns.ledger import notices as ledger
from campaigns.ledger.rows import NoticeRow
from campaigns.ledger.tables import notices
from campaigns.owed_today import items_on
from campaigns.written_notices.owing import Owed, notice_of, owe, owe_all
from cti.sql.connections import database_url, writer_engine
from tests.campaigns.notices.rows import CAMPAIGN, MONTH, START_MS, attempt_row, campaign_row, contact_row, ms


def rows(engine: Engine) -> list[NoticeRow]:
    with engine.begin() as connection:
        return [NoticeRow(*row) for row in connection.execute(select(notices).order_by(notices.c.id))]


def test_a_notice_says_what_the_letter_says_as_of_now(engine: Engine) -> None:
    contact = contact_row(7)
    tried = [
        attempt_row(contact, 3, START_MS + 900_000, disposition="unknown", step="held", ended_at_ms=None),
        attempt_row(contact, 1, answered_at_ms=START_MS + 9_000),
        attempt_row(contact, 2, step="not_dialled", decision="not_dialled", disposition=None, counted=0),
        attempt_row(contact, 4, channel="person", disposition="failedOther"),
        attempt_row(contact, 5, round=2),
    ]
    with engine.begin() as connection:
        assert owe(connection, campaign_row(), contact, tried, START_MS + 1_000_000)
    (row,) = rows(engine)
    assert row[:6] == (f"n-{contact.id}-1", "grid", CAMPAIGN, contact.id, 1, "1000007")
    assert row[6:7] + row[8:] == ("arrears", START_MS + 1_000_000, "pending", None, None, None)
    today = {**MONTH, "penalty": "3.20", "total_due": "103.20", "as_of": "2026-03-04"}
    assert json.loads(row.body) == {
        "name": "张三",
        "address": "长江路1号",
        "items": [today],
        "attempts": [
            {
                "n": 1, "channel": "auto", "decided_at": "2026-03-04T01:00:00.000Z",
                "sent_at": "2026-03-04T01:00:00.100Z", "answered_at": "2026-03-04T01:00:09.000Z",
                "ended_at": "2026-03-04T01:00:32.000Z", "disposition": "noAnswer", "counted": True,
            },
            {
                "n": 3, "channel": "auto", "decided_at": "2026-03-04T01:15:00.000Z",
                "sent_at": "2026-03-04T01:15:00.100Z", "disposition": "unknown", "counted": True,
            },
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("at", "penalty", "day"),
    [("2026-03-04T23:59:59+08:00", "3.20", "2026-03-04"), ("2026-03-05T00:00:00+08:00", "3.30", "2026-03-05")],
)
def test_the_day_of_the_sums_is_that_of_the_campaigns_zone(at: str, penalty: str, day: str) -> None:
    told = json.loads(notice_of(Owed(campaign_row(), contact_row(1), []), ms(at)).body)["items"]
    assert told == [{**MONTH, "penalty": penalty, "total_due": f"{100 + float(penalty):.2f}", "as_of": day}]


def test_sums_that_cannot_be_computed_stay_as_they_were_imported() -> None:
    fixed = {"months": "2026-01", "arrears": "100.00", "penalty": "1.00", "as_of": "2026-02-10", "total_due": "101.00"}
    contact = contact_row(1, items=json.dumps([fixed]))
    assert isinstance(items_on("arrears", [fixed], "resident", date(2026, 3, 4)), NoFormula)
    assert json.loads(notice_of(Owed(campaign_row(), contact, []), START_MS).body)["items"] == [fixed]
    billing = contact_row(1, items=json.dumps([{"reading": "12", "amount_due": "5.00"}]))
    assert json.loads(notice_of(Owed(campaign_row(kind="billing"), billing, []), START_MS).body)["items"] == [
        {"reading": "12", "amount_due": "5.00"}
    ]


def test_a_contact_and_round_have_one_notice_ever(engine: Engine) -> None:
    first, second = contact_row(1), contact_row(2)
    with engine.begin() as connection:
        made = owe_all(connection, [Owed(campaign_row(), one, []) for one in (second, first)], START_MS)
        assert made == {f"n-{first.id}-1", f"n-{second.id}-1"}
    with engine.begin() as connection:
        assert not owe(connection, campaign_row(), first._replace(name="another"), [], START_MS + 1)
    with engine.begin() as connection:
        assert owe(connection, campaign_row(), first._replace(round=2), [], START_MS + 1), "what was told has changed"
    assert [(row.round, json.loads(row.body)["name"]) for row in rows(engine)] == [
        (1, "张三"),
        (2, "张三"),
        (1, "张三"),
    ]


def test_more_notices_than_fit_one_statement(engine: Engine) -> None:
    many = [Owed(campaign_row(), contact_row(no), []) for no in range(1, 1_301)]
    with engine.begin() as connection:
        assert len(owe_all(connection, many, START_MS)) == 1_300
        assert owe_all(connection, many, START_MS) == set()


def test_two_diallers_that_write_at_once_write_one(url: str, engine: Engine) -> None:
    """Each on a connection of its own, in opposite orders."""
    many = [Owed(campaign_row(), contact_row(no), []) for no in range(1, 1_501)]
    both = Barrier(2)

    def write(owed: list[Owed]) -> int:
        own = writer_engine(database_url(url))
        both.wait()
        with own.begin() as connection:
            made = len(owe_all(connection, owed, START_MS))
        own.dispose()
        return made

    with ThreadPoolExecutor(2) as threads:
        assert sum(threads.map(write, (many[:1_000], many[:500:-1]))) == 1_500
    assert len(rows(engine)) == 1_500


def test_what_nobody_has_is_recalled(engine: Engine) -> None:
    contacts = [contact_row(no) for no in range(1, 5)]
    with engine.begin() as connection:
        owe_all(connection, [Owed(campaign_row(), one, []) for one in contacts], START_MS)
        for no, state in ((2, "exported"), (3, "acknowledged"), (4, "failed")):
            which = notices.c.contact == f"{CAMPAIGN}-{no}"
            connection.execute(update(notices).where(which).values(state=state))
    rounds = [(one.id, 1) for one in reversed(contacts)] + [(contacts[0].id, 2), ("nobody", 1)]
    with engine.begin() as connection:
        assert ledger.recall(connection, rounds) == {f"n-{CAMPAIGN}-1-1"}
    with engine.begin() as connection:
        assert ledger.recall(connection, rounds) == set()
        states = connection.execute(select(notices.c.state, func.count()).group_by(notices.c.state))
        assert dict(states.all()) == {"recalled": 1, "exported": 1, "acknowledged": 1, "failed": 1}
        assert not owe(connection, campaign_row(), contacts[0], [], START_MS), "nor does it come back"
