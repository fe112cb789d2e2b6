"""Presses are bounded: in number, in time, in memory; one that dies leaves nothing behind."""

import os
from contextlib import AsyncExitStack
from pathlib import Path
from signal import SIGKILL

import pytest

from campaigns.letters import printer as printers
from campaigns.letters.content import letter
from campaigns.letters.printer import NoFonts, PressesBusy, PressFailed, Printer, environment
from tests.campaigns.letters.printed import ZONE, batch_of, notice, pages, printed

ENDLESS = '#let title = ""\n#let letter(data, letter) = { let x = 0; for i in range(100000000) { x += i }; [#x] }\n'
GREEDY = '#let title = ""\n#let letter(data, letter) = { let x = "a"; while true { x += x }; [#x.len()] }\n'


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def pressed(printer: Printer, seen: list[int], signal: int = 0) -> None:
    """A press that sets one letter, and is sent a signal before. `seen`: its process."""
    async with printer.press(batch_of()) as press:
        seen.append(press.pid)
        os.kill(press.pid, signal)
        await press.letters([letter(notice(), "zh", ZONE)])


async def test_no_more_than_so_many_at_once_and_each_makes_room_again() -> None:
    printer = Printer()
    async with AsyncExitStack() as stack:
        many = [await stack.enter_async_context(printer.press(batch_of())) for _ in range(printers.PRESSES)]
        with pytest.raises(PressesBusy):
            await stack.enter_async_context(printer.press(batch_of()))
    assert all(gone(one.pid) for one in many)
    assert len(pages(await printed([notice()], batch_of(), printer))) == 1


@pytest.mark.parametrize("text", [ENDLESS, GREEDY])
async def test_a_template_without_end_is_given_up(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "arrears.zh.typ").write_text(text, "utf-8")
    printer, seen = Printer(tmp_path), list[int]()
    with monkeypatch.context() as hurried:
        hurried.setattr(printers, "PIECE_S", 2.0)
        with pytest.raises(PressFailed):
            await pressed(printer, seen)
    assert gone(seen[0])
    assert len(pages(await printed([notice(kind="billing")], batch_of("billing"), printer))) == 1


async def test_a_press_that_was_killed_is_told() -> None:
    with pytest.raises(PressFailed, match="gave up"):
        await pressed(Printer(), [], SIGKILL)


async def test_without_fonts_there_are_no_letters(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(printers, "PACKAGE", "no_such_package")
    monkeypatch.setattr(printers, "DEBIAN", tmp_path / "none")
    with pytest.raises(NoFonts, match="fonts-noto-cjk"):
        await Printer().glyphs()
    assert await Printer().glyphs_if_any() is None
    (tmp_path / "empty").mkdir()
    with pytest.raises(NoFonts, match="empty"):
        await Printer(fonts_folder=tmp_path / "empty").glyphs()


async def test_fonts_that_nobody_could_look_at_are_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(printers, "PIECE_S", 0.0)
    with pytest.raises(NoFonts, match="within 0 s"):
        await Printer(fonts_folder=tmp_path).glyphs()


async def test_the_fonts_have_what_chinese_names_need_and_nothing_that_is_not_seen() -> None:
    glyphs = await Printer().glyphs()
    assert glyphs.families == ("Noto Sans CJK SC",)
    assert len(glyphs.characters) > 44_000
    assert not glyphs.lacking("".join(chr(code) for code in range(0x4E00, 0x9FA6)) + "，。（）·￥ÄöéABC09~")
    assert glyphs.lacking("\n\t\u00ad\u200b\u200f\u202e\u2028\ue000\ufe0f\U000e0100של") == tuple(
        sorted("\n\t\u00ad\u200b\u200f\u202e\u2028\ue000\ufe0f\U000e0100של")
    )


def test_a_press_is_told_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGBACK_DB", "postgresql://u:secret@h/d")
    assert "secret" not in str(environment())
