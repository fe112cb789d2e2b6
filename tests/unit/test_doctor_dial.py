"""What the doctor makes of a ledger that is dialled from: each fault is found, and health is said to be health."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from pydantic_core import to_json

from cti.adapters.ledger.inspection import DialFacts, LedgerFacts
from cti.cli.doctor_dial import judge_dial
from cti.cli.doctor_findings import Finding, Level
from cti.dial.allowed import Allowed
from cti.rows import SourceWordRow, SwitchRow

PARTITIONS = 2
AT_MS = 1_772_000_000_000
GROUPS = {"lines": {"calls_per_second": 1, "calls_at_once": 10}}
DIALLED = {
    "commands": ["makeCall", "snapshotCall"],
    "facts": ["switchHeartbeat"],
    "outbound": 1,
    "trunk_groups": GROUPS,
}
WORDS = [SourceWordRow("t", "/switches/s", partition, AT_MS, 0, 1, AT_MS) for partition in range(PARTITIONS)]
ALLOWED = DialFacts(Allowed(AT_MS, AT_MS, "a new ledger"), 0, 0, WORDS)


def findings(dial: DialFacts, **declared: Any) -> dict[str, Finding]:
    row = SwitchRow("t", "s", "/switches/s", to_json(DIALLED | declared).decode())
    facts = LedgerFacts("postgresql", "16.2", 160_002, frozenset(), "1", "1", frozenset("1"), switches=[row], dial=dial)
    return {one.check: one for one in judge_dial(facts, PARTITIONS)}


def levels(found: Iterable[Finding]) -> dict[str, str]:
    found = list(found)
    assert all(one.level is Level.OK or (one.wanted and one.mend) for one in found)
    return {one.check: one.level.value for one in found}


def test_what_is_well_is_said_to_be_well() -> None:
    found = findings(ALLOWED)
    assert levels(found.values()) == {"dialling allowed": "ok", "dialling, t/s": "ok", "word of t/s": "ok"}
    assert "lines" in found["dialling, t/s"].found


def test_where_nothing_is_dialled_nothing_is_said() -> None:
    off = replace(ALLOWED, allowed=Allowed(AT_MS, None, None))
    assert findings(off, outbound=None) == {}
    facts = LedgerFacts("sqlite", "3", 0, frozenset(), "1", "1", frozenset("1"))
    assert list(judge_dial(facts, PARTITIONS)) == []


@pytest.mark.parametrize(
    ("allowed", "older", "level", "says"),
    [
        (None, 0, "warning", "no: no order is made"),
        (None, 2, "warning", "2 sessions are of an older release"),
        (AT_MS, 1, "fault", "1 sessions are of an older release"),
    ],
)
def test_the_setting_is_off_or_contradicted(allowed: int | None, older: int, level: str, says: str) -> None:
    dial = replace(ALLOWED, allowed=Allowed(AT_MS, allowed, "wang"), older_sessions=older)
    found = findings(dial)["dialling allowed"]
    assert (found.level.value, says in found.found) == (level, True)


@pytest.mark.parametrize(
    ("declared", "lacks"),
    [
        ({"commands": ["makeCall"]}, "snapshotCall"),
        ({"commands": ["snapshotCall"]}, "makeCall"),
        ({"facts": ["offered"]}, "switchHeartbeat"),
        ({"trunk_groups": None}, "trunk_groups"),
    ],
)
def test_a_switch_that_lacks_something_is_named(declared: dict[str, Any], lacks: str) -> None:
    found = findings(ALLOWED, **declared)["dialling, t/s"]
    assert found.level is Level.WARNING
    assert found.found.endswith(f"lacks {lacks}")


def test_a_message_gateway_needs_neither_trunks_nor_a_word() -> None:
    found = findings(replace(ALLOWED, words=[]), commands=["sendMessage"], facts=None, trunk_groups=None)
    assert levels(found.values()) == {"dialling allowed": "ok", "dialling, t/s": "ok"}


def test_an_undeclared_list_of_facts_may_hold_heartbeats() -> None:
    assert findings(ALLOWED, facts=None)["dialling, t/s"].level is Level.OK


@pytest.mark.parametrize("words", [[], WORDS[:1], [WORDS[0], WORDS[1]._replace(source="/switches/other")]])
def test_a_source_without_a_word_of_every_partition_is_named(words: list[SourceWordRow]) -> None:
    found = findings(replace(ALLOWED, words=words))["word of t/s"]
    assert (found.level, "nobody is called" in found.found) == (Level.WARNING, True)


def test_orders_that_nobody_settles_are_counted_also_without_a_switch() -> None:
    found = findings(replace(ALLOWED, stuck=3), outbound=None)
    assert levels(found.values()) == {"dialling allowed": "ok", "dial orders": "warning"}
    assert found["dial orders"].found.startswith("3 ")
