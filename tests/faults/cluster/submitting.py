"""A campaign of files, imported and started over HTTP while the processes that it needs may be away."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.faults.cluster.waiting import until
from tests.faults.desk import Desk, Refused

DECLARED_MAX_S = 30.0


async def submitted(desk: Desk, settings: Mapping[str, Any], files: Sequence[bytes], contacts: int) -> str:
    """Its id. `files` are imported in turn; `contacts`: of all of them. Raises TooLong, Refused."""
    campaign = await desk.create(settings)
    there = 0
    for no, file in enumerate(files, 1):
        number = await desk.bring(campaign, file, f"{no}.csv")
        found = await desk.imported(campaign, number)
        there += found["contacts"]
        assert (found["state"], found["rejected"]) == ("done", 0), found
    assert there == contacts, (there, contacts)

    async def started() -> bool:
        """The switch may not have declared itself yet."""
        try:
            await desk.start(campaign, contacts)
        except Refused as refused:
            if refused.code != "cannot_dial":
                raise
            return False
        return True

    await until(f"{campaign} is started", started, DECLARED_MAX_S, 0.5)
    return campaign
