"""What /metrics says, as numbers."""

import re

from tests.hostile.site import Site

_SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$")
_LABEL = re.compile(r'([a-zA-Z_]+)="((?:[^"\\]|\\.)*)"')

Sample = tuple[dict[str, str], float]


def samples(text: str) -> dict[str, list[Sample]]:
    """By name: labels and value of each series."""
    found: dict[str, list[Sample]] = {}
    for line in text.splitlines():
        match = _SAMPLE.match(line)
        if match is not None:
            found.setdefault(match[1], []).append((dict(_LABEL.findall(match[2] or "")), float(match[3])))
    return found


async def counted(site: Site, name: str, **labels: str) -> float:
    """The sum of a metric's series with these labels; 0 where there is none."""
    answer = await site.ask("GET", "/metrics")
    series = samples(answer.text).get(name, [])
    return sum(value for found, value in series if labels.items() <= found.items())
