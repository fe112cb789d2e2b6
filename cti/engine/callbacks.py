"""Requests for callbacks: written with the round, once for each offer that was accepted and each promise.

A request and what marks it as made (the confirmation among the call's commands; the event in its timeline) are in one
transaction. So a round that fails, an engine that starts over, a fold with late facts, a call that was passive: none
makes it a second time, and none loses it.
"""

from typing import Final

from cti.caller_rows import CallbackRequest
from cti.core.call_state import Call, Keys
from cti.core.callbacks import CONFIRMED, accepted, confirmation, number_of, offers_of, promise_id, request_id
from cti.core.rules import Intervention, RuleBook
from cti.engine.commands import CommandWriter
from cti.engine.live_calls import Key, LiveCall
from cti.engine.metrics import CallMetrics
from cti.engine.round_writer import RoundWriter
from cti.engine.speaking import tell_caller

QUEUE: Final = "queue"
AGENT: Final = "agent"


class CallbackRequests:
    """Writes the requests of one engine."""

    __slots__ = ("_commands", "_offers", "_telemetry", "_writer")

    def __init__(self, writer: RoundWriter, commands: CommandWriter, book: RuleBook, telemetry: CallMetrics) -> None:
        self._writer, self._commands, self._telemetry = writer, commands, telemetry
        self._offers = offers_of(book)

    def follow(self, key: Key, live: LiveCall, was: Call) -> None:
        """Write what the call's new state asks for; `live` is the caller's own copy, `was` the state before."""
        if not self._commands.enabled:
            return
        extras, source = live.call.extras, live.source
        for offer, keys in accepted(live.call, live.done, self._offers) if extras.pressed else ():
            self._accepted(key, live, offer, keys)
        known = {promise.event for promise in was.extras.promises}
        for promise in extras.promises:
            if promise.event not in known:
                id_ = promise_id(promise, source.tenant, source.name)
                self._write(live, id_, AGENT, promise.agent, promise.at_ms, promise.due_ms, promise.note)

    def _accepted(self, key: Key, live: LiveCall, offer: Intervention, keys: Keys) -> None:
        tenant = live.source.tenant
        self._write(live, request_id(offer, tenant, live.call_id), QUEUE, None, keys.at_ms, None, None)
        words = self._commands.profile.messages.get(CONFIRMED)
        said = None if words is None else {"message": CONFIRMED, "text": words.model_dump(exclude_none=True)}
        tell_caller(self._commands, key, live, confirmation(offer, keys, tenant, live.call_id), said)

    def _write(
        self, live: LiveCall, id_: str, origin: str, agent: str | None, asked_ms: int, due_ms: int | None,
        note: str | None,
    ) -> None:  # fmt: skip
        source, call = live.source, live.call
        who = (id_, source.tenant, source.name, live.call_id, number_of(call), call.queue, origin, agent)
        request = CallbackRequest(*who, asked_ms, due_ms, note, int(self._commands.times.now_ms))
        self._telemetry.callback_requested(origin)
        self._writer.round_.callback_requests.append(request)
