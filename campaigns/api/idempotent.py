"""POSTs that create, once for each `Idempotency-Key`.

The same key with the same request gets the answer of the first; with another one `idempotency_mismatch`. What was
refused is not kept: a corrected request may use the key again.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from aiohttp import web
from pydantic_core import to_json
from sqlalchemy import Connection

from campaigns.api.answering import JSON
from campaigns.api.codes import refusal
from campaigns.context import Context
from campaigns.errors import Stale
from campaigns.ledger import idempotency
from campaigns.ledger.idempotency import KeyRow
from cti.errors import LedgerAway, OutcomeUnknown
from cti.web.query import Parameter
from cti.web.refusal import Refusal
from cti.web.route import Asked

NAME = "Idempotency-Key"
KEY_PATTERN = "^[!-~]{1,128}$"
RETRY_AFTER_S = 2
CODES = ("idempotency_in_flight", "idempotency_mismatch")


class Reply(NamedTuple):
    """An answer as it is kept."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}


def _read(value: str) -> str:
    if not 1 <= len(value) <= 128 or not all("!" <= each <= "~" for each in value):
        raise ValueError("takes 1 to 128 visible ASCII characters without blanks")
    return value


HEADER = Parameter(
    NAME,
    "The same key and body within 72 h: the same answer, and nothing is made twice.",
    {"type": "string", "pattern": KEY_PATTERN},
    _read,
)

Create = Callable[[Connection], Reply | Refusal]
"""In the writer's thread and transaction; it may run again after a rollback. A Refusal has written nothing."""


async def created(context: Context, asked: Asked, body: bytes, create: Create) -> web.Response:
    """What `create` made, or made the first time. Raises Refusal."""
    key: str | None = asked.headers.get(NAME)
    taken = None if key is None else KeyRow(asked.caller.tenant, key, digest_of(asked, body), context.now_ms())
    answered = await context.write(_create_all, (create, taken))
    if isinstance(answered, Refusal):
        raise answered
    return response_of(answered)


def _create_all(connection: Connection, given: Sequence[tuple[Create, KeyRow | None]]) -> Sequence[Reply | Refusal]:
    return [_create(connection, create, taken) for create, taken in given]


def _create(connection: Connection, create: Create, taken: KeyRow | None) -> Reply | Refusal:
    if taken is None:
        return create(connection)
    found = idempotency.take(connection, taken)
    if found is not None:
        return as_before(found, taken.digest)
    made = create(connection)
    if isinstance(made, Refusal):
        idempotency.release(connection, taken)
    else:
        keep(connection, taken, made, taken.digest)
    return made


def keep(connection: Connection, taken: KeyRow, made: Reply, digest: str) -> bool:
    """Keep an answer; False: the key was taken over by another."""
    location = made.headers.get("Location")
    return idempotency.answer(connection, taken, made.status, made.body.decode(), location, digest)


def as_before(found: KeyRow, digest: str) -> Reply | Refusal:
    """What a key that was used before answers."""
    if found.status is None:
        return refusal("idempotency_in_flight", headers={"Retry-After": str(RETRY_AFTER_S)})
    if found.digest != digest:
        return refusal("idempotency_mismatch")
    headers = {} if found.location is None else {"Location": found.location}
    return Reply(found.status, (found.body or "").encode(), headers)


class Claim:
    """A key that is taken before what takes longer than a transaction, and answered with it.

    `async with` it while that goes on: the key is prolonged meanwhile, and an error frees it.
    """

    def __init__(self, context: Context, asked: Asked) -> None:
        self._context, self._asked = context, asked
        self._taken: KeyRow | None = None
        self._digest = ""  # of the request, once its body is known
        self._prolonging: asyncio.Task[None] | None = None

    async def take(self, body: bytes) -> Reply | None:
        """The answer of the first request, or None: go on. Raises Refusal."""
        sha256 = hashlib.sha256(body).hexdigest()
        found = await self.take_unread()
        if found is not None:
            return self.before(found, sha256)
        self._digest = digest_with(self._asked, sha256)
        return None

    async def take_unread(self) -> KeyRow | None:
        """What the key was used for; None: it is ours, or there is none. The body is not known yet."""
        key: str | None = self._asked.headers.get(NAME)
        if key is None:
            return None
        row = KeyRow(self._asked.caller.tenant, key, secrets.token_hex(), self._context.now_ms())
        found: KeyRow | None = await self._context.writer.run(_take_all, row)
        self._taken = row if found is None else None
        return found

    def before(self, found: KeyRow, sha256: str) -> Reply:
        """The answer of the first request. Raises Refusal."""
        answered = as_before(found, digest_with(self._asked, sha256))
        if isinstance(answered, Refusal):
            raise answered
        return answered

    def keep(self, connection: Connection, made: Reply, sha256: str | None = None) -> None:
        """Keep the answer, in the transaction that creates. Raises Stale where the key was taken over."""
        if self._taken is None:
            return
        digest = self._digest if sha256 is None else digest_with(self._asked, sha256)
        if not keep(connection, self._taken, made, digest):
            raise Stale("idempotency")

    async def __aenter__(self) -> None:
        """What was taken is ours, for as long as the block lasts."""
        if self._taken is not None:
            self._prolonging = asyncio.create_task(self._prolong(self._taken))

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._prolonging is not None:
            self._prolonging.cancel()
            await asyncio.gather(self._prolonging, return_exceptions=True)
        if self._taken is not None and kind is not None and not issubclass(kind, OutcomeUnknown):
            with suppress(LedgerAway, OutcomeUnknown):  # it frees itself after a while
                await self._context.writer.run(_release_all, self._taken)

    async def _prolong(self, taken: KeyRow) -> None:
        """Until it is answered, or taken over."""
        is_ours, clock = True, self._context.clock
        while is_ours:
            await clock.wait(asyncio.Event(), clock.now_ms() + idempotency.PROLONG_MS)
            with suppress(LedgerAway, OutcomeUnknown):  # the next time
                is_ours = await self._context.writer.run(_prolong_all, (taken, self._context.now_ms()))


def _take_all(connection: Connection, given: Sequence[KeyRow]) -> Sequence[KeyRow | None]:
    return [idempotency.take(connection, row) for row in given]


def _prolong_all(connection: Connection, given: Sequence[tuple[KeyRow, int]]) -> Sequence[bool]:
    return [idempotency.prolong(connection, taken, at_ms) for taken, at_ms in given]


def _release_all(connection: Connection, given: Sequence[KeyRow]) -> Sequence[None]:
    for row in given:
        idempotency.release(connection, row)
    return [None] * len(given)


def digest_of(asked: Asked, body: bytes) -> str:
    """SHA-256 of method, path with query, and body."""
    return digest_with(asked, hashlib.sha256(body).hexdigest())


def digest_with(asked: Asked, sha256: str) -> str:
    """The same, of a body of which the hash is known."""
    words = (asked.request.method, asked.request.path_qs, sha256)
    return hashlib.sha256("\n".join(words).encode("utf-8", "surrogatepass")).hexdigest()


def reply(body: Any, status: int = 201, location: str | None = None) -> Reply:
    """An answer in JSON."""
    return Reply(status, to_json(body), {} if location is None else {"Location": location})


def response_of(made: Reply) -> web.Response:
    """The answer of a reply that was made now or kept from the first time."""
    return web.Response(body=made.body, status=made.status, content_type=JSON, headers=made.headers)
