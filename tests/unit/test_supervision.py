"""A background task that ends is a failure of the process, however it ended and whatever becomes of the log line."""

import asyncio
from typing import Any

import pytest
import structlog

from cti import supervision
from cti.errors import LogAway, PartEnded
from cti.supervision import Supervision


async def returns() -> None:
    """Ends at once."""


async def raises() -> None:
    raise ValueError("broken")


async def cancels_itself() -> None:
    raise asyncio.CancelledError


async def lasts() -> None:
    await asyncio.Event().wait()


async def failure_of(watched: Supervision) -> BaseException | None:
    async with asyncio.timeout(10):
        await asyncio.wait([watched.failed])
    return watched.failed.exception()


@pytest.mark.parametrize(
    ("work", "why"), [(returns, "retention"), (raises, "retention: broken"), (cancels_itself, "retention")]
)
async def test_however_a_task_ends_the_process_learns_of_it(work: Any, why: str) -> None:
    watched = Supervision()
    watched.start("engine", lasts())
    watched.start("retention", work())
    failure = await failure_of(watched)
    assert isinstance(failure, PartEnded)
    assert failure.detail == why
    await watched.stop()


async def test_it_is_learnt_of_even_where_nothing_can_be_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def error(self, *_: object, **__: object) -> None:
            raise BrokenPipeError

    heard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
    monkeypatch.setattr(supervision, "log", Broken())
    watched = Supervision()
    watched.start("engine", raises())
    assert isinstance(await failure_of(watched), PartEnded)
    await watched.stop()
    assert [type(context["exception"]) for context in heard] == [BrokenPipeError]


async def test_at_a_stop_tasks_may_end() -> None:
    watched = Supervision()
    watched.start("engine", lasts())
    foreign = asyncio.create_task(lasts())
    watched.watch("commands", foreign)
    watched.stopping()
    foreign.cancel()
    await watched.stop()
    assert not watched.failed.done()


async def test_a_watched_task_that_is_cancelled_by_a_stranger_is_a_failure() -> None:
    watched = Supervision()
    foreign = asyncio.create_task(lasts())
    watched.watch("commands", foreign)
    foreign.cancel()
    assert isinstance(await failure_of(watched), PartEnded)
    await watched.stop()


@pytest.mark.parametrize(
    ("fault", "traced"), [(LogAway("database disk image is malformed"), False), (ValueError("broken"), True)]
)
async def test_what_says_itself_why_is_a_line_and_a_defect_of_ours_a_traceback(fault: Exception, traced: bool) -> None:
    async def ends() -> None:
        raise fault

    watched = Supervision()
    with structlog.testing.capture_logs() as lines:
        watched.start("engine", ends())
        await failure_of(watched)
    await watched.stop()
    [line] = lines
    assert (str(fault) in line["why"], line["exc_info"]) == (True, fault if traced else None)
