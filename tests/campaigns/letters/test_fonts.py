"""A folder of further fonts: what Noto lacks is taken from there, and is in the file."""

from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from campaigns.letters.printer import Printer
from tests.campaigns.letters.printed import aside_of, batch_of, fonts_of, glyph_numbers, notice, pages, printed

RARE = "\U00030000"  # CJK extension G


def make_font(path: Path, family: str) -> None:
    """With one glyph, a triangle."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    pen.lineTo((500, 800))
    pen.lineTo((1000, 0))
    pen.closePath()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "rare"])
    builder.setupCharacterMap({ord(RARE): "rare"})
    builder.setupGlyf({".notdef": pen.glyph(), "rare": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), "rare": (1000, 0)})
    builder.setupHorizontalHeader(ascent=880, descent=-120)
    builder.setupNameTable({"familyName": family, "styleName": "Regular", "psName": family.replace(" ", "")})
    builder.setupOS2(sTypoAscender=880, usWinAscent=880, usWinDescent=120)
    builder.setupPost()
    builder.save(path)


async def test_a_rare_name_is_printed_once_a_font_has_it(tmp_path: Path) -> None:
    row = notice(name=f"张{RARE}")
    assert [(one.field, one.named) for one in aside_of(row, await Printer().glyphs())] == [("name", ("U+30000",))]
    make_font(tmp_path / "rare.ttf", "Rare Han")
    printer = Printer(fonts_folder=tmp_path)
    printer.check()
    glyphs = await printer.glyphs()
    assert glyphs.families == ("Noto Sans CJK SC", "Rare Han")
    assert aside_of(row, glyphs) == []
    (page,) = pages(await printed([row], batch_of(), printer))
    assert f"张{RARE}" in page.extract_text()
    numbers = list(glyph_numbers(page))
    assert len(numbers) > 100
    assert 0 not in numbers
    assert sorted(str(font["/BaseFont"]).split("+")[1][:5] for font in fonts_of(page)) == ["NotoS", "RareH"]
