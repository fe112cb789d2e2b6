"""A client's diary as a file: what it is sure of, for the judge, which is another process."""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.faults.diary import CallKept, Diary


def written(diary: Diary, path: Path) -> None:
    told = {
        "calls": [
            [*name, asdict(call) | {"acknowledged": sorted(call.acknowledged)}] for name, call in diary.calls.items()
        ],
        "conflicts": sorted(diary.conflicts),
        "answers": diary.answers,
        "orders": diary.orders,
        "orders_changed": sorted(diary.orders_changed),
        "positions": list(diary.positions.items()),
    }
    path.write_text(json.dumps(told), "utf-8")


def read(path: Path) -> Diary:
    told = json.loads(path.read_text("utf-8"))
    return Diary(
        {(source, subject): _call(fields) for source, subject, fields in told["calls"]},
        set(told["conflicts"]),
        Counter(told["answers"]),
        told["orders"],
        set(told["orders_changed"]),
        dict(map(tuple, told["positions"])),
    )


def _call(fields: dict[str, Any]) -> CallKept:
    facts = [(kind, at_ms, data) for kind, at_ms, data in fields["facts"]]
    return CallKept(**(fields | {"acknowledged": set(fields["acknowledged"]), "facts": facts}))


def joined(diaries: list[Diary]) -> Diary:
    """What several clients are sure of together; each has switches of its own."""
    whole = Diary()
    for one in diaries:
        assert not whole.calls.keys() & one.calls.keys()
        whole.calls |= one.calls
        whole.conflicts |= one.conflicts
        whole.answers += one.answers
        whole.orders |= one.orders
        whole.orders_changed |= one.orders_changed
        whole.stand(one.token)
    return whole
