"""What a process lends to its parts of the ledger's reads: questions with plain answers."""

import asyncio

from pydantic_core import from_json

from cti.descriptions import called_party
from cti.hosting import CalledLeg, Declared, DeclaredSwitch, FindLeg, Tenants
from cti.ports import Reads, Registry


def declared_in(registry: Registry) -> Declared:
    """The declarations of switches, for parts."""

    async def declared(tenant: str, switch: str) -> DeclaredSwitch | None:
        row = await registry.switch(tenant, switch)
        return None if row is None else DeclaredSwitch(switch, row.source, from_json(row.declaration))

    return declared


def declared_by_source(registry: Registry) -> Declared:
    """The declaration of the switch that has a source, for parts."""

    async def declared(tenant: str, source: str) -> DeclaredSwitch | None:
        rows = [row for row in await registry.tenant_switches(tenant) if row.source == source]
        return DeclaredSwitch(rows[0].switch, source, from_json(rows[0].declaration)) if rows else None

    return declared


def legs_in(ledger: Reads) -> FindLeg:
    """The legs of called parties, for parts."""

    async def called_leg(tenant: str, call_id: str) -> CalledLeg | None:
        stored = await ledger.call(tenant, call_id)
        found = None if stored is None else await asyncio.to_thread(called_party, stored)
        return None if found is None else CalledLeg(*found)

    return called_leg


def tenants_in(registry: Registry) -> Tenants:
    """The tenants with API keys, for parts."""

    async def tenants() -> set[str]:
        return {row.tenant for row in await registry.keys()}

    return tenants
