"""How a change of product code is planted, and taken out again."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

Change = Callable[[], AbstractContextManager[Any]]


class Planted(NamedTuple):
    """`kind`: the violation that gives it away. `themes`: of the histories in which it shows most often. `shows`: of
    these seeds alone.
    """

    name: str
    kind: str
    themes: tuple[str, ...]
    change: Change
    shows: Callable[[int], bool] = bool


def put(place: Any, name: str, value: Any) -> Change:
    return lambda: patch.object(place, name, value)


def both(*changes: Change) -> Change:
    @contextmanager
    def all_of_them() -> Iterator[None]:
        with ExitStack() as stack:
            for change in changes:
                stack.enter_context(change())
            yield

    return all_of_them


def wrapped(place: Any, name: str, around: Callable[..., Any]) -> Change:
    """`around(inner, *args)` in the place of a function."""

    def change() -> AbstractContextManager[Any]:
        inner = getattr(place, name)
        return patch.object(place, name, lambda *args, **more: around(inner, *args, **more))

    return change
