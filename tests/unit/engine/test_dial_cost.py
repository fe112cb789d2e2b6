"""An inbound call pays nothing for the calls that are dialled: no function of theirs runs for its events."""

import sys
from collections import Counter
from collections.abc import Sequence
from types import FrameType
from typing import Any

from cti.engine import carried_orders, dial_facts
from tests.scheduler import event
from tests.simulation.dial_ledger import DialSite, call_of

THEIRS = {carried_orders.__file__, dial_facts.__file__}
OF_A_ROUND = {"clear", "__bool__"}
INTERPRETED = all(name.endswith(".py") for name in THEIRS)  # compiled functions are not seen


def inbound(subject: str) -> Sequence[dict[str, Any]]:
    agent = {"connection": "a", "device": "SIP/1", "agent": "1"}
    return [
        event("s1", subject, "offered", 0, {"direction": "inbound", "connection": "c"}),
        event("s1", subject, "queued", 1, {"connection": "c", "queue": "q1"}),
        event("s1", subject, "delivered", 2, agent),
        event("s1", subject, "established", 3, agent),
        event("s1", subject, "connectionCleared", 30, {"connection": "a", "releasingDevice": "SIP/1"}),
        event("s1", subject, "callCleared", 30),
    ]


async def run_for(*events: dict[str, Any]) -> Counter[str]:
    """The functions that ran while an engine took these in, and how often each did."""
    site, ran = DialSite(), Counter[str]()
    await site.engine.start()
    await site.to(60)
    await site.say(*events)

    def called(frame: FrameType, what: str, _: object) -> None:
        if what == "call" and frame.f_code.co_filename in THEIRS:
            ran[frame.f_code.co_name] += 1

    sys.setprofile(called)
    try:
        await site.to(61)
    finally:
        sys.setprofile(None)
    return ran


async def test_no_function_of_dial_facts_runs_for_the_events_of_an_inbound_call() -> None:
    few, many = await run_for(*inbound("1")), await run_for(*[each for n in range(50) for each in inbound(f"{n}")])
    assert set(few) | set(many) <= OF_A_ROUND
    assert sum(many.values()) <= 20, "for a round, not for an event"


async def test_they_do_run_for_a_call_of_a_dial_order() -> None:
    """Else the test above says nothing."""
    assert (set(await run_for(*call_of("7", "A", 0))) > OF_A_ROUND) is INTERPRETED
