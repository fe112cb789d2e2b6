"""The faults that the scheduler puts between two steps: each is tried at its turn, and says whether it could happen."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.outbound.driver import Driver
    from tests.simulation.outbound.history import History
    from tests.simulation.outbound.streams import Stream

Fault = Callable[["History"], Awaitable[bool]]

SLEEPS = (10, 25, 60)  # steps for which a process is stopped
AWAY = (5, 20)  # steps for which a switch is gone, or no engine runs
JUMPS_MS = (-3_600_000, -90_000, -3_000, 3_000, 90_000, 3_600_000)


def _owner(it: "History") -> "Driver | None":
    return next((one for one in reversed(it.drivers) if one.lease is not None), None)


def _live(it: "History") -> "Stream | None":
    live = [stream for stream in it.streams if not stream.ended]
    return it.random.choice(live) if live else None


async def driver_killed(it: "History") -> bool:
    owner = _owner(it)
    if owner is not None:
        owner.kill()
    return owner is not None


async def owner_asleep(it: "History") -> bool:
    """The owner is stopped, in the middle of a turn, and wakes later; another takes the lane meanwhile."""
    owner = _owner(it)
    if owner is None or len(it.drivers) > 1:
        return False
    it.asleep[0] = it.step + it.random.choice(SLEEPS)
    await it.start_driver()
    return True


async def owner_taken_over(it: "History") -> bool:
    """Another takes the lane, though its owner lives."""
    it.asleep.clear()
    await it.start_driver()
    return True


def _at_the_commit(fate: str) -> Fault:
    async def armed(it: "History") -> bool:
        owner = _owner(it)
        if owner is not None:
            owner.commit_fate = fate
        return False  # it is counted when it happens

    return armed


def _at_the_port(port: str, fate: str) -> Fault:
    async def armed(it: "History") -> bool:
        setattr(it.ports, port, fate)
        return False

    return armed


async def claim_held(it: "History") -> bool:
    """A gateway is stopped between a claim and its first byte; where this may be, it is so often (`History._send`)."""
    held = [stream for stream in it.streams if stream.is_held]
    if held:
        await held[0].go_on()
    return False


async def gateway_clock_set_back(it: "History") -> bool:
    it.gateway.clock.off_ms -= it.random.choice((500, 3_000, 8_000, 60_000))
    return True


async def gateway_killed(it: "History") -> bool:
    """With all its streams, and what it has claimed; the switch connects to another."""
    if not it.streams:
        return False
    for stream in it.streams:
        await stream.die()
    it.streams.clear()
    it.new_gateway()
    it.connect()
    return True


async def stream_cut(it: "History") -> bool:
    stream = _live(it)
    if stream is None:
        return False
    await stream.cut()
    it.streams.remove(stream)
    it.connect()
    return True


async def stream_doubled(it: "History") -> bool:
    """The switch connects once more, and the first connection stays."""
    if not it.streams or len(it.streams) >= 3:
        return False
    it.connect()
    await it.streams[-1].step()
    return True


async def poll_lost(it: "History") -> bool:
    if not it.by_poll:
        return False
    await it.switch.fetch(lost=True)
    return True


async def switch_gone(it: "History") -> bool:
    it.gone_until = it.step + it.random.choice(AWAY)
    return True


async def switch_dials_no_more(it: "History") -> bool:
    """It declares so, for a while; with orders under way."""
    it.undeclared_until = it.step + it.random.choice(AWAY)
    await it.switch.declare(outbound=False)
    return True


async def switch_restarted(it: "History") -> bool:
    it.switch.restart(memory=True)
    return True


async def switch_restarted_without_memory(it: "History") -> bool:
    it.switch.restart(memory=False)
    return True


async def switch_clock_set(it: "History") -> bool:
    """Forward, once: the simulated switch does everything by its clock, and one set back would let it ring longer."""
    if it.faults["switch_clock_set"]:
        return False
    it.switch.jump_clock(it.random.choice((300, 5_000)))
    return True


async def wall_clock_jumped(it: "History") -> bool:
    """The time of day of a dialling process."""
    if not it.drivers:
        return False
    wall = it.random.choice(it.drivers).wall
    wall.set_to(it.site.now_ms + it.random.choice((*JUMPS_MS, 0, 0)))
    return True


async def engine_restarted(it: "History") -> bool:
    await it.site.it.restart()
    return True


async def engine_stopped(it: "History") -> bool:
    """Nobody takes in what comes, for a while."""
    it.engine_until = it.step + it.random.choice(AWAY)
    return True


FAULTS: Mapping[str, Fault] = {
    "driver_killed": driver_killed,
    "owner_asleep": owner_asleep,
    "owner_taken_over": owner_taken_over,
    "commit_away": _at_the_commit("away"),
    "commit_unwritten": _at_the_commit("unwritten"),
    "commit_unknown": _at_the_commit("unknown"),
    "claim_away": _at_the_port("claim_fate", "away"),
    "claim_unknown": _at_the_port("claim_fate", "unknown"),
    "claim_held": claim_held,
    "result_away": _at_the_port("result_fate", "away"),
    "result_unknown": _at_the_port("result_fate", "unknown"),
    "round_away": _at_the_port("round_fate", "away"),
    "round_unwritten": _at_the_port("round_fate", "unwritten"),
    "round_unknown": _at_the_port("round_fate", "unknown"),
    "gateway_clock_set_back": gateway_clock_set_back,
    "gateway_killed": gateway_killed,
    "stream_cut": stream_cut,
    "stream_doubled": stream_doubled,
    "poll_lost": poll_lost,
    "switch_gone": switch_gone,
    "switch_dials_no_more": switch_dials_no_more,
    "switch_restarted": switch_restarted,
    "switch_restarted_without_memory": switch_restarted_without_memory,
    "switch_clock_set": switch_clock_set,
    "wall_clock_jumped": wall_clock_jumped,
    "engine_restarted": engine_restarted,
    "engine_stopped": engine_stopped,
}
THEMES: Mapping[str, frozenset[str]] = {
    "closing": frozenset(),
    "held": frozenset({"claim_held", "stream_doubled", "gateway_clock_set_back"}),
    "owners": frozenset({"owner_asleep", "owner_taken_over", "driver_killed"}),
    "stops": frozenset({"claim_held"}),
    "streams": frozenset({"stream_doubled", "gateway_killed", "stream_cut"}),
    "memoryless": frozenset({"commit_unknown", "claim_unknown"}),
    "mixed": frozenset(),
}
