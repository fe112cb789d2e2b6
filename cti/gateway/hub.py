"""Commands for connected switches: every stream gets its own.

The engine of this process hands over what it commits; the commands of other engines are read from the ledger, at a
NOTIFY or by polling. Nothing is lost: a stream subscribes first and then reads the open commands; commands are numbered
by partition, and a number that does not follow the last one is read from the ledger (`command_numbers`). Nothing comes
twice: a number is passed on once, and a stream remembers the ids of the open commands it began with. A reader that
cannot keep up is dropped; it reconnects and gets all open commands.
"""

import asyncio
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence

import structlog

from cti.errors import RingbackError
from cti.gateway.command_numbers import CommandNumbers
from cti.gateway.pulse import Pulse
from cti.ports import Reads
from cti.rows import CommandRow, OutcomeRow
from cti.web.limits import Limits
from cti.web.meter import Meter
from cti.web.refusal import Refusal, busy
from schemas.reasons import FINAL_STATES

log = structlog.get_logger()
Address = tuple[str, str]
"""(tenant, source)"""
UNSETTLED_MAX = 10_000  # commands of this process without a final result: about 15 MB
GAP_LOOK_S = 0.5  # how often missing numbers are looked for, while there are any


class Subscription:
    """The queue of commands for one stream or long poll."""

    def __init__(self, address: Address, backlog_max: int, alive: Callable[[], bool]) -> None:
        self.address, self.alive = address, alive
        self.ended = False
        self._backlog: deque[CommandRow] = deque()
        self._backlog_max = backlog_max
        self._stirred = asyncio.Event()

    def offer(self, row: CommandRow) -> None:
        """A new command; the subscription ends when too many wait."""
        if self.ended:
            return
        if len(self._backlog) >= self._backlog_max:
            log.warning("stream_dropped", tenant=self.address[0], source=self.address[1], waiting=len(self._backlog))
            self.end()
            return
        self._backlog.append(row)
        self._stirred.set()

    def end(self) -> None:
        """End the subscription, and drop what is queued."""
        self.ended = True
        self._backlog.clear()
        self._stirred.set()

    async def next(self, wait_s: float) -> list[CommandRow]:
        """The queued commands, in order; none if none comes within `wait_s`."""
        if not self._stirred.is_set() and wait_s > 0:
            try:
                async with asyncio.timeout(wait_s):
                    await self._stirred.wait()
            except TimeoutError:
                return []
        rows = list(self._backlog)
        self._backlog.clear()
        if not self.ended:
            self._stirred.clear()
        return rows


class Hub:
    """Passes new commands on to subscriptions. `run` is its task."""

    def __init__(
        self,
        reads: Reads,
        pulse: Pulse,
        limits: Limits,
        meter: Meter,
        partitions: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reads, self._pulse, self._limits, self._meter = reads, pulse, limits, meter
        self._partitions = partitions
        self._streams: dict[Address, list[Subscription]] = {}
        self._count = 0
        self._of_tenant: Counter[str] = Counter()
        self._numbers: CommandNumbers | None = None  # None: there is no subscription
        self._monotonic = monotonic
        self._looked_back_s = float("-inf")
        self._marking = asyncio.Lock()
        self._wake = asyncio.Event()
        self._stopped = False
        self._unsettled: OrderedDict[str, CommandRow] = OrderedDict()

    async def subscribe(self, tenant: str, source: str, alive: Callable[[], bool]) -> Subscription:
        """Everything committed from now on. `alive`: whether the client is still there. Raises Refusal
        `too_many_streams`.
        """
        address = (tenant, source)
        self._check_limits(address)
        subscription = Subscription(address, self._limits.stream_backlog, alive)
        self._streams.setdefault(address, []).append(subscription)
        self._count += 1
        self._of_tenant[tenant] += 1
        self._meter.streams(1)
        if self._stopped:
            subscription.end()
            return subscription
        try:
            async with self._marking:
                if self._numbers is None:
                    marks = dict.fromkeys(range(self._partitions), 0) | dict(await self._reads.command_marks())
                    self._numbers = CommandNumbers(marks)
        except BaseException:
            self.unsubscribe(subscription)
            raise
        self._wake.set()
        return subscription

    async def expect_late(self) -> None:
        """Look for recent numbers that no row has yet: their rows may be committed after a stream has read the open
        commands. To be called between its subscription and that reading. Polls need not: they read those each time.
        """
        numbers = self._numbers
        highest = {} if numbers is None else {partition: no for partition, no in numbers.highest.items() if no}
        if numbers is None or not highest:
            return
        window = max(1, self._limits.hub_slice // len(highest))
        after = {partition: max(0, no - window) for partition, no in highest.items()}
        found = {(row.partition, row.no) for row in await self._reads.commands_after(after, self._limits.hub_slice)}
        now_s = self._monotonic()
        for partition, no in highest.items():
            missing = [each for each in range(after[partition] + 1, no + 1) if (partition, each) not in found]
            numbers.expect(partition, missing, now_s)
        self._wake.set()

    def _check_limits(self, address: Address) -> None:
        """Streams of a switch whose client has left do not count: they end at their next keep-alive.

        A tenant may have as many streams as are left for all others, so one that comes later always finds some.
        """
        open_here = sum(each.alive() for each in self._streams.get(address, ()))
        of_tenant = self._of_tenant[address[0]]
        if open_here >= self._limits.streams_per_switch:
            raise self._too_many(f"{open_here} streams of this switch are open")
        if of_tenant >= self._limits.streams - self._count:
            raise self._too_many(f"{of_tenant} streams of this tenant are open, which is its share")

    def _too_many(self, detail: str) -> Refusal:
        return busy("too_many_streams", self._limits.retry_after_s, detail)

    def unsubscribe(self, subscription: Subscription) -> None:
        """The stream has ended."""
        here = self._streams[subscription.address]
        here.remove(subscription)
        if not here:
            del self._streams[subscription.address]
        self._count -= 1
        self._of_tenant[subscription.address[0]] -= 1
        self._of_tenant += Counter()  # forgets tenants without streams
        self._meter.streams(-1)
        if not self._count:
            self._numbers = None

    async def run(self) -> None:
        """Until cancelled: reads the ledger at the engine's signal, and by the poll for other processes' commands."""
        self._pulse.subscribe(self._on_commit)
        try:
            while True:
                await self._woken()
                try:
                    await self._pass_on()
                except RingbackError as error:
                    log.warning("commands_unread", error=str(error))
                    await self._pause()
                except Exception:  # the boundary: no error may leave switches without commands
                    log.exception("commands_unread")
                    await self._pause()
        finally:
            self._pulse.unsubscribe(self._on_commit)

    async def _pause(self) -> None:
        """Back off; what caused the wake-up is still to be read."""
        self._wake.set()
        await asyncio.sleep(self._limits.stream_poll_s)

    async def _woken(self) -> None:
        try:
            async with asyncio.timeout(self._poll_s()):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    def _poll_s(self) -> float | None:
        """The longest time to wait for a signal."""
        if self._numbers is None or not self._count:
            return None
        gaps = self._numbers.gaps(self._monotonic())
        return min(self._limits.stream_poll_s, GAP_LOOK_S) if gaps else self._limits.stream_poll_s

    async def _pass_on(self) -> None:
        while (numbers := self._numbers) is not None:
            if not await self._read(numbers, dict(numbers.highest)):
                break
        now_s = self._monotonic()
        if numbers is not None and now_s - self._looked_back_s >= GAP_LOOK_S and (gaps := numbers.gaps(now_s)):
            self._looked_back_s = now_s
            await self._read(numbers, gaps)

    async def _read(self, numbers: CommandNumbers, after: Mapping[int, int]) -> bool:
        """Read and pass on; whether there may be more."""
        rows = await self._reads.commands_after(after, self._limits.hub_slice)
        if self._numbers is not numbers:
            return True  # every stream has ended meanwhile; later ones start with numbers of their own
        for row in rows:
            if numbers.is_new(row.partition, row.no, self._monotonic()):
                self._offer(row)
        return len(rows) >= self._limits.hub_slice

    def _offer(self, row: CommandRow) -> None:
        if row.state == "open":
            for subscription in self._streams.get((row.tenant, row.source), ()):
                subscription.offer(row)

    def _on_commit(self, rows: Sequence[CommandRow] | None, outcomes: Sequence[OutcomeRow]) -> None:
        """A commit of the engine of this process: passed on at once where it follows the highest number."""
        if rows is None:
            self._wake.set()
        settled = {outcome.id for outcome in outcomes if outcome.state in FINAL_STATES}
        for row in rows or ():
            known, new = row.id in self._unsettled, row.state == "open" and row.id not in settled
            if new and not known:
                self._keep(row)
            if (numbers := self._numbers) is None:
                continue
            if known or not numbers.follows(row.partition, row.no):
                self._wake.set()  # numbers between are not known here, or the ledger has kept an earlier row only
            elif numbers.is_new(row.partition, row.no, self._monotonic()) and new:
                self._offer(row)
        for command_id in settled:
            self._unsettled.pop(command_id, None)

    def _keep(self, row: CommandRow) -> None:
        self._unsettled[row.id] = row
        if len(self._unsettled) > UNSETTLED_MAX:
            self._unsettled.popitem(last=False)

    def lately(self, tenant: str, command_id: str) -> CommandRow | None:
        """A recent command of the engine of this process without a final result; for others ask the ledger."""
        row = self._unsettled.get(command_id)
        return row if row is not None and row.tenant == tenant else None

    def stop(self) -> None:
        """Ends every stream; new ones end at once."""
        self._stopped = True
        for here in self._streams.values():
            for subscription in here:
                subscription.end()
