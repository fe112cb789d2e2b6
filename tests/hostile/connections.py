"""H6 and the door: one tenant's streams, connections that say nothing or read nothing, headers of answers."""

import asyncio
import contextlib
import re
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp

from tests.hostile.attack import Bench, attack
from tests.hostile.events import event, now_ms, whole
from tests.hostile.probing import probing
from tests.hostile.site import BATCH, BROKEN, KeyAsked, Site, pause
from tests.hostile.verdict import Verdict
from tests.hostile.witness import Witness

SWITCHES, STREAMS_EACH = 140, 8  # more than the door's 1,000 streams in all
UNDECLARED = 20
OPEN_AT_ONCE = 40
STREAM_S = 10.0
MUTE = 2_100  # more than the door's 2,000 connections
CLOSED_S = 14.0  # 10 s for headers, and some to look
NEW_CLIENT_S = 14.0
STOOD_S, STOOD_MIN = 5.0, 20  # fewer that stand for so long hold nothing up
HALF = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Ty"
PIPELINED = 400
ANSWER_BYTES_KEPT = 4_096  # the receive buffer of who does not read


async def _streams(
    site: Site, key: str, switches: list[str], each: int, kept: contextlib.AsyncExitStack
) -> tuple[Counter[int], list[aiohttp.ClientResponse]]:
    """Open streams and keep them: (the answers by status (0: none within STREAM_S), the streams)."""
    gate, statuses, found = asyncio.Semaphore(OPEN_AT_ONCE), Counter[int](), list[aiohttp.ClientResponse]()
    headers = {"Authorization": f"Bearer {key}", "Accept": "text/event-stream"}
    endless = aiohttp.ClientTimeout(total=None, sock_connect=STREAM_S)

    async def one(switch: str) -> None:
        async with gate:
            url = f"{site.process.url}/v1/switches/{switch}/commands"
            try:
                async with asyncio.timeout(STREAM_S):
                    answer = await site.session.get(url, headers=headers, timeout=endless)
            except BROKEN:
                statuses[0] += 1
                return
            statuses[answer.status] += 1
            kept.callback(answer.close)
            if answer.status == 200:
                found.append(answer)

    await asyncio.gather(*(one(switch) for switch in switches for _ in range(each)))
    return statuses, found


@attack("H6-streams", 120)
async def streams(bench: Bench, verdict: Verdict) -> None:
    """One tenant opens a stream for 20 switches that nobody has declared, and eight for each of 140 that it has:
    more than the door has in all. The first must be refused; of the others it may get a share, and 429 with the
    rest. Another tenant's switch must get its stream within 10 s, and its RING-1 commands on it.
    """
    async with bench.site() as site:
        key, other = await site.keys(KeyAsked("attacker"), KeyAsked("witness"))
        async with contextlib.AsyncExitStack() as kept:
            unknown = [f"nobody-{number}" for number in range(UNDECLARED)]
            undeclared, _ = await _streams(site, key, unknown, 1, kept)
            names = [f"s-{number}" for number in range(SWITCHES)]
            gate = asyncio.Semaphore(OPEN_AT_ONCE)

            async def declared(name: str) -> int:
                async with gate:
                    return (await site.declare(key, name)).status

            puts = Counter(await asyncio.gather(*(declared(name) for name in names)))
            taken, open_ = await _streams(site, key, names, STREAMS_EACH, kept)
            verdict.figure |= {"undeclared": dict(undeclared), "declarations": dict(puts), "declared": dict(taken)}
            verdict.must(
                set(undeclared) <= {403, 404, 409} and undeclared.total() == UNDECLARED,
                "streams of undeclared switches are refused",
            )
            verdict.must(puts == {200: SWITCHES}, "the tenant's switches are declared")
            verdict.must(taken[200] > 0, "declared switches get streams")
            verdict.must(taken[429] + taken[503] > 0, "the tenant gets a share of the streams, and is told so")
            verdict.must(set(taken) <= {200, 429, 503}, "each of its requests gets a stream, 429 or 503")
            witness = Witness(site, other)
            try:
                async with witness.at_work():
                    await witness.ring(3, 0.3)
                    await witness.settled()
                    witness.judge(verdict)
            except TimeoutError:
                verdict.must(False, "the other tenant's switch gets its stream within 10 s")
            still = sum(not one.closed and not one.content.is_eof() and not one.content.exception() for one in open_)
            verdict.figure["open_at_the_end"] = still
            verdict.must(still == taken[200], "the tenant's streams are open all the while")


@dataclass(frozen=True, slots=True)
class Mute:
    """A connection on which nothing was said, or half a header."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    half: bool


async def _mute(site: Site, count: int) -> list[Mute]:
    """Every other one says half a header. One that cannot be opened is missing."""
    found = []
    for number in range(count):
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", site.process.port), 2.0)
        except (OSError, TimeoutError):
            continue
        half = bool(number % 2)
        if half:
            with contextlib.suppress(OSError):
                writer.write(HALF)
        found.append(Mute(reader, writer, half))
    return found


async def _closed(reader: asyncio.StreamReader, began: float) -> float | None:
    """Seconds from `began` until the server closed the connection; None where it did not in time."""
    try:
        async with asyncio.timeout(CLOSED_S - (time.monotonic() - began)):
            while await reader.read(65_536):
                pass
    except TimeoutError:
        return None
    except OSError:
        pass
    return round(time.monotonic() - began, 1)


@contextlib.asynccontextmanager
async def _many_mute(site: Site) -> AsyncIterator[list[Mute]]:
    found = await _mute(site, MUTE)
    try:
        yield found
    finally:
        for one in found:
            one.writer.close()


@attack("M-slow-connections", 120)
async def slow_connections(bench: Bench, verdict: Verdict) -> None:
    """2,100 connections without a key say nothing, or half a header. A client with a key that is connected must be
    served meanwhile (500 ms, p99), a new one within 14 s; each silent connection must be closed within 14 s (10 s
    for the headers), and some of either kind must have stood for most of it. Then a client asks for the OpenAPI
    document 400 times on one connection and reads nothing: it must be cut off, not served to the end when it reads at
    last, 14 s later.
    """
    async with bench.site() as site:
        key, other = await site.keys(KeyAsked(), KeyAsked("other"))
        connector = aiohttp.TCPConnector(limit=1, keepalive_timeout=60)
        async with aiohttp.ClientSession(connector=connector) as session:
            connected = Site(site.db, site.process, session)
            await connected.seen(key, "/v1/calls")
            async with _many_mute(site) as mute:
                began = time.monotonic()
                async with probing(connected, other, 0.25) as probe:
                    newcomer = asyncio.create_task(_newcomer(site, key))
                    closed = await asyncio.gather(*(_closed(one.reader, began) for one in mute))
                    entered = await newcomer
                open_still = sum(each is None for each in closed)
                last = max((each for each in closed if each is not None), default=None)
                stood = Counter(one.half for one, at in zip(mute, closed, strict=True) if at is None or at >= STOOD_S)
                verdict.figure["silent"] = {
                    "connections": len(mute), "open_after_14_s": open_still, "last_closed_s": last,
                    "stood_5_s": {"silent": stood[False], "half_header": stood[True]},
                }  # fmt: skip
                verdict.figure["new_client_served_after_s"] = entered
                verdict.must(len(mute) == MUTE, f"{MUTE} silent connections are opened")
                verdict.must(min(stood[False], stood[True]) >= STOOD_MIN, f"{STOOD_MIN} or more of a kind stand")
                verdict.must(not open_still, "each silent connection is closed within 14 s")
                verdict.must(entered is not None, f"a new client with a key is served within {NEW_CLIENT_S:g} s")
                probe.judge(verdict, "connected_client")
        await _unread(site, verdict)


async def _newcomer(site: Site, key: str) -> float | None:
    """Seconds until a client on a new connection is served."""
    began = time.monotonic()
    while time.monotonic() - began < NEW_CLIENT_S:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
            new = Site(site.db, site.process, session)
            subject = f"new-{now_ms()}"
            if (await new.post(key, [event("/switches/new", subject, "offered", now_ms())], 3.0)).status == 202:
                return round(time.monotonic() - began, 2)
        await pause(0.2)
    return None


async def _unread(site: Site, verdict: Verdict) -> None:
    """Many requests, and no reading for a while; then count what comes."""
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ANSWER_BYTES_KEPT)
    slow.setblocking(False)
    loop = asyncio.get_running_loop()
    with contextlib.closing(slow):
        await loop.sock_connect(slow, ("127.0.0.1", site.process.port))
        await loop.sock_sendall(slow, b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * PIPELINED)
        await pause(CLOSED_S)
        received, end = 0, time.monotonic() + 10.0
        answers, rest, cut = 0, b"", False
        with contextlib.suppress(TimeoutError):
            while time.monotonic() < end:
                try:
                    more = await asyncio.wait_for(loop.sock_recv(slow, 1 << 18), 3.0)
                except ConnectionError:
                    more = b""
                if not more:
                    cut = True
                    break
                received += len(more)
                rest = rest[-16:] + more
                answers += rest.count(b"HTTP/1.1 200")
                rest = rest[-16:]
    verdict.figure["unread"] = {"asked": PIPELINED, "answers": answers, "bytes": received, "cut": cut}
    verdict.must(answers > 0, "the first of the answers come: they had been asked for")
    verdict.must(answers < PIPELINED and cut, "who does not read its answers is cut off")


VERSION = re.compile(r"[0-9]")
STATUSES = {
    "post": 202, "refused": 400, "no_key": 401, "wrong_key": 401, "not_found": 404, "method": 405, "no_http": 400
}  # fmt: skip
"""Of the answers that are asked for, where it is not 200."""


@attack("M-headers", 60)
async def headers(bench: Bench, verdict: Verdict) -> None:
    """Answers of every kind (taken, lists, one call, refused, not found, no key, probes, no HTTP at all): each must
    carry `Cache-Control: no-store` and `X-Content-Type-Options: nosniff`, and no `Server` with a version.
    """
    async with bench.site() as site:
        [key] = await site.keys(KeyAsked())
        await site.sent(key, whole("/switches/h", "h", now_ms() - 5_000))
        await site.comes(key, 10.0, state="ended")
        [call] = await site.listed(key)
        answers = {
            "post": await site.post(key, [event("/switches/h", "h2", "offered", now_ms())]),
            "refused": await site.ask("POST", "/v1/events", key, data=b"{", headers={"Content-Type": BATCH}),
            "mixed": await site.post(key, [event("/switches/h", "h3", "offered", now_ms()), {"id": "x"}]),
            "calls": await site.get(key, "/v1/calls"),
            "csv": await site.get(key, "/v1/calls", accept="text/csv"),
            "call": await site.get(key, f"/v1/calls/{call['call']}"),
            "records": await site.get(key, "/v1/records"),
            "indicators": await site.get(key, "/v1/indicators"),
            "switch": await site.declare(key, "h"),
            "poll": await site.get(key, "/v1/switches/h/commands"),
            "no_key": await site.get("", "/v1/calls"),
            "wrong_key": await site.get("rbk_000000000000_" + "x" * 43, "/v1/calls"),
            "not_found": await site.get(key, "/v1/nothing"),
            "method": await site.ask("DELETE", "/v1/calls", key),
            **{path: await site.ask("GET", path) for path in ("/healthz", "/readyz", "/metrics", "/openapi.json")},
        }  # fmt: skip
        found = {
            name: (answer.status, {k.lower(): v for k, v in answer.headers.items()}) for name, answer in answers.items()
        }
        found["no_http"] = await _no_http(site)
        lacking = dict[str, list[str]]()
        for name, (_, given) in found.items():
            for lack in _lacks(given):
                lacking.setdefault(lack, []).append(name)
        statuses = {name: status for name, (status, _) in found.items()}
        verdict.figure |= {"statuses": statuses, "lacking": lacking}
        other = sorted(name for name, status in statuses.items() if status != STATUSES.get(name, 200))
        verdict.must(not other, f"each answer is of its kind (not {', '.join(other)})")
        verdict.figure["server"] = sorted({given.get("server", "") for _, given in found.values()})
        verdict.must(not lacking, "each answer has the headers, and no server's version")


def _lacks(given: dict[str, str]) -> list[str]:
    lacks = [] if "no-store" in given.get("cache-control", "") else ["Cache-Control: no-store"]
    lacks += [] if given.get("x-content-type-options") == "nosniff" else ["X-Content-Type-Options: nosniff"]
    return lacks + (["Server has a version"] if VERSION.search(given.get("server", "")) else [])


async def _no_http(site: Site) -> tuple[int, dict[str, str]]:
    """Status and headers of the answer to what is no HTTP."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.process.port)
    writer.write(b"NONSENSE\x00 / HTTP\r\n\r\n")
    with contextlib.suppress(TimeoutError):
        text = (await asyncio.wait_for(reader.read(65_536), 5.0)).decode("latin-1")
        writer.close()
        head = text.partition("\r\n\r\n")[0].split("\r\n")
        pairs = (line.partition(":") for line in head[1:])
        status = int(head[0].split(" ")[1]) if len(head[0].split(" ")) > 1 else 0
        return status, {name.lower(): value.strip() for name, _, value in pairs}
    return 0, {}
