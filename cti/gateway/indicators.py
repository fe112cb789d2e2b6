"""GET /v1/indicators: the figures of a time, from records and interventions."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiohttp import web
from pydantic_core import from_json, to_json

from cti.gateway.context import Context
from cti.rows import SourceRow, Sources, SwitchRow, Totals, TotalsFilter
from cti.web.instants import optional_rfc3339, rfc3339
from cti.web.masking import masked_in
from cti.web.route import Asked

GROUPS = ("none", "queue", "agent", "half_hour")
NOTHING = Totals("", *(0,) * (len(Totals._fields) - 1))
Interventions = Sequence[tuple[str, str, str, str | None, int]]


async def get_indicators(context: Context, asked: Asked) -> web.Response:
    """Totals of the tenant, and of each group asked for. Raises Refusal."""
    query, tenant, standard = asked.query, asked.caller.tenant, context.standard
    from_ms, to_ms, by = query.get("from"), query.get("to"), query.get("by", "none")
    sources = only(await context.bindings.sources(asked.caller), query.get("source"))
    wanted = TotalsFilter(from_ms, to_ms, sources, query.get("direction"), query.get("queue"))
    as_of = await context.catching_up.as_of(query.get("min_position"))
    whole = await context.reads.totals(tenant, wanted, "none", standard.service_ms, standard.ring_ms)
    answer = dict(standard.figures(whole[0] if whole else NOTHING))
    answer |= {"as_of": as_of, "from": optional_rfc3339(from_ms), "to": optional_rfc3339(to_ms), "by": by}
    answer["rules"] = measured_rules(
        standard.needs,
        await context.reads.breach_counts(tenant, wanted),
        facts_known(
            [row for row in await context.reads.tenant_sources(tenant) if sources is None or row.source in sources],
            [row for row in await context.registry.tenant_switches(tenant) if sources is None or row.source in sources],
        ),
    )
    answer |= counted_interventions(await context.reads.intervention_counts(tenant, wanted))
    if by != "none":
        groups = await context.reads.totals(tenant, wanted, by, standard.service_ms, standard.ring_ms)
        answer["groups"] = [{"group": _group(by, each), **standard.figures(each)} for each in groups]
    shown = answer if asked.caller.sees_numbers else masked_in(answer)
    return web.Response(body=to_json(shown), content_type="application/json")


def only(readable: Sources, source: str | None) -> Sources:
    """The sources to sum: those that the key may read, or the one asked for if it may read that."""
    if source is None:
        return readable
    return frozenset({source}) if readable is None or source in readable else frozenset()


def _group(by: str, totals: Totals) -> str:
    return rfc3339(int(totals.group)) if by == "half_hour" and totals.group else totals.group


def facts_known(sources: Iterable[SourceRow], switches: Iterable[SwitchRow]) -> list[frozenset[str]]:
    """For each source of a tenant: the event kinds that it has sent or has declared."""
    facts = {row.source: set(row.kinds.split()) for row in sources}
    for row in switches:
        facts.setdefault(row.source, set()).update(from_json(row.declaration).get("facts") or ())
    return [frozenset(kinds) for kinds in facts.values()]


def measured_rules(
    needs: Mapping[str, Sequence[str]], breaches: Mapping[str, int], facts: Sequence[frozenset[str]]
) -> dict[str, Any]:
    """Per rule: measured with its breaches, or not measurable (never 0) with the facts that no source has."""
    rules: dict[str, Any] = {}
    for rule in sorted({*needs, *breaches}):
        missing = missing_facts(needs.get(rule, ()), facts)
        if missing:
            rules[rule] = {"state": "not_measurable", "breaches": None, "missing": missing}
        else:
            rules[rule] = {"state": "measured", "breaches": breaches.get(rule, 0), "missing": []}
    return rules


def missing_facts(needed: Sequence[str], facts: Sequence[frozenset[str]]) -> list[str]:
    """What the source that has most of the needed facts lacks; a rule is measured where one source has them all."""
    lacking = [sorted(set(needed) - known) for known in facts] or [sorted(needed)]
    return min(lacking, key=_size)


def _size(facts: list[str]) -> int:
    return len(facts)


def counted_interventions(counts: Interventions) -> dict[str, Any]:
    """Commands by rule, name and state; how many were carried out, and why others were refused."""
    by_rule: Counter[str] = Counter()
    by_command: Counter[str] = Counter()
    by_state: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for rule, command, state, reason, count in counts:
        by_rule[rule] += count
        by_command[command] += count
        by_state[state] += count
        if state == "refused":
            refused[reason or "error"] += count
    commands = {"total": by_state.total(), "by_rule": by_rule, "by_command": by_command, "by_state": by_state}
    return {"commands": commands, "obeyed": by_state["done"], "refused": refused}
