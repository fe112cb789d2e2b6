"""The product's figures beside the switch's own: the same keys, and every difference by name."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cti.switches.simulated.judge import JUDGED

IN_TIME_S = 12.0
COMPARED = (
    "calls",
    "answered",
    "answered_in_time",
    "breaches",
    "notices_owed",
    "notices_played",
    "commands",
    "obeyed",
    "refused",
)


def product_figures(records: Sequence[Mapping[str, Any]], indicators: Mapping[str, Any]) -> dict[str, Any]:
    """Calls, breaches and notices from the records; commands, which may outlive their call, from the indicators."""
    answered = [record for record in records if record["outcome"] == "answered"]
    holds = [hold for record in records for hold in record["holds"]]
    states: Mapping[str, int] = indicators["commands"]["by_state"]
    return {
        "calls": len(records),
        "answered": len(answered),
        "answered_in_time": sum(_in_time(record) for record in answered),
        "breaches": by_rule(breach for record in records for breach in record["breaches"]),
        "notices_owed": sum(hold["notices_owed"] for hold in holds),
        "notices_played": sum(hold["notices_played"] for hold in holds),
        "commands": sum(count for state, count in states.items() if state != "overtaken"),
        "obeyed": indicators["obeyed"],
        "refused": dict(sorted(indicators["refused"].items())),
    }


def _in_time(record: Mapping[str, Any]) -> bool:
    return record["answer_s"] is not None and record["answer_s"] <= IN_TIME_S


def by_rule(breaches: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Breaches counted, of the rules that the switch can judge."""
    counted = Counter(str(breach["rule"]) for breach in breaches)
    return {rule: counted[rule] for rule in JUDGED if counted[rule]}


def differences(product: Mapping[str, Any], switch: Mapping[str, Any]) -> list[str]:
    """One line a figure that differs; empty if the two agree."""
    return [
        f"{name}: the product says {product[name]}, the switch {switch[name]}"
        for name in COMPARED
        if product[name] != switch[name]
    ]


def contradictions(
    product: Mapping[str, Any], indicators: Mapping[str, Any], listed: Iterable[Mapping[str, Any]]
) -> list[str]:
    """Where the product's own reads disagree with its records."""
    found = [
        f"{name}: records say {product[name]}, indicators {indicators[name]}"
        for name in ("calls", "answered", "answered_in_time", "notices_owed", "notices_played")
        if product[name] != indicators.get(name)
    ]
    rules = {rule: figures.get("breaches") for rule, figures in indicators["rules"].items() if rule in JUDGED}
    counted = {rule: count for rule, count in rules.items() if count}
    if counted != product["breaches"]:
        found.append(f"breaches: records say {product['breaches']}, indicators {counted}")
    if (listing := by_rule(listed)) != product["breaches"]:
        found.append(f"breaches: records say {product['breaches']}, the listing {listing}")
    return found
