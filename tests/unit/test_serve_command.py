"""`ringback serve`, where it has to decide."""

import argparse
import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from cti.cli import serve
from cti.cli.log_writer import LogWriter
from cti.errors import LedgerAway
from cti.hosting import WHOLE
from cti.settings import Settings


@pytest.mark.parametrize("word", ["0", "-1", "nan", "inf", "fast"])
def test_a_clock_that_cannot_be_is_refused(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args([f"--speed={word}"])
    assert "--speed" in capsys.readouterr().err


async def test_a_stop_is_heard_while_the_start_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    stop, told = asyncio.Event(), list[str]()

    @contextlib.asynccontextmanager
    async def never(*_: Any, **__: Any) -> AsyncIterator[None]:
        try:
            stop.set()
            await asyncio.Event().wait()
            yield None
        finally:
            told.append("cleaned up")

    monkeypatch.setattr(serve, "stop_on_signals", lambda _: stop)
    monkeypatch.setattr(serve, "serving", never)
    async with asyncio.timeout(10):
        assert await serve._serve(Settings(), None, WHOLE, LogWriter(io.StringIO())) == 0
    assert told == ["cleaned up"]


class Refused(contextlib.AbstractAsyncContextManager[None]):
    """A service that cannot start."""

    async def __aenter__(self) -> None:
        raise OSError("address in use")

    async def __aexit__(self, *_: object) -> None:
        """It never started."""


async def test_a_start_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "stop_on_signals", lambda _: asyncio.Event())
    monkeypatch.setattr(serve, "serving", lambda *_, **__: Refused())
    with pytest.raises(OSError, match="in use"):
        await serve._serve(Settings(), None, WHOLE, LogWriter(io.StringIO()))


@pytest.mark.usefixtures("logging_as_it_was")
def test_the_last_line_is_as_all_the_others(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(main: Coroutine[Any, Any, int]) -> int:
        main.close()
        raise LedgerAway("nobody answers")

    monkeypatch.setattr(serve, "run_serving", refused)
    parser = argparse.ArgumentParser()
    serve.add_addresses(parser)
    assert serve.run_roles(parser.parse_args(["--db", "memory:"]), WHOLE) == 1
    told = json.loads(capsys.readouterr().err)
    assert (told["action"], told["level"]) == ("failed", "error")
    assert "nobody answers" in told["why"]
