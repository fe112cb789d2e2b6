"""A made-up month of a bank's call centre, as untidy as a real one, with its truth known.

`python -m tests.replay.month --seed 1 month.csv` writes it and prints the truth as JSON. Everything is invented, by a
seed. What makes it untidy: phantoms, voice units left before they were entered, calls past midnight, a second clock
for the service times, services of no seconds, agents without a name, callers who gave up yet carry a service time or
a server, call ids that come round again, several facts in one second, and, where asked for, damaged lines.
"""

import argparse
import csv
import io
import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HEADER = [
    *("vru_line", "call_id", "customer_id", "priority", "type", "date", "vru_entry", "vru_exit", "vru_time"),
    *("q_start", "q_exit", "q_time", "outcome", "ser_start", "ser_exit", "ser_time", "server"),
]
DAYS = 31
CLOSED_DAYS = (11, 12)
DAY_S = 86_400
HALF_HOUR_S = 1800
TYPES = ("PS", "PS", "PS", "PS", "NW", "NE", "TT", "IN", "PE", "AA")
AGENTS = ("AVI", "BASCH", "DALIA", "KAZAV", "MICHAL", "MORIAH", "NAAMA", "SHARON", "TOVA", "YIFAT")
NEVER = "0:00:00"


@dataclass(slots=True)
class Figures:
    """What must come out; sums in whole seconds."""

    calls: int = 0
    answered: int = 0
    abandoned: int = 0
    abandoned_from_queue: int = 0
    service_s: int = 0
    wait_answered_s: int = 0

    def table_line(self) -> dict[str, Any]:
        return {
            "calls": self.calls,
            "answered": self.answered,
            "abandoned": self.abandoned,
            "abandoned_from_queue": self.abandoned_from_queue,
            "mean_service_s": round(self.service_s / self.answered, 4) if self.answered else None,
            "mean_wait_answered_s": round(self.wait_answered_s / self.answered, 4) if self.answered else None,
        }


@dataclass(slots=True)
class Month:
    """The file, and the truth about it: figures by table and group ("" in table "" is the whole), events by kind."""

    lines: list[dict[str, str]] = field(default_factory=list)
    damaged: dict[int, str] = field(default_factory=dict)
    phantoms: int = 0
    events: int = 0
    figures: dict[str, dict[str, Figures]] = field(default_factory=dict)

    def content(self) -> bytes:
        """The file's bytes: CRLF, as such files come."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(HEADER)
        writer.writerows(line.values() for line in self.lines)
        return out.getvalue().encode()

    def add(self, table: str, group: str) -> Figures:
        return self.figures.setdefault(table, {}).setdefault(group, Figures())


@dataclass(frozen=True, slots=True)
class Call:
    """What happened, before it was written down: seconds from the first midnight, local time."""

    came_s: int
    voice_unit_s: int
    wait_s: int | None
    served: bool
    service_s: int
    kind: str
    agent: str
    line: str
    call_id: int


def generate(seed: int, calls_a_day: int = 30, damaged: int = 0) -> Month:
    """A month; `damaged` more lines are spoilt, each in one of the ways of `DAMAGE`."""
    chance = random.Random(seed)
    month, used = Month(), set[tuple[str, int, int]]()
    for day in (day for day in range(1, DAYS + 1) if day not in CLOSED_DAYS):
        for _ in range(calls_a_day):
            call = _call(chance, day)
            if (call.line, call.call_id, call.came_s) in used:
                continue
            used.add((call.line, call.call_id, call.came_s))
            _write(chance, month, call)
    for index in range(damaged):
        _spoil(chance, month, list(DAMAGE)[index % len(DAMAGE)])
    return month


def _call(chance: random.Random, day: int) -> Call:
    """Most come by day; a few so late that they last past midnight."""
    of_day_s = chance.randrange(DAY_S - 60, DAY_S) if chance.random() < 0.03 else chance.randrange(6 * 3600, DAY_S)
    voice_unit_s = chance.choice((0, chance.randrange(4, 20)))
    # a call that queued at midnight sharp would read as one that never did
    never = chance.random() < 0.45 or (of_day_s + voice_unit_s) % DAY_S == 0
    wait_s = None if never else int(chance.expovariate(1 / 60))
    return Call(
        came_s=(day - 1) * DAY_S + of_day_s,
        voice_unit_s=voice_unit_s,
        wait_s=wait_s,
        served=chance.random() < 0.85,
        service_s=0 if chance.random() < 0.02 else int(chance.expovariate(1 / 180)),
        kind=chance.choice(TYPES),
        agent="NO_SERVER" if chance.random() < 0.03 else chance.choice(AGENTS),
        line=f"AA01{chance.randrange(1, 13):02}",
        call_id=chance.randrange(33_000, 33_400),
    )


def _write(chance: random.Random, month: Month, call: Call) -> None:
    """One line, now and then a phantom; the truth is counted from the call, not from the line."""
    line = _line(chance, call)
    if chance.random() < 0.01:
        line["outcome"] = "PHANTOM"
        month.phantoms += 1
    else:
        month.events += 2 + (call.wait_s is not None) + call.served
        for table, group in _groups(call).items():
            _count(month.add(table, group), call)
    month.lines.append(line)


def _groups(call: Call) -> dict[str, str]:
    half_hour_s = call.came_s - call.came_s % HALF_HOUR_S
    agent = call.agent if call.served and call.agent != "NO_SERVER" else ""
    clock = f"{half_hour_s % DAY_S // 3600:02}:{half_hour_s % 3600 // 60:02}"
    return {
        "": "",
        "service_type": call.kind,
        "agent": agent,
        "half_hour": f"1999-01-{half_hour_s // DAY_S + 1:02}T{clock}",
    }


def _count(figures: Figures, call: Call) -> None:
    figures.calls += 1
    if call.served:
        figures.answered += 1
        figures.service_s += call.service_s
        figures.wait_answered_s += call.wait_s or 0
    else:
        figures.abandoned += 1
        figures.abandoned_from_queue += call.wait_s is not None


def _line(chance: random.Random, call: Call) -> dict[str, str]:
    entry_s, exit_s = call.came_s, call.came_s + call.voice_unit_s
    room_s = HALF_HOUR_S - 1 - call.came_s % HALF_HOUR_S
    if call.wait_s is not None and room_s and chance.random() < 0.05:
        # the voice unit was left before it was entered: the call came by the earlier
        entry_s, exit_s = call.came_s + min(room_s, chance.randrange(5, 100)), call.came_s
    left_s = exit_s + (call.wait_s or 0)
    other_clock_s = left_s - chance.choice((0, 1, 2))
    stray = not call.served and chance.random() < 0.03
    serves = call.served or stray
    cells = [
        call.line,
        str(call.call_id),
        str(chance.choice((0, 0, chance.randrange(10**6, 10**7)))),
        str(chance.choice((0, 1, 2))),
        call.kind,
        f"9901{entry_s // DAY_S + 1:02}",
        _clock(entry_s),
        _clock(exit_s),
        str(exit_s - entry_s),
        NEVER if call.wait_s is None else _clock(exit_s),
        NEVER if call.wait_s is None else _clock(left_s),
        str(call.wait_s or 0),
        "AGENT" if call.served else "HANG",
        _clock(other_clock_s) if serves else NEVER,
        _clock(other_clock_s + call.service_s) if serves else NEVER,
        str(call.service_s if serves else 0),
        call.agent if serves else "NO_SERVER",
    ]
    return dict(zip(HEADER, cells, strict=True))


def _clock(at_s: int) -> str:
    """`7:05:09`, without the day: that is what makes midnight a question."""
    return f"{at_s % DAY_S // 3600}:{at_s % 3600 // 60:02}:{at_s % 60:02}"


DAMAGE: dict[str, dict[str, str]] = {
    "bad_time": {"date": "990231"},
    "negative_duration": {"ser_time": "-40"},
    "duration_disagrees": {"q_start": "9:00:00", "q_exit": "9:00:10", "q_time": "11"},
    "bad_number": {"ser_time": "?"},
    "no_closing": {"outcome": "AGNT"},
    "unreadable_line": {},
}


def _spoil(chance: random.Random, month: Month, reason: str) -> None:
    """One more line, made of a sound one, that must be set aside for `reason`; the last one lacks its last cell."""
    sound = {**chance.choice(month.lines), "call_id": "99999", "outcome": "AGENT", **DAMAGE[reason]}
    if reason == "unreadable_line":
        del sound["server"]
    month.lines.append(sound)
    month.damaged[len(month.lines) + 1] = reason


def main() -> None:
    parser = argparse.ArgumentParser(description="write a made-up month of calls; print the truth about it")
    parser.add_argument("file", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--calls-a-day", type=int, default=1000)
    parser.add_argument("--damaged", type=int, default=0)
    args = parser.parse_args()
    month = generate(args.seed, args.calls_a_day, args.damaged)
    args.file.write_bytes(month.content())
    truth = {"lines_in": len(month.lines), "phantom": month.phantoms, "rejected": len(month.damaged)}
    print(json.dumps({**truth, "events": month.events, **month.figures[""][""].table_line()}))


if __name__ == "__main__":
    main()
