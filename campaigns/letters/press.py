"""The press: a process of its own that sets letters with typst. Run as `python -m campaigns.letters.press`.

It is asked by frames on standard input and answers on standard output, one for one: first the job, then pieces of
letters, at last what was set aside. What customers are called reaches typst as JSON, never as source. A piece is
bounded in memory and in processor time; whoever asked kills what does not answer. `--glyphs` instead writes which
characters the fonts of the folders have, as JSON.
"""

import json
import os
import resource
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import IO, Any, Literal, NamedTuple

import typst
from fontTools.ttLib import TTFont

from campaigns.letters.frames import FAILED, PRINTED, frame, read
from campaigns.letters.joining import Joining, NotJoinable

NICE = 10  # who dials goes first
MEMORY_BYTES = 1 << 30  # address space: typst alone maps 100 MB
PIECE_CPU_S = 60  # processor seconds for a piece
Form = Literal["pdf", "png"]
FAMILY = "Noto Sans CJK SC"
NOTO = ("Noto Sans CJK", "Noto Sans Mono CJK")  # faces of the same file
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # controls, marks of direction, what nobody has defined


class Job(NamedTuple):
    """What stays the same in a batch. `files`: sources by name; `root`: the folder of pictures; `made`: RFC 3339;
    `frame`: the source whose `printed` sets the sheets.
    """

    folders: Sequence[str]
    families: Sequence[str]
    root: str
    files: Mapping[str, str]
    template: str
    common: Mapping[str, Any]
    made: str
    frame: str = "frame.typ"


class Press:
    """One batch."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._made = datetime.fromisoformat(job.made)
        self._compiler = typst.Compiler(b"", root=job.root, font_paths=fonts_in(job.folders))
        self._joining = Joining()
        self._letters = 0

    def letters(self, letters: Sequence[Mapping[str, Any]]) -> bytes:
        """The next part of the file. Raises TypstError, NotJoinable."""
        self._letters += len(letters)
        return self._joining.piece(self.compiled("pdf", letters))

    def end(self, aside: Sequence[Mapping[str, Any]], more: int) -> bytes:
        """The rest of the file, with the sheet of what was set aside, where there is any or no letter at all."""
        sheet = b""
        if aside or not self._letters:
            source = '#import "sheet.typ": printed\n#printed(json(bytes(sys.inputs.data)))\n'
            said = {"aside": aside, "more": more, "letters": self._letters}
            sheet = self._joining.piece(self._pdf(self._compile(source, said, "pdf")))
        zone = self._made.strftime("%z")
        return sheet + self._joining.end(
            str(self._job.common["batch"]), f"{self._made:%Y%m%d%H%M%S}{zone[:3]}'{zone[3:5]}'"
        )

    def compiled(self, form: Form, letters: Sequence[Mapping[str, Any]]) -> Any:
        """Letters as `pdf` (bytes) or `png` (bytes, or a list of them)."""
        source = (
            f'#import "{self._job.frame}": printed\n#import "{self._job.template}" as template\n'
            "#printed(json(bytes(sys.inputs.data)), template)\n"
        )
        return self._compile(source, {"letters": letters}, form)

    def _compile(self, source: str, said: Mapping[str, Any], form: Form) -> Any:
        # typst takes sources by name, as its manual says; its type stubs leave that out.
        sources: Any = {"main.typ": source.encode(), **{name: text.encode() for name, text in self._job.files.items()}}
        data = {**self._job.common, **said, "fonts": list(self._job.families)}
        return self._compiler.compile(
            sources,
            format=form,
            sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
            timestamp=self._made,
            pdf_tags=False,
        )

    def _pdf(self, made: Any) -> bytes:
        assert isinstance(made, bytes)
        return made


def fonts_in(folders: Sequence[str]) -> typst.Fonts:
    """Nothing of the machine's own: the same letter everywhere."""
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=list(folders))


def glyphs_in(folders: Sequence[str]) -> dict[str, Any]:
    """The families in the order in which typst tries them, and every character that one of them has and a reader sees.
    Of the folders' own Noto only the Chinese face counts.
    """
    found = fonts_in(folders).fonts()
    others = sorted({font.family for font in found if not font.family.startswith(NOTO)})
    families = [FAMILY, *others] if any(font.family == FAMILY for font in found) else others
    known: set[int] = set()
    for font in found:
        if font.family in families and font.path is not None:
            with TTFont(font.path, fontNumber=font.index, lazy=True) as opened:
                known |= (opened.getBestCmap() or {}).keys()
    seen = (chr(code) for code in sorted(known) if unicodedata.category(chr(code)) not in UNSEEN)
    return {"families": families, "characters": "".join(seen)}


def main() -> int:
    """0: answered until the end of what was asked."""
    if sys.argv[1:2] == ["--glyphs"]:
        json.dump(glyphs_in(sys.argv[2:]), sys.stdout)
        return 0
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    serve(sys.stdin.buffer, sys.stdout.buffer)
    return 0


def serve(asking: IO[bytes], answering: IO[bytes]) -> None:
    """One answer for each frame after the first. After a fault nothing more is answered."""
    press: Press | None = None
    while (got := read(asking)) is not None:
        given = json.loads(got[1])
        spent = resource.getrusage(resource.RUSAGE_SELF)
        limit = int(spent.ru_utime + spent.ru_stime) + PIECE_CPU_S
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
        if press is None:
            press = Press(Job(**given))
            continue
        try:
            answer = press.letters(given["letters"]) if "letters" in given else press.end(**given)
        except (typst.TypstError, NotJoinable) as fault:
            answering.write(frame(FAILED, _fault(fault).encode()))
            answering.flush()
            return
        answering.write(frame(PRINTED, answer))
        answering.flush()


def _fault(fault: Exception) -> str:
    return json.dumps({"message": str(fault), "diagnostic": str(getattr(fault, "diagnostic", ""))})


if __name__ == "__main__":
    sys.exit(main())
