"""Calls that come in at a switch of the scene beside the one that dials."""

import json
from typing import Any

from campaigns.ledger.rows import CampaignRow, ContactRow
from tests.campaigns.dialler.made import campaign, contact
from tests.scheduler import Scene, event

ONE, TWO = "+8613800000001", "+8613800000002"
STARTS, RESTORES = "2026-03-02T14:00:00+08:00", "2026-03-02T16:30:00+08:00"
OUTAGE = {"area": "东湖区A1", "reason": "检修", "starts_at": STARTS, "restores_at": RESTORES}
AGENT = {"connection": "a", "device": "8001", "agent": "1001"}


def outage(**more: Any) -> CampaignRow:
    return campaign(**{"kind": "outage", "fallback": "person", **more})


def affected(of: CampaignRow, no: int, *numbers: str, **more: Any) -> ContactRow:
    return contact(of, no, *numbers, **{"items": json.dumps([OUTAGE], ensure_ascii=False), **more})


async def calls_in(it: Scene, subject: str, number: str, switch: str = "pbx") -> None:
    """A caller who is put into a queue."""
    at_s = it.now_s
    opening = {"direction": "inbound", "calling": number, "called": "95598", "connection": f"c-{subject}"}
    await it.post(
        event(switch, subject, "offered", at_s, opening),
        event(switch, subject, "queued", at_s, {"connection": f"c-{subject}", "queue": "bills"}),
    )


async def rings(it: Scene, subject: str, agent: str = "1001", switch: str = "pbx") -> None:
    where = {"connection": f"a-{subject}-{agent}", "device": f"SIP/{agent}", "agent": agent}
    await it.post(event(switch, subject, "delivered", it.now_s, where))


async def hangs_up(it: Scene, subject: str, switch: str = "pbx") -> None:
    await it.post(event(switch, subject, "callCleared", it.now_s, {}))


def heard(it: Scene, command: str, switch: str = "pbx") -> list[dict[str, Any]]:
    """Commands that no rule of the profile makes."""
    ours = ("outage_announcement", "campaign_contact")
    return [one for one in it.received(switch) if one["command"] == command and one["message"] in ours]
