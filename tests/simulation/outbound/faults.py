"""Faults at the ports of dialling: between a gateway and the ledger, between the ledger and an engine's round.

One that is armed happens at the next call, and then no more.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from cti.dial.rows import DialClaim
from cti.errors import LedgerAway, OutcomeUnknown
from tests.simulation.outbound.site import Site

SILENT_STREAM_MS = 15_000  # only after so long without a sign an older subscription may resume


class Held:
    """A claim that was made and has not come back yet."""

    def __init__(self) -> None:
        self.go = asyncio.Event()


class Ports:
    """The ports of one history, and what passed through them."""

    def __init__(self, site: Site, counted: Counter[str]) -> None:
        self._site, self._counted = site, counted
        self.claim_fate: str | None = None  # away | unknown | held
        self.result_fate: str | None = None  # away | unknown
        self.round_fate: str | None = None  # away | unknown | unwritten
        self.held: Held | None = None
        self.parked = asyncio.Event()
        self.newest = 0  # the newest subscription's epoch
        self.alive_until_ms = 0.0
        self.older_sent: list[str] = []  # what an older subscription took
        dial, ledger = site.dial, site.it.store.ledger
        self._claim, self._subscribe, self._resume = dial.claim, dial.subscribe, dial.resume
        self._prolong, self._leave, self._set_result = dial.prolong, dial.leave, dial.set_result
        self._commit = ledger.commit
        over: dict[str, Callable[..., Any]] = {
            "claim": self.claim, "subscribe": self.subscribe, "resume": self.resume, "prolong": self.prolong,
            "leave": self.leave, "set_result": self.set_result,
        }  # fmt: skip
        dial.__dict__.update(over)
        ledger.__dict__["commit"] = self.commit

    def close(self) -> None:
        for name in ("claim", "subscribe", "resume", "prolong", "leave", "set_result"):
            self._site.dial.__dict__.pop(name, None)
        self._site.it.store.ledger.__dict__.pop("commit", None)

    # -- subscriptions -------------------------------------------------------------------------------------------------

    async def subscribe(self, tenant: str, switch: str) -> int:
        epoch = await self._subscribe(tenant, switch)
        self._is_newest(epoch)
        return epoch

    async def resume(self, tenant: str, switch: str) -> int | None:
        epoch = await self._resume(tenant, switch)
        if epoch is not None:
            if self._site.now_ms < self.alive_until_ms:
                self.older_sent.append(f"resumed beside epoch {self.newest}")
            self._is_newest(epoch)
        return epoch

    async def prolong(self, tenant: str, switch: str, epoch: int) -> bool:
        lives = await self._prolong(tenant, switch, epoch)
        if lives:
            self.alive_until_ms = self._site.now_ms + SILENT_STREAM_MS
        return lives

    async def leave(self, tenant: str, switch: str, epoch: int) -> None:
        await self._leave(tenant, switch, epoch)
        if epoch == self.newest:
            self.alive_until_ms = 0.0

    def _is_newest(self, epoch: int) -> None:
        self.newest, self.alive_until_ms = epoch, self._site.now_ms + SILENT_STREAM_MS

    # -- claims and results --------------------------------------------------------------------------------------------

    async def claim(self, tenant: str, switch: str, epoch: int, ability: Any, most: int) -> DialClaim:
        fate, self.claim_fate = self.claim_fate, None
        newest = self.newest
        if fate == "away":
            self._counted["claim_without_ledger"] += 1
            raise LedgerAway("before the claim")
        claim = await self._claim(tenant, switch, epoch, ability, most)
        if claim.refused:
            self._counted["claim_refused"] += 1
        if claim.orders and epoch != newest:
            self.older_sent += [order.id for order in claim.orders]
        if fate == "unknown":
            self._counted["claim_unknown"] += 1
            raise OutcomeUnknown("after the claim")
        if fate == "held" and claim.orders:
            self._counted["claim_held"] += 1
            self.held = held = Held()
            self.parked.set()
            await held.go.wait()
        return claim

    async def set_result(self, result: Any) -> Any:
        fate, self.result_fate = self.result_fate, None
        if fate == "away":
            self._counted["result_without_ledger"] += 1
            raise LedgerAway("before the result")
        kept = await self._set_result(result)
        if fate == "unknown":
            self._counted["result_unknown"] += 1
            raise OutcomeUnknown("after the result")
        return kept

    async def commit(self, round_: Any) -> None:
        fate, self.round_fate = self.round_fate, None
        if fate is None:
            return await self._commit(round_)
        self._counted[f"round_{fate}"] += 1
        if fate == "away":
            raise LedgerAway("before the round")
        if fate == "unwritten":
            raise OutcomeUnknown("before the round")
        await self._commit(round_)
        raise OutcomeUnknown("after the round")
