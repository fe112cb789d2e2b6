"""Letters are printed in a process of their own, a piece at a time: neither the event loop nor a thread of it works.

The press gets nothing of this process but templates, the fonts' folders and letters. What does not answer in time is
killed; so is the press of a batch on which nobody reads on.
"""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from campaigns.kinds import Kind, known_kinds
from campaigns.letters.content import Glyphs
from campaigns.letters.frames import FAILED, FrameBroken, asked, read_from
from campaigns.letters.templates import (
    EVIDENCE,
    FRAME,
    LANGUAGES,
    SHARED,
    TemplateMistake,
    Templates,
    kinds_with_letters,
    samples,
    template_name,
    templates,
    unprintable,
)
from cti.errors import RingbackError, SettingsMistake

PRESSES = 2  # at once in a process
PIECE_S = 90.0  # for a piece of letters
PACKAGE = "noto_cjk_sans_otc"  # the extra `fonts`
DEBIAN = Path("/usr/share/fonts/opentype/noto")  # fonts-noto-cjk
NONE = "no font of letters is installed: the extra `fonts`, or Debian's fonts-noto-cjk"
_seen: dict[tuple[str, ...], Glyphs] = {}
PRESS = (sys.executable, "-P", "-m", "campaigns.letters.press")


class NoFonts(RingbackError):
    """This process has no fonts for letters."""


class PressesBusy(RingbackError):
    """As many batches are being printed as can be at once."""


class PressFailed(RingbackError):
    """The letters could not be set."""


class Batch(NamedTuple):
    """What the letters of a batch have in common. `made`: RFC 3339, in the campaign's zone; `day`: as it is told;
    `frame`: EVIDENCE is its own template, and prints `evidence_sheet` instead of letters.
    """

    batch: str
    kind: str
    language: str
    made: str
    day: str
    caller: str
    call_back: str
    frame: str = FRAME


class Printer:
    """`templates_folder`: an operator's own templates; `fonts_folder`: his fonts, beside Noto. Both may be absent."""

    def __init__(self, templates_folder: Path | None = None, fonts_folder: Path | None = None) -> None:
        self._templates_folder, self._fonts_folder = templates_folder, fonts_folder
        self._free = PRESSES

    async def glyphs(self) -> Glyphs:
        """What the fonts can show. Raises NoFonts."""
        return await glyphs_of(self.folders())

    async def glyphs_if_any(self) -> Glyphs | None:
        """None: this process has no fonts."""
        try:
            return await self.glyphs()
        except NoFonts:
            return None

    @asynccontextmanager
    async def press(self, batch: Batch) -> AsyncIterator["Pressing"]:
        """A press for one batch. Raises NoFonts, PressesBusy; TemplateMistake, OSError where templates have gone."""
        glyphs = await self.glyphs()
        if self._free == 0:
            raise PressesBusy
        self._free -= 1
        try:
            found = await asyncio.to_thread(templates, self._templates_folder)
            async with _started() as process:
                yield Pressing(process, asked(job(self.folders(), found, batch, glyphs)))
        finally:
            self._free += 1

    def check(self) -> None:
        """Try the operator's own templates, of every kind and language. Raises SettingsMistake."""
        if self._fonts_folder is not None and not self._fonts_folder.is_dir():
            raise SettingsMistake(f"RINGBACK_LETTER_FONTS: no such folder: {self._fonts_folder}")
        if self._templates_folder is None:
            return
        with ThreadPoolExecutor(1) as beside:  # whoever starts the process may have a loop already
            beside.submit(asyncio.run, self._checked()).result()

    async def _checked(self) -> None:
        try:
            found = templates(self._templates_folder)
            glyphs = await self.glyphs()
            for wrong in unprintable(found, glyphs):
                raise TemplateMistake(wrong)
            if EVIDENCE in found.own:
                await self._try_evidence()
            for kind in map(known_kinds().__getitem__, kinds_with_letters()):
                for language in LANGUAGES:
                    if found.own & {template_name(kind.name, language), *SHARED}:
                        await self._try(kind, language)
        except (TemplateMistake, NoFonts, PressFailed, OSError) as fault:
            raise SettingsMistake(f"RINGBACK_LETTERS: {fault}") from fault

    async def _try(self, kind: Kind, language: str) -> None:
        batch = Batch("b000000000000000", kind.name, language, "2026-03-04T09:00:00+08:00", "A", "A", "1")
        async with self.press(batch) as press:
            await press.letters(samples(kind))
            await press.end([{"page": 1, "account": "1", "why": "A"}], 1)

    async def _try_evidence(self) -> None:
        batch = Batch("c000000000000000-1", "", LANGUAGES[0], "2026-03-04T09:00:00+08:00", "A", "A", "1", EVIDENCE)
        sheet = {"page": 1, "account": "1", "sections": [{"title": "A", "blocks": [[["A", "A"]]]}]}
        async with self.press(batch) as press:
            await press.letters([sheet])

    def folders(self) -> tuple[str, ...]:
        """Where fonts are looked for: the operator's, then Noto of the package or else of the machine."""
        own = [] if self._fonts_folder is None else [self._fonts_folder]
        spec = find_spec(PACKAGE)
        found = [] if spec is None else [Path(folder) for folder in spec.submodule_search_locations or ()]
        return tuple(str(folder) for folder in (*own, *(found or [DEBIAN])) if folder.is_dir())


class Pressing:
    """A press at work: pieces of letters, then the end."""

    def __init__(self, process: asyncio.subprocess.Process, first: bytes) -> None:
        self._process, self._first = process, first

    @property
    def pid(self) -> int:
        return self._process.pid

    async def letters(self, letters: Sequence[Mapping[str, Any]]) -> bytes:
        """The next part of the PDF. Raises PressFailed."""
        return await self._answered(asked({"letters": letters}))

    async def end(self, aside: Sequence[Mapping[str, Any]], more: int) -> bytes:
        """The rest of it. `aside`: lines of the last sheet, and `more` that it does not list. Raises PressFailed."""
        return await self._answered(asked({"aside": aside, "more": more}))

    async def _answered(self, sent: bytes) -> bytes:
        asking, answering = self._process.stdin, self._process.stdout
        assert asking is not None
        assert answering is not None
        try:
            async with asyncio.timeout(PIECE_S):
                asking.write(self._first + sent)
                self._first = b""
                await asking.drain()
                kind, body = await read_from(answering)
        except (FrameBroken, ConnectionError) as fault:
            raise PressFailed(f"the press gave up: {fault}") from fault
        except TimeoutError as fault:
            raise PressFailed(f"the press did not answer for {PIECE_S:g} s") from fault
        if kind == FAILED:
            raise PressFailed(told_fault(body))
        return body


def job(folders: Sequence[str], found: Templates, batch: Batch, glyphs: Glyphs) -> dict[str, Any]:
    """As `campaigns.letters.press.Job` takes it."""
    common = {name: value for name, value in batch._asdict().items() if name not in {"kind", "made", "frame"}}
    return {
        "folders": folders,
        "families": glyphs.families,
        "root": str(found.root),
        "files": found.files,
        "template": template_name(batch.kind, batch.language) if batch.frame == FRAME else batch.frame,
        "common": common,
        "made": batch.made,
        "frame": batch.frame,
    }


async def glyphs_of(folders: tuple[str, ...]) -> Glyphs:
    """What the fonts of these folders can show; a press looks, once in the life of this process. Raises NoFonts."""
    if not folders:
        raise NoFonts(NONE)
    if folders not in _seen:
        try:
            async with asyncio.timeout(PIECE_S), _started("--glyphs", *folders) as process:
                said, _ = await process.communicate()
        except TimeoutError as fault:
            raise NoFonts(f"no press could look at the fonts within {PIECE_S:g} s") from fault
        found = json.loads(said) if process.returncode == 0 else {"families": []}
        if not found["families"]:
            raise NoFonts(f"{NONE} (looked in {', '.join(folders)})")
        _seen[folders] = Glyphs(tuple(found["families"]), frozenset(found["characters"]))
    return _seen[folders]


@asynccontextmanager
async def _started(*words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A press; killed at the end of the block, whatever it does."""
    process = await asyncio.create_subprocess_exec(
        *PRESS, *words, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment()
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def environment() -> dict[str, str]:
    """The environment of the press: no setting or secret of this process, one thread, the same modules."""
    return {
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONUTF8": "1",
        "RAYON_NUM_THREADS": "1",
    }


def told_fault(body: bytes) -> str:
    """file:line:column: what is wrong, where typst says so."""
    fault = json.loads(body)
    where = (line.split("─ ", 1)[1] for line in str(fault["diagnostic"]).splitlines() if "┌─ " in line)
    position = next(where, "").rsplit("/", 1)[-1]
    return f"{position}: {fault['message']}" if position else str(fault["message"])
