"""A tenant's message gateway as histories have it: it takes a message, refuses it, loses it, or is away; and says later
what became of it, signed, once or more often.

It notes each message that came in; what it answered nobody but the product knows.
"""

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import NamedTuple

from pydantic_core import to_json

from campaigns.messages import signing
from campaigns.messages.port import Answer, Message, Verdict
from tests.simulation.campaigns.site import GATEWAY_SECRET, CampaignSite

FATES = {"taken": 8, "refused": 1, "not_taken": 1, "away": 1, "answer_lost": 1.5, "message_lost": 0.7}
STATUSES = {"delivered": 5, "undeliverable": 3, "expired": 0.5, "": 1.5}  # "": nobody ever says
RECEIPT_S = (0.0, 0.05, 2.0, 20.0, 400.0)
AGAIN = 0.25


class Receipt(NamedTuple):
    """To be given at its time."""

    due_ms: int
    id: str
    order: str
    status: str


class HistoryGateway:
    """Of one history. `messages`: (at, order, number) of each that came in; `receipts`: (at, order, status) taken.

    `adapter` is what a dialling process gets; `is_armed`: of that process: its next commit fails, so that the gateway
    has no news for it that it would try to write.
    """

    def __init__(self, site: CampaignSite, seed: int) -> None:
        self._site, self._random = site, Random(f"gateway:{seed}")
        self.messages: list[tuple[int, str, str]] = []
        self.receipts: list[tuple[int, str, str]] = []
        self.is_away = False
        self._due: list[Receipt] = []

    def adapter(self, is_armed: Callable[[], bool], _tenant: str, _of: object) -> "Adapter":
        return Adapter(self, is_armed)

    def next_ms(self) -> float:
        """When it says something."""
        return min((one.due_ms for one in self._due), default=float("inf"))

    def send(self, message: Message, *, armed: bool) -> Answer:
        if message.left_ms() <= 0:
            return Answer(Verdict.NOT_TAKEN, "expired")
        if self.is_away:
            return Answer(Verdict.NOT_TAKEN, "refused", away=True)
        fate = "taken" if armed else self._random.choices(list(FATES), list(FATES.values()))[0]
        if fate in {"not_taken", "away"}:
            return Answer(Verdict.NOT_TAKEN, "http 429", away=fate == "away", wait_s=self._random.choice((None, 5.0)))
        if fate == "message_lost":
            return Answer(Verdict.UNKNOWN, "timeout", away=True)
        self._receive(message, refused=fate == "refused")
        if fate == "refused":
            return Answer(Verdict.REFUSED, "http 400")
        return Answer(Verdict.UNKNOWN, "timeout") if fate == "answer_lost" else Answer(Verdict.TAKEN, "http 202")

    def _receive(self, message: Message, *, refused: bool) -> None:
        now_ms, number = self._site.now_ms, message.body.split('"to":"')[1].split('"')[0]
        if refused:
            return
        self.messages.append((now_ms, message.id, number))
        status = self._random.choices(list(STATUSES), list(STATUSES.values()))[0]
        if status:
            due_ms = now_ms + round(self._random.choice(RECEIPT_S) * 1_000)
            one = Receipt(due_ms, f"r{len(self.messages)}", message.id, status)
            again = [one._replace(due_ms=due_ms + 3_000)] if self._random.random() < AGAIN else []
            self._due += [one, *again]

    async def report(self) -> bool:
        """What is due is said; whether anything was."""
        now_ms = self._site.now_ms
        due = [one for one in self._due if one.due_ms <= now_ms]
        for one in due:
            at = datetime.fromtimestamp(now_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            first_at = next((taken for taken, order, _ in self.receipts if order == one.order), None)
            if first_at is not None:  # the same once more
                at = datetime.fromtimestamp(first_at / 1_000, UTC).isoformat(timespec="milliseconds")
                at = at.replace("+00:00", "Z")
            body = to_json({"reference": one.order, "status": one.status, "at": at})
            signed = signing.headers_of([base64.b64decode(GATEWAY_SECRET)], one.id, now_ms // 1_000, body)
            status, told = await self._site.receipt(body, signed)
            assert status in {200, 404, 503}, told
            if status == 200 and first_at is None:
                self.receipts.append((now_ms, one.order, one.status))
            self._due.remove(one)
        return bool(due)


class Adapter:
    """`MessageGateway` of one process."""

    def __init__(self, gateway: HistoryGateway, is_armed: Callable[[], bool]) -> None:
        self._gateway, self._is_armed = gateway, is_armed

    async def send(self, message: Message) -> Answer:
        return self._gateway.send(message, armed=self._is_armed())

    async def is_there(self) -> bool:
        return not self._gateway.is_away

    async def close(self) -> None:
        """Nothing is open."""
