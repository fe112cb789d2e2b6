"""A plain script over the month's CSV, after the conventions of its README, which shares no line with the product.

`python -m tests.acceptance.plain_figures FILE.csv` prints the figures as JSON.
"""

import csv
import json
import sys
from pathlib import Path
from typing import Any


def figures(lines: list[dict[str, str]]) -> dict[str, Any]:
    """Calls, answered, abandoned, abandoned_from_queue and the two means, of some lines."""
    served = [line for line in lines if line["outcome"] == "AGENT"]
    gone = [line for line in lines if line["outcome"] == "HANG"]
    return {
        "calls": len(lines),
        "answered": len(served),
        "abandoned": len(gone),
        "abandoned_from_queue": sum(line["q_start"] != "0:00:00" for line in gone),
        "mean_service_s": mean([int(line["ser_time"]) for line in served]),
        "mean_wait_answered_s": mean([int(line["q_time"]) for line in served]),
    }


def mean(seconds: list[int]) -> float | None:
    return round(sum(seconds) / len(seconds), 4) if seconds else None


def calls(path: Path) -> list[dict[str, str]]:
    """Every line that is a call."""
    with path.open(newline="", encoding="utf-8") as file:
        return [line for line in csv.DictReader(file) if line["outcome"] != "PHANTOM"]


def service_type(line: dict[str, str]) -> str:
    return line["type"]


def agent(line: dict[str, str]) -> str:
    """Who served; nobody ("") where no name is given, or the caller gave up, whatever the line says."""
    return line["server"] if line["outcome"] == "AGENT" and line["server"] != "NO_SERVER" else ""


def half_hour(line: dict[str, str]) -> str:
    """The half hour of vru_entry, local: `1999-01-04T07:30`."""
    year, month, day = line["date"][:2], line["date"][2:4], line["date"][4:]
    hours, minutes, _ = line["vru_entry"].split(":")
    return f"19{year}-{month}-{day}T{int(hours):02}:{'30' if int(minutes) >= 30 else '00'}"


TABLES = {"by_type": service_type, "by_agent": agent, "by_half_hour": half_hour}


def table(name: str, lines: list[dict[str, str]]) -> dict[str, dict[str, Any]]:
    """group -> figures."""
    groups: dict[str, list[dict[str, str]]] = {}
    for line in lines:
        groups.setdefault(TABLES[name](line), []).append(line)
    return {group: figures(members) for group, members in groups.items()}


if __name__ == "__main__":
    month = calls(Path(sys.argv[1]))
    print(json.dumps({**figures(month), **{name: table(name, month) for name in TABLES}}, indent=1))
