"""What the routes and tasks of campaigns share in one process."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from campaigns.answer_cache import AnswerCache
from campaigns.core.operator_rules import OperatorRules
from campaigns.core.reasons import Channel
from campaigns.letters.printer import Printer
from campaigns.messages.configured import Gateways
from campaigns.metrics import CampaignMetrics
from campaigns.settings import Settings
from cti.dial.ports import DialMeter, DialOrders
from cti.hosting import Declared, FindLeg, Host, no_leg
from cti.ports import Clock, WallClock
from cti.sql.reader import SqlReader
from cti.sql.scrubbing import MarkedColumns
from cti.sql.writer import SqlWriter, Work
from cti.topics import DeadLetterBox, PartTopics

NAME = "campaigns"  # of the part, its chain and its writer
CHANNEL = "ringback_campaigns"  # NOTIFY: something changed that a dialler or an import should look at
LANES = "campaign_lanes"  # the lease group of lanes
IMPORTS = "campaign_imports"  # the lease group of imports, with one resource
MESSAGES = "message_gateways"  # the lease group of tenants' message gateways
WORKBOOKS_AT_ONCE = 2  # in memory; others wait with their first byte
EXPORTS_AT_ONCE = 2  # pieces of long answers that are being made


@dataclass(frozen=True, slots=True)
class Context:
    """`clock` is for waiting, `wall` for the time of day. `woken` is set at every change, by other processes too."""

    reader: SqlReader
    writer: SqlWriter
    dial: DialOrders
    dial_meter: DialMeter
    clock: Clock
    wall: WallClock
    declared: Declared
    rules: OperatorRules
    metrics: CampaignMetrics
    notifier: Callable[[Connection], None] | None = None  # notifies the other processes; None: there are none
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    importing: asyncio.Event = field(default_factory=asyncio.Event)  # the same for imports
    sending: asyncio.Event = field(default_factory=asyncio.Event)  # the same for messages
    settings: Settings = field(default_factory=Settings)
    gateways: Gateways = field(default_factory=dict)  # the tenants' message gateways
    called_leg: FindLeg = no_leg
    printer: Printer = field(default_factory=Printer)
    workbooks: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(WORKBOOKS_AT_ONCE))
    exports: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(EXPORTS_AT_ONCE))
    cache: AnswerCache = field(default_factory=AnswerCache)  # figures that took long to read
    speed: float = 1.0  # how many times as fast as real time the clocks run, in a trial
    personal: Sequence[MarkedColumns] = ()  # of the call side: where numbers of persons may stand
    topics: PartTopics | None = None  # None: there is no Kafka
    dead_letters: DeadLetterBox | None = None  # of topics; None: there is no database

    def now_ms(self) -> int:
        """The time of day."""
        return int(self.wall.wall_ms())

    def channels(self, tenant: str) -> frozenset[Channel]:
        """What the tenant's message gateway declares; nothing: it has none."""
        gateway = self.gateways.get(tenant)
        return frozenset() if gateway is None else gateway.written

    async def write(self, work: Work[Any, Any], payload: object, weight: int = 1) -> Any:
        """The result of `work` for one payload, committed; then everybody is woken. Raises as `SqlWriter.run`."""
        made = (await self.writer.transact((work, payload), (self._notify, None), weight=weight))[0]
        self.woken.set()
        self.importing.set()
        return made

    def _notify(self, connection: Connection, asked: Sequence[Any]) -> Sequence[Any]:
        if self.notifier is not None:
            self.notifier(connection)
        return asked


def open_context(host: Host, rules: OperatorRules, settings: Settings, gateways: Gateways | None = None) -> Context:
    """The context of a process with a database."""
    database = host.database
    assert database is not None
    assert host.dial is not None
    assert host.dial_meter is not None
    context = Context(
        database.reader,
        database.writer(NAME),
        host.dial,
        host.dial_meter,
        host.clock,
        host.wall,
        host.declared,
        rules,
        CampaignMetrics(),
        database.notifier(CHANNEL),
        settings=settings,
        gateways=gateways or {},
        called_leg=host.called_leg,
        printer=Printer(settings.letters_folder, settings.fonts_folder),
        speed=host.speed,
        personal=host.personal,
        topics=host.topics,
        dead_letters=host.dead_letters,
    )
    for event in (context.woken, context.importing):
        database.subscribe(CHANNEL, event.set)
    host.dial.wake(context.woken)
    return context
