"""The desk of a campaign manager: it asks over HTTP, at whichever gateway answers, and is sure of no more than it was
told.
"""

import asyncio
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import aiohttp

from tests.faults.cluster.waiting import TooLong, pause, until

ASK_S = 5.0  # a gateway that is stopped is asked no longer
BRING_S = 60.0  # a file takes longer
ASKED_MAX_S = 90.0  # until one of them answers
AGAIN_S = 0.2
LOOK_S = 0.5  # from one look at what is not acknowledged yet to the next
IMPORTED_MAX_S = 120.0
PAGE = 500
BUSY = frozenset({409, 429, 500, 502, 503, 504})  # to be asked again, where a key or the state makes that harmless
CANCELLED = "cancelled"
IN_FLIGHT, SAME_FILE, WRONG_STATE = "idempotency_in_flight", "same_file", "wrong_state"

States = Mapping[str, int]
STATES = (
    "waiting", "in_progress", "unknown", "person", "reached", "promised", "paid", "disputed", "fallback", "suppressed",
    "cancelled", "expired",
)  # fmt: skip


class Refused(Exception):
    """The service's word: (status, problem document)."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {problem}")
        self.status, self.problem = status, problem

    @property
    def code(self) -> str:
        return str(self.problem.get("code"))


class Desk:
    """`doors`: the addresses of gateways. Its requests are repeated until one is answered: raises TooLong."""

    def __init__(self, session: aiohttp.ClientSession, doors: Sequence[str], key: str) -> None:
        self._session, self._doors, self._key = session, cycle(doors), key
        self.unanswered = 0  # requests whose answer never came

    # -- a campaign's way ----------------------------------------------------------------------------------------------

    async def create(self, settings: Mapping[str, Any]) -> str:
        """The campaign's id."""
        made = await self.ask("POST", "/v1/campaigns", settings, key=_new_key())
        return str(made["id"])

    async def bring(self, campaign: str, file: bytes, name: str = "bills.csv") -> int:
        """POST a file; the number of its import, also where the answer was lost and the file is known by now.

        Without an `Idempotency-Key`: one whose request was cut off by kill -9 counts as under way for minutes.
        """
        path = f"/v1/campaigns/{campaign}/imports?file={name}"
        try:
            return int((await self.ask("POST", path, file, timeout_s=BRING_S))["n"])
        except Refused as refused:
            if refused.code != SAME_FILE:
                raise
            return int(refused.problem["import"])

    async def imported(self, campaign: str, number: int, most_s: float = IMPORTED_MAX_S) -> dict[str, Any]:
        """The import once it has ended. Raises TooLong."""
        found: dict[str, Any] = {}

        async def ended() -> bool:
            found.update(await self.ask("GET", f"/v1/campaigns/{campaign}/imports/{number}"))
            return found["state"] != "running"

        await until(f"import {number} of {campaign} has ended", ended, most_s)
        return found

    async def start(self, campaign: str, contacts: int) -> None:
        wish = {"contacts": contacts, "allow_overlap": True}  # the same customers are in several of them
        await self.act(campaign, "start", wish, "running", "done")

    async def act(self, campaign: str, step: str, told: object, *wanted: str) -> None:
        """A step of the campaign; one that was taken although its answer was lost counts as taken. Raises Refused."""
        try:
            await self.ask("POST", f"/v1/campaigns/{campaign}/{step}", told)
        except Refused as refused:
            if refused.code != WRONG_STATE or (await self.read(campaign))["state"] not in wanted:
                raise

    async def stop(self, campaign: str, most_s: float, live: str = "finish") -> int:
        """When its acknowledgement was known here, in ms since the epoch. Raises TooLong."""
        await self.act(campaign, "stop", {"live": live}, "stopping", "stopped", "done")

        async def stopped() -> bool:
            return bool((await self.read(campaign))["state"] == "stopped")

        await until(f"the stop of {campaign} is acknowledged", stopped, most_s)
        return _now_ms()

    async def freeze(self, most_s: float) -> int:
        """As `stop`, of all that the tenant does."""
        await self.ask("POST", "/v1/outbound/freeze", {"reason": "a trial"})

        async def frozen() -> bool:
            return bool((await self.ask("GET", "/v1/outbound"))["acknowledged"])

        await until("the freeze is acknowledged", frozen, most_s)
        return _now_ms()

    async def thaw(self) -> int:
        """From when on calls may be made again."""
        from_ms = _now_ms()
        await self.ask("POST", "/v1/outbound/thaw")
        return from_ms

    # -- what changes while it runs ------------------------------------------------------------------------------------

    async def settle(self, payment: Mapping[str, Any]) -> int:
        """A payment, with its reference; when its acknowledgement was known here, in ms since the epoch."""
        await self.ask("POST", "/v1/settlements", payment)
        return _now_ms()

    async def bar(self, entry: Mapping[str, Any]) -> int:
        """A number or an account that nobody calls; the same again is the same entry. As `settle`."""
        await self.ask("POST", "/v1/do-not-call", entry)
        return _now_ms()

    async def call_back(self, wish: Mapping[str, Any]) -> dict[str, Any]:
        """The callback."""
        return dict(await self.ask("POST", "/v1/callbacks", wish, key=_new_key()))

    async def call_off(self, callback: str) -> int:
        """A callback that is not wanted any more. As `settle`. Raises Refused where it has ended by itself."""
        path = f"/v1/callbacks/{callback}"
        try:
            await self.ask("DELETE", path)
        except Refused as refused:
            if refused.code != WRONG_STATE or (await self.ask("GET", path))["state"] != CANCELLED:
                raise
        return _now_ms()

    async def change(self, campaign: str, wish: Mapping[str, Any]) -> int:
        """Other settings, whatever they were; the same again changes nothing. As `settle`."""
        await self.ask("PATCH", f"/v1/campaigns/{campaign}", wish, more={"If-Match": "*"})
        return _now_ms()

    async def drain(self, campaign: str) -> int:
        """As `settle`."""
        await self.act(campaign, "drain", None, "draining", "done")
        return _now_ms()

    async def withdraw(self, campaign: str, number: int, most_s: float) -> int:
        """An import; when it was known here that nothing of it reaches anybody. Raises TooLong."""

        async def acknowledged() -> bool:
            path = f"/v1/campaigns/{campaign}/imports/{number}/withdraw"
            return bool((await self.ask("POST", path))["acknowledged"])

        await until(f"the withdrawal of import {number} of {campaign} is acknowledged", acknowledged, most_s, LOOK_S)
        return _now_ms()

    async def revise(
        self, campaign: str, where: Mapping[str, str], wish: Mapping[str, Any], most_s: float
    ) -> tuple[int, int]:
        """When it was known here that an outage is changed, and that nobody is told the old word. Raises TooLong.

        Without an `Idempotency-Key`, as `bring`: the same change again changes nobody.
        """
        path = f"/v1/campaigns/{campaign}/revisions"
        await self.ask("POST", path, {"where": where, "set": wish})
        answered_ms = _now_ms()

        async def acknowledged() -> bool:
            found = (await self.ask("GET", path))["revisions"]
            return all(one["acknowledged"] for one in found if one["where"]["area"] == where["area"])

        await until(f"the revision of {where['area']} is acknowledged", acknowledged, most_s, LOOK_S)
        return answered_ms, _now_ms()

    # -- what is told of it --------------------------------------------------------------------------------------------

    async def read(self, campaign: str) -> dict[str, Any]:
        return dict(await self.ask("GET", f"/v1/campaigns/{campaign}"))

    async def attempts(self, campaign: str) -> list[dict[str, Any]]:
        """All lines, refusals included."""
        text = await self._text("GET", f"/v1/campaigns/{campaign}/attempts", {"Accept": "application/x-ndjson"})
        return [json.loads(line) for line in text.splitlines()]

    async def pages(self, path: str, name: str) -> list[dict[str, Any]]:
        """All pages of a list."""
        rows: list[dict[str, Any]] = []
        cursor = ""
        while True:
            mark = "&" if "?" in path else "?"
            page = await self.ask("GET", f"{path}{mark}limit={PAGE}{cursor}")
            rows += page[name]
            if not page.get("cursor"):
                return rows
            cursor = f"&cursor={page['cursor']}"

    # -- requests ------------------------------------------------------------------------------------------------------

    async def ask(
        self, method: str, path: str, told: object = None, *, key: str | None = None, timeout_s: float = ASK_S,
        more: Mapping[str, str] | None = None,
    ) -> Any:  # fmt: skip
        """The JSON of an answer. `told`: JSON, or the bytes of a CSV; `more`: headers. Raises Refused, TooLong."""
        headers = {**(more or {}), **({} if key is None else {"Idempotency-Key": key})}
        if told is not None:
            headers["Content-Type"] = "text/csv" if isinstance(told, bytes) else "application/json"
        text = await self._text(method, path, headers, told, timeout_s)
        return json.loads(text) if text else None

    async def _text(
        self, method: str, path: str, headers: Mapping[str, str], told: object = None, timeout_s: float = ASK_S
    ) -> str:
        data = told if isinstance(told, bytes) or told is None else json.dumps(told).encode()
        timeout = aiohttp.ClientTimeout(total=timeout_s)
        allowed = {"Authorization": f"Bearer {self._key}", **headers}
        ends_s = time.monotonic() + ASKED_MAX_S
        while time.monotonic() < ends_s:
            try:
                async with self._session.request(
                    method, next(self._doors) + path, data=data, headers=allowed, timeout=timeout
                ) as answer:
                    text = await answer.text()
                    if answer.status < 300:
                        return text
                    problem = Refused(answer.status, _problem(text))
            except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError):
                self.unanswered += 1
            else:
                if answer.status not in BUSY or (answer.status == 409 and problem.code != IN_FLIGHT):
                    raise problem
            await pause(AGAIN_S)
        raise TooLong(f"{method} {path}: not answered within {ASKED_MAX_S:g} s")


def _problem(text: str) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = json.loads(text)
    except ValueError:
        return {"text": text[:500]}
    return found


def _new_key() -> str:
    return uuid.uuid4().hex


def _now_ms() -> int:
    return int(time.time() * 1000)


def adds_up(progress: Mapping[str, Any], contacts: int) -> bool:
    """Whether each contact is in exactly one state."""
    return bool(progress["contacts"] == contacts == sum(progress[state] for state in STATES))
