"""The simulated switch takes an order from `ringback serve` by its stream, and the ledger has what became of it."""

import asyncio
import json
import sys
from pathlib import Path

import aiohttp
from pydantic_core import from_json

from cti.adapters.clock import SystemClock
from cti.adapters.store import open_store
from cti.switches.simulated.exchange import Site
from cti.switches.simulated.options import Options
from cti.switches.simulated.simulation import simulate
from cti.switches.simulated.trunks import CALLS, Outbound, TrunkGroup
from tests.faults.served import Served, made_key

MAKES_AN_ORDER = Path(__file__).parents[2] / "docs" / "dial-order.py"
TENANT, SWITCH, TO = "demo", "sim-1", "+8613800000001"
PATIENCE_S = 60.0
PARTITIONS = 4


async def order_made(db: str) -> str:
    """As soon as the switch listens: before that no order may be made."""
    command = [sys.executable, str(MAKES_AN_ORDER), "--tenant", TENANT, "--switch", SWITCH, "--to", TO]
    while True:
        process = await asyncio.create_subprocess_exec(
            *command, env={"RINGBACK_DB": db}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        said, failed = await process.communicate()
        if process.returncode == 0:
            return said.decode().strip()
        assert b"NoDialStream" in failed, failed


async def test_an_order_is_dialled_and_its_outcome_is_in_the_ledger(tmp_path: Path) -> None:
    db, log = f"sqlite:///{tmp_path / 'ringback.db'}", tmp_path / "switch.jsonl"
    served, stop = Served(db, tmp_path / "log"), asyncio.Event()
    outbound = Outbound(CALLS, {"main": TrunkGroup(5, 10)}, {TO: ["q850:17"]})
    site = Site(SWITCH, 0, 0.0, 1, "brisk", outbound=outbound)
    async with aiohttp.ClientSession() as session, asyncio.timeout(PATIENCE_S):
        await served.start(session)
        try:
            options = Options(served.url, await made_key(db, TENANT), site, log=log)
            switch = asyncio.create_task(simulate(options, SystemClock(), stop))
            order_id = await order_made(db)
            async with open_store(db, SystemClock(), PARTITIONS) as store:
                assert store.dial is not None
                while not (facts := await store.dial.read_facts(TENANT, SWITCH, "main")) or facts[0].record is None:
                    await asyncio.wait({switch}, timeout=0.1)
                    assert not switch.done()
                order = await store.dial.order(TENANT, order_id)
            stop.set()
            await switch
        finally:
            await served.kill()
    assert order is not None
    assert order.result == "done"
    assert [(fact.commandid, from_json(fact.record or "")["q850"]) for fact in facts] == [(order_id, 17)]
    entries = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    noted = [entry for entry in entries if entry["entry"] == "makeCall"]
    assert [(entry["id"], entry["number"]) for entry in noted] == [(order_id, TO)]
    assert 0 < noted[0]["valid_for_ms"] <= 10_000
