"""Everything that is under trial, started in order and ended by its ids."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from sqlalchemy import make_url

from cti.adapters.event_log_kafka.topics import EVENTS
from tests.faults.cluster.counters import Refusals
from tests.faults.cluster.holdings import Looks
from tests.faults.cluster.parts import Part
from tests.faults.cluster.plan import DIALLER, ENGINE, GATEWAY, LEDGER
from tests.faults.cluster.servers import Broker, Server
from tests.faults.cluster.waiting import until
from tests.faults.served import made_key
from tests.kafka import own_brokers
from tests.postgres import own_server

TENANT = "faults"
GATEWAYS, ENGINES = 2, 4
PARTITIONS = 12  # of each topic
ALONE = {"RINGBACK_KAFKA_REPLICATION": "1", "RINGBACK_KAFKA_MIN_INSYNC": "1"}
ASK_S = 3.0
UP_MAX_S = 90.0


@dataclass(frozen=True, slots=True)
class Site:
    """A broker, a ledger's server, gateways, engines, diallers; and who looks on."""

    gateways: Sequence[Part]
    engines: Sequence[Part]
    diallers: Sequence[Part]
    brokers: Sequence[Broker]  # by node id, from 1
    ledger: Server
    refusals: Refusals
    looks: Looks
    session: aiohttp.ClientSession
    db: str
    bootstrap: str
    key: str
    folder: Path

    @property
    def broker(self) -> Broker:
        """The only one."""
        (broker,) = self.brokers
        return broker

    @property
    def servers(self) -> Sequence[Server]:
        return [*self.brokers, self.ledger]

    @property
    def parts(self) -> Sequence[Part]:
        return [*self.gateways, *self.engines, *self.diallers]

    @property
    def doors(self) -> Sequence[str]:
        return [gateway.url for gateway in self.gateways]

    async def all_up(self) -> None:
        """Return when everything has been started again and says that it is ready. Raises TooLong."""

        async def answer() -> bool:
            for part in self.parts:
                await part.mend(self.session)
            if not all(one.up.is_set() for one in (*self.servers, *self.parts)):
                return False
            return all([await part.answers(self.session) for part in self.parts])

        await until("everything is up", answer, UP_MAX_S)


@contextlib.asynccontextmanager
async def opened(
    folder: Path, engines: int = ENGINES, gateways: int = GATEWAYS, tenant: str = TENANT, brokers: int = 1,
    diallers: int = 0, **settings: str,
) -> AsyncIterator[Site]:  # fmt: skip
    """A site at work, without load. `settings`: more RINGBACK_ variables for its processes. Raises TooLong."""
    with own_brokers(brokers) as kafka, own_server() as postgres:
        db = await asyncio.to_thread(postgres.create_database)
        environment = {
            "RINGBACK_DB": db,
            "RINGBACK_KAFKA_BOOTSTRAP": ",".join(one.bootstrap for one in kafka),
            "RINGBACK_KAFKA_PARTITIONS": str(PARTITIONS),
            "RINGBACK_APPROVAL": "off",
            **(ALONE if brokers == 1 else {}),
            **settings,
        }
        looks = Looks(make_url(db).set(drivername="postgresql").render_as_string(hide_password=False), len(EVENTS))
        nodes = [Broker(number, one, looks.away) for number, one in enumerate(kafka, start=1)]
        ledger = Server(LEDGER, postgres, looks.away)
        key = await made_key(db, tenant)
        timeout = aiohttp.ClientTimeout(total=ASK_S)
        async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
            doors = [Part(GATEWAY, n, environment, folder) for n in range(gateways)]
            at_work = [Part(ENGINE, n, environment, folder) for n in range(engines)]
            dialling = [Part(DIALLER, n, environment, folder) for n in range(diallers)]
            refusals = Refusals(at_work, session)
            bootstrap = environment["RINGBACK_KAFKA_BOOTSTRAP"]
            site = Site(doors, at_work, dialling, nodes, ledger, refusals, looks, session, db, bootstrap, key, folder)
            with _thawed(site):
                async with _running(site):
                    yield site


@contextlib.contextmanager
def _thawed(site: Site) -> Iterator[None]:
    """Nothing stays stopped: it could not be ended in order."""
    try:
        yield
    finally:
        for server in site.servers:
            server.thaw()
        site.looks.close()


@contextlib.asynccontextmanager
async def _running(site: Site) -> AsyncIterator[None]:
    """The processes, and those who look on."""
    watching: list[asyncio.Task[None]] = []
    try:
        await site.parts[0].start(site.session)  # it makes topics and tables
        await asyncio.gather(*(part.start(site.session) for part in site.parts[1:]))
        watching = [asyncio.create_task(site.refusals.run()), asyncio.create_task(site.looks.run())]
        yield
    finally:
        for task in watching:
            task.cancel()
        for server in site.servers:
            server.thaw()  # a look may wait for it, and every stop does
        await asyncio.gather(*(server.settled() for server in site.servers), *watching, return_exceptions=True)
        await asyncio.gather(*(part.stop() for part in site.parts))
