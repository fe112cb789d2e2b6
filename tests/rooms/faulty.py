"""A running service whose parts misbehave, and what is asked of it."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cti import wiring
from cti.gateway import probes
from cti.hosting import Opened, Part, Task
from cti.parts import metrics
from cti.settings import Settings
from cti.wiring import Service


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy with other tests is not a ledger that is away."""
    monkeypatch.setattr(wiring, "READY_S", 20.0)
    monkeypatch.setattr(probes, "READY_S", 30.0)
    monkeypatch.setattr(metrics, "COLLECT_S", 20.0)


def settings(folder: Path) -> Settings:
    return Settings.read(db=f"sqlite:///{folder}/ringback.db", listen="127.0.0.1:0")


def named(name: str, *tasks: Task, **opened: Any) -> Part:
    return Part(name=name, open=lambda _host: Opened(tasks=tasks, **opened))


async def ready(service: Service) -> tuple[int, dict[str, str]]:
    async with aiohttp.ClientSession() as session, session.get(f"{service.url}/readyz") as answer:
        return answer.status, (await answer.json())["checks"]


async def scraped(service: Service) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{service.url}/metrics") as answer:
        assert answer.status == 200
        return await answer.text()
