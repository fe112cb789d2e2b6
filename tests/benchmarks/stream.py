"""The command stream as bytes off a socket: each command with the instant its last byte came."""

import json
import socket
import time
from collections.abc import Callable
from typing import Any

from tests.benchmarks.wire import HEAD_END, RECEIVE_BYTES, Door

FRAME_END = b"\n\n"
DATA = b"data: "


def asked(door: Door, switch: str) -> socket.socket:
    """A connection on which the command stream of a switch was asked for."""
    connection = door.connected()
    connection.sendall(door.request("GET", f"/v1/switches/{switch}/commands", accept="text/event-stream"))
    return connection


class Stream:
    """What comes on a connection from `asked`. `heard` gets (command, arrival in ms since the epoch)."""

    def __init__(self, connection: socket.socket, heard: Callable[[dict[str, Any], float], None]) -> None:
        self.connection = connection
        self._heard = heard
        self._raw, self._text = self._head(connection), b""

    @staticmethod
    def _head(connection: socket.socket) -> bytes:
        """Read to the end of the headers; what came behind them."""
        found = b""
        while HEAD_END not in found:
            more = connection.recv(RECEIVE_BYTES)
            assert more, found
            found += more
        head, _, rest = found.partition(HEAD_END)
        assert head.startswith(b"HTTP/1.1 200"), head
        assert b"chunked" in head.lower(), head
        return rest

    def serve(self) -> None:
        """Take in what is there."""
        more = self.connection.recv(RECEIVE_BYTES)
        arrived_ms = time.time() * 1000
        if not more:
            raise ConnectionError("the command stream ended")
        self._raw += more
        while self._unchunked():
            pass
        *frames, self._text = self._text.split(FRAME_END)
        for frame in frames:
            for line in frame.split(b"\n"):
                if line.startswith(DATA):
                    self._heard(json.loads(line[len(DATA) :]), arrived_ms)

    def _unchunked(self) -> bool:
        """Move one whole chunk to the text, if there is one."""
        size, separator, rest = self._raw.partition(b"\r\n")
        if not separator or len(rest) < int(size, 16) + 2:
            return False
        self._text += rest[: int(size, 16)]
        self._raw = rest[int(size, 16) + 2 :]
        return True
