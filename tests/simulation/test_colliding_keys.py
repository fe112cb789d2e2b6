"""A call's identity is the tuple (tenant, source, subject), never the text of its record key."""

from hashlib import blake2b
from pathlib import Path

import pytest

from cti.core.identity import identity_hash, key_of, stored_hash
from tests.scheduler import TENANT, Scene, event, scene

SOURCES = (("pbx", "1:9"), ("pbx:1", "9"))
STORES = pytest.mark.parametrize("store", ["memory:", "sqlite:///{}/ringback.db"])


def said(source: str, subject: str, kind: str, at_s: float, **data: object) -> dict[str, object]:
    return event("s1", subject, kind, at_s, data, source=source, id=f"{source}-{kind}-{at_s}")


async def live(it: Scene) -> set[tuple[str, str, str]]:
    _, answer = await it.call("GET", "/v1/calls")
    return {(one["source"], one["subject"], one["state"]) for one in answer["calls"]}


def test_the_keys_collide_and_the_identities_do_not() -> None:
    one, other = (("t", *names) for names in SOURCES)
    assert key_of(*one) == key_of(*other)
    assert stored_hash(*one) == stored_hash(*other)
    assert identity_hash(*one) != identity_hash(*other)
    assert identity_hash("t", "/switches/a", "1:2") == stored_hash("t", "/switches/a", "1:2")


def test_no_two_calls_have_one_identity() -> None:
    """A tenant "2" that has chosen its names well must not reach the calls of the tenant "ab"."""
    assert identity_hash("2", "ab3", "p:q1:s") != identity_hash("ab", "p:q", "s")
    parts = ["a", "a:", ":a", "a:a", "1", "1:a", "1:1", ":", "a2", "a3", "a1:1"]
    calls = [(tenant, source, subject) for tenant in ("a", "1", "2", "aa") for source in parts for subject in parts]
    assert len({identity_hash(*one) for one in calls}) == len(calls)


@STORES
@pytest.mark.parametrize("names", SOURCES)
async def test_each_release_finds_the_rows_of_the_other(store: str, tmp_path: Path, names: tuple[str, str]) -> None:
    """The release before looks for a call under the hash of its record key, and writes it there."""
    digest = blake2b(":".join((TENANT, *names)).encode(), digest_size=8).digest()
    async with scene(store.format(tmp_path)) as it:
        await it.post(said(*names, "offered", 0, connection="c", calling="+8601", direction="inbound"))
        await it.post(said(*names, "callCleared", 5))
        (past,) = await it.store.ledger.past_calls([int.from_bytes(digest, signed=True)])
        assert (past.row.source, past.row.subject) == names


@STORES
async def test_two_calls_with_one_record_key_are_two_calls(store: str, tmp_path: Path) -> None:
    async with scene(store.format(tmp_path)) as it:
        for source, subject in SOURCES:
            await it.post(said(source, subject, "offered", 0, connection="c", calling="+8601", direction="inbound"))
        assert await live(it) == {(*names, "live") for names in SOURCES}
        await it.post(said("pbx:1", "9", "callCleared", 5))
        assert await live(it) == {("pbx", "1:9", "live"), ("pbx:1", "9", "ended")}


@STORES
async def test_each_is_found_again_after_a_restart_and_when_it_is_late(store: str, tmp_path: Path) -> None:
    async with scene(store.format(tmp_path)) as it:
        for source, subject in SOURCES:
            await it.post(said(source, subject, "offered", 0, connection="c", calling="+8601", direction="inbound"))
        await it.restart()
        await it.post(said("pbx", "1:9", "callCleared", 5))
        await it.to(30)  # long enough to leave memory
        await it.post(said("pbx", "1:9", "surveyScored", 6, score=5))
        await it.post(said("pbx:1", "9", "callCleared", 31))
        records = {one["source"]: one for one in await it.records()}
        assert {source: record["survey"] for source, record in records.items()} == {"pbx": 5, "pbx:1": None}
        assert len(records) == 2
