"""Which kind of file a file is, by what is in it: its name says nothing."""

import codecs
from pathlib import Path

CSV, NDJSON = "text/csv", "application/x-ndjson"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
START_BYTES = 4_096
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # xlsx; xls and encrypted ones, of which the service says so


def media_of(file: Path) -> str:
    """The media type to send it with. Raises OSError."""
    with file.open("rb") as opened:
        start = opened.read(START_BYTES)
    if start.startswith(_WORKBOOKS):
        return XLSX
    return NDJSON if start.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{") else CSV
