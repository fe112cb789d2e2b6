"""Workbooks for trials, as a spreadsheet writes them, and what is no sound workbook."""

import io
import zipfile
from collections.abc import Mapping, Sequence

from tests.replay.workbooks import MAIN, RELATIONS, TYPES

# Styles by number: general, a day, a day with a time, a time of day, a length of time, a share.
GENERAL, DAY, MOMENT, CLOCK, LENGTH, SHARE = range(6)
STYLES = (
    f'<styleSheet xmlns="{MAIN}"><numFmts count="2">'
    '<numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm"/>'
    '<numFmt numFmtId="165" formatCode="yyyy&quot;h&quot;mm[$-804]dd"/></numFmts>'
    '<cellStyleXfs count="1"><xf numFmtId="22"/></cellStyleXfs>'
    '<cellXfs count="6"><xf numFmtId="0"/><xf numFmtId="165"/><xf numFmtId="164"/><xf numFmtId="21"/>'
    '<xf numFmtId="46"/><xf numFmtId="10"/></cellXfs></styleSheet>'
)
Cells = Sequence[str]
"""Each the XML of a cell without its place: `<v>1</v>`, with its attributes after a bar: `t="e"|<v>#N/A</v>`."""


def text(value: str) -> str:
    escaped = value.replace("&", "&amp;").replace("<", "&lt;")
    return f't="inlineStr"|<is><t xml:space="preserve">{escaped}</t></is>'


def number(value: str, style: int = GENERAL) -> str:
    return f's="{style}"|<v>{value}</v>'


def row_xml(row: int, cells: Cells) -> str:
    written = []
    for at, cell in enumerate(cells):
        attributes, _, inner = cell.rpartition("|")
        if cell:
            written.append(f'<c r="{chr(65 + at)}{row}" {attributes}>{inner}</c>')
    return f'<row r="{row}">{"".join(written)}</row>'


def sheet_xml(rows: Mapping[int, Cells], merged: Sequence[str] = ()) -> str:
    body = "".join(row_xml(row, cells) for row, cells in rows.items())
    merges = "".join(f'<mergeCell ref="{ref}"/>' for ref in merged)
    after = f"<mergeCells>{merges}</mergeCells>" if merged else ""
    return f'<worksheet xmlns="{MAIN}"><sheetData>{body}</sheetData>{after}</worksheet>'


def book(sheets: Mapping[str, str], hidden: Sequence[str] = (), **others: str) -> bytes:
    """`sheets`: their XML by their names. `others`: parts beside them, by names with __ for /."""
    out = io.BytesIO()
    names = list(sheets)
    states = {name: ' state="hidden"' if name in hidden else "" for name in names}
    listed = "".join(
        f'<sheet name="{name}" sheetId="{at}" r:id="rId{at}"{states[name]}/>' for at, name in enumerate(names, 1)
    )
    kinds = [(f"rId{at}", "worksheet", f"worksheets/sheet{at}.xml") for at in range(1, len(names) + 1)]
    relations = "".join(
        f'<Relationship Id="{id_}" Type="{RELATIONS}/{kind}" Target="{target}"/>'
        for id_, kind, target in [*kinds, ("rIdS", "styles", "styles.xml")]
    )
    head = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:

        def put(part: str, content: str) -> None:
            """Without the time of day: the same rows are the same bytes."""
            packed.writestr(zipfile.ZipInfo(part), content, zipfile.ZIP_DEFLATED)

        put("[Content_Types].xml", TYPES)
        put(
            "_rels/.rels", f'{head}<Relationship Id="r" Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/>'
            "</Relationships>",
        )  # fmt: skip
        put("xl/_rels/workbook.xml.rels", f"{head}{relations}</Relationships>")
        put(
            "xl/workbook.xml",
            f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>{listed}</sheets></workbook>',
        )
        put("xl/styles.xml", STYLES)
        for at, name in enumerate(names, 1):
            put(f"xl/worksheets/sheet{at}.xml", sheets[name])
        for name, content in others.items():
            put(name.replace("__", "/"), content)
    return out.getvalue()


def book_of(rows: Sequence[Mapping[str, str]], sheet: str = "Sheet1", first: int = 1) -> bytes:
    """Rows as text, with a column for every key of any; the header in the row `first`."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = {first: [text(name) for name in names]}
    lines |= {
        at: [text(row[name]) if row.get(name) else "" for name in names] for at, row in enumerate(rows, first + 1)
    }
    return book({sheet: sheet_xml(lines)})


def one_cell(cell: str) -> bytes:
    """A header `x` in A1 and a cell in A2."""
    return book({"Sheet1": sheet_xml({1: [text("x")], 2: [cell]})})
