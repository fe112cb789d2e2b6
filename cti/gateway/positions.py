"""Positions as tokens: `0:12,3:7` means position 12 of partition 0 and position 7 of partition 3.

The same form serves for the numbers of commands, which rise in each partition too.
"""

from collections.abc import Iterable, Mapping

PATTERN = r"^[0-9]{1,4}:[0-9]{1,18}(,[0-9]{1,4}:[0-9]{1,18}){0,39}$"
TOKEN_CHARS_MAX = 1000


def token_of(positions: Mapping[int, int]) -> str:
    """The token of positions; "" of none."""
    return ",".join(f"{partition}:{positions[partition]}" for partition in sorted(positions))


def highest(positions: Iterable[tuple[int, int]]) -> dict[int, int]:
    """The last position of each partition among the places."""
    last: dict[int, int] = {}
    for partition, position in positions:
        if position > last.get(partition, -1):
            last[partition] = position
    return last


def positions_of(token: str) -> dict[int, int]:
    """The positions of a token; the highest where a partition is named twice. Raises ValueError with a sentence."""
    if len(token) > TOKEN_CHARS_MAX:
        raise ValueError(f"takes at most {TOKEN_CHARS_MAX} characters")
    return highest(_parsed(part) for part in token.split(","))


def _parsed(part: str) -> tuple[int, int]:
    partition, _, position = part.partition(":")
    if not (_number(partition, 4) and _number(position, 18)):
        raise ValueError("takes partition:position pairs joined by commas, like 0:12,3:7")
    return int(partition), int(position)


def _number(text: str, digits: int) -> bool:
    return 1 <= len(text) <= digits and text.isascii() and text.isdigit()


def reached(positions: Mapping[int, int], wanted: Mapping[int, int]) -> bool:
    """Whether every wanted position has been reached."""
    return all(positions.get(partition, 0) >= position for partition, position in wanted.items())
