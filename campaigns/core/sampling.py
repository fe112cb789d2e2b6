"""Which reports of faults are followed up (FOLLOW-1): so many of each hundred, spread over the area. Pure.

1. Of each fault at least `percent` of its reports, one at the least. Whatever is no fault report is followed up whole.
2. Spread over the area: a fault's reports are put in the order of their areas, within an area by digest, and every n-th
   is taken (systematic sampling): each area has its share, whatever order they came in.
3. The digest is that of a seed and the report: the same file gives the same sample, and nobody can choose it.
"""

import hashlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

PERCENT = 100
FAULT = "fault"
CATEGORIES: Mapping[str, str] = MappingProxyType(
    {
        "fault": FAULT, "故障": FAULT, "报修": FAULT, "故障报修": FAULT,
        "complaint": "complaint", "投诉": "complaint",
        "enquiry": "enquiry", "咨询": "enquiry",
        "application": "application", "申请": "application", "业务申请": "application",
    }
)  # fmt: skip
"""The words of a file for a category."""


class Report(NamedTuple):
    """A report of a fault. `key`: whose it is."""

    key: str
    fault: str
    area: str


def is_fault(category: str) -> bool:
    return CATEGORIES.get(category.strip().lower()) == FAULT


def sampled(reports: Iterable[Report], percent: int, seed: str) -> set[str]:
    """The keys that are followed up. `percent`: 0 to 100; of 0 nobody is."""
    by_fault: dict[str, dict[tuple[str, str], None]] = {}
    for report in reports:
        by_fault.setdefault(report.fault, {})[report.area, report.key] = None
    return {key for fault, of in by_fault.items() for key in _of_fault(fault, list(of), percent, seed)}


def _of_fault(fault: str, reports: list[tuple[str, str]], percent: int, seed: str) -> list[str]:
    reports.sort(
        key=lambda report: (_digest(seed, fault, report[0]), report[0], _digest(seed, fault, report[1]), report[1])
    )
    count = -(-len(reports) * percent // PERCENT)
    if count == 0:
        return []
    begins = _digest(seed, fault, "begins") % len(reports)
    return [reports[(begins + at * len(reports)) // count][1] for at in range(count)]


def _digest(seed: str, fault: str, text: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}\0{fault}\0{text}".encode()).digest()[:8])
