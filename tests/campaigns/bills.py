"""A billing file for trials, of any length: accounts of its own, and numbers of one country."""

from collections.abc import Iterable, Iterator, Sequence

HEADER = (
    "account", "name", "class", "number", "number2", "address", "reading_date", "reading", "energy_kwh", "amount",
    "previous_balance", "amount_due",
)  # fmt: skip
CLASSES = ("resident", "resident", "resident", "organisation")


def bills(numbers: Iterable[Sequence[str]], first: int = 0) -> Iterator[bytes]:
    """The file's lines; a row for each list of one or two numbers."""
    yield (",".join(HEADER) + "\r\n").encode()
    for at, own in enumerate(numbers, start=first):
        used, price = 80 + at % 400, 40 + at % 200
        second = own[1] if len(own) > 1 else ""
        cells = (
            account(at), f"Customer {at}", CLASSES[at % len(CLASSES)], own[0], second, f"{1 + at % 900} Lake Road",
            "2026-03-01", str(10_000 + at), str(used), f"{price}.{at % 100:02}", "0.00", f"{price}.{at % 100:02}",
        )  # fmt: skip
        yield (",".join(cells) + "\r\n").encode()


def account(at: int) -> str:
    return f"{3_301_000_000 + at}"
