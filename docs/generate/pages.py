"""The generated parts: docs/states.md whole, elsewhere what is between `<!-- generated: NAME -->` and `<!-- end -->`.

A page can be wrong about the product for no longer than one run of the tests.
"""

import re
from collections.abc import Callable
from pathlib import Path

from docs.generate import campaigns, contract, operations, standard
from docs.generate.states import states

DOCS = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"(<!-- generated: ([a-z_]+) -->\n).*?(<!-- end -->)", re.DOTALL)
TABLES = (
    contract.call_event_table,
    contract.agent_event_table,
    contract.switch_event_table,
    contract.command_table,
    contract.order_table,
    contract.dial_order_table,
    contract.record_table,
    contract.route_table,
    operations.setting_table,
    operations.limit_table,
    operations.metric_table,
    operations.ignored_table,
    operations.dead_letter_table,
    standard.rule_table,
    standard.profile_table,
    campaigns.campaign_state_table,
    campaigns.campaign_outcome_table,
    campaigns.campaign_reason_table,
    campaigns.campaign_kind_table,
    campaigns.campaign_column_table,
    campaigns.campaign_member_table,
    campaigns.campaign_hours_table,
)
BLOCKS: dict[str, Callable[[], str]] = {made.__name__: made for made in TABLES}


def filled(text: str) -> str:
    """A page with its generated blocks made anew. Raises KeyError for a block that nobody makes."""
    return BLOCK.sub(lambda found: f"{found[1]}\n{BLOCKS[found[2]]()}\n{found[3]}", text)


def pages() -> dict[str, str]:
    """Every page that has generated parts, as it should be."""
    found = {path.name: path.read_text("utf-8") for path in sorted(DOCS.glob("*.md")) if path.name != "states.md"}
    return {name: filled(text) for name, text in found.items() if BLOCK.search(text)} | {"states.md": states()}


def outdated() -> list[str]:
    """Pages that say something else than the product."""
    return [
        name
        for name, text in pages().items()
        if not (DOCS / name).is_file() or (DOCS / name).read_text("utf-8") != text
    ]
