"""Campaigns, contacts and instants that the tests of the deciding part begin from."""

from typing import Any

from campaigns.core.after import Dialled, Ended, NeverDialled, after
from campaigns.core.campaign import Campaign
from campaigns.core.contact import Contact, Phone
from campaigns.core.reasons import Channel, Disposition, FallbackKind
from campaigns.core.waiting import World
from tests.campaigns.shipped import SHANGHAI, hours, ms

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
FIRST, SECOND, THIRD = "+8613800000001", "+8613800000002", "+8613800000003"


def at(text: str) -> int:
    """Local time of 2026 in Shanghai, "03-04 09:00:00.001", as milliseconds since the epoch."""
    return ms(f"2026-{text}")


NINE = at("03-04 09:00")  # a Wednesday


def campaign(**other: Any) -> Campaign:
    """Arrears, received on the 4th of March: the fallback is due on the 9th at 21:00."""
    settings: dict[str, Any] = {
        "kind": "arrears",
        "channels": (Channel.AUTO,),
        "fallback": FallbackKind.NOTICE,
        "ring_timeout_ms": 30_000,
        "hours": hours(),
        "zone": SHANGHAI,
        "fallback_by_ms": at("03-09 21:00"),
        "expires_at_ms": at("03-19 21:00"),
    }
    return Campaign(**settings | other)


def outage(**other: Any) -> Campaign:
    settings: dict[str, Any] = {
        "kind": "outage",
        "channels": (Channel.SMS, Channel.AUTO),
        "fallback": FallbackKind.PERSON,
        "fallback_by_ms": None,
        "expires_at_ms": at("03-12 08:00"),
        "important_until_confirmed": True,
    }
    return campaign(**settings | other)


def contact(*numbers: str, **other: Any) -> Contact:
    phones = tuple(Phone(number, (SHANGHAI,)) for number in numbers or (FIRST,))
    settings: dict[str, Any] = {"account": "A1", "customer_class": "resident", "phones": phones}
    return Contact(**settings | other)


def world(now_ms: int, **other: Any) -> World:
    """All is well."""
    settings: dict[str, Any] = {"switch_heard_ms": now_ms}
    return World(**settings | other)


def dialled(before: Contact, plan: Campaign, at_ms: int = NINE, channel: Channel = Channel.AUTO, n: int = 0) -> Contact:
    """With one more order, to its n-th number."""
    return after(before, Dialled(at_ms, channel, before.phones[n].number), plan)


def tried(before: Contact, plan: Campaign, disposition: Disposition, at_ms: int = NINE, **more: Any) -> Contact:
    """With one more attempt that came to this a second later. `channel`, `n`: of the order."""
    order = {key: more.pop(key) for key in ("channel", "n") if key in more}
    under_way = dialled(before, plan, at_ms, **order)
    return after(under_way, Ended(under_way.attempts[-1].n, at_ms + 1000, disposition, **more), plan)


def never_dialled(before: Contact, plan: Campaign, at_ms: int = NINE) -> Contact:
    under_way = dialled(before, plan, at_ms)
    return after(under_way, NeverDialled(under_way.attempts[-1].n, at_ms + 1000), plan)
