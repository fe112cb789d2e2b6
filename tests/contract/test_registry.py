"""Keys and switches in every ledger."""

from cti.adapters.store import Store
from cti.rows import KeyRow, SwitchRow
from tests.contract.rows import START_MS


def key(key_id: str, created_at_ms: int = START_MS) -> KeyRow:
    return KeyRow(key_id, "digest", "grid", "events:write calls:read", "*", "振铃", created_at_ms, None)


async def test_a_key_is_kept_until_it_is_revoked_and_then_too(store: Store) -> None:
    await store.ledger.add_key(key("b", START_MS + 1))
    await store.ledger.add_key(key("c"))
    await store.ledger.add_key(key("a"))
    assert await store.ledger.key("b") == key("b", START_MS + 1)
    assert await store.ledger.key("d") is None
    assert [row.id for row in await store.ledger.keys()] == ["a", "c", "b"]
    assert await store.ledger.revoke_key("a", START_MS + 5)
    assert not await store.ledger.revoke_key("a", START_MS + 6)
    assert not await store.ledger.revoke_key("d", START_MS + 6)
    revoked = await store.ledger.key("a")
    assert revoked == key("a")._replace(revoked_at_ms=START_MS + 5)


async def test_a_switchs_last_declaration_stands(store: Store) -> None:
    first, other = SwitchRow("grid", "one", "/switches/one", "{}"), SwitchRow("other", "one", "/switches/x", "{}")
    second = SwitchRow("grid", "one", "/switches/1", '{"commands":["deflectCall"]}')
    another = SwitchRow("grid", "an earlier one", "/switches/0", "{}")
    for row in (first, other, second, another):
        await store.ledger.put_switch(row)
    assert await store.ledger.switch("grid", "one") == second
    assert await store.ledger.switch("grid", "two") is None
    assert await store.ledger.tenant_switches("grid") == [another, second]
    assert await store.ledger.switches() == [another, second, other]
