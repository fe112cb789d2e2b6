"""When a lane is to be turned again, so that nothing that is due waits for a look. Pure."""

from collections.abc import Collection, Iterable

from campaigns.core.campaign import DIALS
from campaigns.core.pacing import Pace
from campaigns.dialler.case import Moment
from campaigns.dialler.intents import Intents, Room
from campaigns.dialler.judging import Judged
from campaigns.dialler.pace import LanePace, Limits
from campaigns.ledger.rows import CampaignRow
from campaigns.ledger.tables import FAR
from campaigns.ledger.turns import Found

LOOK_MS, IDLE_MS = 1_000, 30_000  # with work under way; without
SOON_MS = 250  # when orders were made whose sending is not known
# A turn is short, so that the first call leaves soon after an opening, and slots of the pace do not all come free at
# one instant: then a lane would stand still for as long as the next turn takes.
ORDERS_A_TURN = 40
ORDERS_AT_FIRST = 16  # after a turn without any
TURNS_A_SECOND = 5  # of a trunk group that takes more than so many times ORDERS_A_TURN


def orders_a_turn(limits: Limits, most: int) -> int:
    """After a turn that has dialled: the more a trunk group takes, the larger."""
    return min(max(ORDERS_A_TURN, limits.pace.calls_per_second // TURNS_A_SECOND), most)


def wait_ms(
    moment: Moment,
    pace: LanePace,
    limits: Limits,
    judged: Judged,
    found: Found,
    opening_ms: int | None,
    intents: Intents,
    room: Room,
    campaigns: Collection[CampaignRow],
) -> float:
    """From now on. `opening_ms`: when the first of the closed hours opens. `room`: what the turn has left of it."""
    now_ms, ledger_ms, writes = moment.now_ms, moment.ledger_ms, intents.writes
    is_due = found.next_ms is not None and found.next_ms <= now_ms
    if (room.is_portion and room.lane <= 0) or (intents.passed and is_due):
        return 0.0
    after_ms = [at_ms - ledger_ms for at_ms in judged.look_at_ms if at_ms > ledger_ms]
    after_ms += [at_ms - now_ms for at_ms in (found.next_ms, opening_ms) if at_ms is not None and at_ms > now_ms]
    scheduled = (*writes.contacts, *(dialling.contact for dialling in writes.dialling))
    next_ms = min((at_ms for row in scheduled for at_ms in (row.next_at_ms, row.deadline_at_ms)), default=FAR)
    after_ms += [max(next_ms - now_ms, 0)] if next_ms < FAR else []
    starts_ms = [row.start_at_ms for row in campaigns if row.start_at_ms is not None]
    after_ms += [at_ms - now_ms for at_ms in starts_ms if at_ms > now_ms]
    if is_due or intents.blocked or writes.dialling:
        room_ms = pace.next_ms(limits, paces_of(campaigns), ledger_ms)
        after_ms += [] if room_ms is None else [room_ms - ledger_ms]
        after_ms.append(LOOK_MS)
    if writes.dialling:
        after_ms.append(SOON_MS)
    if judged.live or not moment.steady:  # two later looks must agree before the clocks are believed again
        after_ms.append(LOOK_MS)
    return min([IDLE_MS, *after_ms])


def paces_of(campaigns: Iterable[CampaignRow]) -> dict[str, Pace]:
    """The pace of each campaign that runs, by id."""
    running = (row for row in campaigns if row.state in DIALS)
    return {row.id: pace_of(row) for row in running}


def pace_of(row: CampaignRow) -> Pace:
    """The campaign's own: calls a second, and at once."""
    return Pace(row.calls_per_second, row.calls_at_once)
