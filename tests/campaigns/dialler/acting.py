"""A product in which a test makes campaigns, contacts and orders by hand, in the place of imports and dialler."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Table, select

from campaigns.context import Context
from campaigns.core.zones import local_day
from campaigns.dialler.actions import run_each
from campaigns.ledger import attempts, campaigns, contacts, numbers, outbound, people, tables
from campaigns.ledger.compiled import contact_of
from campaigns.ledger.people import LiveNumber, PersonDay
from campaigns.ledger.rows import AttemptRow, CampaignRow, ContactRow, ImportRow
from campaigns.wiring import PART, open_part
from cti.dial.rows import Ability, DialOrderRow, OrderResult, OrderState
from cti.dial.store import SqlDialOrders
from cti.hosting import Host, Opened
from cti.sql.bulk import insertion
from tests.campaigns.dialler.rows import attempt_row, campaign_row, contact_row
from tests.campaigns.shipped import DAY_MS, SHANGHAI
from tests.scheduler import TENANT, Scene, scene

VALID_MS = 10_000
ABILITY = Ability("/switches/s1", {"main": 1_000})
DECLARED: dict[str, Any] = {
    "commands": ["makeCall", "snapshotCall", "sendMessage", "clearConnection"],
    "outbound": 1,
    "trunk_groups": {"main": {"calls_per_second": 5, "calls_at_once": 50, "caller_id": "95598"}},
}
put_imports = insertion(tables.imports)


def _without_tasks(host: Host) -> Opened:
    """The part, but for its loops: the test is the dialler."""
    return replace(open_part(host), tasks=())


@dataclass
class Acting:
    """`epoch`: of the switch's subscription."""

    it: Scene
    context: Context
    dial: SqlDialOrders
    epoch: int

    @property
    def now_ms(self) -> int:
        return self.context.now_ms()

    async def write(self, *acts: Any) -> list[Any]:
        return [await self.context.write(run_each, act) for act in acts]

    async def campaign(self, contacts_there: int = 3, **changed: Any) -> tuple[CampaignRow, list[ContactRow]]:
        """A campaign whose import is done, its contacts and the tenant's row."""
        made = {"fallback_by_ms": self.now_ms + 3 * DAY_MS, "expires_at_ms": self.now_ms + 13 * DAY_MS, **changed}
        row = campaign_row(made_at_ms=self.now_ms, received_at_ms=self.now_ms, **made)
        rows = [contact_row(row, no, next_at_ms=self.now_ms) for no in range(1, contacts_there + 1)]

        def act(connection: Connection) -> None:
            campaigns.make(connection, row)
            contacts.put(connection, rows)
            numbers.put(connection, rows)
            put_imports(connection, [import_row(row, 1, contacts_there)])
            outbound.ensure(connection, row.tenant)

        await self.write(act)
        return row, rows

    async def dialled(self, contact: ContactRow, n: int = 1, *, sent: bool = False, **changed: Any) -> AttemptRow:
        """The contact's order, as a turn makes it. `sent`: the switch has it; else it waits."""
        attempt = attempt_row(contact, n, decided_at_ms=self.now_ms, **changed)
        order = order_of(attempt, self.now_ms)
        written = attempt.channel == "sms"
        days = () if written else self.days(contact, attempt.number)

        def act(connection: Connection) -> None:
            contacts.replace(connection, [contact._replace(state="in_progress")])
            attempts.put(connection, [attempt])
            if not written:
                live = LiveNumber(contact.tenant, attempt.number, contact.id, order.id, self.now_ms)
                assert people.take(connection, [live])
            people.change(connection, contact.tenant, dict.fromkeys(days, 1))
            assert self.dial.put(connection, [order]) == {order.id}

        await self.write(act)
        if sent:
            assert order.id in await self.claimed()
        return attempt

    def days(self, contact: ContactRow, *numbers: str) -> Sequence[PersonDay]:
        day = local_day(self.now_ms, SHANGHAI).isoformat()
        known = [phone.number for phone in contact_of(contact, []).phones]
        return [PersonDay(f"a:{contact.account}", day), *(PersonDay(f"n:{one}", day) for one in {*known, *numbers})]

    async def claimed(self) -> list[str]:
        """What the switch receives now."""
        claim = await self.dial.claim(TENANT, "s1", self.epoch, ABILITY, 1_000)
        return [one.id for one in claim.orders]

    async def result(self, order_id: str, result: str, reason: str | None = None) -> None:
        said = OrderResult(TENANT, order_id, result, reason, None, None, None, None, None, self.now_ms)
        assert await self.dial.set_result(said) == "kept"

    async def order(self, order_id: str | None, tenant: str = TENANT) -> OrderState:
        found = await self.dial.order(tenant, str(order_id))
        assert found is not None
        return found

    async def contact(self, row: ContactRow) -> ContactRow:
        (found,) = await self.context.reader.run(contacts.read, [row.id])
        return found

    async def tried(self, row: ContactRow) -> list[AttemptRow]:
        found = await self.context.reader.run(attempts.of_contacts, [row.id])
        return list(found[row.id])

    async def read(self, row: CampaignRow) -> CampaignRow:
        found = await self.context.reader.run(campaigns.read, row.id, row.tenant)
        assert found is not None
        return found

    async def told(self, row: CampaignRow) -> list[tuple[str, str | None, str]]:
        """(what, why, who) of its history."""
        lines = await self.rows(tables.history)
        return [(one["what"], one["why"], one["who"]) for one in lines if one["campaign"] == row.id]

    async def rows(self, table: Table) -> list[dict[str, Any]]:
        def read(connection: Connection) -> list[dict[str, Any]]:
            return [dict(row) for row in connection.execute(select(table)).mappings()]

        return list(await self.context.reader.run(read))

    async def calls(self, contact: ContactRow) -> set[int]:
        """How many calls count for the person today."""
        days = self.days(contact)
        found = await self.context.reader.run(people.calls, contact.tenant, days)
        return set(found.values())

    async def wait(self, seconds: float) -> None:
        await self.it.to(self.it.now_s + seconds)


def order_of(attempt: AttemptRow, now_ms: int) -> DialOrderRow:
    command = "sendMessage" if attempt.channel == "sms" else "makeCall"
    return DialOrderRow(
        str(attempt.command), attempt.tenant, "s1", "/switches/s1", "main", command, None, "{}", now_ms,
        now_ms + VALID_MS,
    )  # fmt: skip


def import_row(campaign: CampaignRow, no: int, brought: int, state: str = "done") -> ImportRow:
    return ImportRow(
        campaign=campaign.id, no=no, tenant=campaign.tenant, file="march.csv", keep="[]", sha256=f"{no:064x}", bytes=1,
        state=state, error=None, received=brought, accepted=brought, rejected=0, merged=0, contacts=brought,
        header=None, made_at_ms=campaign.made_at_ms, ended_at_ms=None, who="a key (1)",
    )  # fmt: skip


@asynccontextmanager
async def acting(url: str) -> AsyncIterator[Acting]:
    """The switch s1 is declared, and its stream lives."""
    async with scene(url, parts=[replace(PART, open=_without_tasks)]) as it:
        status, answer = await it.call("PUT", "/v1/switches/s1", DECLARED)
        assert status == 200, answer
        context = it.hosted[0].opened.shared
        assert isinstance(context, Context)
        dial = it.store.dial
        assert isinstance(dial, SqlDialOrders)
        yield Acting(it, context, dial, await dial.subscribe(TENANT, "s1"))
