"""A rolling restart: every gateway and every engine of a cluster under load is stopped in order and started again, one
by one. What each has is handed over: nothing waits until somebody is found silent.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.faults.cluster.journal import joined
from tests.faults.cluster.site import ENGINES, opened
from tests.faults.cluster.trial import WARM_S, ended, figured, loaded, say, unsound
from tests.faults.cluster.waiting import pause

NAME = "restarts"


async def restarted(seed: int, folder: Path, engines: int = ENGINES) -> dict[str, Any]:
    """All of it, and the judgement. Raises TooLong, ClientFailed."""
    began, exits = time.monotonic(), []
    async with opened(folder, engines) as site:
        async with loaded(site, seed) as load:
            await pause(WARM_S)
            for part in site.parts:
                await part.stop()
                exits.append(part.exit_code)
                await part.start(site.session)
                say(f"{part.name} was stopped and started again; {load.told()}")
                await pause(WARM_S)
                load.check()
            diary = joined(await load.finished())
        figures, _ = await figured(site, diary)
    return (
        figures
        | ended(site)
        | site.looks.figures()
        | {
            "commits_failed": dict(site.refusals.total),
            "restarts": sum(part.starts - 1 for part in site.parts),
            "restarts_bad": sum(code != 0 for code in exits),
            "scenario": NAME,
            "seed": seed,
            "duration_s": round(time.monotonic() - began, 1),
        }
    )


def failures(figures: Mapping[str, Any]) -> list[str]:
    """What is not as it must be."""
    wrong = unsound(figures) + [name for name in ("takeovers", "restarts_bad", "commits_failed") if figures[name]]
    return wrong + [name for name in ("restarts", "handovers") if not figures[name]]
