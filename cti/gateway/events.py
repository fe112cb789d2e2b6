"""POST /v1/events: events of switches into the log. 202 means that the bytes are durable.

The hot path: the body is parsed once, every event is validated once, and the log gets its bytes and the parsed event.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web
from pydantic_core import to_json

from cti.gateway.context import Context
from cti.gateway.positions import highest, token_of
from cti.gateway.reading import Arrived, Unread, event_headers, read_items
from cti.gateway.whole_numbers import made_whole
from cti.ports import Appending
from cti.web.body import media_of, read_body
from cti.web.masking import masked_identifier, masked_problem
from cti.web.refusal import Refusal, fault
from cti.web.route import Asked
from schemas.envelope import DATA_MODELS, Event, Refused, read_with_body, times_problem

RESERVED: Final = ("ringback.call.commandResult.", "ringback.switch.switchDeclared.")
"""Types that only Ringback itself writes; another endpoint has validated their content."""

WARNINGS_MAX: Final = 20  # in an answer
TOO_BIG: Final = frozenset({"size"})
JSON_HEADERS: Final = {"Content-Type": "application/json"}
MEMBER_OF_EACH: Final = b'"specversion"'  # of every event in a body: roughly how many there are, before they are parsed


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why one item was refused."""

    index: int
    id: str | None
    code: str
    detail: str
    errors: list[dict[str, str]]

    def item(self) -> dict[str, Any]:
        """As an entry of `items`."""
        return {
            "index": self.index,
            "id": self.id,
            "status": "refused",
            "code": self.code,
            "detail": masked_identifier(self.detail),
            "errors": masked_problem(self.errors),
        }


@dataclass(slots=True)
class Judged:
    """The accepted items of a request with their places in it, and the verdicts on the others."""

    accepted: list[Appending] = field(default_factory=list)
    indexes: list[int] = field(default_factory=list)
    refused: list[Verdict] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)  # of accepted items that will change nothing


async def post_events(context: Context, asked: Asked) -> web.Response:
    """Takes one event or many. Raises Refusal."""
    request = asked.request
    headers = event_headers(request.headers)
    media = media_of(request)
    body = await read_body(request, context.limits)
    # To refuse a flood must not cost what taking it would: some 20 ms of everybody's time a request.
    context.backpressure.check(asked.caller.key_id, max(1, body.count(MEMBER_OF_EACH)))
    arrived = read_items(media, headers, body, context.limits.batch_items)
    sources = await context.bindings.sources(asked.caller)
    judged = judge(arrived.items, asked.caller.tenant, sources, context.latest.of(context.log.now_ms()))
    if judged.refused:
        context.meter.events("refused", len(judged.refused))
        if not judged.accepted:
            raise _all_refused(arrived, judged)
    token = ""
    if judged.accepted:
        accepted = judged.accepted
        token = token_of(
            await context.backpressure.append(
                asked.caller.key_id, asked.caller.tenant, len(accepted), lambda: appended_to_log(context, accepted)
            )
        )
    context.meter.events("accepted", len(judged.accepted))
    if judged.refused:
        return _mixed(judged, token)
    warned = ""
    if judged.warnings:
        warned = f',"warnings":{to_json(judged.warnings[:WARNINGS_MAX]).decode()}'
    answer = f'{{"accepted":{len(judged.accepted)},"position":"{token}"{warned}}}'
    return web.Response(status=202, body=answer.encode(), headers=JSON_HEADERS)


def judge(items: Sequence[Any], tenant: str, sources: frozenset[str] | None, now_ms: float) -> Judged:
    """Judge each item by itself, in order. `sources`: those the key may speak for, None: any. `now_ms`: the log's."""
    judged = Judged()
    for index, item in enumerate(items):
        try:
            appending, event = _appending(item, tenant, sources, now_ms)
        except Refused as refused:
            judged.refused.append(_broken(index, item, refused))
        except _NotTaken as reason:
            judged.refused.append(Verdict(index, _id_of(item), reason.code, reason.detail, reason.errors))
        else:
            judged.accepted.append(appending)
            judged.indexes.append(index)
            if not event.known:
                judged.warnings.append({"index": index, "id": event.id, **_warning(event)})
    return judged


class _NotTaken(Exception):
    """An item that is not an event of the contract, or that this key may not send."""

    def __init__(self, code: str, detail: str, pointer: str = "") -> None:
        super().__init__(code)
        self.code, self.detail = code, detail
        self.errors = [fault(pointer, code, detail)]


def _warning(event: Event) -> dict[str, str]:
    """Why an accepted event will change nothing: its type is unknown here."""
    family, _, kind = event.type.removeprefix("ringback.").rpartition(".v")[0].partition(".")
    if event.version > 1:
        detail = f"Version {event.version} of {masked_identifier(event.type)} is not known here"
        return {"code": "newer_version", "detail": detail}
    others = [other for other in ("call", "agent", "switch") if f"ringback.{other}.{kind}.v1" in DATA_MODELS]
    if event.family and others:
        return {"code": "unknown_type", "detail": f"{kind} is an event of the family {others[0]}, not of {family}"}
    shown = masked_identifier(event.type[:200])
    return {"code": "unknown_type", "detail": f"The type {shown} is not known here; the event is kept"}


def _appending(item: Any, tenant: str, sources: frozenset[str] | None, now_ms: float) -> tuple[Appending, Event]:
    if type(item) is Unread:
        raise _NotTaken(item.code, item.detail)
    event, body = _read(item)
    source = event.source
    if sources is not None and source not in sources:
        raise _NotTaken("source_not_allowed", "The key is not bound to a switch with this source", "/source")
    if event.type.startswith(RESERVED):
        raise _NotTaken("reserved_type", "Events of this type are written by Ringback alone", "/type")
    if (problem := times_problem(event, now_ms)) is not None:
        raise _NotTaken("bad_time", problem.detail, problem.pointer)
    key = f"{tenant}:{source}:{event.subject}"
    return Appending(tenant, key, body, event, event.family == "switch"), event


def _read(item: Any) -> tuple[Event, bytes]:
    """Judges an item; the envelope and then its `data` may each need a look at their whole numbers."""
    for _ in ("envelope", "data"):
        try:
            return read_with_body(item)
        except Refused as refused:
            if not made_whole(item, refused.problems):
                raise
    return read_with_body(item)


def _broken(index: int, item: Any, refused: Refused) -> Verdict:
    errors = [fault(problem.pointer, problem.rule, problem.detail) for problem in refused.problems]
    too_large = any(problem.rule in TOO_BIG and not problem.pointer for problem in refused.problems)
    first = refused.problems[0]
    detail = f"{first.pointer}: {first.detail}" if first.pointer else first.detail
    return Verdict(index, _id_of(item), "event_too_large" if too_large else "invalid_event", detail, errors)


def _id_of(item: Any) -> str | None:
    found = item.get("id") if isinstance(item, dict) else None
    return found[:256] if isinstance(found, str) else None


def _all_refused(arrived: Arrived, judged: Judged) -> Refusal:
    first = judged.refused[0]
    if arrived.single:
        return Refusal(first.code, first.detail, first.errors)
    items = [verdict.item() for verdict in judged.refused]
    members = {"accepted": 0, "refused": len(items), "items": items}
    return Refusal("all_refused", f"All {len(items)} events were refused", members=members)


def _mixed(judged: Judged, token: str) -> web.Response:
    items: list[dict[str, Any]] = [verdict.item() for verdict in judged.refused]
    for index, appending in zip(judged.indexes, judged.accepted, strict=True):
        event_id = appending.event.id if appending.event else None
        items.append({"index": index, "id": event_id, "status": "accepted"})
    items.sort(key=lambda item: int(item["index"]))
    answer = {"accepted": len(judged.accepted), "refused": len(judged.refused), "position": token, "items": items}
    if judged.warnings:
        answer["warnings"] = judged.warnings[:WARNINGS_MAX]
    return web.Response(status=200, body=to_json(answer), headers=JSON_HEADERS)


async def append(context: Context, items: Sequence[Appending]) -> str:
    """Make the items durable; the token of their positions. Raises Refusal `log_busy`, or `LogAway`."""
    return token_of(await appended_to_log(context, items))


async def appended_to_log(context: Context, items: Sequence[Appending]) -> dict[int, int]:
    """Make the items durable; their last position in each partition. Raises Refusal `log_busy`, or `LogAway`."""
    async with context.log_waiters:
        try:
            async with asyncio.timeout(context.limits.log_wait_s):
                indexes = await context.log.append(items)
        except TimeoutError:
            raise context.log_waiters.busy(f"No answer within {context.limits.log_wait_s:g} s") from None
    return highest(indexes)
