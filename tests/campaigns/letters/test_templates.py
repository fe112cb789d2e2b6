"""An operator's own templates: used in place of the shipped ones, and tried at the start with file, line and field."""

from pathlib import Path

import pytest

from campaigns.letters.printer import Printer
from campaigns.letters.templates import SHIPPED, names, templates, unprintable
from cti.errors import SettingsMistake
from tests.campaigns.letters.printed import batch_of, notice, pages, printed

OWN = '#let title = "催费函"\n#let letter(data, letter) = [\n  您好，#letter.name：请交#letter.sums.total_due 元。\n]\n'


def own(folder: Path, text: str | bytes, name: str = "arrears.zh.typ") -> Printer:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return Printer(folder)


def test_every_kind_has_a_template_in_each_language() -> None:
    assert {path.name for path in SHIPPED.iterdir()} == names()


async def test_what_ships_can_be_printed_with_every_field_and_with_the_fewest(tmp_path: Path) -> None:
    for name in names():
        (tmp_path / name).write_bytes((SHIPPED / name).read_bytes())
    Printer(tmp_path).check()
    assert not list(unprintable(templates(tmp_path), await Printer().glyphs()))


async def test_an_own_template_takes_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    printer = own(tmp_path, OWN)
    printer.check()
    text = pages(await printed([notice()], batch_of(), printer))[0].extract_text()
    assert "您好，张三：请交124.65 元。" in text
    assert "电费年月" not in text
    assert "b0123456789abcde" in text, "the frame is the shipped one"
    assert "电费通知" in pages(await printed([notice(kind="billing")], batch_of("billing"), printer))[0].extract_text()


async def test_today_is_the_day_of_the_batch(tmp_path: Path) -> None:
    printer = own(tmp_path, OWN.replace("您好", "#datetime.today().display() "))
    text = pages(await printed([notice()], batch_of(made="2031-12-31T23:30:00+08:00"), printer))[0].extract_text()
    assert "2031-12-31" in text


async def test_a_picture_lies_beside_its_template(tmp_path: Path) -> None:
    (tmp_path / "seal.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', "utf-8")
    printer = own(tmp_path, OWN.replace("您好", '#image("seal.svg") 您好'))
    printer.check()


@pytest.mark.parametrize(
    ("find", "put", "said"),
    [
        ("total_due", "totl_due", 'arrears.zh.typ:3:33: dictionary does not contain key "totl_due"'),
        ("]\n", "", "arrears.zh.typ:2:28: unclosed delimiter"),
        ("#let letter", "#let lettr", "frame.typ:"),
        ("您好", "您好\u5d5e\U0002ffff", "arrears.zh.typ:3: the fonts have no glyph for U+2FFFF"),
        ("#let title", '#import "@preview/x:1.0.0": y\n#let title', "arrears.zh.typ:1: packages are not fetched"),
        ("您好", '#read("/etc/passwd")', "arrears.zh.typ:3:8: file not found"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path: Path, find: str, put: str, said: str) -> None:
    assert find in OWN
    with pytest.raises(SettingsMistake, match=r"RINGBACK_LETTERS: ") as mistake:
        own(tmp_path, OWN.replace(find, put)).check()
    assert said in str(mistake.value)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("arreas.zh.typ", OWN.encode(), "arreas.zh.typ: no letter is made of it; there are arrears.en.typ"),
        ("billing.en.typ", b"#let title = 1\n\xff", "billing.en.typ:2: is not UTF-8"),
        ("frame.typ", b"x" * 300_000, "frame.typ: has 300000 bytes, 262144 at most"),
        ("sheet.typ", b"#let printed(data) = data.asid", 'sheet.typ:1:26: dictionary does not contain key "asid"'),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, name: str, text: bytes, said: str) -> None:
    with pytest.raises(SettingsMistake, match=r"RINGBACK_LETTERS: ") as mistake:
        own(tmp_path, text, name).check()
    assert said in str(mistake.value)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsMistake, match=r"RINGBACK_LETTERS: .*nowhere"):
        Printer(tmp_path / "nowhere").check()
    with pytest.raises(SettingsMistake, match=r"RINGBACK_LETTER_FONTS: no such folder: .*nowhere"):
        Printer(fonts_folder=tmp_path / "nowhere").check()
