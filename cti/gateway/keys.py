"""Making an API key: the one moment at which the whole key exists."""

from cti.ports import Registry
from cti.rows import KeyRow
from cti.web.auth import digest_of, new_key


async def make_key(
    registry: Registry,
    tenant: str,
    scopes: str,
    switches: str,
    label: str,
    now_ms: int,
    expires_at_ms: int | None = None,
) -> tuple[KeyRow, str]:
    """A new key in the registry: its row, and the whole key, which is nowhere else. Lists are space-separated."""
    key_id, key = new_key()
    row = KeyRow(key_id, digest_of(key), tenant, scopes, switches, label, now_ms, None, expires_at_ms)
    await registry.add_key(row)
    return row, key
