"""What is made when it is first asked for."""

import asyncio

import pytest

from cti.gateway.context import MadeOnce


async def test_whoever_asks_meanwhile_waits_for_the_same() -> None:
    made: list[bytes] = []

    def make() -> bytes:
        made.append(b"document")
        return made[-1]

    document = MadeOnce(make)
    assert made == [], "nothing before it is asked for"
    assert await asyncio.gather(*(document.whole() for _ in range(3))) == [b"document"] * 3
    assert await document.whole() == b"document"
    assert len(made) == 1


async def test_nothing_is_kept_of_a_failure() -> None:
    answers: list[bytes] = []
    document = MadeOnce(lambda: answers[0])
    with pytest.raises(IndexError):
        await document.whole()
    answers.append(b"document")
    assert await document.whole() == b"document"
