"""`ringback keys`: made, listed, revoked, over a real ledger; and the door knows them."""

import argparse
import asyncio
import json
from pathlib import Path

import pytest

from cti.cli.keys import add_arguments, run
from tests.integration.gateway_site import event, site_at


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ringback.db'}"


def keys(url: str, *words: str) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args([*words, "--db", url]))


def test_a_key_is_shown_once_and_only_its_hash_is_kept(
    url: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = (
        "create",
        "--tenant",
        "nanchang",
        "--scopes",
        "events:write,calls:read",
        "--switches",
        "a,b",
        "--label",
        "备用",
    )
    assert keys(url, *words, "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["tenant"], made["scopes"], made["switches"], made["label"]) == (
        "nanchang", ["events:write", "calls:read"], ["a", "b"], "备用",
    )  # fmt: skip
    assert made["key"].startswith(f"rbk_{made['id']}_")
    assert keys(url, "list", "--json") == 0
    [listed] = json.loads(capsys.readouterr().out)
    assert listed == {name: value for name, value in made.items() if name != "key"}
    secret = made["key"].split("_", 2)[2].encode()  # the secret itself may hold an underscore
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert made["id"].encode() in stored
    assert secret not in stored


def test_a_revoked_key_is_listed_as_such_and_revoked_once(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert keys(url, "create", "--tenant", "t", "--scopes", "admin") == 0
    key = capsys.readouterr().out.splitlines()[0]
    assert keys(url, "revoke", key) == 0
    assert keys(url, "revoke", key) == 1
    assert keys(url, "revoke", "nothing") == 1
    capsys.readouterr()
    keys(url, "list", "--json")
    [listed] = json.loads(capsys.readouterr().out)
    assert listed["revoked_at"] is not None
    keys(url, "list")
    assert "revoked" in capsys.readouterr().out


@pytest.mark.parametrize("end", ["90d", "2999-01-31T00:00:00Z"])
def test_a_key_may_be_made_for_a_time(url: str, end: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert keys(url, "create", "--tenant", "t", "--scopes", "calls:read", "--expires", end, "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert made["expires_at"] == "2999-01-31T00:00:00.000Z" if end != "90d" else made["expires_at"] > made["created_at"]
    keys(url, "list")
    assert f"expires {made['expires_at']}" in capsys.readouterr().out
    assert keys(url, "create", "--tenant", "t", "--scopes", "calls:read", "--expires", "1999-01-01T00:00:00Z") == 1
    assert "over already" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ("--tenant", "A B", "--scopes", "admin"),
        ("--tenant", "t", "--scopes", "admin,all"),
        ("--tenant", "t", "--scopes", ""),
        ("--tenant", "t", "--scopes", "admin", "--switches", "a b"),
        ("--tenant", "t", "--scopes", "admin", "--switches", ""),
        ("--tenant", "t", "--scopes", "admin", "--label", "a\nb"),
        ("--scopes", "admin"),
        ("--tenant", "t", "--scopes", "admin", "--expires", "soon"),
        ("--tenant", "t", "--scopes", "admin", "--expires", "0d"),
    ],
)
def test_a_mistake_makes_no_key(url: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        keys(url, "create", *words)
    capsys.readouterr()
    keys(url, "list", "--json")
    assert json.loads(capsys.readouterr().out) == []


def test_a_ledger_that_cannot_be_used_is_said_to_be(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert keys(f"sqlite:///{tmp_path}/nowhere/at/all/ringback.db", "list") == 1
    assert "ringback keys:" in capsys.readouterr().err


async def test_the_door_knows_a_key_that_the_command_made(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    async with site_at(url) as site:
        words = ("create", "--tenant", "t", "--scopes", "events:write", "--switches", "pbx-1", "--json")
        assert await asyncio.to_thread(keys, url, *words) == 0
        key = {"Authorization": "Bearer " + json.loads(capsys.readouterr().out)["key"]}
        assert (await site.post(key, event(1))).status == 202
        assert (await site.post(key, event(2, source="/switches/pbx-2"))).status == 403
        [entry] = await site.kept()
        assert entry.tenant == "t"
