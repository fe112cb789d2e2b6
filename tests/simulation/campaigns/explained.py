"""Whether what the product explains of a contact is what the dialler does.

A dialler that turns dials nobody of whom the explanation, asked at the same instant, says that the hours are closed,
the campaign is paused or stopped, or dialling is frozen. And at rest, when everything that could be done is
done, nobody is left of whom it says that he may be called now.
"""

from collections.abc import AsyncIterator, Collection, Iterable
from typing import Any

from sqlalchemy import Connection, Text, select

from campaigns.dialler.case import CAP_AGAIN_MS
from campaigns.ledger.tables import OPEN, contacts, imports
from cti.sql.point import rows_of
from tests.campaigns.never import EXPLAIN
from tests.campaigns.seen import Violation
from tests.simulation.campaigns.orders_given import Manager
from tests.simulation.campaigns.process import Process
from tests.simulation.campaigns.site import CampaignSite

UNMOVED = frozenset(
    {"quiet_hours", "campaign_hours", "closed_date", "frozen", "campaign_paused", "campaign_stopped", "failure_spike"}
)
"""What no outcome that the same turn takes in can change."""
OF_A_CHANNEL = frozenset({"quiet_hours", "campaign_hours", "closed_date"})
"""But for whose order is under way: after a message that never left comes another, for which other hours hold."""
WAITING = "waiting"


class Explained:
    """Asks at the door, as a manager does. What was explained before a turn is asked after it, of the ledger as it was
    then, where the turn has dialled.
    """

    def __init__(self, site: CampaignSite, manager: Manager) -> None:
        self._site, self._manager = site, manager
        self._made: set[str] | None = None

    async def before(self, process: Process) -> None:
        """Keep the ledger as it is now."""
        self._made = None
        if not process.is_held:
            self._made = await self._site.database.reader.run(_commands)
            self._site.reading.keep()

    async def after(self, process: Process) -> list[Violation]:
        """Of those whom the process has dialled since."""
        made, self._made = self._made, None
        if process.is_held or made is None:
            return []
        new = await self._site.database.reader.run(_commands) - made
        if not new:
            return []
        with self._site.reading.as_it_was():
            of = {command: command.rsplit(".", 1)[0] for command in sorted(new)}
            begins = await self._site.database.reader.run(_scheduled)
            before = {
                contact: told async for contact, told, state in self._told(set(of.values()))
                if (state == WAITING or told.get("why") not in OF_A_CHANNEL) and contact.split("-")[0] not in begins
            }  # fmt: skip
        return [
            Violation(EXPLAIN, f"{command} was made, and {told['why']} was explained")
            for command, contact in of.items()
            if (told := before.get(contact)) is not None and not told["may_dial"] and told.get("why") in UNMOVED
        ]

    async def at_rest(self, process: Process) -> list[Violation]:
        """Of whom the dialler leaves alone, though it believes the clocks."""
        if process.is_held or not process.steady:
            return []
        now_ms = self._site.now_ms
        return [
            Violation(EXPLAIN, f"{contact} may be called since a while, as is explained, and is not")
            async for contact, told, _ in self._told()
            if told["may_dial"] and contact not in await self._site.database.reader.run(_not_yet, now_ms)
        ]

    async def _told(self, of: Collection[str] | None = None) -> AsyncIterator[tuple[str, Any, str]]:
        """Of these contacts, or of all that are not final."""
        for campaign, contact in await self._site.database.reader.run(_open):
            if campaign in self._manager.jobs and (of is None or contact in of):
                status, told = await self._site.call("GET", f"/v1/campaigns/{campaign}/contacts/{contact}")
                if status == 200:
                    yield contact, told["explain"], told["state"]


def _scheduled(connection: Connection) -> set[str]:
    """Campaigns that begin by themselves: in the same turn, where their time has come."""
    return {row[0] for row in rows_of(connection, "SELECT id FROM campaigns WHERE state = 'scheduled'")}


def _not_yet(connection: Connection, now_ms: int) -> set[str]:
    """Who was called often enough for the day, until a call turned out not to have rung, is looked at again soon; whose
    import still runs (a process here works on imports in few of its steps) is called once that is done.
    """
    soon = contacts.c.next_at_ms.between(now_ms + 1, now_ms + CAP_AGAIN_MS)
    running = imports.c.campaign == contacts.c.campaign
    running &= (imports.c.state == "running") & contacts.c.hours_class.startswith(imports.c.no.cast(Text) + "|")
    return set(connection.scalars(select(contacts.c.id).where(soon | select(imports.c.no).where(running).exists())))


def _open(connection: Connection) -> Iterable[tuple[str, str]]:
    return [
        (row.campaign, row.id)
        for row in connection.execute(select(contacts.c.campaign, contacts.c.id).where(OPEN).order_by(contacts.c.id))
    ]


def _commands(connection: Connection) -> set[str]:
    return {row[0] for row in rows_of(connection, "SELECT command FROM campaign_attempts WHERE command IS NOT NULL")}
