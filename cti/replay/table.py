"""Reading a file of call records by its layout."""

from cti.replay.rows import Layout, Table
from cti.replay.rows_delimited import read_delimited
from cti.replay.rows_json import read_json_lines
from cti.replay.rows_workbook import read_workbook

READERS = {"csv": read_delimited, "jsonl": read_json_lines, "xlsx": read_workbook}


def read_table(content: bytes, layout: Layout) -> Table:
    """Every record of the file. Raises FileRefused if the file as a whole cannot be used."""
    return READERS[layout.format](content, layout)
