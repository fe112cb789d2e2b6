"""A body that trickles is refused: it would hold its import, and the erasures of its tenant, for ever."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest
from aiohttp import web

from campaigns.api.streams import LEAST_BYTES, pieces_of
from cti.web.limits import Limits
from cti.web.refusal import Refusal

LIMITS = Limits(body_s=15)


class Trickle:
    """The content of a request: (seconds until it comes, piece)."""

    def __init__(self, pieces: Sequence[tuple[float, bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
        self._pieces, self._later_s = list(pieces), 0.0
        loop = asyncio.get_running_loop()
        real = loop.time
        monkeypatch.setattr(loop, "time", lambda: real() + self._later_s, raising=False)
        self.content = self

    async def read(self, _most: int) -> bytes:
        if not self._pieces:
            return b""
        after_s, piece = self._pieces.pop(0)
        self._later_s += after_s
        return piece


async def taken(pieces: Sequence[tuple[float, bytes]], monkeypatch: pytest.MonkeyPatch) -> int:
    request = cast("web.Request", Trickle(pieces, monkeypatch))
    return sum([len(piece) async for piece in pieces_of(request, LIMITS)])


async def test_a_byte_now_and_then_is_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refusal) as refused:
        await taken([(3.0, b"x")] * 6, monkeypatch)
    assert refused.value.code == "body_too_slow"
    assert str(LEAST_BYTES) in refused.value.detail


async def test_a_slow_line_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    some = b"x" * (LEAST_BYTES // 4)
    assert await taken([(3.5, some)] * 40, monkeypatch) == 40 * len(some)
    assert await taken([(14.0, b"the rest")], monkeypatch) == 8
