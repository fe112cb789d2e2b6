"""PDF files one after the other are one file: every page is there, text in strings is left alone, faults are found."""

import io

import pytest
from pypdf import PdfReader

from campaigns.letters.joining import Joining, NotJoinable


def tiny(text: bytes = b"Hello", pages: int = 1, extra: bytes = b"") -> bytes:
    """A PDF in the form of typst, with a font that is not embedded."""
    kids = b" ".join(b"%d 0 R" % (5 + at) for at in range(pages))
    stream = b"BT /F 12 Tf 72 700 Td (%b) Tj ET" % text
    bodies = [
        b"<</Type/Pages/Count %d/Kids[%b]>>" % (pages, kids),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Length %d>>\nstream\n%b\nendstream" % (len(stream), stream),
        b"<</Font<</F 2 0 R>>%b>>" % extra,
        *[b"<</Type/Page/Parent 1 0 R/Resources 4 0 R/MediaBox[0 0 595 842]/Contents 3 0 R>>"] * pages,
        b"<</Creator(x)>>",
        b"<</Type/Catalog/Pages 1 0 R>>",
    ]
    out, offsets = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    at, size = len(out), len(bodies) + 1
    out += b"xref\n0 %d\n0000000000 65535 f \n" % size
    out += b"".join(b"%010d 00000 n \n" % one for one in offsets)
    out += b"trailer\n<</Size %d/Root %d 0 R/Info %d 0 R>>\nstartxref\n%d\n%%%%EOF" % (size, size - 1, size - 2, at)
    return bytes(out)


def joined(*pieces: bytes) -> PdfReader:
    joining = Joining()
    parts = [joining.piece(one) for one in pieces]
    return PdfReader(io.BytesIO(b"".join([*parts, joining.end("批次 1", "20260304090000+08'00'")])), strict=True)


def test_every_page_of_every_piece_is_there_in_order() -> None:
    found = joined(tiny(b"one"), tiny(b"two", pages=3), tiny(b"three 3 0 R"))
    assert [page.extract_text() for page in found.pages] == ["one", "two", "two", "two", "three 3 0 R"]
    assert found.metadata is not None
    assert found.metadata.title == "批次 1"
    top = found.root_object["/Pages"]
    branches = [kid.get_object() for kid in top["/Kids"]]
    assert [branch["/Parent"].get_object() for branch in branches] == [top] * 3
    assert [branch["/Count"] for branch in branches] == [1, 3, 1]


def test_nothing_of_a_piece_is_left_that_belongs_to_a_file() -> None:
    joining = Joining()
    whole = joining.piece(tiny()) + joining.piece(tiny()) + joining.end("x", "20260304090000+08'00'")
    assert (whole.count(b"/Type/Catalog"), whole.count(b"/Creator"), whole.count(b"%%EOF")) == (1, 0, 1)


def test_text_that_looks_like_a_reference_is_text() -> None:
    extra = rb"/A(9 0 R \) 8 0 R (7 0 R))/B<39203020 52>/C[4 0 R 1.5 0]"
    found = joined(tiny(), tiny(extra=extra))
    resources = found.pages[1]["/Resources"]
    assert (resources["/A"], resources["/B"]) == ("9 0 R ) 8 0 R (7 0 R)", "9 0 R")
    assert resources["/C"][0].get_object()["/Font"]["/F"]["/BaseFont"] == "/Helvetica"


def test_no_piece_is_a_file_of_no_page() -> None:
    assert len(joined().pages) == 0


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"%PDF-1.7\n%%EOF",
        tiny()[:-20],
        tiny().replace(b"xref\n0", b"xref\n1"),
        tiny().replace(b"2 0 obj", b"9 0 obj"),
    ],
)
def test_what_is_no_such_file_is_refused(broken: bytes) -> None:
    with pytest.raises(NotJoinable):
        Joining().piece(broken)
