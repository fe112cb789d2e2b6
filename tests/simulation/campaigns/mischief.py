"""The faults of dialling processes; those of gateways, streams, switches and engines are the order simulation's."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from tests.simulation.campaigns.process import Interruption
from tests.simulation.outbound import mischief as of_orders
from tests.simulation.outbound.mischief import JUMPS_MS

if TYPE_CHECKING:
    from tests.simulation.campaigns.history import CampaignHistory

Fault = Callable[["CampaignHistory"], Awaitable[bool]]
OF_DRIVERS = frozenset(
    {"driver_killed", "owner_asleep", "owner_taken_over", "commit_away", "commit_unwritten", "commit_unknown",
     "wall_clock_jumped"}
)  # fmt: skip
AWAKE_AGAIN = (4, 12, 40)  # steps after which a process that was stopped goes on


async def dialler_killed(it: "CampaignHistory") -> bool:
    if not it.processes:
        return False
    await it.processes.pop(it.random.randrange(len(it.processes))).kill()
    return True


async def dialler_added(it: "CampaignHistory") -> bool:
    """One more process; the lanes are shared anew."""
    if len(it.processes) >= it.processes_max:
        return False
    it.add_process()
    return True


async def dialler_stopped(it: "CampaignHistory") -> bool:
    """The machine stops a process between two steps; others take its lanes, and then it goes on."""
    free = [one for one in it.processes if it.asleep_until.get(one.number, 0) <= it.step]
    if not free:
        return False
    it.asleep_until[it.random.choice(free).number] = it.step + it.random.choice(AWAKE_AGAIN)
    return True


def _at_the_commit(fate: str) -> Fault:
    async def armed(it: "CampaignHistory") -> bool:
        free = [one for one in it.processes if not one.is_held]
        if free:
            it.random.choice(free).writer.fate = fate
        return False  # it is counted when it happens

    return armed


READS_OF_A_TURN = 6


async def read_held(it: "CampaignHistory") -> bool:
    """A process stands still between two reads of a turn."""
    _interrupt(it, "read_held", None)
    return False  # it is counted when it happens


async def clock_set_within_a_turn(it: "CampaignHistory") -> bool:
    _interrupt(it, "clock_set_within_a_turn", it.site.now_ms + it.random.choice(JUMPS_MS))
    return False


def _interrupt(it: "CampaignHistory", name: str, wall_ms: float | None) -> None:
    free = [one for one in it.processes if not one.is_held]
    if free:
        it.random.choice(free).reader.next = Interruption(it.random.randrange(READS_OF_A_TURN), name, wall_ms)


async def wall_clock_jumped(it: "CampaignHistory") -> bool:
    """The time of day of a dialling process."""
    if not it.processes:
        return False
    it.random.choice(it.processes).wall.set_to(it.site.now_ms + it.random.choice((*JUMPS_MS, 0, 0)))
    return True


FAULTS: Mapping[str, Fault] = {
    **{name: fault for name, fault in of_orders.FAULTS.items() if name not in OF_DRIVERS},
    "dialler_killed": dialler_killed,
    "dialler_added": dialler_added,
    "dialler_stopped": dialler_stopped,
    "commit_away": _at_the_commit("away"),
    "commit_unwritten": _at_the_commit("unwritten"),
    "commit_unknown": _at_the_commit("unknown"),
    "commit_held": _at_the_commit("held"),
    "read_held": read_held,
    "clock_set_within_a_turn": clock_set_within_a_turn,
    "wall_clock_jumped": wall_clock_jumped,
}
THEMES: Mapping[str, frozenset[str]] = {
    "closing": frozenset({"clock_set_within_a_turn"}),
    "held": frozenset({"claim_held", "stream_doubled", "gateway_clock_set_back", "commit_held"}),
    "owners": frozenset({"dialler_killed", "dialler_added", "dialler_stopped", "commit_held"}),
    "stops": frozenset({"claim_held", "commit_held"}),
    "streams": frozenset({"stream_doubled", "gateway_killed", "stream_cut"}),
    "memoryless": frozenset({"commit_unknown", "claim_unknown", "switch_restarted_without_memory"}),
    "mixed": frozenset(),
}
