"""The text of a file of call records, and the encoding it was read by.

A byte-order mark decides. Without one, the mapping's encoding is used; without that, strict UTF-8, then GB18030 where
the text looks like it. Nothing else is guessed: bytes that fit none of these become half of a surrogate pair,
so that only their own line is set aside, with its number. U+FFFD would not do: a valid file may contain it.
"""

import codecs
import re
from itertools import islice

UNREADABLE = "\ud800"
# The longer marks first: that of UTF-16 begins that of UTF-32.
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
GUESSED = "gb18030"
# Nearly every character of a Chinese text is one of GB2312, whose second byte is never ASCII. In a western text a
# letter beyond ASCII mostly comes before an ASCII letter, which no character of GB2312 looks like.
CHINESE_SHARE_MIN = 0.9
LINES_EXAMINED_MAX = 10_000
_MARKED = "ringback.unreadable"
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_PAIRS = re.compile(rb"[\x81-\xfe][\x30-\xfe]")
_GB2312 = re.compile(rb"[\xa1-\xf7][\xa1-\xfe]")


def _marked(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return UNREADABLE, error.end


codecs.register_error(_MARKED, _marked)


def decoded(content: bytes, said: str | None = None) -> tuple[str, str]:
    """(text, encoding) of a file; `said` is the mapping's."""
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, errors=_MARKED), encoding
    if said is not None:
        return content.decode(said, errors=_MARKED).removeprefix("\ufeff"), said
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    encoding = GUESSED if _looks_chinese(content) else "utf-8"
    return content.decode(encoding, errors=_MARKED), encoding


def unreadable(text: str) -> bool:
    """Whether a part of the text was no text: such a text can be neither written nor sent."""
    return not text.isascii() and _HALF_PAIR.search(text) is not None


def text_encoding(name: str) -> str:
    """The name, if text can be decoded by it; raises ValueError."""
    try:
        b"text".decode(name, errors=_MARKED)
    except (LookupError, UnicodeError) as error:
        raise ValueError(f"no such text encoding: {name}") from error
    return name


def _looks_chinese(content: bytes) -> bool:
    """Whether bytes that are no UTF-8 look like GB18030 rather than like UTF-8 with spoilt lines, or a western text."""
    lines = (line for line in content.splitlines() if not line.isascii())
    beyond_ascii = list(islice(lines, LINES_EXAMINED_MAX))
    if sum(map(_is_utf8, beyond_ascii)) * 2 >= len(beyond_ascii):
        return False
    pairs = [pair for line in beyond_ascii for pair in _PAIRS.findall(line)]
    chinese = sum(_GB2312.fullmatch(pair) is not None for pair in pairs)
    return bool(pairs) and chinese >= CHINESE_SHARE_MIN * len(pairs)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
