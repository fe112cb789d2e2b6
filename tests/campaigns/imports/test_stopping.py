"""An importer that stops at any commit: the next one goes on, and what comes of it is the same."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from campaigns.imports.importer import Importer
from cti.errors import Fenced, OutcomeUnknown
from cti.sql.writer import SqlWriter
from tests.campaigns.imports.site import ARREARS, Site, csv_of

SOME_ROWS = [
    *({**ARREARS, "account": f"A{n % 17}", "number": f"138{n % 23:08}", "name": ""} for n in range(40)),
    {**ARREARS, "account": "A3", "arrears": "1.00", "total_due": "1.03", "name": ""},
    {**ARREARS, "account": "B1", "number": "95598"},
    ARREARS,
]

EACH_ONCE = [
    *({**ARREARS, "account": f"A{n}", "number": f"138{n:08}"} for n in range(32)),
    {**ARREARS, "account": "B1", "number": "95598"},
]


class Killed(Exception):
    """The process ends here."""


class Stops:
    """Lets `left` transactions through; the next is not done, or done and not answered."""

    def __init__(self, run: Callable[..., Any], left: int, *, done: bool) -> None:
        self._run, self.left, self._done = run, left, done
        self.stopped = False

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.stopped:
            raise Killed
        self.left -= 1
        if self.left >= 0:
            return await self._run(*args, **kwargs)
        self.stopped = True
        if self._done:
            await self._run(*args, **kwargs)
            raise OutcomeUnknown("the connection broke")
        raise Killed


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many commits for few rows."""
    monkeypatch.setattr("campaigns.imports.job.BATCH_ROWS", 12)
    monkeypatch.setattr("campaigns.imports.job.PIECE_ROWS", 4)
    monkeypatch.setattr("campaigns.imports.job.ROWS_MAX", 4)
    monkeypatch.setattr("campaigns.imports.receiving.CHUNK_BYTES", 350)
    monkeypatch.setattr("campaigns.ledger.imports.ROWS_DROPPED", 10)
    monkeypatch.setattr("campaigns.ledger.imports.CHUNKS_DROPPED", 2)


async def stopped_at(site: Site, campaign_name: str, content: bytes, left: int, *, done: bool) -> tuple[Any, bool]:
    """What comes of an import whose first importer stops at a commit; whether it did."""
    campaign = await site.campaign("arrears", campaign_name)
    row = await site.receive(campaign, content)
    stops = Stops(site.context.writer.run, left, done=done)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(SqlWriter, "run", lambda _writer, *args, **kwargs: stops(*args, **kwargs))
        with contextlib.suppress(Killed):
            await site.importer.step()
    if stops.stopped:
        seen = await site.read(row)
        assert seen.received == seen.accepted + seen.rejected + seen.merged
        assert seen.state == "running" or done
        await site.importer.stop()  # its lease has run out
        site.importer = Importer(site.context, site.host)
        await site.importer.start()
    await site.work()
    assert await site.left() == {"campaign_import_chunks": 0, "campaign_import_rows": 0}
    ended = await site.read(row)
    contacts = [contact for contact in await site.contacts() if contact.campaign == campaign.id]
    told = [(one.no, one.account, one.phones, one.items, one.state, one.version) for one in contacts]
    return (ended[7:14], told, await site.errors(ended)), stops.stopped


@pytest.mark.parametrize("done", [False, True])
async def test_an_import_that_stops_at_any_commit_comes_to_the_same(lite: Site, done: bool) -> None:
    content = csv_of(SOME_ROWS)
    whole, stopped = await stopped_at(lite, "cwhole", content, 10_000, done=done)
    assert not stopped
    state, _, received, accepted, rejected, merged, contacts = whole[0]
    assert (state, received) == ("done", 43)
    assert min(accepted, rejected, merged) > 0
    assert contacts == len(whole[1])
    left = 0
    while stopped or left == 0:
        again, stopped = await stopped_at(lite, f"c{left:04}x", content, left, done=done)
        assert again == whole, left
        left += 1
    assert left > 15


@pytest.mark.parametrize("done", [False, True])
async def test_accounts_that_have_one_row_each_are_applied_once(site: Site, done: bool) -> None:
    content = csv_of(EACH_ONCE)
    whole, _ = await stopped_at(site, "cwhole", content, 10_000, done=done)
    assert whole[0][:7] == ("done", None, 33, 32, 1, 0, 32)
    assert [no for no, *_ in whole[1]] == list(range(1, 33))
    left, stopped = 0, True
    while stopped:
        again, stopped = await stopped_at(site, f"c{left:04}x", content, left, done=done)
        assert again == whole, left
        left += 1
    assert left > 10


@pytest.mark.parametrize("done", [False, True])
async def test_on_postgresql_too(url: str, site: Site, done: bool) -> None:
    """Some of the commits, on both databases."""
    content = csv_of(SOME_ROWS)
    whole, _ = await stopped_at(site, "cwhole", content, 10_000, done=done)
    for left in (1, 4, 7, 10, 13):
        again, stopped = await stopped_at(site, f"c{left:04}x", content, left, done=done)
        assert stopped
        assert again == whole


async def test_a_file_that_fails_fails_the_same_way_after_a_stop(lite: Site) -> None:
    content = csv_of([{**ARREARS, "户号": "1"}])
    whole, _ = await stopped_at(lite, "cwhole", content, 10_000, done=False)
    assert whole[0][:2] == ("failed", "two columns are account: account and 户号")
    left, stopped = 0, True
    while stopped:
        again, stopped = await stopped_at(lite, f"c{left:04}x", content, left, done=False)
        assert again == whole
        left += 1
    assert left > 3


async def test_who_has_lost_the_lease_writes_nothing(site: Site) -> None:
    await site.work()  # it has the lease
    campaign = await site.campaign("arrears")
    row = await site.receive(campaign, csv_of(SOME_ROWS))
    await site.host.leases("campaign_imports").claim("another process", ("imports",))
    before = await site.everything()
    with contextlib.suppress(Fenced):  # where there is one process alone, it ends
        await site.importer.step()
    assert await site.everything() == before
    assert (await site.read(row)).state == "running"
