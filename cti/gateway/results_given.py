"""Recent results of this gateway, to tell a repetition from a contradiction before the engine has seen
either.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cti.web.limits import Limits
from cti.web.recent import Recent
from cti.web.refusal import Refusal

KEEP_S = 600.0
Content = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Given:
    content: Content
    kept: "asyncio.Task[str]"


class ResultsGiven:
    """Appends a command's result once, however often it is given."""

    def __init__(self, limits: Limits, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._given: Recent[tuple[str, str, bool], _Given] = Recent(limits.results_kept, KEEP_S, monotonic)

    async def once(
        self, tenant: str, command_id: str, final: bool, content: Content, append: Callable[[], Awaitable[str]]
    ) -> str:
        """The token of the append, of the first one where the same was given before. Raises Refusal
        `already_answered`.
        """
        key = (tenant, command_id, final)
        given = self._given.get(key)
        if given is None:
            given = _Given(content, asyncio.ensure_future(_token(append)))
            self._given.put(key, given)
            given.kept.add_done_callback(lambda kept: self._forget_failed(key, kept))
        elif given.content != content:
            raise already_answered()
        return await asyncio.shield(given.kept)

    def _forget_failed(self, key: tuple[str, str, bool], kept: "asyncio.Task[str]") -> None:
        """Forget a result that was not kept, so that it may be sent again; its waiters have got the error."""
        if kept.cancelled() or kept.exception() is not None:
            self._given.drop(key)


async def _token(append: Callable[[], Awaitable[str]]) -> str:
    return await append()


def already_answered() -> Refusal:
    """The refusal of a second, different final result."""
    return Refusal("already_answered")
