"""The live summary on a terminal: one block of lines, written over itself every second."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import aiohttp

from cti.switches.simulated.campaign_lines import campaign_lines
from cti.switches.simulated.reader import Reader, UnreadableError

REFRESH_S = 1.0
NEWEST = 5
UP = "\x1b[{}F"  # ECMA-48 CPL: to the start of the line so many lines up
ERASE_BELOW = "\x1b[0J"  # ECMA-48 ED
WIDTH_MAX = 100


class Screen(Protocol):
    """As much of a text stream as the board needs."""

    def isatty(self) -> bool: ...

    def write(self, text: str, /) -> int: ...

    def flush(self) -> None: ...


class Board:
    """Reads the figures of a service and shows them; shows nothing where `stream` is no terminal."""

    def __init__(self, url: str, key: str, stream: Screen) -> None:
        self._url, self._key, self._stream = url, key, stream
        self._shown = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Refresh until `stop`."""
        if not self._stream.isatty():
            return
        async with aiohttp.ClientSession() as session:
            reader = Reader(session, self._url, self._key)
            while not stop.is_set():
                try:
                    lines = block(await reader.indicators(), await reader.breaches(NEWEST))
                    lines += campaign_lines(await reader.campaigns())
                except UnreadableError as reason:
                    lines = [f"no figures: {reason}"]
                self._show(lines)
                await _wait(stop, REFRESH_S)

    def _show(self, lines: Sequence[str]) -> None:
        up = UP.format(self._shown) if self._shown else ""
        cut = [line[:WIDTH_MAX] for line in lines]
        self._stream.write(up + ERASE_BELOW + "".join(f"{line}\n" for line in cut))
        self._stream.flush()
        self._shown = len(cut)


async def _wait(stop: asyncio.Event, for_s: float) -> None:
    try:
        async with asyncio.timeout(for_s):
            await stop.wait()
    except TimeoutError:
        return


def block(indicators: Mapping[str, Any], newest: Sequence[Mapping[str, Any]]) -> list[str]:
    """The figures of GET /v1/indicators and the newest of GET /v1/breaches as lines of text."""
    calls, answered = indicators["calls"], indicators["answered"]
    commands, refused = indicators["commands"], indicators["refused"]
    lines = [
        f"calls    {calls:>7}   answered {answered:>7}   in time {_share(indicators['answered_in_time'], answered)}",
        f"notices  {indicators['notices_played']:>7} played of {indicators['notices_owed']} owed",
        f"commands {commands['total']:>7}   obeyed   {indicators['obeyed']:>7}   refused {_counts(refused) or '0'}",
        f"breaches {_counted(indicators['rules'])}",
    ]
    return lines + _unknown(indicators["rules"]) + [_breach(breach) for breach in newest]


def _share(part: int | None, whole: int) -> str:
    """`part` is null where no switch reports ringing."""
    if part is None:
        return "not measurable"
    return f"{part} ({100 * part / whole:.1f} %)" if whole else "-"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def _counted(rules: Mapping[str, Mapping[str, Any]]) -> str:
    counts = {
        rule: rule_figures["breaches"]
        for rule, rule_figures in sorted(rules.items())
        if rule_figures["breaches"] is not None
    }
    return "   ".join(f"{rule} {count}" for rule, count in counts.items()) or "-"


def _unknown(rules: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Rules whose facts no switch has reported: never shown as 0."""
    names = sorted(rule for rule, rule_figures in rules.items() if rule_figures["breaches"] is None)
    return [f"not measurable yet: {', '.join(names)}"] if names else []


def _breach(breach: Mapping[str, Any]) -> str:
    seconds = "" if breach["actual_s"] is None else f"  {breach['actual_s']:g} (limit {breach['limit_s']:g})"
    return f"  {breach['at']}  {breach['rule']:<8}  agent {breach['agent'] or '-'}{seconds}"
