"""A file is known by what is in it."""

from pathlib import Path

import pytest

from campaigns.client.media import CSV, NDJSON, XLSX, media_of
from campaigns.imports.taking import Form
from tests.campaigns.imports.books import book_of


@pytest.mark.parametrize(
    ("content", "media"),
    [
        (b"", CSV),
        (b"account,number\r\n", CSV),
        ("\ufeff户号".encode("utf-16"), CSV),
        (b'{"account": 1}\n', NDJSON),
        (b'\xef\xbb\xbf\r\n {"account": 1}\n', NDJSON),
        (book_of([{"account": "1"}]), XLSX),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", XLSX),
    ],
)
def test_by_its_content_whatever_its_name_says(tmp_path: Path, content: bytes, media: str) -> None:
    for name in ("a.csv", "a.xlsx", "a"):
        (tmp_path / name).write_bytes(content)
        assert media_of(tmp_path / name) == media


def test_the_service_takes_what_is_sent() -> None:
    assert {CSV, NDJSON, XLSX} == set(Form)
