"""Answers that Ringback does not give: of a proxy, of another service. They are said to be that; nothing is done."""

import argparse
import asyncio
import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from campaigns.client.actions import act, act_on_all, freeze, start, thaw
from campaigns.client.command import add_arguments, run
from campaigns.client.door import Door, Problem
from campaigns.client.exporting import Ask, export
from campaigns.client.options import most
from campaigns.client.submission import REFUSED, Wish, submit
from campaigns.client.terminal import Terminal
from campaigns.client.watching import until_over
from tests.campaigns.client.scripted_service import Service, door_to

ASKED = ("/campaigns", "/campaigns/c1", "/campaigns/c1/pause", "/campaigns/c1/start", "/outbound/freeze",
         "/outbound/thaw", "/notice-batches", "/campaigns/c1/contacts", "/campaigns/c1/imports/1")  # fmt: skip
STRANGE: dict[str, Any] = {
    "page": b"<html>log in</html>",
    "nothing": b"",
    "null": b"null",
    "list": b"[]",
    "number": b"5",
    "deep": b"[" * 100_000,
    "half surrogate": b'{"id": "\\ud800"}',
    "no member": b"{}",
    "other members": b'{"id": 1, "state": [], "progress": [], "campaigns": 5, "frozen": "yes", "contacts": null}',
    "a list of other things": b'{"campaigns": [1], "id": "c1", "state": "draft", "progress": {}}',
}
Doing = Callable[[Door, Terminal], Awaitable[Any]]
DOINGS: dict[str, Doing] = {
    "pause": lambda door, terminal: act(door, "pause", "c1", {}, terminal),
    "pause all": lambda door, terminal: act_on_all(door, "pause", {}, terminal),
    "start": lambda door, terminal: start(door, "c1", True, terminal),
    "freeze": lambda door, terminal: freeze(door, "wrong file", terminal),
    "thaw": thaw,
}
STATED = frozenset({"pause"})  # answered with a state alone, it is a pause


def strange(body: bytes) -> Service:
    service = Service()
    for path in ASKED:
        for method in ("GET", "POST"):
            service.will(method, path, (200, body, {"Content-Type": "text/html"}))
    return service


@pytest.mark.parametrize("body", STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize("name", DOINGS)
async def test_nothing_counts_as_done(name: str, body: bytes) -> None:
    out = io.StringIO()
    async with door_to(strange(body)) as door:
        if name in STATED and b'"state": "draft"' in body:
            return
        with pytest.raises(Problem, match="no_json|no_answer"):
            await DOINGS[name](door, Terminal(out, None))
    assert "frozen" not in out.getvalue()


@pytest.mark.parametrize("body", STRANGE.values(), ids=STRANGE)
async def test_a_submission_ends_with_what_was_answered(tmp_path: Path, body: bytes) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b"account\n")
    async with door_to(strange(body)) as door:
        code, found = await submit(door, Wish(file, {}, most("5%"), True, False), Terminal(io.StringIO(), None))
    assert (code, found["started"]) == (REFUSED, False)


async def test_watching_ends_where_there_is_nothing_to_watch() -> None:
    async with door_to(strange(b"{}")) as door:
        with pytest.raises(Problem, match="no_answer"):
            await until_over(door, "c1", Terminal(io.StringIO(), None))


@pytest.mark.parametrize("what", ["contacts", "notices", "rejected"])
def test_a_page_of_a_proxy_becomes_no_file(tmp_path: Path, what: str) -> None:
    async def exported() -> None:
        async with door_to(strange(b"<html>log in</html>")) as door:
            await export(door, "c1", what, tmp_path / "out.csv", Ask())

    with pytest.raises(Problem, match="no_json|no_answer"):
        asyncio.run(exported())
    assert list(tmp_path.iterdir()) == []


async def test_a_refusal_does_not_steer_the_terminal() -> None:
    service = Service()
    service.will(
        "GET", "/campaigns/c1", (404, {"code": "\x1b[2J", "detail": "\x1b]0;x\x07", "errors": [{"rule": "\x9b"}]})
    )
    async with door_to(service) as door:
        with pytest.raises(Problem) as caught:
            await door.get("/campaigns/c1")
    assert all(line.isprintable() for line in str(caught.value).split("\n"))


def test_an_argument_that_is_not_utf_8_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert run(parser.parse_args(["freeze", "--reason", "\udcff", "--key", "k"])) == 2
    assert "not UTF-8" in capsys.readouterr().err
