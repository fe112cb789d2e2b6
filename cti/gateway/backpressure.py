"""Backpressure: how many events of one key the engine has not committed yet.

The events of a partition are committed in order, so the events of one key delay those of all other keys. Hence each key
has two bounds, each the larger of a fixed number and of what the engine has lately committed in some time:

- **In the log and not committed**: `lag_events`, or what the engine commits in `lag_s`. A request beyond it waits at
  the door until there is room, so a client with few requests at a time just goes at the engine's speed.
- **Waiting at the door**: `key_events`, or what the engine commits in twice `lag_s`. A request beyond it gets 429
  `engine_behind` at once, and so does one that found no room in `lag_wait_s`.

While the engine of this process works on all partitions and no other tenant's switch is there, a key delays nobody
else: `lag_alone_s` replaces `lag_s`, and the engine has more to work on at a time.

Positions come from the engine of this process and, where a key seems to be over its bound, from the ledger, which
knows what other processes have committed. While nothing at all is committed for `engine_away_s` no engine is at work:
then there is no commit rate to adapt to, and the log accepts all that it can.
"""

import asyncio
import contextlib
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

from cti.errors import LedgerAway
from cti.gateway.positions import reached
from cti.gateway.pulse import Pulse
from cti.web.limits import Limits
from cti.web.refusal import Refusal, busy

APPENDS_MAX: Final = 64  # of one key, kept apart; older ones count together until the last of them is committed
SAMPLES_MAX: Final = 256  # commits that count for the speed
RETRY_AFTER_S: Final = 1
HERE_POLL_S: Final = 0.5  # time between queries for positions where the engine of this process is at work


class Committed(Protocol):
    """The source of committed positions: the ledger."""

    async def positions(self) -> Mapping[int, int]: ...


class Progress:
    """What is committed, and the recent rate of commits."""

    def __init__(self, ledger: Committed, pulse: Pulse, limits: Limits, monotonic: Callable[[], float]) -> None:
        self._ledger, self._pulse, self._limits, self._monotonic = ledger, pulse, limits, monotonic
        self._known: dict[int, int] = {}
        self._samples: deque[tuple[float, int]] = deque(maxlen=SAMPLES_MAX)  # (when, events committed since before)
        self._moved_at: float | None = None
        self._read_at = self._heard_at = float("-inf")
        self._reading = asyncio.Lock()

    def positions(self) -> Mapping[int, int]:
        """By partition, as far as is known here."""
        self._hear()
        return self._known

    async def look(self) -> None:
        """Ask the ledger, once in `position_poll_s` at most. If it cannot be reached, the positions do not change."""
        async with self._reading:
            if self._monotonic() - self._read_at < self._limits.position_poll_s:
                return
            self._read_at = self._monotonic()
            with contextlib.suppress(LedgerAway):
                self._learn(await self._ledger.positions())

    async def look_beyond(self) -> None:
        """Ask the ledger if the positions are not of late: another process may have an engine at work."""
        self._hear()
        if self._fresh_s() <= 0:
            await self.look()

    async def moved(self) -> None:
        """Wait until the engine of this process commits, or it is time to ask the ledger."""
        try:
            async with asyncio.timeout(max(self._fresh_s(), 0.0) or self._limits.position_poll_s):
                await self._pulse.moved.wait()
        except TimeoutError:
            await self.look()

    def committed_for(self, tenant: str, times: int = 1) -> int:
        """How many events are committed at the recent rate in the time, or `times` it, that the tenant may be ahead."""
        alone = self._pulse.only_tenant == tenant
        seconds = self._limits.lag_alone_s if alone else self._limits.lag_s
        since = self._monotonic() - times * seconds
        return sum(count for at, count in self._samples if at >= since)

    def away(self, since: float) -> bool:
        """Whether nothing has been committed for long, or ever. `since`: when the oldest event began to wait."""
        if self._moved_at is None:
            return True
        return self._monotonic() - max(self._moved_at, since) > self._limits.engine_away_s

    def _fresh_s(self) -> float:
        """How much longer no question is due. An engine of this process at work makes them rarer: it tells its own."""
        now = self._monotonic()
        here = now - self._heard_at < HERE_POLL_S
        return self._read_at + (HERE_POLL_S if here else self._limits.position_poll_s) - now

    def _hear(self) -> None:
        if self._learn(self._pulse.positions):
            self._heard_at = self._monotonic()
            if self._read_at == float("-inf"):
                self._read_at = self._heard_at  # at its start the engine of this process tells all positions

    def _learn(self, positions: Mapping[int, int]) -> bool:
        more = 0
        for partition, position in positions.items():
            known = self._known.get(partition)
            if known is None or position > known:
                more += 0 if known is None else position - known
                self._known[partition] = position
        if more:
            self._moved_at = self._monotonic()
            self._samples.append((self._moved_at, more))
        return more > 0


class Account:
    """One key's uncommitted events: appended ones, in groups that are committed together, and waiting ones."""

    __slots__ = ("_appends", "lagging", "tenant", "waiting", "waiting_events")

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self._appends: deque[tuple[dict[int, int], int, float]] = deque()
        self.lagging = 0  # events that were let in and are not committed
        self.waiting: deque[asyncio.Event] = deque()
        self.waiting_events = 0

    @property
    def is_crowded(self) -> bool:
        """Whether the next append would have to join the last group."""
        return len(self._appends) >= APPENDS_MAX

    @property
    def oldest(self) -> float | None:
        """When the oldest uncommitted event came."""
        return self._appends[0][2] if self._appends else None

    def settle(self, positions: Mapping[int, int]) -> None:
        """Remove what is committed."""
        while self._appends and reached(positions, self._appends[0][0]):
            self.lagging -= self._appends.popleft()[1]

    def appended(self, last: Mapping[int, int], events: int, at: float) -> None:
        """Events that were let in are in the log, up to these positions."""
        if len(self._appends) < APPENDS_MAX:
            self._appends.append((dict(last), events, at))
            return
        positions, count, since = self._appends[-1]
        for partition, position in last.items():
            positions[partition] = max(position, positions.get(partition, 0))
        self._appends[-1] = (positions, count + events, since)


class Backpressure:
    """Lets the events of each key into the log as fast as the engine commits them."""

    def __init__(
        self, ledger: Committed, pulse: Pulse, limits: Limits, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits, self._monotonic = limits, monotonic
        self._progress = Progress(ledger, pulse, limits, monotonic)
        self._accounts: OrderedDict[str, Account] = OrderedDict()

    def check(self, key_id: str, events: int) -> None:
        """Raise Refusal `engine_behind` if a request of about so many events would get it: before any work on it."""
        account = self._accounts.get(key_id)
        if account is not None and account.waiting:
            self._check_waiting(account, events)

    def _check_waiting(self, account: Account, events: int) -> None:
        bound = max(self._limits.key_events, self._progress.committed_for(account.tenant, times=2))
        if account.waiting_events + events > bound:
            raise _behind(account)

    async def append(
        self, key_id: str, tenant: str, events: int, append: Callable[[], Awaitable[dict[int, int]]]
    ) -> dict[int, int]:
        """Call `append` for the events of one request once there is room for them; what it gives: the last position in
        each partition. Raises Refusal `engine_behind`, and whatever `append` raises.
        """
        account = self._account(key_id, tenant)
        if account.waiting or account.lagging + events > self._limits.lag_events:
            await self._find_room(account, events)
        elif account.is_crowded:
            account.settle(self._progress.positions())
        account.lagging += events
        try:
            last = await append()
        except BaseException:
            account.lagging -= events
            raise
        account.appended(last, events, self._monotonic())
        return last

    async def _find_room(self, account: Account, events: int) -> None:
        """Wait for room where the account, as last settled, has none."""
        await self._progress.look_beyond()
        if account.waiting or not self._fits(account, events):
            await self._wait(account, events)

    def _account(self, key_id: str, tenant: str) -> Account:
        account = self._accounts.get(key_id)
        if account is None:
            if len(self._accounts) >= self._limits.keys_cached:
                self._forget_one()
            account = self._accounts[key_id] = Account(tenant)
        self._accounts.move_to_end(key_id)
        return account

    def _forget_one(self) -> None:
        """Drop the account of the key that has been silent longest and has no waiting request."""
        idle = next((key_id for key_id, account in self._accounts.items() if not account.waiting), None)
        if idle is not None:
            del self._accounts[idle]

    def _fits(self, account: Account, events: int) -> bool:
        """Whether there is room in the log. A key without an event under way may always send one request."""
        account.settle(self._progress.positions())
        bound = max(self._limits.lag_events, self._progress.committed_for(account.tenant))
        return not account.lagging or account.lagging + events <= bound or self._away(account)

    def _away(self, account: Account) -> bool:
        return self._progress.away(self._monotonic() if account.oldest is None else account.oldest)

    async def _wait(self, account: Account, events: int) -> None:
        """Wait for room, in the order of arrival."""
        self._check_waiting(account, events)
        turn = asyncio.Event()
        account.waiting.append(turn)
        account.waiting_events += events
        try:
            async with asyncio.timeout(self._limits.lag_wait_s):
                if account.waiting[0] is not turn:
                    await turn.wait()
                while not self._fits(account, events):
                    await self._progress.moved()
        except TimeoutError:
            raise _behind(account) from None
        finally:
            account.waiting_events -= events
            account.waiting.remove(turn)
            if account.waiting:
                account.waiting[0].set()


def _behind(account: Account) -> Refusal:
    detail = f"{account.lagging + account.waiting_events} events of this key are not processed yet"
    return busy("engine_behind", RETRY_AFTER_S, detail)
