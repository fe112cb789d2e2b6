"""Skips the time in which campaigns only wait: for the demonstration, where hours pass in a minute.

It reads the campaigns as anyone may. While a contact is in progress, or a campaign may dial now, no time is skipped;
else the clock leaps to shortly before the first of them goes on, so that the switch is heard again by then.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import aiohttp

from cti.adapters.clock import LeapingClock
from cti.switches.simulated.reader import Reader, UnreadableError

LOOK_S = 0.1  # of real time
BEFORE_MS = 20_000  # heartbeats come every 5 s
LEAP_MIN_MS = 30_000
CALM_LOOKS = 2  # in a row: an order may be on its way between two looks
UNDER_WAY = ("in_progress", "unknown", "live")


async def skip_waits(url: str, key: str, clock: LeapingClock) -> None:
    """Until cancelled."""
    calm = 0
    async with aiohttp.ClientSession() as session:
        reader = Reader(session, url, key)
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                until_ms = waiting_until_ms(await reader.campaigns())
            except UnreadableError:
                until_ms = None
            by_ms = 0.0 if until_ms is None else until_ms - BEFORE_MS - clock.now_ms()
            calm = calm + 1 if by_ms >= LEAP_MIN_MS else 0
            if calm >= CALM_LOOKS:
                clock.leap(by_ms)
                calm = 0


def waiting_until_ms(campaigns: Sequence[Mapping[str, Any]]) -> int | None:
    """When the first of those that run goes on; None: one is at work, or nobody knows when."""
    running = [campaign for campaign in campaigns if campaign["state"] == "running"]
    if any(campaign["progress"].get(name) for campaign in running for name in UNDER_WAY):
        return None
    until = [(campaign.get("next") or {}).get("until") for campaign in running]
    if not until or None in until:
        return None
    return min(int(datetime.fromisoformat(str(moment)).timestamp() * 1000) for moment in until)
