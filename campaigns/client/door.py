"""The HTTP API as a manager's program uses it: bounded waits, bounded repeats, answers that can be read.

What a repeat could do twice carries an `Idempotency-Key`. The others are safe to repeat: at worst the second answer is
`wrong_state`, and `Problem.repeated` says that the first may have been heard.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
from pydantic_core import from_json

from campaigns.client.lines import clean

TRIES_MAX = 8
FIRST_WAIT_S = 0.5  # doubled with each repeat
RETRY_AFTER_MAX_S = 30.0
CONNECT_S = 10.0
ANSWER_S = 60.0  # without a byte of an answer
ANSWER_BYTES_MAX = 4 * 1024 * 1024  # of one JSON answer
DETAIL_CHARS_MAX = 500  # shown of an answer that is no problem document
NO_JSON, NO_ANSWER = "no_json", "no_answer"  # codes of what Ringback cannot have said
AGAIN = frozenset({408, 429, 500, 502, 503, 504})  # docs/errors.md; the rest are those of proxies
IN_FLIGHT = "idempotency_in_flight"

Pause = Callable[[float], Awaitable[None]]
"""Wait so many seconds."""


class Answer(NamedTuple):
    """`repeated`: an earlier try may have been heard too. `tag`: the ETag of what was answered."""

    status: int
    body: dict[str, Any]
    repeated: bool
    tag: str = ""


class Problem(Exception):
    """The service refused: a problem document, as text that names each field and its rule."""

    def __init__(self, status: int, body: Mapping[str, Any], repeated: bool = False) -> None:
        self.status, self.body, self.repeated = status, dict(body), repeated
        self.code = str(body.get("code") or status)
        super().__init__(self._text())

    def _text(self) -> str:
        head = f"{self.code} ({self.status}): {self.body.get('detail') or self.body.get('title') or 'no reason given'}"
        errors = self.body.get("errors")
        faults = [each for each in errors if isinstance(each, dict)] if isinstance(errors, list) else []
        lines = [f"  {each.get('pointer') or '/'}: {each.get('detail')} [{each.get('rule')}]" for each in faults]
        return "\n".join(clean(line, DETAIL_CHARS_MAX) for line in (head, *lines))


class Away(Exception):
    """The service does not answer, or not now, however often it was asked."""


class Door:
    """Requests with one key. Raises Problem, Away; OSError for a file that cannot be read."""

    def __init__(self, session: aiohttp.ClientSession, url: str, key: str, pause: Pause = asyncio.sleep) -> None:
        self._session, self._url = session, url.rstrip("/") + "/v1"
        self._headers = {"Authorization": f"Bearer {key}"}
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=ANSWER_S)
        self.pause = pause

    async def get(self, path: str, **query: str) -> Any:
        """The JSON of a GET."""
        return (await self._tried("GET", path, query, {}, lambda: None)).body

    async def read(self, path: str) -> Answer:
        """The same, with its ETag."""
        return await self._tried("GET", path, {}, {}, lambda: None)

    async def patch(self, path: str, body: Mapping[str, Any], tag: str) -> Answer:
        """PATCH the version that has this ETag."""
        sent = json.dumps(body, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", "If-Match": tag}
        return await self._tried("PATCH", path, {}, headers, lambda: sent)

    async def post(self, path: str, body: Mapping[str, Any], key: str | None = None) -> Answer:
        """`key`: the Idempotency-Key of a POST that creates."""
        headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
        sent = json.dumps(body, ensure_ascii=False).encode()
        return await self._tried("POST", path, {}, headers, lambda: sent)

    async def delete(self, path: str) -> Any:
        """What the answer to a DELETE has."""
        return (await self._tried("DELETE", path, {}, {}, lambda: None)).body

    async def upload(self, path: str, file: Path, key: str, media: str, query: Mapping[str, str]) -> Answer:
        """Stream a file; each try reads it from its beginning."""
        headers = {"Content-Type": media, "Idempotency-Key": key}
        return await self._tried("POST", path, query, headers, lambda: file.open("rb"))

    async def _tried(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: Callable[[], Any]
    ) -> Answer:
        """Again and again after what may pass, TRIES_MAX times at most."""
        wait_s, said = FIRST_WAIT_S, ""
        for number in range(TRIES_MAX):
            if number:
                await self.pause(wait_s)
            after_s = None
            try:
                async with self._asked(method, path, query, headers, body()) as response:
                    tag = response.headers.get("ETag", "")
                    answer = Answer(response.status, await _read(response), bool(number), tag)
                    after_s = _seconds(response.headers.get("Retry-After"))
            except BROKEN as reason:
                said = repr(reason)
            else:
                if not _may_pass(answer):
                    return _good(answer)
                said = str(Problem(answer.status, answer.body))
            wait_s = after_s if after_s is not None else min(FIRST_WAIT_S * 2**number, RETRY_AFTER_MAX_S)
        raise Away(f"{method} {self._url}{path}: no answer after {TRIES_MAX} tries; the last: {said}")

    @asynccontextmanager
    async def _asked(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        async with self._session.request(
            method, self._url + path, params=dict(query), data=body, headers={**self._headers, **headers},
            timeout=self._timeout, allow_redirects=False,
        ) as response:  # fmt: skip
            yield response

    @asynccontextmanager
    async def stream(self, path: str, media: str, **query: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """A GET whose answer is read piece by piece. It is tried again until it begins, never in its middle."""
        said, begun = "", False
        for number in range(TRIES_MAX):
            if number:
                await self.pause(min(FIRST_WAIT_S * 2 ** (number - 1), RETRY_AFTER_MAX_S))
            try:
                async with self._asked("GET", path, query, {"Accept": media}, None) as response:
                    if response.status == 200 and response.content_type == media:
                        begun = True
                        yield response
                        return
                    answer = Answer(response.status, await _read(response), False)
            except BROKEN as reason:  # a connection that was kept may be closed just as it is used again
                if begun:
                    raise
                said = str(reason)
                continue
            if not _may_pass(answer):
                other = {"code": NO_ANSWER, "detail": f"the answer is no {media}; is this the address of Ringback?"}
                raise Problem(answer.status, other if answer.status == 200 else answer.body)
            said = str(Problem(answer.status, answer.body))
        raise Away(f"GET {self._url}{path}: no answer after {TRIES_MAX} tries; the last: {said}")


BROKEN = (aiohttp.ClientError, ConnectionError, TimeoutError)
"""A connection that cannot be had, or breaks. A kept one breaks as a BrokenPipeError of the system's own, too."""


def _may_pass(answer: Answer) -> bool:
    return answer.status in AGAIN or answer.body.get("code") == IN_FLIGHT


def _good(answer: Answer) -> Answer:
    if not 200 <= answer.status < 300 or answer.body.get("code") == NO_JSON:
        raise Problem(answer.status, answer.body, answer.repeated)
    return answer


def needed(found: Mapping[str, Any], **kinds: type) -> None:
    """Raises Problem where an answer lacks one of these members: then nobody knows what was done."""
    for name, kind in kinds.items():
        if not isinstance(found.get(name), kind):
            detail = f"the answer has no {name} as Ringback gives it; is this its address?"
            raise Problem(200, {"code": NO_ANSWER, "detail": detail})


async def _read(response: aiohttp.ClientResponse) -> dict[str, Any]:
    """The JSON object of an answer; what is none becomes a problem document."""
    text = await response.content.read(ANSWER_BYTES_MAX)
    while not response.content.at_eof() and len(text) < ANSWER_BYTES_MAX:
        text += await response.content.read(ANSWER_BYTES_MAX - len(text))
    with suppress(ValueError):
        found = from_json(text)
        if isinstance(found, dict):
            return found
    return {"code": NO_JSON, "detail": text[:DETAIL_CHARS_MAX].decode("utf-8", "replace")}


def _seconds(retry_after: str | None) -> float | None:
    try:
        return None if retry_after is None else min(max(float(retry_after), 0.0), RETRY_AFTER_MAX_S)
    except ValueError:
        return None
