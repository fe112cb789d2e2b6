"""PDF files one after the other as one file, written while they come. Pure.

Each piece is a whole PDF as typst writes it (ISO 32000-1: objects in plain sight, one cross-reference table, no
updates, no object streams). Its objects get new numbers, its tree of pages becomes a branch of the one tree; its
catalogue and information are left out. Of the pieces only where each object begins is kept: 8 bytes an object.
"""

import re
from array import array
from collections.abc import Iterator

CATALOG, PAGES, INFORMATION = 1, 2, 3  # written last
HEAD = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
_XREF_AT = re.compile(rb"startxref\s+([0-9]+)\s+%%EOF\s*\Z")
_XREF = re.compile(rb"xref\s+0 ([0-9]+)\s+")
_ENTRY_BYTES = 20
_ROOT = re.compile(rb"/Root ([0-9]+) 0 R")
_INFO = re.compile(rb"/Info ([0-9]+) 0 R")
_PAGES = re.compile(rb"/Pages ([0-9]+) 0 R")
_METADATA = re.compile(rb"/Metadata ([0-9]+) 0 R")
_COUNT = re.compile(rb"/Count ([0-9]+)")
_OBJECT = re.compile(rb"([0-9]+) 0 obj\s")
# Text is left as it is: of a string in parentheses, backslash and what follows belong together.
_TOKEN = re.compile(rb"\((?:[^\\()]|\\.|\((?:[^\\()]|\\.)*\))*\)|<[0-9A-Fa-f\s]*>|(?<![0-9.])([0-9]+) 0 R", re.DOTALL)
_STREAM = re.compile(rb">>\s*stream\r?\n")


class NotJoinable(ValueError):
    """The piece is no PDF of the form that is known here."""


class Joining:
    """One file: `piece` for each of its parts, then `end`."""

    def __init__(self) -> None:
        self._at = 0
        self._offsets = array("Q", [0] * (INFORMATION + 1))
        self._branches: list[tuple[int, int]] = []  # (object, pages)

    @property
    def pages(self) -> int:
        return sum(count for _, count in self._branches)

    def piece(self, pdf: bytes) -> bytes:
        """What is written of a piece. Raises NotJoinable."""
        out = [] if self._at else [self._written(HEAD)]
        offsets = _offsets(pdf)
        trailer = pdf[pdf.rindex(b"trailer") :]
        root = _number(_ROOT, trailer)
        bodies = dict(_objects(pdf, offsets))
        pages = _number(_PAGES, bodies[root])
        left_out = {root, *(int(digits) for digits in _INFO.findall(trailer) + _METADATA.findall(bodies[root]))}
        shift = len(self._offsets) - 1
        self._offsets.extend([0] * (len(offsets) - 1))
        for number, body in sorted(bodies.items()):
            if number in left_out:
                continue
            moved = _renumbered(body, shift)
            if number == pages:
                self._branches.append((number + shift, _number(_COUNT, body)))
                moved = moved.replace(b"/Type/Pages", b"/Type/Pages/Parent %d 0 R" % PAGES, 1)
            out.append(self._object(number + shift, moved))
        return b"".join(out)

    def end(self, title: str, made: str) -> bytes:
        """The rest of the file. `made`: 20260304090000+08'00'."""
        out = [] if self._at else [self._written(HEAD)]
        kids = b" ".join(b"%d 0 R" % number for number, _ in self._branches)
        text = b"\xfe\xff" + title.encode("utf-16-be")
        out += [
            self._object(CATALOG, b"<</Type/Catalog/Pages %d 0 R>>" % PAGES),
            self._object(PAGES, b"<</Type/Pages/Count %d/Kids[%b]>>" % (self.pages, kids)),
            self._object(INFORMATION, b"<</Title<%b>/CreationDate(D:%b)>>" % (text.hex().encode(), made.encode())),
        ]
        at = self._at
        size = len(self._offsets)
        out.append(b"xref\n0 %d\n0000000000 65535 f \n" % size)
        out += [b"%010d 00000 n \n" % offset if offset else b"0000000000 65535 f \n" for offset in self._offsets[1:]]
        named = (size, CATALOG, INFORMATION, at)
        out.append(b"trailer\n<</Size %d/Root %d 0 R/Info %d 0 R>>\nstartxref\n%d\n%%%%EOF\n" % named)
        return b"".join(out)

    def _object(self, number: int, body: bytes) -> bytes:
        self._offsets[number] = self._at
        return self._written(b"%d 0 obj\n%b\nendobj\n" % (number, body))

    def _written(self, text: bytes) -> bytes:
        self._at += len(text)
        return text


def _offsets(pdf: bytes) -> list[int]:
    """Where each object begins, by its number; 0 for one that is not there."""
    found = _XREF_AT.search(pdf, max(0, len(pdf) - 64))
    table = _XREF.match(pdf, int(found[1])) if found else None
    if table is None:
        raise NotJoinable("it has no cross-reference table")
    entries = (pdf[at : at + _ENTRY_BYTES] for at in range(table.end(), len(pdf), _ENTRY_BYTES))
    rows = [next(entries) for _ in range(int(table[1]))]
    return [int(row[:10]) if row[17:18] == b"n" else 0 for row in rows]


def _objects(pdf: bytes, offsets: list[int]) -> Iterator[tuple[int, bytes]]:
    """(number, what stands between `obj` and `endobj`)"""
    begins = sorted((at, number) for number, at in enumerate(offsets) if at)
    ends = [at for at, _ in begins[1:]] + [pdf.rindex(b"xref\n0 ")]
    for (at, number), end in zip(begins, ends, strict=True):
        head = _OBJECT.match(pdf, at)
        tail = pdf.rfind(b"endobj", at, end)
        if head is None or tail < 0 or int(head[1]) != number:
            raise NotJoinable(f"object {number} is not where the table says")
        yield number, pdf[head.end() : tail].strip(b"\r\n")


def _renumbered(body: bytes, shift: int) -> bytes:
    """With the new numbers of the objects it refers to; what a stream holds stays."""
    stream = _STREAM.search(body)
    end = stream.start() if stream else len(body)

    def moved(found: re.Match[bytes]) -> bytes:
        return found[0] if found[1] is None else b"%d 0 R" % (int(found[1]) + shift)

    return _TOKEN.sub(moved, body[:end]) + body[end:]


def _number(pattern: re.Pattern[bytes], text: bytes) -> int:
    found = pattern.search(text)
    if found is None:
        raise NotJoinable(f"nothing in it is like {pattern.pattern!r}")
    return int(found[1])
