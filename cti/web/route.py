"""Routes as data: from one list come the router, the checks before a handler and the OpenAPI document."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any

import structlog
from aiohttp import HttpVersion11, hdrs, web
from aiohttp.typedefs import Handler as WebHandler
from aiohttp.typedefs import Middleware

from cti.errors import LedgerAway, LogAway, OutcomeUnknown
from cti.web.auth import Caller, KeyRing
from cti.web.bucket import TokenBucket
from cti.web.limits import Limits
from cti.web.meter import Meter
from cti.web.query import Parameter, read_headers, read_query
from cti.web.refusal import Refusal, busy
from cti.web.server import Conversation

log = structlog.get_logger()
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH")


async def _for_ever() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that passed the checks of its route. `still_good`: whether its key still is; asks the registry."""

    request: web.Request
    caller: Caller
    query: Mapping[str, Any]
    still_good: Callable[[], Awaitable[bool]] = _for_ever
    headers: Mapping[str, Any] = field(default_factory=dict)  # those that the route knows


@dataclass(frozen=True, slots=True)
class Answer:
    """One documented answer: a sentence, and the schema of each media type it may have."""

    about: str
    content: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)  # of the answer: name, what it says


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. `scope` None: open to all. `codes`: its errors beyond those of its scope and query."""

    method: str
    path: str
    name: str
    summary: str
    handler: Callable[[Any, Asked], Awaitable[web.StreamResponse]]  # (what the service shares, what was asked)
    scope: str | None
    answers: Mapping[int, Answer]
    codes: Sequence[str] = ()
    query: Sequence[Parameter] = ()
    body: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    path_parts: Mapping[str, str] = field(default_factory=dict)  # the pattern of each {part} of the path
    head: bool = False  # a GET that takes HEAD too
    headers: Sequence[Parameter] = ()  # of the request, beside those that every route takes

    @property
    def pattern(self) -> str:
        """The path as the router takes it."""
        path = self.path
        for name, pattern in self.path_parts.items():
            path = path.replace(f"{{{name}}}", f"{{{name}:{pattern}}}")
        return path


NOBODY = Caller("", "", frozenset(), frozenset(), TokenBucket(1.0, 1.0, perf_counter))
"""The caller of a route that is open to all."""


def add_routes(app: web.Application, routes: Sequence[Route], ring: KeyRing, shared: object) -> None:
    """Put the routes into an application; their handlers get `shared` first."""
    for route in routes:
        handler = _open(route, shared) if route.scope is None else _guarded(route, route.scope, ring, shared)
        app.router.add_route(route.method, route.pattern, handler, expect_handler=_expected)
        if route.head:
            app.router.add_route(hdrs.METH_HEAD, route.pattern, handler, expect_handler=_expected)


def _guarded(route: Route, scope: str, ring: KeyRing, shared: object) -> WebHandler:
    parameters = {parameter.name: parameter for parameter in route.query}
    handle = route.handler

    async def serve(request: web.Request) -> web.StreamResponse:
        caller = await ring.caller(request.headers.get(hdrs.AUTHORIZATION))
        if isinstance(request.protocol, Conversation):
            request.protocol.has_key()
        if not caller.may(scope):
            raise Refusal("scope_missing", f"This needs the scope {scope}")
        query = read_query(request.rel_url.raw_query_string, parameters)
        headers = read_headers(request.headers.items(), route.headers)
        return await handle(shared, Asked(request, caller, query, partial(ring.still_good, caller), headers))

    return serve


def _open(route: Route, shared: object) -> WebHandler:
    async def serve(request: web.Request) -> web.StreamResponse:
        read_query(request.rel_url.raw_query_string, {})
        return await route.handler(shared, Asked(request, NOBODY, {}))

    return serve


async def _expected(request: web.Request) -> web.StreamResponse | None:
    """The answer to `Expect`: go on, or a problem document; aiohttp's own would be plain text."""
    if request.version != HttpVersion11:
        return None
    if request.headers.get(hdrs.EXPECT, "").lower() != "100-continue":
        return Refusal("expectation_failed").response()
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.writer.output_size = 0  # nothing of the answer has been written
    return None


def answering(limits: Limits, meter: Meter) -> Middleware:
    """The one middleware: every error leaves as a problem document, every request is counted."""

    @web.middleware
    async def answer(request: web.Request, handler: WebHandler) -> web.StreamResponse:
        started, status = perf_counter(), 499  # 499: the client left, or we stop
        try:
            response = await _answered(request, handler, limits)
            status = response.status
            return response
        except ConnectionError:
            return web.Response(status=400)  # the client never gets it; raising would only fill the log
        finally:
            method = request.method if request.method in METHODS else "other"
            meter.request(_route_of(request), method, status, perf_counter() - started)

    return answer


async def _answered(request: web.Request, handler: WebHandler, limits: Limits) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refusal as refusal:
        return refusal.response()
    except web.HTTPException as error:
        return _of_http(request, error)
    except (LogAway, LedgerAway, OutcomeUnknown) as error:
        log.warning("store_away", route=_route_of(request), error=str(error))
        return busy("log_away" if isinstance(error, LogAway) else "ledger_away", limits.retry_after_s).response()
    except ConnectionError:  # the client left while we wrote to it
        raise
    except Exception:  # the boundary: an unexpected error must not show internals
        log.exception("request_failed", route=_route_of(request), method=request.method)
        return Refusal("internal").response()


def _route_of(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return "unmatched" if resource is None else resource.canonical


def _of_http(request: web.Request, error: web.HTTPException) -> web.Response:
    """A refusal of aiohttp itself, as one of ours."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods | {hdrs.METH_OPTIONS}))
        if request.method == hdrs.METH_OPTIONS:
            return web.Response(status=204, headers={"Allow": allowed})
        return Refusal("method_not_allowed", f"Taken here: {allowed}", headers={"Allow": allowed}).response()
    codes = {404: "not_found", 413: "too_large", 417: "expectation_failed"}
    return Refusal(codes.get(error.status, "bad_request")).response()
