"""Requests for callbacks: written with the round, once for each offer that was accepted and each promise.

A request and what marks it as made (the confirmation among the call's commands; the event in its timeline) are in one
transaction. So a round that fails, an engine that starts over, a fold with late facts, a call that was passive: none
makes it a second time, and none loses it.
"""

from typing import Final

from cti.caller_rows import CallbackRequest
from cti.core.call_state import Call, Keys
from cti.core.callbacks import CONFIRMED, accepted, confirmation, number_of, promise_id, request_id
from cti.core.rules import Intervention
from cti.engine.gathering import Gathering
from cti.engine.live_calls import Key, LiveCall
from cti.engine.speaking import tell_caller

QUEUE: Final = "queue"
AGENT: Final = "agent"


def ask_for_callbacks(work: Gathering, key: Key, live: LiveCall, was: Call) -> None:
    """Write what the call's new state asks for; `live` is the caller's own copy, `was` the state before."""
    if not work.interventions_on:
        return
    extras, source = live.call.extras, live.source
    for offer, keys in accepted(live.call, live.done, work.callback_offers) if extras.pressed else ():
        _accepted(work, key, live, offer, keys)
    known = {promise.event for promise in was.extras.promises}
    for promise in extras.promises:
        if promise.event not in known:
            id_ = promise_id(promise, source.tenant, source.name)
            _write(work, live, id_, AGENT, promise.agent, promise.at_ms, promise.due_ms, promise.note)


def _accepted(work: Gathering, key: Key, live: LiveCall, offer: Intervention, keys: Keys) -> None:
    tenant = live.source.tenant
    _write(work, live, request_id(offer, tenant, live.call_id), QUEUE, None, keys.at_ms, None, None)
    words = work.book.profile.messages.get(CONFIRMED)
    said = None if words is None else {"message": CONFIRMED, "text": words.model_dump(exclude_none=True)}
    tell_caller(work.commands, work.times, key, live, confirmation(offer, keys, tenant, live.call_id), said)


def _write(
    work: Gathering, live: LiveCall, id_: str, origin: str, agent: str | None, asked_ms: int, due_ms: int | None,
    note: str | None,
) -> None:  # fmt: skip
    source, call = live.source, live.call
    who = (id_, source.tenant, source.name, live.call_id, number_of(call), call.queue, origin, agent)
    request = CallbackRequest(*who, asked_ms, due_ms, note, int(work.times.now_ms))
    work.telemetry.callback_requested(origin)
    work.round_.callback_requests.append(request)
