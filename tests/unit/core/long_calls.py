"""Calls of very many events, by what there is many of: legs, offers, conferences, holds, ends. For cost, not for truth.

Each shape is a function of the number of its events. An event here is (milliseconds, kind, data), all of the call LONG.
"""

from collections.abc import Callable, Iterable
from typing import Any

Said = tuple[int, str, dict[str, Any]]
Shape = Callable[[int], list[Said]]
LONG = "long-1"
RING_ALL = 20
SPEAKING_SHARE = 4  # where many speak, that part of the events makes them do so
OFFERED: Said = (0, "offered", {"connection": "c", "calling": "13800000000", "direction": "inbound"})
DIALLED: list[Said] = [
    (0, "originated", {"connection": "c", "direction": "outbound", "$commandid": "order-1"}),
    (1, "established", {"connection": "c"}),
]


def _leg(n: object) -> dict[str, Any]:
    return {"connection": f"a{n}", "agent": f"1{n}", "device": f"8{n}"}


def _first(n: int, events: Iterable[Said]) -> list[Said]:
    return [OFFERED, *events][:n]


def _all(kind: str) -> Shape:
    return lambda n: _first(n, ((i, kind, _leg(i)) for i in range(1, n)))


def _first_all(kind: str, then: Callable[[int, int], tuple[str, dict[str, Any]]]) -> Shape:
    """A part of the events is `kind`, each on a leg of its own; `then` says each of the others, by number and legs."""

    def shape(n: int) -> list[Said]:
        legs = n // SPEAKING_SHARE
        return _first(
            n, [*((i, kind, _leg(i)) for i in range(legs)), *((n + i, *then(i, legs)) for i in range(n - legs))]
        )

    return shape


def _by_turns(first: str, second: str, data: Callable[[int], dict[str, Any]]) -> Shape:
    """Many speak; each of them does the first, then each the second."""
    return _first_all("established", lambda i, legs: ((first, second)[i // legs % 2], data(i % legs)))


def _ring_alls_that_end_at_once(n: int) -> list[Said]:
    said: list[Said] = []
    for ring_all in range(n // RING_ALL // 2):
        legs = [f"{ring_all}-{i}" for i in range(RING_ALL)]
        said += [(ring_all * 1_000 + 1, "delivered", _leg(leg)) for leg in legs]
        said += [(ring_all * 1_000 + 1_001, "connectionCleared", {"connection": f"a{leg}"}) for leg in legs]
    return _first(n, said)


def _each_answers(n: int) -> list[Said]:
    return _first(
        n,
        [
            said
            for i in range(n // 3)
            for said in (
                (3 * i, "delivered", _leg(i)),
                (3 * i + 1, "established", _leg(i)),
                (3 * i + 2, "connectionCleared", {"connection": f"a{i}", "releasingDevice": f"8{i}"}),
            )
        ],
    )


def _renaming(i: int, _: int) -> tuple[str, dict[str, Any]]:
    return "conferenced", {"resultingCall": LONG, "connections": {f"r{i - 1}" if i else "a1": f"r{i}"}}


def _customer(i: int, _: int) -> tuple[str, dict[str, Any]]:
    return ("held", "retrieved")[i % 2], {"connection": "c"}


def _conference(_: int, __: int) -> tuple[str, dict[str, Any]]:
    return "conferenced", {"resultingCall": LONG, "connections": {}}


def _lost(i: int, _: int) -> tuple[str, dict[str, Any]]:
    """Lost, and found again by the next event."""
    return ("networkTone", {"tone": "t"}) if i % 2 else ("lost", {})


SHAPES: dict[str, Shape] = {
    "many ring": _all("delivered"),
    "many answer": _all("established"),
    "many wait": lambda n: _first(n, ((i, "queued", {"connection": f"c{i}", "queue": f"q{i}"}) for i in range(1, n))),
    "one waits in many queues": lambda n: _first(
        n, ((i, "queued", {"connection": "c", "queue": f"q{i}"}) for i in range(1, n))
    ),
    "ring-alls end at once": _ring_alls_that_end_at_once,
    "each rings, answers, leaves": _each_answers,
    "many ring, many answer": _first_all("delivered", lambda i, legs: ("established", _leg(i % legs))),
    "many ring, all stop": _first_all("delivered", lambda i, legs: ("diverted", {"connection": f"a{i % legs}"})),
    "many speak, the customer is held": _first_all("established", _customer),
    "many speak, each is held": _by_turns("held", "retrieved", lambda leg: {"connection": f"a{leg}"}),
    "many speak, strangers hold each": _by_turns(
        "held", "retrieved", lambda leg: {"connection": f"a{leg}", "holdingDevice": f"s{leg}"}
    ),
    "many speak, each is muted": _by_turns("muted", "unmuted", lambda leg: {"connection": f"a{leg}"}),
    "many speak, conferences": _first_all("established", _conference),
    "many ring, conferences": _first_all("delivered", _conference),
    "many speak, one is renamed": _first_all("established", _renaming),
    "many ring, it is lost": _first_all("delivered", _lost),
    "many speak, it is lost": _first_all("established", _lost),
    "many ring, an end came first": lambda n: [
        (-1, "callCleared", {}), *_first_all("delivered", lambda *_: ("networkTone", {"tone": "t"}))(n - 1)
    ],
    "keys": lambda n: _first(n, ((i, "digitsGenerated", {"digits": "1"}) for i in range(1, n))),
    "announcements": lambda n: _first(n, ((i, "announcementEnded", {"message": f"m{i}"}) for i in range(1, n))),
    "a dialled call, many answer": lambda n: [*DIALLED, *((i, "established", _leg(i)) for i in range(2, n))],
}  # fmt: skip
