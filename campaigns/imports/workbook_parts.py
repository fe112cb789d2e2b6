"""The parts of a workbook before any reader opens it: what kind of file it is, and that it fits into memory.

A packed file of some kilobytes may hold gigabytes (a zip bomb): every part is unpacked once, piece by piece, and what
comes out is counted, whatever the file says of itself.
"""

import io
import posixpath
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from campaigns.imports import sheet_scan
from campaigns.imports.errors import UnreadableFile
from campaigns.imports.header import COLUMNS_MAX
from campaigns.imports.sheet_scan import CELLS_MAX, Scan

UNPACKED_BYTES_MAX = 1 << 30
PARTS_MAX = 2_000
SHEETS_MAX = 255
PIECE_BYTES = 65_536
ZIP, OLD, XLSB = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "xl/workbook.bin"
BOOK, RELATIONS, STYLES = "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml"
SHARED = "xl/sharedstrings.xml"  # the reader takes it by this name, in whatever case
SHARED_CHARS_MAX = 1 << 28  # of a sheet, each text as often as a cell shows it: so the reader has them in memory
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


def checked(content: bytes) -> Mapping[str, Scan]:
    """What each sheet holds, by its name. Raises UnreadableFile; zipfile's and zlib's errors, ValueError: damaged."""
    _refuse_others(content)
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        names = [part.filename for part in packed.infolist()]
        if len(names) > PARTS_MAX:
            raise UnreadableFile(f"it has more than {PARTS_MAX} parts")
        if XLSB in names:
            raise UnreadableFile("it is a binary workbook (xlsb): save it as xlsx")
        if BOOK not in names or RELATIONS not in names:
            raise UnreadableFile("it is no workbook (xlsx)")
        if len({name.lower().replace("\\", "/") for name in names}) < len(names):
            raise UnreadableFile("it is damaged: two parts have one name")
        left = _Left()
        clocks = sheet_scan.clock_styles(left.pieces(packed, STYLES)) if STYLES in names else ()
        targets = _targets(packed, left)
        shared = [name for name in names if name.lower().replace("\\", "/") == SHARED]
        lengths = sheet_scan.shared_lengths(left.pieces(packed, shared[0])) if shared else ()
        texts = _Texts(lengths, max(lengths, default=0))
        scans = {name: scan for name in names if (scan := _scan(packed, left, name, clocks, texts)) is not None}
        return {sheet: scans[part] for sheet, part in targets.items() if part in scans}


def _refuse_others(content: bytes) -> None:
    if content.startswith(OLD):
        if _ENCRYPTED in content:
            raise UnreadableFile("it is encrypted: save it without a password")
        raise UnreadableFile("it is an old workbook (xls): save it as xlsx")
    if not content.startswith(ZIP):
        raise UnreadableFile("it is no workbook (xlsx)" if content else "it is empty")


def _targets(packed: zipfile.ZipFile, left: "_Left") -> dict[str, str]:
    """The part of each sheet."""
    relations = sheet_scan.attributes_of(left.pieces(packed, RELATIONS), "Relationship", PARTS_MAX)
    parts = {relation.get("Id"): _part(relation.get("Target", "")) for relation in relations}
    sheets = sheet_scan.attributes_of(left.pieces(packed, BOOK), "sheet", SHEETS_MAX)
    return {sheet.get("name", ""): parts.get(sheet.get("id"), "") for sheet in sheets}


def _part(target: str) -> str:
    """As the reader finds it."""
    whole = target if target.startswith("xl/") else posixpath.join("/xl", target)
    return posixpath.normpath(whole).removeprefix("/")


def _scan(packed: zipfile.ZipFile, left: "_Left", part: str, clocks: Collection[str], texts: "_Texts") -> Scan | None:
    """None: no XML, so a picture or the like. Every part, since a reader may take another one for the sheet."""
    try:
        scan = sheet_scan.scanned(left.pieces(packed, part), clocks)
    except ValueError:
        if part.lower().endswith((".xml", ".rels")):
            raise
        for _ in left.pieces(packed, part):
            pass
        return None
    if scan.columns > COLUMNS_MAX:
        reach = f"{part} reaches across to column {scan.columns}, {COLUMNS_MAX} at most"
        raise UnreadableFile(f"{reach}: delete what stands far from the rest")
    if scan.rows * scan.columns > CELLS_MAX:
        reach = f"{part} reaches down to row {scan.rows} and across to column {scan.columns}"
        raise UnreadableFile(f"{reach}, more than {CELLS_MAX} cells: delete what stands far from the rest")
    by_the_longest = scan.shared * texts.longest  # hardly any sheet is read once more
    if by_the_longest > SHARED_CHARS_MAX < sheet_scan.shared_chars(_Left().pieces(packed, part), texts.lengths):
        raise UnreadableFile(f"{part} has more than {SHARED_CHARS_MAX} characters")
    return scan


class _Texts(NamedTuple):
    """Texts that cells share."""

    lengths: Sequence[int]
    longest: int


class _Left:
    """How much may still be unpacked."""

    def __init__(self) -> None:
        self._bytes = UNPACKED_BYTES_MAX

    def pieces(self, packed: zipfile.ZipFile, part: str) -> Iterator[bytes]:
        with packed.open(part) as unpacked:
            while piece := unpacked.read(PIECE_BYTES):
                self._bytes -= len(piece)
                if self._bytes < 0:
                    raise UnreadableFile(f"unpacked it has more than {UNPACKED_BYTES_MAX} bytes")
                yield piece
