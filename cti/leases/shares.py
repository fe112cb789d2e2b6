"""How partitions are shared: every engine works out the same from the same look."""

from collections.abc import Collection, Mapping


def fair_shares(owned: Mapping[str, int], engines: Collection[str], partitions: int) -> dict[str, int]:
    """How many partitions each engine shall own; the larger shares go to those that own more, then by name."""
    share, rest = divmod(partitions, len(engines))
    order = sorted(engines, key=lambda name: (-owned.get(name, 0), name))
    return {name: share + (place < rest) for place, name in enumerate(order)}
