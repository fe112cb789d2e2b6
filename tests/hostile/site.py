"""One site under attack: `ringback serve` as a process on a store of its own, with keys, and a client at its door."""

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.faults.judge import positions_of
from tests.faults.served import Served
from tests.hostile.events import Event

ROOT = Path(__file__).resolve().parents[2]
BATCH = "application/cloudevents-batch+json"
REQUEST_S = 30.0
COMMAND_S = 60.0
STOP_S_MAX = 20.0
LIST_PAGES_MAX = 50
LOOK_EVERY_S = 0.1
UMASK = 0o022  # of the serving process, whatever that of the attack is
WRITE, READ, LISTEN, ADMIN = "events:write", "calls:read", "commands:read", "admin"
REVEAL = "numbers:reveal"
EVERYTHING = f"{WRITE},{READ},{LISTEN}"
BROKEN = (aiohttp.ClientError, ConnectionError, TimeoutError)


async def pause(seconds: float) -> None:
    """Let time pass: these attacks are on a real process, with a real clock."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), seconds)


class NotCarriedOut(Exception):
    """What the attack does has not the effect that it needs: it has shown nothing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, whole; status 0: there was none."""

    status: int
    headers: Mapping[str, str]
    text: str
    seconds: float

    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def retry_after(self) -> bool:
        return self.headers.get("Retry-After", "").isdigit()


@dataclass(frozen=True, slots=True)
class KeyAsked:
    """A key to be made; `more`: further arguments of the command."""

    tenant: str = "hostile"
    scopes: str = EVERYTHING
    switches: str = "*"
    more: tuple[str, ...] = ()

    def arguments(self, db: str) -> list[str]:
        given = ["--tenant", self.tenant, "--scopes", self.scopes, "--switches", self.switches, *self.more]
        return ["keys", "create", "--db", db, "--json", *given]


async def commands_ran(lists: Sequence[Sequence[str]]) -> list[tuple[int, str, str]]:
    """(exit code, stdout, stderr) of commands of the product, which run in one process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.hostile.product", "many",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(COMMAND_S):
            out, _ = await process.communicate(json.dumps([list(one) for one in lists]).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return [(code, said, complained) for code, said, complained in json.loads(out)]


class Process(Served):
    """The serving process, with what an attack needs of it: its environment, its way to start, where its log goes."""

    def __init__(self, db: str, log_path: Path, mode: str = "", environment: Mapping[str, str] | None = None) -> None:
        log_path.parent.mkdir(parents=True, exist_ok=True)
        super().__init__(db, log_path)
        self.mode, self.environment = mode, dict(environment or {})
        self.log_to: int | None = None  # a file descriptor instead of the log file

    async def spawn(self) -> None:
        self._process = await spawned(self._db, self._port, self._log_path, self.mode, self.environment, self.log_to)
        self.starts += 1

    @property
    def port(self) -> int:
        return self._port

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def code(self) -> int | None:
        """The exit code; None while it runs."""
        return None if self._process is None else self._process.returncode

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self, within_s: float) -> int | None:
        """The exit code, or None where it still runs after so long."""
        assert self._process is not None
        try:
            return await asyncio.wait_for(self._process.wait(), within_s)
        except TimeoutError:
            return None

    async def end(self) -> None:
        """Whatever it does, it is gone afterwards."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    def log(self) -> str:
        """All that was logged to the file."""
        return self._log_path.read_text("utf-8", "replace") if self._log_path.exists() else ""


async def spawned(
    db: str, port: int, log_path: Path, mode: str = "", environment: Mapping[str, str] | None = None,
    log_to: int | None = None,
) -> asyncio.subprocess.Process:  # fmt: skip
    """A serving process, started and no more. `mode`: of tests.hostile.product; empty: the product's own command."""
    module = ("tests.hostile.product", mode) if mode else ("cti",)
    arguments = ("-m", *module, "serve", "--db", db, "--listen", f"127.0.0.1:{port}")

    with log_path.open("ab") as log:
        sink = log.fileno() if log_to is None else log_to
        return await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stdout=sink, stderr=sink, cwd=ROOT,
            env={**os.environ, **(environment or {})}, umask=UMASK,
        )  # fmt: skip


class Site:
    """The process and its store, and a client."""

    def __init__(self, db: str, process: Process, session: aiohttp.ClientSession) -> None:
        self.db, self.process, self.session = db, process, session

    async def start(self) -> float:
        """Start the process; the seconds until it is ready. Raises tests.faults.served.Died."""
        began = time.monotonic()
        await self.process.start(self.session)
        return round(time.monotonic() - began, 2)

    async def stop(self) -> tuple[int | None, float]:
        """SIGTERM: (exit code, or None where it had to be killed; seconds)."""
        began = time.monotonic()
        self.process.signal(15)
        code = await self.process.ended(STOP_S_MAX)
        took = round(time.monotonic() - began, 2)
        await self.process.end()
        return code, took

    async def keys(self, *asked: KeyAsked) -> list[str]:
        """Keys, made by the product's own command. Raises AssertionError."""
        ran = await commands_ran([one.arguments(self.db) for one in asked])
        assert all(code == 0 for code, _, _ in ran), ran
        return [json.loads(out)["key"] for _, out, _ in ran]

    async def ask(self, method: str, path: str, key: str = "", within_s: float = REQUEST_S, **how: Any) -> Answer:
        """One request; status 0 where the connection breaks or no answer comes in time."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        headers |= how.pop("headers", {})
        began = time.monotonic()
        try:
            timeout = aiohttp.ClientTimeout(total=within_s)
            url = self.process.url + path
            async with self.session.request(method, url, headers=headers, timeout=timeout, **how) as answer:
                text = (await answer.read()).decode("utf-8", "replace")
                return Answer(answer.status, dict(answer.headers), text, time.monotonic() - began)
        except BROKEN as broken:
            return Answer(0, {}, repr(broken), time.monotonic() - began)

    async def post(self, key: str, events: Sequence[Event], within_s: float = REQUEST_S) -> Answer:
        """POST a batch, or one event alone."""
        media = "application/cloudevents+json" if len(events) == 1 else BATCH
        body = json.dumps(events[0] if len(events) == 1 else list(events), ensure_ascii=False).encode()
        return await self.ask("POST", "/v1/events", key, within_s, data=body, headers={"Content-Type": media})

    async def sent(self, key: str, events: Sequence[Event], within_s: float = REQUEST_S) -> Answer:
        """POST events which the attack needs: every one must be accepted. Raises NotCarriedOut."""
        answer = await self.post(key, events, within_s)
        if answer.status != 202 or answer.json()["accepted"] != len(events):
            raise NotCarriedOut(f"{len(events)} events were not accepted: {answer.status} {answer.text[:200]}")
        return answer

    async def get(self, key: str, path: str, within_s: float = REQUEST_S, **query: str) -> Answer:
        headers = {"Accept": query.pop("accept")} if "accept" in query else {}
        return await self.ask("GET", path, key, within_s, params=query, headers=headers)

    async def declare(self, key: str, switch: str, within_s: float = REQUEST_S, **more: Any) -> Answer:
        """PUT a switch that can do what RING-1 and HOLD-1 order."""
        told = {"commands": ["deflectCall", "promptAgent", "playMessage"], "if_other_ready": True} | more
        return await self.ask("PUT", f"/v1/switches/{switch}", key, within_s, json=told)

    async def declared(self, key: str, switch: str, **more: Any) -> None:
        """Declare a switch which the attack needs. Raises NotCarriedOut."""
        answer = await self.declare(key, switch, **more)
        if answer.status != 200:
            raise NotCarriedOut(f"the switch {switch} was not declared: {answer.status} {answer.text[:200]}")

    async def seen(self, key: str, path: str, **query: str) -> Answer:
        """GET what the attack has to read: it must be there. Raises NotCarriedOut."""
        answer = await self.get(key, path, **query)
        if answer.status != 200:
            raise NotCarriedOut(f"{path} was not answered: {answer.status} {answer.text[:200]}")
        return answer

    async def listed(self, key: str, within_s: float = 10.0, **query: str) -> list[dict[str, Any]]:
        """The calls that match, or none where the list cannot be read."""
        answer = await self.get(key, "/v1/calls", within_s, **query)
        return list(answer.json()["calls"]) if answer.status == 200 else []

    async def comes(self, key: str, within_s: float, count: int = 1, **query: str) -> float | None:
        """Seconds until so many calls match; None where they do not in time."""
        began = time.monotonic()
        while (left := within_s - (time.monotonic() - began)) > 0:
            if len(await self.listed(key, min(max(left, 0.5), 10.0), **query)) >= count:
                return round(time.monotonic() - began, 2)
            await pause(LOOK_EVERY_S)
        return None

    async def without(
        self, key: str, within_s: float, subjects: Iterable[str], source: str, state: str
    ) -> tuple[list[str], float]:
        """(which of these calls of a source are not in this state; seconds after which that was known)."""
        began, wanted = time.monotonic(), list(subjects)
        while True:
            found = {one["subject"] for one in await self._all_listed(key, source=source, state=state)}
            missing, passed = [one for one in wanted if one not in found], round(time.monotonic() - began, 2)
            if not missing or passed > within_s:
                return missing, passed
            await pause(LOOK_EVERY_S)

    async def _all_listed(self, key: str, **query: str) -> list[dict[str, Any]]:
        """The calls that match, from every page of the list."""
        found, more = list[dict[str, Any]](), dict[str, str]()
        for _ in range(LIST_PAGES_MAX):
            answer = await self.get(key, "/v1/calls", 10.0, limit="1000", **query, **more)
            if answer.status != 200:
                break
            page = answer.json()
            found += page["calls"]
            if not page["cursor"]:
                break
            more = {"cursor": page["cursor"]}
        return found

    async def caught_up(self, key: str, position: str, within_s: float) -> float | None:
        """Seconds until the ledger holds all up to a position that a 202 told; None where it does not in time."""
        began, wanted = time.monotonic(), positions_of(position)
        while time.monotonic() - began < within_s:
            answer = await self.get(key, "/v1/calls", 10.0, limit="1", min_position=position)
            reached = positions_of(answer.json()["as_of"]) if answer.status == 200 else {}
            if all(reached.get(partition, 0) >= at for partition, at in wanted.items()):
                return round(time.monotonic() - began, 2)
            await pause(LOOK_EVERY_S)
        return None

    async def ready(self, within_s: float = 5.0) -> int:
        """The status of /readyz."""
        return (await self.ask("GET", "/readyz", within_s=within_s)).status

    async def ready_is(self, status: int, within_s: float) -> float | None:
        """Seconds until /readyz has this status; None where it does not in time."""
        began = time.monotonic()
        while time.monotonic() - began < within_s:
            if await self.ready() == status:
                return round(time.monotonic() - began, 2)
            await pause(LOOK_EVERY_S)
        return None


@contextlib.asynccontextmanager
async def site_on(
    db: str, folder: Path, mode: str = "", environment: Mapping[str, str] | None = None
) -> AsyncIterator[Site]:
    """A site whose process is started by the attack, and is gone at the end of the block."""
    process = Process(db, folder / "serve.log", mode, environment)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        try:
            yield Site(db, process, session)
        finally:
            await process.end()
