"""What goes between the process that asks for letters and the press: frames of a length and as many bytes."""

import asyncio
import json
import struct
from typing import IO, Any

LENGTH = struct.Struct(">cI")
FRAME_BYTES_MAX = 256 * 1024 * 1024
ASKED, PRINTED, FAILED = b"a", b"p", b"f"


class FrameBroken(Exception):
    """The other side ended, or sent what is no frame."""


def frame(kind: bytes, body: bytes) -> bytes:
    """A frame as it is sent."""
    return LENGTH.pack(kind, len(body)) + body


def asked(body: Any) -> bytes:
    """A frame with JSON."""
    return frame(ASKED, json.dumps(body, ensure_ascii=False).encode())


def read(stream: IO[bytes]) -> tuple[bytes, bytes] | None:
    """(kind, body) of the next; None at the end. Raises FrameBroken."""
    head = stream.read(LENGTH.size)
    if not head:
        return None
    if len(head) < LENGTH.size:
        raise FrameBroken("a frame is cut")
    kind, length = _checked(head)
    body = stream.read(length)
    if len(body) < length:
        raise FrameBroken("a frame is cut")
    return kind, body


async def read_from(stream: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """(kind, body) of the next. Raises FrameBroken, at the end too."""
    try:
        kind, length = _checked(await stream.readexactly(LENGTH.size))
        return kind, await stream.readexactly(length)
    except asyncio.IncompleteReadError as cut:
        raise FrameBroken("a frame is cut") from cut


def _checked(head: bytes) -> tuple[bytes, int]:
    kind, length = LENGTH.unpack(head)
    if length > FRAME_BYTES_MAX:
        raise FrameBroken(f"a frame of {length} bytes")
    return kind, length
