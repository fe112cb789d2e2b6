"""A caller's number as switches write it, in E.164: the same text for one telephone, whatever the trunk shows.

Mainland numbers are known by their form; of others only what has its country's code can be told. Nothing is looked up:
whether a number exists, a switch has shown by letting it call.
"""

import re
from typing import Final

_FILLING: Final = re.compile(r"[\s\-().]+")
_URI: Final = re.compile(r"(?i:sips?|tel):([^@;?>]+)")
_MOBILE: Final = re.compile(r"(?:\+?86|0086)?0?(1[3-9][0-9]{9})", re.ASCII)
_LANDLINE: Final = re.compile(
    r"(?:(?:\+?86|0086)0?|0)((?:10|2[0-9])[2-9][0-9]{7}|[3-9][0-9]{2}[2-9][0-9]{6,7})", re.ASCII
)
_FOREIGN: Final = re.compile(r"(?:\+|00)([1-9][0-9]{6,14})", re.ASCII)


def e164(written: str | None) -> str | None:
    """A number as a switch wrote it; None: it is withheld, or cannot be told (no area code, an extension, a name)."""
    if not written:
        return None
    bare = written if written.removeprefix("+").isdecimal() else _bare(written)
    home = _MOBILE.fullmatch(bare) or _LANDLINE.fullmatch(bare)
    if home is not None:
        return f"+86{home[1]}"
    foreign = _FOREIGN.fullmatch(bare)
    return None if foreign is None or foreign[1].startswith("86") else f"+{foreign[1]}"


def _bare(written: str) -> str:
    """Without a URI around it, and without what people write between digits."""
    uri = _URI.search(written)
    return _FILLING.sub("", uri[1] if uri is not None else written)
