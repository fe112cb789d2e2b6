"""One lane as its owner works it: a turn reads, decides outside of any transaction, and writes in one.

The order of reading matters: the word of how far the log is read comes before the facts, so that what is silent by the
word has no fact that was not seen.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import structlog

from campaigns.context import LANES, Context
from campaigns.core.campaign import DIALS, NOT_BEGUN, Campaign
from campaigns.core.pacing import Pace
from campaigns.core.reasons import WRITTEN, CampaignState, Channel
from campaigns.dialler.announced_years import AnnouncedYears
from campaigns.dialler.case import Case, Known, Moment, cases_of, moment_of, order_valid_ms
from campaigns.dialler.clocks import ClockGuard, Reading
from campaigns.dialler.emergency_looks import EmergencyLooks
from campaigns.dialler.endings import Endings
from campaigns.dialler.intents import Intents, LaneView, Room, TurnTally
from campaigns.dialler.judging import Before, Judged, judge_all, still
from campaigns.dialler.lane_orders import LaneOrders
from campaigns.dialler.message_ways import Ways, is_gateway_live, live_channels, ways_of
from campaigns.dialler.next_look import LOOK_MS, ORDERS_AT_FIRST, orders_a_turn, pace_of, wait_ms
from campaigns.dialler.open_hours import Hours, OpenHours
from campaigns.dialler.order_ids import campaign_of_order
from campaigns.dialler.orders import Callers
from campaigns.dialler.pace import LanePace, Limits, limits_of
from campaigns.dialler.resting import pause_where_needed, queue_is_free
from campaigns.dialler.starting import start_due
from campaigns.dialler.turn_counts import count_turn
from campaigns.errors import Stale
from campaigns.ledger import lanes as lane_rows
from campaigns.ledger import turns
from campaigns.ledger.compiled import campaign_of
from campaigns.ledger.people import PersonDay
from campaigns.ledger.rows import CampaignRow
from campaigns.ledger.turns import Found, LaneRead, Wanted, Writes
from cti.dial.declared import takes_calls, trunk_groups
from cti.dial.rows import DialFact, OrderState, SourceWord, SwitchStanding
from cti.errors import DialNotAllowed, LedgerAway, NoDialStream, OutcomeUnknown
from cti.hosting import DeclaredSwitch

DUE_MAX = 256  # contacts that a turn looks at, of a campaign
BEYOND_ROOM = 20  # looked at beyond what the pace has room for: some will wait for something else
PAST_MAX = 200  # deadlines in one turn
SWEEP_MS = 5_000  # how often it is looked whether somebody waits for a number that is free
STALE_MS = 20  # before what was undone is read anew
# Turns undone in a row. Then one call is made at a time: what its own calls are to each other in a turn cannot undo it.
UNDONE_MAX = 5
QUEUE_MS = 1_000  # how often a queue is looked at
DECLARED_MS = 5_000  # a declaration is believed for so long

log = structlog.get_logger()


class Done(NamedTuple):
    """`ended`: committed | idle | stale | fenced | away. `look_ms`: by the host's clock, when to turn again."""

    ended: str
    look_ms: float


@dataclass
class _Reading:
    standing: SwitchStanding
    now_ms: int  # the time of day that was judged: whatever the clock is set to meanwhile, the turn decides by this one
    orders: Sequence[OrderState]
    late: Mapping[str, OrderState]
    facts: Sequence[DialFact]
    words: Mapping[str, SourceWord]  # by source
    lane: LaneRead
    declared: DeclaredSwitch | None
    ways: Ways  # of messages
    gateway_live: bool


class LaneDialler:
    """A lane under one epoch. `callers`: who speaks."""

    def __init__(
        self,
        context: Context,
        lane: lane_rows.Lane,
        epoch: int,
        clocks: ClockGuard,
        hours: OpenHours,
        callers: Callers,
    ) -> None:
        self.lane, self.epoch = lane, epoch
        self._context, self._clocks, self._hours, self._callers = context, clocks, hours, callers
        self._pace: LanePace | None = None
        self._taken: dict[str, object] = {}
        self._orders = LaneOrders(context.dial, lane, has_gateway=bool(context.channels(lane.tenant)))
        self._judged: dict[str, Before] = {}
        self._declared: DeclaredSwitch | None = None
        self._declared_ms = float("-inf")
        self._turns = 0
        self._dialled = False  # in the turn before
        self._undone = 0  # turns, up to the last one
        self._swept_ms = float("-inf")
        self._closed: dict[str, Hours] = {}  # campaigns whose hours are closed for all; and what was said of it
        self._closed_told: dict[str, Hours] = {}
        self._endings = Endings(context)
        self._years = AnnouncedYears(context)
        self._emergencies = EmergencyLooks(context)
        self._queues: dict[str, tuple[bool, float]] = {}  # whether there is room in a campaign's queue; until when
        self.look_ms = float("-inf")

    async def turn(self) -> Done:
        """Read, decide, write. What fails leaves nothing, and is read anew."""
        try:
            done = await self._turn()
        except (Stale, NoDialStream, DialNotAllowed) as reason:
            log.info("a turn was undone", action="turn_undone", lane=self.lane.id, why=str(reason))
            done = self._again("stale", STALE_MS if isinstance(reason, Stale) else LOOK_MS)
            self._undone += 1
        except (LedgerAway, OutcomeUnknown) as reason:
            log.warning("a turn failed", action="turn_failed", lane=self.lane.id, why=str(reason))
            done = self._again("away", LOOK_MS)
        else:
            self._undone = 0
        self.look_ms = done.look_ms
        self._context.metrics.turn(done.ended)
        return done

    def _again(self, ended: str, wait_ms: float) -> Done:
        return Done(ended, self._context.clock.now_ms() + wait_ms)

    async def _turn(self) -> Done:
        self._turns += 1
        read = await self._read()
        moment = self._moment(read)
        now_ms = moment.ledger_ms
        rows = {row.id: row for row in read.lane.campaigns}
        campaigns = {id_: (row, campaign_of(row, self._context.rules)) for id_, row in rows.items()}
        judged = judge_all(read.orders, read.late, read.facts, rows, read.words, now_ms, self._taken, self._judged)
        limits = self._limits(read)
        pace = self._pace = self._pace or LanePace(now_ms)
        pace.look(read.orders, judged.live, now_ms, limits.window_ms)
        room = self._room(read, moment, pace, limits)
        wanted, opening_ms = self._wanted(read, campaigns, room, moment.now_ms)
        ids = {news.contact for news in judged.news}
        reader = self._context.reader
        found = await reader.run(turns.find, ids, wanted, moment.now_ms, PAST_MAX)
        cases = cases_of(found, campaigns)
        known = await self._known(cases.values(), moment.now_ms)
        full = await self._full_queues(read, room)
        intents = self._planned(read, moment, campaigns, judged, found, cases, known, room, full)
        lane = read.lane
        look_ms = self._context.clock.now_ms() + wait_ms(
            moment=moment,
            pace=pace,
            limits=limits,
            judged=judged,
            found=found,
            opening_ms=opening_ms,
            intents=intents,
            room=room,
            campaigns=lane.campaigns,
        )
        if intents.writes:
            await self._commit(intents)
        self._remember(read, intents)
        if lane.withdrawing or any(row.state == CampaignState.STOPPING for row in lane.campaigns):
            look_ms = min(look_ms, self._context.clock.now_ms() + LOOK_MS)
        moved, has_more = await self._move_campaigns(lane, rows, intents.tally, steady=moment.steady)
        if has_more or lane.revising:  # nobody of an outage that is revised is dialled until all contacts are changed
            look_ms = min(look_ms, self._context.clock.now_ms() + STALE_MS)
        return Done("committed" if intents.writes or moved else "idle", look_ms)

    async def _move_campaigns(
        self, lane: LaneRead, rows: Mapping[str, CampaignRow], tally: TurnTally, *, steady: bool
    ) -> tuple[bool, bool]:
        """Pause, end and start campaigns, and apply announced years and emergencies: (anything moved, more is left)."""
        moved = bool(await pause_where_needed(self._context, rows, tally.pauses, tally.ended))
        moved = await self._endings.look(lane, tally.done) or moved
        if steady:
            moved = await start_due(self._context, lane.campaigns) or moved
        recounted = await self._years.look(lane)
        looking = steady and await self._emergencies.look(lane)
        return moved or recounted.moved or looking, recounted.more or looking

    def _remember(self, read: _Reading, intents: Intents) -> None:
        """Remember which judgements were taken, so that none is taken twice; a final contact's are dropped."""
        there = {order.order.id for order in read.orders} | set(read.late)
        self._dialled = bool(intents.writes.dialling)
        self._closed_told = dict(self._closed)
        self._taken = still({**self._taken, **intents.tally.taken}, there, intents.tally.final)

    # -- reading -------------------------------------------------------------------------------------------------------

    async def _read(self) -> _Reading:
        declared = await self._declaration()
        source = "" if declared is None else declared.source
        tenant, switch, _ = self.lane
        dial, before = self._context.dial, self._clocks_now()
        standing = await dial.standing(tenant, switch, source)
        after = self._clocks_now()
        self._clocks.look(before, standing.at_ms, after)
        orders = await self._orders.read()
        words = await self._orders.words(orders, source, standing.word)
        facts: Sequence[DialFact] = await self._orders.facts(len(orders))
        late, facts = await self._orders.late(orders, facts)
        others = {campaign_of_order(order.order.about or order.order.id) for order in orders}
        others |= {campaign_of_order(id_) for id_ in late}
        lane = await self._context.reader.run(turns.read_lane, self.lane, others)
        if lane.outbound is None:
            await self._context.writer.run(turns.put_outbound, tenant)
            lane = await self._context.reader.run(turns.read_lane, self.lane, others)
        ways = ways_of(self.lane, declared, self._context.channels(tenant))
        gateway_live = await is_gateway_live(dial, tenant, ways)
        return _Reading(
            standing=standing,
            now_ms=int(after.wall_ms),
            orders=orders,
            late=late,
            facts=facts,
            words=words,
            lane=lane,
            declared=declared,
            ways=ways,
            gateway_live=gateway_live,
        )

    def _clocks_now(self) -> Reading:
        return Reading(self._context.clock.now_ms(), self._context.wall.wall_ms())

    async def _declaration(self) -> DeclaredSwitch | None:
        now_ms = self._context.clock.now_ms()
        if now_ms >= self._declared_ms + DECLARED_MS or self._declared is None:
            self._declared = await self._context.declared(self.lane.tenant, self.lane.switch)
            self._declared_ms = now_ms
        return self._declared

    def _moment(self, read: _Reading) -> Moment:
        """On clocks that are not believed nobody is called; what is noted meanwhile goes by the earlier of them, so
        that no deadline passes, and nobody waits, by a clock that is ahead.
        """
        outbound = read.lane.outbound
        frozen = outbound is None or bool(outbound.frozen)
        steady = self._clocks.steady
        now_ms = read.now_ms if steady else min(read.now_ms, read.standing.at_ms)
        return moment_of(read.standing, now_ms, self._context.speed, frozen=frozen, steady=steady)

    # -- what to look for ----------------------------------------------------------------------------------------------

    def _limits(self, read: _Reading) -> Limits:
        """Those of the trunk group as declared; of one that is not, nothing is allowed."""
        group = None if read.declared is None else self._group(read.declared)
        return Limits(Pace(0, 0), 1_000) if group is None else limits_of(group)

    def _group(self, declared: DeclaredSwitch) -> Mapping[str, object] | None:
        if not takes_calls(declared.declaration):
            return None
        return trunk_groups(declared.declaration).get(self.lane.trunk_group)

    def _live_messages(self, read: _Reading, moment: Moment) -> frozenset[Channel]:
        heard = moment.stream_live and moment.heard_ms is not None
        return live_channels(read.ways, switch_heard=heard, gateway_live=read.gateway_live)

    def _room(self, read: _Reading, moment: Moment, pace: LanePace, limits: Limits) -> Room:
        """How many orders may be made now; 0 if the switch, a clock or a freeze stops the lane."""
        able = moment.stream_live and moment.steady and not moment.frozen
        may_dial = able and moment.heard and moment.clock_true
        lane = pace.lane_room(limits, moment.ledger_ms) if may_dial else 0
        portion = orders_a_turn(limits, DUE_MAX) if self._dialled else ORDERS_AT_FIRST
        portion = portion if self._undone < UNDONE_MAX else 1
        room = Room(min(lane, portion), {}, {}, is_portion=lane > portion)
        live = live_channels(read.ways, switch_heard=able and moment.heard, gateway_live=read.gateway_live)
        may_send = bool(live) and moment.steady and not moment.frozen
        for row in read.lane.campaigns:
            if row.state in DIALS:
                own = pace_of(row)
                room.calls[row.id] = min(room.lane, pace.campaign_room(own, row.id, limits, moment.ledger_ms))
                if may_send:
                    room.messages[row.id] = pace.message_room(own, row.id, moment.ledger_ms)
        return room

    def _wanted(
        self, read: _Reading, campaigns: Mapping[str, tuple[CampaignRow, Campaign]], room: Room, now_ms: int
    ) -> tuple[list[Wanted], int | None]:
        """What to read of each campaign; and when a closed class opens."""
        wanted: list[Wanted] = []
        opening_ms: list[int] = []
        self._closed = {}
        sweeping = self._context.clock.now_ms() >= self._swept_ms + SWEEP_MS
        self._swept_ms = self._context.clock.now_ms() if sweeping else self._swept_ms
        for row, campaign in campaigns.values():
            state = CampaignState(row.state)
            if state in DIALS:
                split = self._hours.split(campaign, row.version, read.lane.classes[row.id], now_ms)
                if split.closed is not None:
                    opening_ms.append(split.closed.until_ms)
                if split.closed is not None and split.all_closed:
                    self._closed[row.id] = split.closed
                messages = room.messages.get(row.id, 0) if not WRITTEN.isdisjoint(campaign.channels) else 0
                most = room.calls[row.id] + messages
                most = min(most + BEYOND_ROOM, DUE_MAX) if most > 0 else 0
                wanted.append(Wanted(row.tenant, row.id, split.open, most, closing=False, sweeping=sweeping))
            elif state is CampaignState.PAUSED:
                wanted.append(Wanted(row.tenant, row.id, (), 0, closing=False, sweeping=sweeping))
            elif state in NOT_BEGUN and row.expires_at_ms is not None and row.expires_at_ms <= now_ms:
                wanted.append(Wanted(row.tenant, row.id, (), 0, closing=True, sweeping=False))
        return wanted, min(opening_ms, default=None)

    async def _known(self, cases: Iterable[Case], now_ms: int) -> Known:
        numbers: set[str] = set()
        days: set[PersonDay] = set()
        for case in cases:
            days.update(case.days_at(now_ms))
            numbers |= case.lines
        if not numbers and not days:
            return Known(set(), {})
        until_ms = now_ms + order_valid_ms(self._context.speed)
        known = await self._context.reader.run(turns.known, self.lane.tenant, numbers, days, now_ms, until_ms)
        return Known(known.busy, known.calls, known.barred)

    async def _full_queues(self, read: _Reading, room: Room) -> frozenset[str]:
        """Campaigns that would lead people into a queue where nobody answers."""
        now_ms, full = self._context.clock.now_ms(), set[str]()
        for row in read.lane.campaigns:
            is_by_agent = Channel.AGENT.value in row.channels
            if not (is_by_agent or row.queue) or not room.calls.get(row.id):
                continue
            free, until_ms = self._queues.get(row.id, (True, float("-inf")))
            if now_ms >= until_ms:
                free = await queue_is_free(self._context, row)
                self._queues[row.id] = (free, now_ms + QUEUE_MS)
            full |= set() if free else {row.id}
        return frozenset(full)

    # -- deciding ------------------------------------------------------------------------------------------------------

    def _planned(
        self,
        read: _Reading,
        moment: Moment,
        campaigns: Mapping[str, tuple[CampaignRow, Campaign]],
        judged: Judged,
        found: Found,
        cases: Mapping[str, Case],
        known: Known,
        room: Room,
        full_queues: frozenset[str],
    ) -> Intents:
        outbound = read.lane.outbound
        assert outbound is not None, "it was made where it was missing"
        until_ms = moment.now_ms + moment.order_valid_ms
        writes = Writes(self.lane, LANES, self.epoch, outbound, {}, now_ms=moment.now_ms, until_ms=until_ms)
        group = None if read.declared is None else self._group(read.declared)
        caller_id = None if group is None else group.get("caller_id")
        source = "" if read.declared is None else read.declared.source
        shown = None if caller_id is None else str(caller_id)
        lane = LaneView(source, read.ways, self._live_messages(read, moment), shown, full_queues)
        intents = Intents(
            writes=writes,
            moment=moment,
            lane=lane,
            rules=self._context.rules,
            callers=self._callers,
            campaigns=campaigns,
            found=found,
            known=known,
            cases=cases,
        )
        intents.outcomes(judged)
        intents.deadlines()
        intents.dial(room, self._turns)
        intents.notices()
        intents.not_to_be_called()
        self._tell_closed(intents, campaigns)
        return intents

    def _tell_closed(self, intents: Intents, campaigns: Mapping[str, tuple[CampaignRow, Campaign]]) -> None:
        """Hours that close for all are one row of the campaign, and none of its contacts."""
        for campaign, hours in self._closed.items():
            if self._closed_told.get(campaign) == hours:
                continue
            row, _ = campaigns[campaign]
            intents.writes.campaigns[campaign] = row.version
            given = (campaign, hours.made_ms, hours.why, hours.rule, hours.until_ms)
            intents.writes.then.append(partial(turns.note_waiting, given=given))

    # -- writing -------------------------------------------------------------------------------------------------------

    async def _commit(self, intents: Intents) -> None:
        writes = intents.writes
        steps = [(turns.write, (writes, self._context.dial))]
        weight = 1 + len(writes.contacts) + 2 * len(writes.dialling)
        written = (await self._context.writer.transact(*steps, weight=weight))[0]
        if written.dialled or writes.questions:
            self._context.dial.made()
        count_turn(self._context, intents.tally, writes, written)
