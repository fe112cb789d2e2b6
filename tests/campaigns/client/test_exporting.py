"""Exports: pages become one file, whole or not at all, readable by its owner alone."""

import json
from pathlib import Path

import pytest

from campaigns.client.door import Away, Problem
from campaigns.client.exporting import CURSOR, Ask, export
from tests.campaigns.client.scripted_service import Cut, Service, door_to, problem

HEAD = "\ufeffaccount,state\r\n"


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_pages_become_one_file_with_one_heading(tmp_path: Path) -> None:
    service, out = Service(), tmp_path / "contacts.csv"
    service.will(
        "GET", "/campaigns/c1/contacts", (200, (HEAD + "1,reached\r\n").encode(), {CURSOR: "p2"}),
        (200, (HEAD + "2,waiting\r\n").encode(), {CURSOR: "p3"}), (200, HEAD.encode()),
    )  # fmt: skip
    async with door_to(service) as door:
        said = await export(door, "c1", "contacts", out, Ask())
    assert out.read_bytes().decode() == HEAD + "1,reached\r\n2,waiting\r\n"
    assert [one.query.get("cursor") for one in service.heard] == [None, "p2", "p3"]
    assert {one.headers["Accept"] for one in service.heard} == {"text/csv"}
    assert said == "contacts of c1"
    assert out.stat().st_mode & 0o777 == 0o600
    assert names(tmp_path) == ["contacts.csv"]


async def test_attempts_come_as_lines_where_the_file_is_named_so(tmp_path: Path) -> None:
    service, out = Service(), tmp_path / "attempts.ndjson"
    service.will("GET", "/campaigns/c1/attempts", (200, b'{"n":1}\n', {CURSOR: "p2"}), (200, b'{"n":2}\n'))
    async with door_to(service) as door:
        await export(door, "c1", "attempts", out, Ask())
    assert [json.loads(line) for line in out.read_text().splitlines()] == [{"n": 1}, {"n": 2}]


async def test_what_is_pending_becomes_a_batch_and_the_batch_is_the_file(tmp_path: Path) -> None:
    service, out = Service(), tmp_path / "notices.csv"
    service.will("POST", "/notice-batches", (503, {}), (201, {"id": "b1", "count": 1}))
    service.will("GET", "/notice-batches/b1", (200, b"batch,page\r\nb1,1\r\n"))
    async with door_to(service) as door:
        assert "batch b1" in await export(door, "c1", "notices", out, Ask())
        await export(door, "c1", "notices", out, Ask("b1"))
    made = service.of("POST", "/notice-batches")
    assert [json.loads(one.body) for one in made] == [{"campaign": "c1"}] * 2, "repeated once, and not for --batch"
    assert len({one.headers["Idempotency-Key"] for one in made}) == 1
    assert out.read_bytes() == b"batch,page\r\nb1,1\r\n"


async def test_a_batch_comes_as_letters_where_the_file_is_named_so(tmp_path: Path) -> None:
    service, out = Service(), tmp_path / "letters.pdf"
    service.will("GET", "/notice-batches/b1", (200, b"%PDF-1.7\r\n%%EOF"))
    async with door_to(service) as door:
        await export(door, "c1", "notices", out, Ask("b1"))
    assert out.read_bytes() == b"%PDF-1.7\r\n%%EOF"
    assert [one.headers["Accept"] for one in service.heard] == ["application/pdf"]


async def test_rejected_rows_are_those_of_the_newest_import(tmp_path: Path) -> None:
    service, out = Service(), tmp_path / "rejected.csv"
    for number in (1, 2):
        service.will("GET", f"/campaigns/c1/imports/{number}", (200, {"n": number}))
    service.will("GET", "/campaigns/c1/imports/2/rejected", (200, b"account,error\r\n"))
    async with door_to(service) as door:
        assert await export(door, "c1", "rejected", out, Ask()) == "the rejected rows of import 2"
    assert out.read_bytes() == b"account,error\r\n"


async def test_an_export_that_breaks_off_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    service, out = Service(), tmp_path / "contacts.csv"
    out.write_text("yesterday's")
    service.will("GET", "/campaigns/c1/contacts", Cut(HEAD.encode()))
    async with door_to(service) as door:
        with pytest.raises(Away, match="broke off"):
            await export(door, "c1", "contacts", out, Ask())
    assert out.read_text() == "yesterday's"
    assert names(tmp_path) == ["contacts.csv"]


async def test_an_export_that_is_refused_makes_no_file(tmp_path: Path) -> None:
    service = Service()
    service.will("GET", "/campaigns/c1/contacts", (403, problem("scope_missing", 403)))
    async with door_to(service) as door:
        with pytest.raises(Problem, match="scope_missing"):
            await export(door, "c1", "contacts", tmp_path / "contacts.csv", Ask())
    assert names(tmp_path) == []


async def test_the_language_and_the_rows_that_are_asked_for_go_with_every_page(tmp_path: Path) -> None:
    service, out = Service(), tmp_path / "contacts.csv"
    service.will("GET", "/campaigns/c1/contacts", (200, b"h\r\n1\r\n", {CURSOR: "p2"}), (200, b"h\r\n2\r\n"))
    async with door_to(service) as door:
        await export(door, "c1", "contacts", out, Ask(headers="zh", items=True))
    assert [dict(one.query) for one in service.of("GET", "/campaigns/c1/contacts")] == [
        {"headers": "zh", "rows": "items", "limit": "1000"},
        {"headers": "zh", "rows": "items", "limit": "1000", "cursor": "p2"},
    ]
    assert out.read_bytes() == b"h\r\n1\r\n2\r\n"
