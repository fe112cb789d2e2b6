"""Agents and sources: the latest row of each."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, select

from cti.adapters.ledger.tables import agents, source_kinds
from cti.rows import AgentRow, SourceRow
from cti.sql.bulk import insertion

_AGENT = ("partition", "state", "since_ms", "device", "reason")
_upsert_agents = insertion(
    agents,
    tail=" ".join(
        ("ON CONFLICT (tenant, source, agent) DO UPDATE SET", ", ".join(f"{name} = excluded.{name}" for name in _AGENT))
    ),
)
_upsert_sources = insertion(
    source_kinds,
    tail="ON CONFLICT (tenant, source, partition) DO UPDATE SET kinds = excluded.kinds",
)


def put_agents(connection: Connection, rows: Sequence[AgentRow]) -> None:
    """Keep the last row of each agent: a statement may not touch a row twice."""
    _upsert_agents(connection, list({(row.tenant, row.source, row.agent): row for row in rows}.values()))


def put_sources(connection: Connection, rows: Sequence[SourceRow]) -> None:
    _upsert_sources(connection, list({row[:3]: row for row in rows}.values()))


def list_agents(connection: Connection) -> list[AgentRow]:
    """Agents of all tenants."""
    query = select(agents).order_by(agents.c.tenant, agents.c.source, agents.c.agent)
    return [AgentRow._make(row) for row in connection.execute(query)]


def list_sources(connection: Connection, tenant: str | None = None) -> list[SourceRow]:
    """Sources of one tenant, or of all."""
    query = select(source_kinds).order_by(*source_kinds.primary_key)
    if tenant is not None:
        query = query.where(source_kinds.c.tenant == tenant)
    return joined(SourceRow._make(row) for row in connection.execute(query))


def joined(rows: Iterable[SourceRow]) -> list[SourceRow]:
    """One row a source, with the kinds it has sent to any partition."""
    found: dict[tuple[str, str], SourceRow] = {}
    for row in rows:
        known = found.setdefault(row[:2], row)
        kinds = {*known.kinds.split(), *row.kinds.split()}
        found[row[:2]] = known._replace(kinds=" ".join(sorted(kinds)))
    return list(found.values())
