"""A round on its way into the ledger."""

from typing import NamedTuple

from cti.engine.live_calls import Key
from cti.rows import Round


class Committing(NamedTuple):
    """A round on its way into the ledger."""

    round_: Round
    positions: dict[int, int]
    taken: int  # entries in it
    ended: list[Key]
    started: float
    live: tuple[int, ...]  # what is live once it stands, as telemetry counts it


def says_anything(round_: Round) -> bool:
    """Whether there is anything to write, were it not for the positions."""
    return bool(
        round_.timeline or round_.records or round_.commands or round_.outcomes or round_.agents or round_.dead_letters
    )
