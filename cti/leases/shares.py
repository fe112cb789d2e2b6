"""How resources are shared: every process works out the same from the same look."""

from collections.abc import Collection, Mapping


def fair_shares(owned: Mapping[str, int], owners: Collection[str], resources: int) -> dict[str, int]:
    """How many resources each process shall own; the larger shares go to those that own more, then by name."""
    share, rest = divmod(resources, len(owners))
    order = sorted(owners, key=lambda name: (-owned.get(name, 0), name))
    return {name: share + (rank < rest) for rank, name in enumerate(order)}
