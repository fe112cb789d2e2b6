"""Which switch has which source, and for which sources a key may speak."""

import time
from collections.abc import Callable, Mapping

from cti.ports import Registry
from cti.rows import SwitchRow
from cti.web.auth import Caller
from cti.web.limits import Limits
from cti.web.recent import Recent
from cti.web.refusal import Refusal

DEFAULT_SOURCE = "/switches/"
TENANTS_CACHED = 1000
SWITCH_ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"


class Bindings:
    """Caches a tenant's declarations for `Limits.key_cache_s`, so that an event costs no query."""

    def __init__(self, registry: Registry, limits: Limits, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._registry = registry
        self._declared: Recent[str, Mapping[str, SwitchRow]] = Recent(TENANTS_CACHED, limits.key_cache_s, monotonic)
        self._allowed: Recent[str, frozenset[str]] = Recent(limits.keys_cached, limits.key_cache_s, monotonic)

    async def sources(self, caller: Caller) -> frozenset[str] | None:
        """The sources a caller may speak for and read; None: every one of the tenant."""
        if caller.switches is None:
            return None
        allowed = self._allowed.get(caller.key_id)
        if allowed is None:
            declared = await self.declared(caller.tenant)
            found = [source_of(declared, switch) for switch in caller.switches]
            allowed = frozenset(source for source in found if source is not None)
            self._allowed.put(caller.key_id, allowed)
        return allowed

    async def declared(self, tenant: str) -> Mapping[str, SwitchRow]:
        """The tenant's declared switches by id."""
        known = self._declared.get(tenant)
        if known is None:
            known = {row.switch: row for row in await self._registry.tenant_switches(tenant)}
            self._declared.put(tenant, known)
        return known

    async def declared_source(self, caller: Caller, switch: str) -> str:
        """The source of a declared switch the caller is bound to. Raises Refusal `switch_not_allowed`,
        `switch_undeclared`.
        """
        if not caller.may_switch(switch):
            raise Refusal("switch_not_allowed", f"The key is not bound to the switch {switch}")
        row = (await self.declared(caller.tenant)).get(switch)
        if row is None:  # it may have declared itself just now, at another process
            row = await self._registry.switch(caller.tenant, switch)
        if row is None:
            raise Refusal("switch_undeclared", f"The switch {switch} has not declared itself")
        return row.source

    async def may_speak_for(self, caller: Caller, source: str) -> bool:
        """Whether this source is that of a switch the caller is bound to."""
        allowed = await self.sources(caller)
        return allowed is None or source in allowed

    def forget(self, caller: Caller) -> None:
        """Drop the cached declarations of the tenant after a change; other processes notice it within
        `key_cache_s`.
        """
        self._declared.drop(caller.tenant)
        self._allowed.clear()


def source_of(declared: Mapping[str, SwitchRow], switch: str) -> str | None:
    """The declared source of a switch, else the one it has by default; None where another switch has declared that."""
    row = declared.get(switch)
    if row is not None:
        return row.source
    source = DEFAULT_SOURCE + switch
    return None if any(other.source == source for other in declared.values()) else source
