"""Workbooks as small as a reader takes, made by hand, and a mapping for one."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

# Styles by number: plain, date and time, time of day, a length beyond a day.
PLAIN, MOMENT, CLOCK, LENGTH = range(4)
STYLES = (
    '<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    '<numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/></numFmts>'
    '<cellXfs count="4"><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="21"/><xf numFmtId="46"/></cellXfs>'
    "</styleSheet>"
)
TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/></Types>'
)
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OPEN_DOCUMENT = "urn:oasis:names:tc:opendocument:xmlns"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
Cell = str | float | tuple[float, int]


def workbook(**sheets: Sequence[Sequence[Cell]]) -> bytes:
    """A workbook as small as a reader takes; a cell is a text, a number, or a number and its style."""
    return _packed({name: _sheet(lines) for name, lines in sheets.items()})


def sheet(rows: str, before: str = "") -> bytes:
    """A workbook of one sheet, whose rows are this XML."""
    return _packed({"Sheet": before + _written(rows)})


def open_document(rows: str) -> bytes:
    """An OpenDocument spreadsheet of one sheet, whose rows are this XML."""
    spaces = " ".join(f'xmlns:{name}="{OPEN_DOCUMENT}:{name}:1.0"' for name in ("office", "table", "text"))
    table = f'<table:table table:name="Sheet">{rows}</table:table>'
    body = f"<office:body><office:spreadsheet>{table}</office:spreadsheet></office:body>"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        packed.writestr("META-INF/manifest.xml", f'<m:manifest xmlns:m="{OPEN_DOCUMENT}:manifest:1.0"/>')
        packed.writestr("content.xml", f"<office:document-content {spaces}>{body}</office:document-content>")
    return out.getvalue()


def _packed(sheets: Mapping[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("[Content_Types].xml", TYPES)
        packed.writestr("_rels/.rels", _relations([("officeDocument", "xl/workbook.xml")]))
        named = [("worksheet", f"worksheets/{name}.xml") for name in sheets] + [("styles", "styles.xml")]
        packed.writestr("xl/_rels/workbook.xml.rels", _relations(named))
        packed.writestr("xl/workbook.xml", _book(list(sheets)))
        packed.writestr("xl/styles.xml", STYLES)
        for name, written in sheets.items():
            packed.writestr(f"xl/worksheets/{name}.xml", written)
    return out.getvalue()


def _relations(named: Sequence[tuple[str, str]]) -> str:
    parts = [
        f'<Relationship Id="rId{number}" Type="{RELATIONS}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(named, start=1)
    ]
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{"".join(parts)}</Relationships>'


def _book(names: Sequence[str]) -> str:
    sheets = [f'<sheet name="{name}" sheetId="{n}" r:id="rId{n}"/>' for n, name in enumerate(names, start=1)]
    return f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>{"".join(sheets)}</sheets></workbook>'


def _sheet(lines: Sequence[Sequence[Cell]]) -> str:
    rows = []
    for number, cells in enumerate(lines, start=1):
        written = [_cell(f"{chr(65 + index)}{number}", cell) for index, cell in enumerate(cells) if cell != ""]
        rows.append(f'<row r="{number}">{"".join(written)}</row>')
    return _written("".join(rows))


def _written(rows: str) -> str:
    return f'<worksheet xmlns="{MAIN}" xmlns:x="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'


def _cell(at: str, cell: Cell) -> str:
    if isinstance(cell, str):
        return f'<c r="{at}" t="inlineStr"><is><t>{escape(cell)}</t></is></c>'
    value, style = cell if isinstance(cell, tuple) else (cell, PLAIN)
    return f'<c r="{at}" s="{style}"><v>{value!r}</v></c>'


LINES: list[list[Cell]] = [
    ["Calls of March"],
    [],
    ["id", "came", "talk", "wait", "agent", "note"],
    # 2024-03-04 is day 45355 of a workbook
    ["a", (45355 + 9 / 24, MOMENT), (90 / 86400, CLOCK), 20, "安娜", ""],
    ["b", (45355.5, MOMENT), (1.5, LENGTH), 2.5, "Bo"],
    ["Total", "", "", 22.5],
]

MAPPING = b"""name = "book"
switch = "book"
time_zone = "Europe/Berlin"
time_format = "%d.%m.%Y %H:%M"
skip_lines = 2
skip_prefix = "Total"
key = ["id"]
[times]
came = { column = "came" }
answered = { start = "came", plus_s = "wait" }
went = { start = "answered", plus_s = "talk" }
[[event]]
kind = "offered"
at = "came"
[[event]]
kind = "established"
at = "answered"
data = { connection = "a", agent = "{agent}" }
[[event]]
kind = "callCleared"
at = "went"
"""
