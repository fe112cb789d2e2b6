"""Pictures as typst draws them, read back: where there is ink. PNG of 8 bits a channel, not interlaced (RFC 2083)."""

import struct
import zlib
from typing import NamedTuple

DARK = 160


class Picture(NamedTuple):
    """`rows`: the red of each pixel."""

    width: int
    height: int
    rows: list[bytes]

    def ink(self, left: float, top: float, right: float, bottom: float) -> int:
        """Dark pixels in a part of an A4 sheet, in mm."""
        scale = self.width / 210
        columns = slice(int(left * scale), int(right * scale))
        return sum(one < DARK for row in self.rows[int(top * scale) : int(bottom * scale)] for one in row[columns])


def picture(png: bytes, until_mm: float) -> Picture:
    """An A4 sheet from its upper edge so far. Raises AssertionError for a form that typst does not write."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", png[16:29])
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    assert (depth, interlaced) == (8, 0)
    packed, at = b"", 8
    while at < len(png):
        length, name = struct.unpack(">I4s", png[at : at + 8])
        packed += png[at + 8 : at + 8 + length] if name == b"IDAT" else b""
        at += 12 + length
    raw, stride = zlib.decompress(packed), width * channels
    rows, above = [], bytes(stride)
    for at in range(0, int(height * until_mm / 297) * (stride + 1), stride + 1):
        above = _unfiltered(raw[at], raw[at + 1 : at + 1 + stride], above, channels)
        rows.append(above[::channels])
    return Picture(width, height, rows)


def _unfiltered(kind: int, line: bytes, above: bytes, step: int) -> bytes:
    if kind == 0:
        return line
    if kind == 2:
        return bytes((one + up) & 255 for one, up in zip(line, above, strict=True))
    out = bytearray(line)
    for at in range(len(line)):
        left, up = (out[at - step] if at >= step else 0), above[at]
        corner = above[at - step] if at >= step else 0
        guess = {1: left, 3: (left + up) // 2, 4: _paeth(left, up, corner)}[kind]
        out[at] = (out[at] + guess) & 255
    return bytes(out)


def _paeth(left: int, up: int, corner: int) -> int:
    near = left + up - corner
    return min((left, up, corner), key=lambda one: abs(near - one))
