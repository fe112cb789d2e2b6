"""Checks of the profile against the switches' declarations. Pure: rows in, findings out."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic_core import from_json

from cti.cli.doctor_findings import Finding, ok, warning
from cti.core.rules import Abilities, RuleBook, RuleSet
from cti.rows import SourceRow, SwitchRow

DIRECTIONS = ("inbound", "outbound", "internal")


def judge_rules(book: RuleBook, switches: Iterable[SwitchRow], sources: Iterable[SourceRow]) -> Iterator[Finding]:
    """Per declared switch: which rules it cannot report enough for, and which commands it cannot execute."""
    seen = {(row.tenant, row.source): frozenset(row.kinds.split()) for row in sources}
    needs = needs_of(book)
    switches = list(switches)
    if not switches:
        mend = "each switch says once what it can do and report: PUT /v1/switches/{id}"
        yield warning("rules", "no switch has declared itself: no command can be sent", "one at least", mend)
    for row in switches:
        declared: Mapping[str, Any] = from_json(row.declaration)
        yield from _measured(row, declared, needs, seen.get((row.tenant, row.source), frozenset()))
        yield from _ordered(row, declared, book)


def needs_of(book: RuleBook) -> dict[str, frozenset[str]]:
    """The event kinds that each rule is measured by."""
    needs: dict[str, frozenset[str]] = {}
    for rule in (*book.measures, *book.interventions):
        needs[rule.id] = needs.get(rule.id, frozenset()) | set(rule.needs)
    return needs


def _measured(
    row: SwitchRow, declared: Mapping[str, Any], needs: Mapping[str, frozenset[str]], seen: frozenset[str]
) -> Iterator[Finding]:
    check = f"rules, {row.tenant}/{row.switch}"
    facts = declared.get("facts")
    if facts is None and not seen:
        yield ok(check, "it declared no facts and has sent nothing yet: measured by what it will send")
        return
    known = seen | set(facts or ())
    missing = {rule: sorted(wanted - known) for rule, wanted in needs.items() if wanted - known}
    if not missing:
        yield ok(check, f"all {len(needs)} can be measured")
        return
    missing_kinds = "; ".join(f"{rule} lacks {', '.join(kinds)}" for rule, kinds in missing.items())
    mend = "let the switch send these events and declare them as `facts`; until then the rules are reported unmeasured"
    yield warning(check, missing_kinds, "the events that each rule needs", mend)


def _ordered(row: SwitchRow, declared: Mapping[str, Any], book: RuleBook) -> Iterator[Finding]:
    abilities = Abilities(frozenset(declared.get("commands") or ()), bool(declared.get("if_other_ready")))
    able = frozenset[str]().union(
        *(_ids(book.interventions_for(row.switch, None, abilities, direction)) for direction in DIRECTIONS)
    )
    idle = [
        rule
        for rule in dict.fromkeys(intervention.id for intervention in book.interventions if intervention.steps)
        if rule not in able
    ]
    if idle:
        found = f"of {', '.join(idle)} it can obey no step: they are only counted"
        mend = "declare the commands that the switch can do, or set these rules to `observe` in the profile"
        yield warning(f"commands, {row.tenant}/{row.switch}", found, "one step of each rule at least", mend)


def _ids(rules: RuleSet) -> frozenset[str]:
    return frozenset(rule.id for group in rules for rule in group)
