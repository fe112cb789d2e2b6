"""`5.0` is the whole number 5: JSON and JSON Schema make no difference, so a switch may write it so.

The models are strict and take no decimal number for a whole one; this is looked at only when an event was refused.
"""

from collections.abc import Iterable
from typing import Any

from schemas.envelope import Problem

WHOLE_RULES = frozenset({"int_type", "sequence"})
WHOLE_BELOW = 2**53  # a double is exact up to here


def made_whole(item: Any, problems: Iterable[Problem]) -> bool:
    """Rewrite decimals as whole numbers, in place, where the problems ask for one; return whether any was."""
    wanted = [problem.pointer for problem in problems if problem.rule in WHOLE_RULES]
    return sum(_replaced(item, pointer) for pointer in wanted) > 0


def _replaced(item: Any, pointer: str) -> bool:
    *way, last = (step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])
    parent = item
    for step in way:
        parent = _member(parent, step)
    value = _member(parent, last)
    if not isinstance(value, float) or not value.is_integer() or abs(value) >= WHOLE_BELOW:
        return False
    parent[int(last) if isinstance(parent, list) else last] = int(value)
    return True


def _member(parent: Any, step: str) -> Any:
    if isinstance(parent, list):
        return parent[int(step)] if step.isdigit() and int(step) < len(parent) else None
    return parent.get(step) if isinstance(parent, dict) else None
