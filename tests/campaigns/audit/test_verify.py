"""Any one change, cut or swap among 10^4 entries is found, at the number where it was made."""

import argparse
import json
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update

from campaigns import audit_command
from campaigns.ledger.tables import audit, audit_heads
from tests.campaigns.audit.made import TAMPERINGS, TENANTS, Tampering, fill, row, writing
from tests.ready import ready_sqlite

COUNT = 10_000
PLACES = 3  # random ones of each way


def verified(url: str, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, Any]:
    """The exit code of the command, and what it printed."""
    parser = argparse.ArgumentParser()
    audit_command.add_arguments(parser)
    code = audit_command.run(parser.parse_args(["verify", "--db", url, *more]))
    told = capsys.readouterr().out
    return code, json.loads(told) if told else None


@pytest.fixture(scope="module")
def long_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite ledger with 10^4 entries of one tenant and some of another."""
    file = tmp_path_factory.mktemp("long") / "ringback.db"
    with writing(ready_sqlite(file)) as engine:
        fill(engine, COUNT)
        fill(engine, 10, "other")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file


def copied(long_log: Path, folder: Path) -> str:
    shutil.copyfile(long_log, folder / "ringback.db")
    return f"sqlite:///{folder}/ringback.db"


def test_a_log_as_it_was_written_is_whole(long_log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.json"
    code, told = verified(copied(long_log, tmp_path), capsys, "--json", str(out))
    assert (code, told["entries"], told["tenants"], told["ok"], told["first_fault"]) == (0, COUNT + 10, 2, True, None)
    assert json.loads(out.read_text("utf-8")) == told
    assert [(head["tenant"], head["no"]) for head in told["heads"]] == [("grid", COUNT), ("other", 10)]
    assert verified(copied(long_log, tmp_path), capsys, "--tenant", "other")[1]["entries"] == 10


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda one: one.what)
def test_every_way_to_tamper_is_found_where_it_was_done(
    long_log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], tampering: Tampering
) -> None:
    for seed in range(PLACES):
        url = copied(long_log, tmp_path)
        chance = random.Random(f"{tampering.what} {seed}")
        with writing(url) as engine, engine.begin() as connection:
            place = tampering.do(connection, chance, COUNT)
        code, told = verified(url, capsys)
        found = told["first_fault"]
        assert (code, told["ok"], found["tenant"], found["no"]) == (1, False, "grid", place), (seed, found)


def test_what_is_no_text_and_no_number_any_more_is_a_change(
    long_log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = (
        "SET who = x'ff'",
        "SET who = CAST(x'ff' AS TEXT)",
        "SET at_ms = 'x'",
        "SET details = CAST(x'00' AS TEXT)",
    )
    for change in changes:
        url = copied(long_log, tmp_path)
        with closing(sqlite3.connect(tmp_path / "ringback.db")) as connection, connection:
            connection.execute(f"UPDATE campaign_audit {change} WHERE tenant = 'grid' AND no = 77")
        found = verified(url, capsys)[1]["first_fault"]
        assert found == {"tenant": "grid", "no": 77, "what": "changed"}, change


def test_a_cut_with_its_head_is_found_by_an_anchor_alone(
    long_log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = copied(long_log, tmp_path)
    with writing(url) as engine, engine.begin() as connection:
        anchor = f"9000:{row(connection, 9000).hash}"
        early = f"8999:{row(connection, 8999).hash}"
        connection.execute(delete(audit).where(audit.c.tenant == "grid", audit.c.no >= 9000))
        values = {"no": 8999, "hash": row(connection, 8999).hash}
        connection.execute(update(audit_heads).where(audit_heads.c.tenant == "grid").values(values))
    assert verified(url, capsys)[1]["ok"], "nothing in the ledger shows it"
    assert verified(url, capsys, "--tenant", "grid", "--anchor", early)[0] == 0
    code, told = verified(url, capsys, "--tenant", "grid", "--anchor", anchor)
    assert (code, told["first_fault"]) == (1, {"tenant": "grid", "no": 9000, "what": "anchor"})
    assert verified(url, capsys, "--anchor", anchor) == (2, None), "whose anchor?"


def test_a_log_that_was_written_anew_is_found_by_an_anchor_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = ready_sqlite(tmp_path / "ringback.db")
    with writing(url) as engine:
        fill(engine, 5)
        with engine.begin() as connection:
            anchor = f"3:{row(connection, 3).hash}"
            connection.execute(delete(audit))
            connection.execute(delete(audit_heads))
        assert verified(url, capsys, "--anchor", anchor)[1]["first_fault"]["what"] == "anchor", "all is gone"
        fill(engine, 5, at_ms=1)
    assert verified(url, capsys)[0] == 0
    assert verified(url, capsys, "--anchor", anchor)[1]["first_fault"] == {
        "tenant": "grid", "no": 3, "what": "anchor"}  # fmt: skip


def test_on_postgresql_too(postgres_ready_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with writing(postgres_ready_url) as engine:
        for tenant in TENANTS:
            fill(engine, 60, tenant)
        assert verified(postgres_ready_url, capsys)[1]["entries"] == 120
        for tampering in TAMPERINGS:
            with engine.connect() as connection:
                transaction = connection.begin()
                kept = connection.execute(audit.select()).all()
                heads = connection.execute(audit_heads.select()).all()
                place = tampering.do(connection, random.Random(tampering.what), 60)
                transaction.commit()
            found = verified(postgres_ready_url, capsys)[1]["first_fault"]
            assert (found["tenant"], found["no"]) == ("grid", place), tampering.what
            with engine.begin() as connection:
                for table, rows in ((audit, kept), (audit_heads, heads)):
                    connection.execute(delete(table))
                    connection.execute(table.insert(), [row._asdict() for row in rows])
        assert verified(postgres_ready_url, capsys)[0] == 0


def test_what_cannot_be_read_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verified(f"sqlite:///{tmp_path}/none.db", capsys) == (2, None)
    assert not (tmp_path / "none.db").exists(), "reading makes no ledger"
    (tmp_path / "empty.db").touch()
    assert verified(f"sqlite:///{tmp_path}/empty.db", capsys) == (2, None)
    for wrong in ("5", "5:abc", "x:" + "0" * 64):
        with pytest.raises(SystemExit):
            verified(f"sqlite:///{tmp_path}/none.db", capsys, "--anchor", wrong)
