"""Many events in batches: what is not taken for the moment is sent again, and what was accepted is counted."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.hostile.events import Event
from tests.hostile.site import Site, pause

AGAIN = frozenset({0, 429, 503})
AGAIN_S = 0.5
TRIES_MAX = 60


@dataclass(slots=True)
class Sent:
    """`accepted`: events, as the answers count them; `position`: of the answer that came last."""

    statuses: Counter[int] = field(default_factory=Counter)
    accepted: int = 0
    position: str = ""

    def figure(self) -> dict[str, object]:
        return {"accepted": self.accepted, "statuses": dict(sorted(self.statuses.items()))}


async def send_all(site: Site, key: str, batches: Iterable[list[Event]], at_once: int = 1) -> Sent:
    """Send every batch, in their order, so many requests at a time."""
    sent, rest = Sent(), iter(batches)

    async def sender() -> None:
        for batch in rest:
            await _send(site, key, batch, sent)

    await asyncio.gather(*(sender() for _ in range(at_once)))
    return sent


async def _send(site: Site, key: str, batch: list[Event], sent: Sent) -> None:
    for _ in range(TRIES_MAX):
        answer = await site.post(key, batch)
        sent.statuses[answer.status] += 1
        if answer.status == 202:
            sent.accepted += answer.json()["accepted"]
            sent.position = answer.json()["position"]
        if answer.status not in AGAIN:
            return
        await pause(AGAIN_S)
