"""Results of dial orders: straight into the order's row, with the answers that results of commands get."""

from pathlib import Path
from typing import Any

import pytest

from cti.adapters.store import Store
from cti.dial.rows import Ability, Kept, OrderResult
from cti.errors import LedgerAway
from tests.integration.dialling_site import SWITCH, DialSite, dialling_at
from tests.integration.gateway_site import NOW_MS, TENANT
from tests.integration.test_gateway_commands import STREAM
from tests.integration.test_gateway_results import result

DONE, ACCEPTED, BUSY = {"state": "done"}, {"state": "accepted"}, {"state": "refused", "reason": "busy"}


async def by_poll(it: DialSite, key: dict[str, str], *names: str, **changed: Any) -> None:
    """Orders that this gateway has sent."""
    await it.site.ask("GET", STREAM, key)
    await it.put(*names, **changed)
    sent = (await it.site.ask("GET", STREAM, key)).json()["commands"]
    assert [each["id"] for each in sent] == list(names)


async def elsewhere(it: DialSite, *names: str) -> None:
    """Orders that another gateway has sent."""
    epoch = await it.orders.subscribe(TENANT, SWITCH)
    await it.put(*names)
    claimed = await it.orders.claim(TENANT, SWITCH, epoch, Ability("/switches/pbx-1", {"main": 1000}), 100)
    assert [order.id for order in claimed.orders] == list(names)


async def test_a_result_is_kept_with_its_order_and_nowhere_else(tmp_path: Path) -> None:
    async with dialling_at(tmp_path) as it:
        key = await it.site.key(switches=SWITCH)
        await by_poll(it, key, "a")
        it.site.clock.move_to(NOW_MS + 700)
        answers = [await result(it.site, key, "a", body) for body in (ACCEPTED, ACCEPTED, DONE, DONE, ACCEPTED)]
        assert [answer.status for answer in answers] == [202] * 5
        assert answers[0].json().keys() == {"position"}
        state = await it.orders.order(TENANT, "a")
        assert state is not None
        assert (state.result, state.reason, state.result_at_ms) == ("done", None, NOW_MS + 700)
        assert await it.site.kept() == [], "no event, so no call"
        counted = it.site.telemetry.registry.get_sample_value
        labels = {"command": "makeCall"}
        assert [counted("ringback_dial_results_total", labels | {"result": each}) for each in ("accepted", "done")] == [
            1, 1,
        ]  # fmt: skip


@pytest.mark.parametrize("sent_by", [by_poll, None])
async def test_another_final_result_is_a_contradiction(tmp_path: Path, sent_by: Any) -> None:
    async with dialling_at(tmp_path) as it:
        key = await it.site.key()
        if sent_by is None:
            await elsewhere(it, "a", "b")
        else:
            await sent_by(it, key, "a", "b")
        assert (await result(it.site, key, "a", BUSY)).status == 202
        assert (await result(it.site, key, "a", BUSY)).status == 202
        for other in (DONE, {"state": "refused", "reason": "error"}):
            answer = await result(it.site, key, "a", other)
            assert (answer.status, answer.code) == (409, "already_answered")
        assert (await result(it.site, key, "b", DONE)).status == 202


async def test_what_a_snapshot_call_found_is_kept(tmp_path: Path) -> None:
    async with dialling_at(tmp_path) as it:
        key = await it.site.key()
        await by_poll(it, key, "ask", command="snapshotCall", about="a")
        found = {"answer": "ended", "cause": "busy", "q850": 17, "tone": "busy", "ended_at": "2026-03-02T01:00:10.250Z"}
        assert (await result(it.site, key, "ask", DONE | found)).status == 202
        state = await it.orders.order(TENANT, "ask")
        assert state is not None
        assert (state.answer, state.cause, state.q850, state.tone) == ("ended", "busy", 17, "busy")
        assert state.ended_at_ms == NOW_MS - 1750
        again = await result(it.site, key, "ask", DONE | found | {"q850": 16})
        assert (again.status, again.code) == (409, "already_answered")


async def test_what_was_never_sent_takes_no_result(tmp_path: Path) -> None:
    async with dialling_at(tmp_path) as it:
        key = await it.site.key()
        epoch = await it.orders.subscribe(TENANT, SWITCH)
        await it.put("open", "withdrawn")
        assert await it.withdraw("withdrawn") == {"withdrawn"}
        for name in ("open", "withdrawn"):
            answer = await result(it.site, key, name, DONE)
            assert (answer.status, answer.code) == (409, "not_sent")
        claimed = await it.orders.claim(TENANT, SWITCH, epoch, Ability("/switches/pbx-1", {"main": 9}), 9)
        assert [order.id for order in claimed.orders] == ["open"], "a wrong result changes nothing"


@pytest.mark.parametrize("sent_by", [by_poll, None])
async def test_the_order_of_another_tenant_or_switch_does_not_exist(tmp_path: Path, sent_by: Any) -> None:
    async with dialling_at(tmp_path) as it:
        key = await it.site.key()
        if sent_by is None:
            await elsewhere(it, "a")
        else:
            await sent_by(it, key, "a")
        for other in (await it.site.key(tenant="stranger"), await it.site.key(switches="pbx-2")):
            answer = await result(it.site, other, "a", DONE)
            assert (answer.status, answer.code) == (404, "not_found")
        assert (await result(it.site, key, "nothing", DONE)).code == "not_found"
        state = await it.orders.order(TENANT, "a")
        assert state is not None
        assert state.result is None


async def test_a_result_that_could_not_be_kept_may_be_given_again(tmp_path: Path) -> None:
    class Away:
        """Orders that cannot be written once."""

        def __init__(self, store: Store) -> None:
            self._orders = store.dial
            self.faults = [LedgerAway("tried")]

        def __getattr__(self, name: str) -> Any:
            return getattr(self._orders, name)

        async def set_result(self, given: OrderResult) -> Kept:
            if self.faults:
                raise self.faults.pop()
            assert self._orders is not None
            return await self._orders.set_result(given)

    async with dialling_at(tmp_path, dial_orders=Away) as it:
        key = await it.site.key()
        await by_poll(it, key, "a")
        answer = await result(it.site, key, "a", DONE)
        assert (answer.status, answer.code, "Retry-After" in answer.headers) == (503, "ledger_away", True)
        assert (await result(it.site, key, "a", DONE)).status == 202


async def test_a_broken_result_is_refused_before_anything_is_looked_for(tmp_path: Path) -> None:
    async with dialling_at(tmp_path) as it:
        key = await it.site.key()
        await by_poll(it, key, "a")
        for body in ({"state": "refused"}, DONE | {"q850": 128}, DONE | {"answer": "maybe"}):
            answer = await result(it.site, key, "a", body)
            assert (answer.status, answer.code) == (422, "invalid_body")
