"""One tenant's message gateway at work: claims, sends each message at most once, and says when the gateway is away.

It is to the ledger what a switch's command stream is: its subscription has the dial epoch, so of two processes that
believe to have the tenant only the later one claims. While the gateway is away there is no subscription, and so no
order is made for it (`message_gateway_away`). After a fault one message goes out alone, until one was taken.
"""

import asyncio
from collections import deque

import structlog

from campaigns.context import Context
from campaigns.messages.configured import Gateway
from campaigns.messages.port import Answer, Message, MessageGateway, Verdict
from campaigns.messages.receipts import order_of, receipt_now, report
from cti.dial.ports import DialStreams
from cti.dial.rows import (
    MESSAGE_GATEWAY,
    SEND_MESSAGE,
    STREAM_PROLONG_MS,
    Ability,
    DialClaim,
    OrderResult,
    SentOrder,
)
from cti.errors import LedgerAway, OutcomeUnknown

SECOND_MS = 1_000
LOOK_MS = 1_000.0  # what is new wakes it
AWAY_MIN_MS, AWAY_MAX_MS = 1_000.0, 60_000.0
ABILITY = Ability(MESSAGE_GATEWAY, {})
KEEP_TRIES = 5  # of a result, a second apart; one that is not kept leaves the message unknown

log = structlog.get_logger()


class Sending:
    """Sends the messages of one tenant, while this process has its lease. `turn`: one look.
    `inflight`: what is on its way.
    """

    def __init__(
        self, context: Context, streams: DialStreams, tenant: str, of: Gateway, gateway: MessageGateway
    ) -> None:
        self.tenant, self.away = tenant, False
        self.inflight: set[asyncio.Task[None]] = set()
        self.look_ms = float("-inf")
        self._context, self._streams, self._of, self._gateway = context, streams, of, gateway
        self._clock = context.clock
        self._epoch: int | None = None
        self._prolong_ms = 0.0
        self._failures = 0
        self._proven = False  # a message was taken since the last fault
        self._sent_ms: deque[float] = deque()  # claims of the last second
        # The owner before may have sent in this very second.
        self._free_ms = self._clock.now_ms() + SECOND_MS

    async def turn(self) -> None:
        """Claim what may go now, and let it go. Raises LedgerAway, OutcomeUnknown: nothing of that claim is sent."""
        now_ms = self._clock.now_ms()
        if now_ms < self.look_ms and self.away:
            return
        self.look_ms = now_ms + LOOK_MS
        if not await self._is_newest(now_ms) or self.away:  # an answer may have come meanwhile
            return
        most = self._room(now_ms)
        if most > 0 and self._epoch is not None:
            claim = await self._streams.claim(self.tenant, MESSAGE_GATEWAY, self._epoch, ABILITY, most)
            self._send_all(claim, now_ms)
        elif self._sent_ms and len(self.inflight) < self._of.at_once:
            self.look_ms = min(self.look_ms, self._sent_ms[0] + SECOND_MS)

    async def _is_newest(self, now_ms: float) -> bool:
        if self._epoch is None:
            if self._failures and not await self._gateway.is_there():
                self._is_away(None)
                return False
            self._epoch = await self._streams.subscribe(self.tenant, MESSAGE_GATEWAY)
            self._prolong_ms = now_ms + STREAM_PROLONG_MS
            self.away = False
        elif now_ms >= self._prolong_ms:
            if not await self._streams.prolong(self.tenant, MESSAGE_GATEWAY, self._epoch):
                self._superseded()
                return False
            self._prolong_ms = now_ms + STREAM_PROLONG_MS
        return True

    def _superseded(self) -> None:
        """Another process has the tenant by now; the lease will say so."""
        log.warning("message gateway superseded", action="message_gateway_superseded", tenant=self.tenant)
        self._context.dial_meter.claim_refused()
        self._epoch, self.away = None, True
        self.look_ms = max(self._clock.now_ms() + STREAM_PROLONG_MS, self.look_ms)

    def _room(self, now_ms: float) -> int:
        """How many may leave now: in any second no more than the gateway takes."""
        while self._sent_ms and self._sent_ms[0] <= now_ms - SECOND_MS:
            self._sent_ms.popleft()
        if now_ms < self._free_ms:
            self.look_ms = min(self.look_ms, self._free_ms)
            return 0
        at_once = self._of.at_once if self._proven else 1
        return min(at_once - len(self.inflight), self._of.messages_per_second - len(self._sent_ms))

    def _send_all(self, claim: DialClaim, now_ms: float) -> None:
        if claim.refused:
            self._superseded()
            return
        for order in claim.orders:
            self._sent_ms.append(now_ms)
            self._context.dial_meter.sent(order.command, order.sent_at_ms - order.made_at_ms)
            sent = asyncio.create_task(self._send(order, now_ms), name="message")
            self.inflight.add(sent)
            sent.add_done_callback(self._landed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self.inflight.discard(task)
        self._context.sending.set()
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.error("a message failed", action="message_failed", tenant=self.tenant, exc_info=fault)

    async def _send(self, order: SentOrder, claimed_ms: float) -> None:
        """One message, which was claimed. Whatever happens from here on, it is not sent again."""

        def left_ms() -> float:
            return order.expires_at_ms - order.sent_at_ms - (self._clock.now_ms() - claimed_ms)

        answer = await self._gateway.send(Message(order.id, order.body, left_ms))
        self._context.metrics.message(answer.verdict.value)
        if answer.verdict is not Verdict.TAKEN:
            log.warning(
                "a message was not taken", action="message_not_taken", tenant=self.tenant, order=order.id,
                verdict=answer.verdict.value, detail=answer.detail,
            )  # fmt: skip
        self._learn(answer)
        try:
            await self._keep(order, answer)
        finally:
            if self.away and self._epoch is not None:
                await self._leave()

    def _learn(self, answer: Answer) -> None:
        if answer.away:
            self._is_away(answer.wait_s)
        elif answer.verdict is Verdict.TAKEN:
            self._failures, self._proven = 0, True

    def _is_away(self, wait_s: float | None) -> None:
        self._failures, self._proven, self.away = self._failures + 1, False, True
        pause_ms = min(AWAY_MIN_MS * 2.0 ** min(self._failures - 1, 10), AWAY_MAX_MS)
        pause_ms = max(pause_ms, (wait_s or 0) * SECOND_MS)
        self.look_ms = max(self._clock.now_ms() + pause_ms, self.look_ms)

    async def _keep(self, order: SentOrder, answer: Answer) -> None:
        """Its result, where there is one; a refused message is as undeliverable as one that a receipt says so of."""
        if answer.verdict is Verdict.UNKNOWN:
            return
        for _ in range(KEEP_TRIES):
            try:
                if answer.verdict is Verdict.REFUSED:
                    await self._report_refused(order, answer.detail)
                await self._set_result(order, answer)
            except (LedgerAway, OutcomeUnknown) as reason:
                log.warning("a result waits", action="message_result_waits", order=order.id, why=str(reason))
                await self._clock.wait(asyncio.Event(), self._clock.now_ms() + SECOND_MS)
            else:
                return

    async def _report_refused(self, order: SentOrder, detail: str) -> None:
        state = await order_of(self._context, self.tenant, order.id)
        if state is not None:
            await report(self._context, state, receipt_now(self._context, order.id, "undeliverable", detail))

    async def _set_result(self, order: SentOrder, answer: Answer) -> None:
        word, reason = _RESULTS[answer.verdict]
        at_ms = await self._context.reader.run(self._context.dial.now_ms)
        said = OrderResult(
            tenant=self.tenant,
            id=order.id,
            result=word,
            reason=reason,
            answer=None,
            cause=answer.detail,
            q850=None,
            tone=None,
            ended_at_ms=None,
            at_ms=at_ms,
        )
        if await self._streams.set_result(said) == "kept":
            self._context.dial_meter.result(SEND_MESSAGE, word)

    async def _leave(self) -> None:
        """No order is made for the gateway from now on."""
        epoch, self._epoch = self._epoch, None
        if epoch is not None:
            await self._streams.leave(self.tenant, MESSAGE_GATEWAY, epoch)

    async def landed(self) -> None:
        """Return when nothing is on its way."""
        while self.inflight:
            await asyncio.gather(*self.inflight, return_exceptions=True)

    async def close(self) -> None:
        """What is still on its way is cut off, and stays unknown."""
        for task in self.inflight:
            task.cancel()
        await self.landed()
        try:
            await self._leave()
        except (LedgerAway, OutcomeUnknown) as reason:  # it counts as alive for some seconds more
            log.warning("left late", action="message_gateway_left_late", tenant=self.tenant, why=str(reason))
        await self._gateway.close()


_RESULTS: dict[Verdict, tuple[str, str | None]] = {
    Verdict.TAKEN: ("done", None),
    Verdict.REFUSED: ("refused", "error"),
    Verdict.NOT_TAKEN: ("refused", "expired"),  # certainly not sent: decided anew
}
