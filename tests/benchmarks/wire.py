"""HTTP/1.1 over plain sockets, as cheap as a client can be: the machine's time is for the server."""

import json
import selectors
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.traffic import OPEN_TIME

BATCH = "application/cloudevents-batch+json"
ONE = "application/cloudevents+json"
CONNECT_S = 5.0
RECEIVE_BYTES = 1 << 18
HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"


@dataclass(frozen=True, slots=True)
class Door:
    """Where a client knocks."""

    url: str
    key: str

    def connected(self) -> socket.socket:
        """A connection to it."""
        parts = urlsplit(self.url)
        found = socket.create_connection((parts.hostname or "", parts.port or 80), CONNECT_S)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return found

    def request(self, method: str, path: str, body: bytes = b"", media: str = "", accept: str = "*/*") -> bytes:
        """A request as it goes over the wire."""
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {urlsplit(self.url).netloc}\r\nAuthorization: Bearer {self.key}\r\n"
            f"Accept: {accept}\r\n"
        )
        if body:
            head += f"Content-Type: {media}\r\nContent-Length: {len(body)}\r\n"
        return head.encode() + b"\r\n" + body

    def ask(self, method: str, path: str, told: Any = None) -> "Answer":
        """One request on a connection of its own, and its answer."""
        body = b"" if told is None else json.dumps(told).encode()
        with self.connected() as one:
            lane = Lane(one)
            one.sendall(self.request(method, path, body, "application/json"))
            while True:
                answers = lane.received()
                if answers:
                    return answers[0]


def timed(request: bytes) -> tuple[bytes, ...]:
    """The request in the pieces between its times: `stamp.join(...)` sends it at a certain time."""
    return tuple(request.split(OPEN_TIME))


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, whole."""

    status: int
    head: bytes
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str:
        """A header's value, or nothing."""
        for line in self.head.split(b"\r\n"):
            found, _, value = line.partition(b":")
            if found.lower() == name.lower().encode():
                return value.strip().decode()
        return ""


class Lane:
    """A connection that carries one request at a time, and those that wait for it."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.waiting: deque[tuple[bytes, Callable[[Answer], None]]] = deque()
        self._answered: Callable[[Answer], None] | None = None
        self._received = b""

    @property
    def idle(self) -> bool:
        return self._answered is None

    def send(self, request: bytes, answered: Callable[[Answer], None]) -> None:
        """Now, or when what is under way has been answered."""
        if self._answered is None:
            self._answered = answered
            self.connection.sendall(request)
        else:
            self.waiting.append((request, answered))

    def received(self) -> list[Answer]:
        """Read what is there; the answers that are whole now."""
        more = self.connection.recv(RECEIVE_BYTES)
        if not more:
            raise ConnectionError("the server closed a connection")
        self._received += more
        found = []
        while (one := self._whole()) is not None:
            found.append(one)
        return found

    def serve(self) -> None:
        """Take in answers, and send what waits."""
        for answer in self.received():
            answered, self._answered = self._answered, None
            if self.waiting:
                self.send(*self.waiting.popleft())
            if answered is not None:
                answered(answer)

    def _whole(self) -> Answer | None:
        end = self._received.find(HEAD_END)
        if end < 0:
            return None
        head = self._received[:end]
        at = head.lower().index(LENGTH) + len(LENGTH)
        size = int(head[at : head.find(b"\r\n", at) if b"\r\n" in head[at:] else end])
        if len(self._received) < end + len(HEAD_END) + size:
            return None
        body = self._received[end + len(HEAD_END) : end + len(HEAD_END) + size]
        self._received = self._received[end + len(HEAD_END) + size :]
        return Answer(int(head[9:12]), head, body)


class Lanes:
    """Several connections and whatever else one loop looks at."""

    def __init__(self, door: Door, count: int) -> None:
        self.selector = selectors.DefaultSelector()
        self.lanes = [Lane(door.connected()) for _ in range(count)]
        for lane in self.lanes:
            self.selector.register(lane.connection, selectors.EVENT_READ, lane.serve)

    def turn(self, wait_s: float) -> None:
        """Serve what is ready, waiting for the first at most so long."""
        for ready, _ in self.selector.select(max(wait_s, 0.0)):
            ready.data()

    def close(self) -> None:
        for lane in self.lanes:
            lane.connection.close()
        self.selector.close()
