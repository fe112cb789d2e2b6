"""What a changed outage makes of the items of a contact. Pure.

An item is an outage by its area and when the power goes off. A revision gives it another `restores_at`, or the mark
`cancelled`. A contact that was told of it (its round is a later one) is told that it is cancelled; one that was never
told is not told of it at all.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from campaigns.kinds import known_kinds

CANCELLED, YES = "cancelled", "yes"
Item = Mapping[str, str]


class Outage(NamedTuple):
    """Which. `area` as the file has it, `starts_at_ms` since the epoch."""

    area: str
    starts_at_ms: int


class Change(NamedTuple):
    """`restores_at`: RFC 3339 in the campaign's zone, as items have it; None: the outage is cancelled."""

    outage: Outage
    restores_at: str | None

    @property
    def cancels(self) -> bool:
        return self.restores_at is None


def can_be_revised(kind: str) -> bool:
    """Whether its items are outages."""
    return CANCELLED in known_kinds()[kind].marks


def outage_of(item: Item) -> Outage | None:
    """None: it is none, or cannot be read."""
    try:
        return Outage(item["area"], moment_ms(item["starts_at"]))
    except (KeyError, ValueError):
        return None


def moment_ms(text: str) -> int:
    """The time of an RFC 3339 text, in milliseconds. Raises ValueError."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} has no offset from UTC")
    return int(at.timestamp()) * 1000


def changed(items: Sequence[Item], change: Change) -> list[Item] | None:
    """The items with the change; None: there is nothing new in it. What was cancelled stays so."""
    after = [_changed(item, change) if outage_of(item) == change.outage else item for item in items]
    return after if after != list(items) else None


def _changed(item: Item, change: Change) -> Item:
    if change.restores_at is None:
        return {**item, CANCELLED: YES}
    if is_cancelled(item) or _same_moment(item.get("restores_at", ""), change.restores_at):
        return item
    return {**item, "restores_at": change.restores_at}


def _same_moment(moment: str, other: str) -> bool:
    try:
        return moment_ms(moment) == moment_ms(other)
    except ValueError:
        return False


def is_cancelled(item: Item) -> bool:
    return item.get(CANCELLED) == YES


def of_round(items: Iterable[Item], round_: int) -> list[Item]:
    """Those that a contact is told of in this round."""
    return [item for item in items if round_ > 1 or not is_cancelled(item)]


def standing(items: Iterable[Item]) -> list[Item]:
    """Those that are not cancelled."""
    return [item for item in items if not is_cancelled(item)]
