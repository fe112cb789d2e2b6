"""After the trouble: everybody is there again, and time leaps from one thing that can happen to the next, until every
contact has come to its end.

While an order is under way the switch is heard whenever it says something, and the dialler turns after it. Where it
says nothing the looks come less and less often. Where nothing is under way, time leaps to the dialler's own next look;
beyond those in which it only looks whether anything is new, to the next instant at which something could begin.
"""

from typing import TYPE_CHECKING

from sqlalchemy import Connection

from campaigns.ledger.tables import FAR, OPEN_STATES
from cti.sql.point import rows_of
from tests.campaigns.scripted_switch import DIALS
from tests.campaigns.stage import SILENCE_FINAL_MS
from tests.simulation.campaigns.orders_given import DONE

if TYPE_CHECKING:
    from tests.simulation.campaigns.history import CampaignHistory

LOOKS_MAX = 2_000
LIVES_MS = 6 * 24 * 3_600_000  # a history has a week; by then every deadline is long past
SETTLES_MAX = 20  # looks at one instant
TOGETHER_MS = 2_500  # what the switch says within it is heard in one look
IDLE_S = (1, 60, 150, 300)  # from one look to the next while the switch says nothing of an order
SKIP_MIN_MS = 10_000
OPENINGS = (450, 480, 540, 840, 870)  # minutes of the day at which a window opens
BEAT_BEFORE_MS = 1_000  # before an instant to which time leaps the switch is heard
AT_REST_ASKED = 0.2
PLANS_EARLY, PLANS_EACH = 10, 8  # looks
RERUNS = 0.15  # of the histories whose manager plans
SAID_OF_UNKNOWN, SAYS = 0.2, 0.6
SAYS_EARLY = 8  # looks; then what is unknown comes to its end by itself
CALM_MS = 70_000  # after a clock was set two looks must agree, half a minute apart where nothing is under way
POLL_MS = 8_000  # a stream lives for 15 s
LOOK_MS, MOVE_MIN_MS = 1_000, 200
BUNCH_MS = 30_000  # who waits for an instant so soon after another is looked at with that one
PATIENCE_MS = 10_000  # a dialler that looks again sooner than this has something to do
DAY_MS, UTC_OFF_MS = 24 * 3_600_000, 8 * 3_600_000  # the openings are Shanghai's
_UNSETTLED = "SELECT count(*) FROM dial_orders WHERE state IN ('open', 'sent')"
_ASKED = f"{_UNSETTLED} AND expires_at_ms > ?"
_STATES = ", ".join(f"'{state}'" for state in OPEN_STATES)
_OF_OPEN = ("SELECT next_at_ms, deadline_at_ms FROM campaign_contacts WHERE state IN (", _STATES, ")")
_WAITS = " ".join(_OF_OPEN)
_STARTS = "SELECT start_at_ms FROM campaigns WHERE state = 'scheduled'"
_CALLED_BACK = ("SELECT id, state FROM campaign_contacts WHERE call_at_ms IS NOT NULL AND state IN (", _STATES, ")")
_OF_CALLBACKS = " ".join(_CALLED_BACK)


async def quieten(it: "CampaignHistory") -> None:
    """No more faults but those of the line: nothing is frozen or paused."""
    await _everybody_is_back(it)
    it.calm_ms = it.site.now_ms + CALM_MS
    idle = before = 0
    for n in range(LOOKS_MAX):
        await _look(it)
        if it.is_decided or it.site.now_ms > it.site.base_ms + LIVES_MS or await _is_over(it):
            return
        if n < PLANS_EARLY and await it.plan() is not None:
            await it.judge()
        if await it.change_what_was_told():
            await it.judge()
        if n % PLANS_EACH == PLANS_EACH - 1:
            await it.planner.settle()
        idle, before = (0 if len(it.switch.orders_of(*DIALS)) > before else idle + 1), len(it.switch.orders_of(*DIALS))
        if idle and n < SAYS_EARLY and it.random.random() < SAID_OF_UNKNOWN:
            await _say(it)
        await _wait(it, idle)


async def _everybody_is_back(it: "CampaignHistory") -> None:
    it.switch.gone, it.switch.fast_ms = False, min(it.switch.fast_ms, 0)
    await it.declare_again()
    it.ports.claim_fate = it.ports.result_fate = it.ports.round_fate = None
    for stream in it.streams:
        await stream.go_on()
        await stream.cut()
    for process in it.processes:
        process.writer.fate = process.reader.next = None
        await process.go_on()
    while len(it.processes) > 1:
        await it.processes.pop(0).kill()
    if not it.processes:
        it.add_process()
    it.processes[0].wall.set_to(it.site.now_ms)
    if it.sms is not None:
        it.sms.is_away = False
    if it.manager.is_frozen:
        await it.manager.thaw()
    await it.planner.settle()
    for campaign in await it.site.database.reader.run(_paused):
        await it.place.call("POST", f"/v1/campaigns/{campaign}/resume")


async def _say(it: "CampaignHistory") -> None:
    """The manager asks whether the end of somebody's call is unknown, and says what he knows of it."""
    if await it.manager.do(SAYS, 0.0) is not None:
        it.faults["manager_word"] += 1
        await it.judge()


async def _look(it: "CampaignHistory") -> None:
    """Everybody does what can be done now."""
    moved, process = False, it.processes[0]
    for _ in range(SETTLES_MAX):
        await it.site.it.engine.drain()
        if it.site.now_ms >= it.polled_ms + POLL_MS:
            await _poll(it)
        before, it.changes_seen = len(it.switch.orders), it.place.changes
        if await process.step():
            moved = True
            await _poll(it)
        if len(it.switch.orders) == before and process.look_ms > it.site.now_ms:
            break
    await it.manager.look()
    if moved:
        await it.judge()


async def _poll(it: "CampaignHistory") -> None:
    it.polled_ms = it.site.now_ms
    await it.switch.fetch()
    await it.switch.send()
    if it.sms is not None:
        await it.sms.report()


async def _wait(it: "CampaignHistory", idle: int) -> None:
    now_ms = it.site.now_ms
    asked, instant_ms = await it.site.database.reader.run(_ahead, now_ms)
    look_ms, due_ms = it.processes[0].look_ms, it.next_ms() + TOGETHER_MS
    if not it.is_quiet or it.manager.waits or asked:
        wait_ms = now_ms + IDLE_S[min(idle, len(IDLE_S) - 1)] * 1_000
        wait_ms = max(min(wait_ms, instant_ms), now_ms + LOOK_MS) if idle or look_ms - now_ms >= LOOK_MS else look_ms
        await it.switch.run_to(max(round(min(due_ms, wait_ms)), now_ms + MOVE_MIN_MS), at_once=False)
        return
    if look_ms < now_ms + PATIENCE_MS:
        await it.switch.run_to(max(round(look_ms), now_ms + MOVE_MIN_MS))
        return
    target_ms = instant_ms
    if target_ms - now_ms < SKIP_MIN_MS:
        await it.switch.run_to(target_ms)
        return
    is_seen = it.place.changes == it.changes_seen  # by the dialler: what it does not know of it cannot do
    if now_ms > it.calm_ms and it.random.random() < AT_REST_ASKED and is_seen:
        it.keep(await it.explained.at_rest(it.processes[0]))
    await it.switch.run_to(target_ms - BEAT_BEFORE_MS)
    await it.site.it.engine.drain()
    await it.switch.run_to(target_ms)


def _ahead(connection: Connection, now_ms: int) -> tuple[int, int]:
    """Orders that may still be asked about; and the next instant at which something could begin."""
    waits = sorted({at_ms for row in rows_of(connection, _WAITS) for at_ms in row if at_ms and now_ms < at_ms < FAR})
    starts = {at_ms for (at_ms,) in rows_of(connection, _STARTS) if now_ms < at_ms}
    waits = sorted({*waits, *starts})
    waits = [at_ms for at_ms in waits if at_ms <= waits[0] + BUNCH_MS]
    return rows_of(connection, _ASKED, now_ms - SILENCE_FINAL_MS)[0][0], min([*waits[-1:], _opening_ms(now_ms)])


def _opening_ms(now_ms: int) -> int:
    """When the next window opens."""
    midnight_ms = now_ms - (now_ms + UTC_OFF_MS) % DAY_MS
    instants = (midnight_ms + day * DAY_MS + minutes * 60_000 for day in (0, 1) for minutes in OPENINGS)
    return min(at_ms for at_ms in instants if at_ms > now_ms)


async def _is_over(it: "CampaignHistory") -> bool:
    await it.callers.settle(await it.site.database.reader.run(_states))
    if it.manager.waits or not await it.site.database.reader.run(_all_over):
        return False
    if await it.planner.rerun(RERUNS) is None:
        return True
    it.faults["planned_rerun"] += 1
    return False


def _paused(connection: Connection) -> list[str]:
    return [
        id_ for (id_,) in rows_of(connection, "SELECT id FROM campaigns WHERE state = 'paused' ORDER BY made_at_ms, id")
    ]


def _states(connection: Connection) -> dict[str, str]:
    """Of the contacts of callbacks that are not over."""
    return dict(rows_of(connection, _OF_CALLBACKS))


def _all_over(connection: Connection) -> bool:
    """A campaign that stands ends by age: it is over when nobody of it waits."""
    ending = "SELECT state FROM campaigns WHERE kind <> 'callback'"
    if any(state not in DONE for (state,) in rows_of(connection, ending)):
        return False
    if rows_of(connection, _OF_CALLBACKS):
        return False
    return not rows_of(connection, _UNSETTLED)[0][0]
