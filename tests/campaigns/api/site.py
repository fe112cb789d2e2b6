"""The product in a scene, with keys of several kinds, and what is put into the ledger directly."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import aiohttp
from sqlalchemy import Connection

from campaigns.context import Context
from campaigns.ledger.rows import AttemptRow, ContactRow
from campaigns.ledger.tables import attempts, contacts, hours_classes, imports
from campaigns.wiring import PART
from cti.gateway.keys import make_key
from cti.hosting import Host, Opened
from cti.sql.bulk import insertion
from cti.topics import PartTopics
from tests.campaigns.notices import rows
from tests.scheduler import START_MS, TENANT, Scene, scene

ARREARS = {"name": "March", "kind": "arrears", "switch": "s1", "trunk_group": "main"}


class Reply:
    """An answer, read to its end."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["code"])


class Site:
    """`ask` with the key of a name: manager, reader, revealer, stranger, nobody, admin."""

    def __init__(self, it: Scene, session: aiohttp.ClientSession) -> None:
        self.it, self._session = it, session
        self.keys: dict[str, str] = {}
        (hosted,) = it.hosted
        assert isinstance(hosted.opened.shared, Context)
        self.context = hosted.opened.shared

    async def add_key(self, name: str, scopes: str, tenant: str = TENANT, switches: str = "*") -> None:
        _, self.keys[name] = await make_key(self.it.store.ledger, tenant, scopes, switches, name, START_MS)

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str = "manager",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        sent = {"Authorization": f"Bearer {self.keys[key]}", **(headers or {})}
        data = body
        if isinstance(body, dict):
            data = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        async with self._session.request(method, self.it.url + path, data=data, headers=sent) as answer:
            return Reply(answer.status, answer.headers.copy(), await answer.read())

    async def campaign(self, **changed: Any) -> dict[str, Any]:
        answer = await self.ask("POST", "/v1/campaigns", {**ARREARS, **changed})
        assert answer.status == 201, answer.body
        made: dict[str, Any] = answer.json
        return made

    async def in_ledger(self, work: Callable[[Connection], Any]) -> Any:
        """Statements in a transaction of their own."""

        def all_of(connection: Connection, given: Sequence[None]) -> Sequence[Any]:
            return [work(connection) for _ in given]

        return await self.context.writer.run(all_of, None)

    async def put(self, made: Sequence[ContactRow], tried: Sequence[AttemptRow] = ()) -> None:
        """Contacts of import 1, which is done, and their attempts."""

        def work(connection: Connection) -> None:
            insertion(contacts)(connection, made)
            insertion(attempts)(connection, tried)
            campaign, tenant = made[0].campaign, made[0].tenant
            classes = {(row.hours_class, row.customer_class) for row in made}
            insertion(hours_classes, tail="ON CONFLICT DO NOTHING")(
                connection, [(campaign, text, 1, of, text.split("|")[2]) for text, of in sorted(classes)]
            )
            done = (campaign, 1, tenant, "f.csv", "[]", "0" * 64, 10, "done", None, len(made), len(made), 0, 0,
                    len(made), None, START_MS, START_MS, "test")  # fmt: skip
            insertion(imports, tail="ON CONFLICT DO NOTHING")(connection, [done])

        await self.in_ledger(work)


def contact_row(campaign: str, no: int, **changed: Any) -> ContactRow:
    """A contact that waits and is due."""
    given = {
        "id": f"{campaign}-{no}", "campaign": campaign, "tenant": TENANT, "state": "waiting", "next_at_ms": START_MS,
    }  # fmt: skip
    return rows.contact_row(no, **given | changed)


def attempt_row(contact: ContactRow, n: int, at_ms: int = START_MS, **changed: Any) -> AttemptRow:
    """One that rang and was not answered."""
    given = {"caller_id": "95598", "profile": "hours@1", "dial_before_ms": at_ms + 2_000}
    return rows.attempt_row(contact, n, at_ms, **given | changed)


@contextlib.asynccontextmanager
async def site(url: str, *, tasks: bool = True, topics: PartTopics | None = None) -> AsyncIterator[Site]:
    """A running product with keys; without `tasks` nobody dials and imports. `topics`: as if there were Kafka."""

    def opened(host: Host) -> Opened:
        found = PART.open(replace(host, topics=topics))
        return found if tasks else replace(found, tasks=())

    part = replace(PART, open=opened)
    async with scene(url, parts=[part]) as it, aiohttp.ClientSession() as session:
        here = Site(it, session)
        await here.add_key("manager", "campaigns:read campaigns:write")
        await here.add_key("reader", "campaigns:read")
        await here.add_key("second", "campaigns:read campaigns:approve")
        await here.add_key("revealer", "campaigns:read campaigns:write numbers:reveal")
        await here.add_key("nobody", "calls:read events:write commands:read numbers:reveal notices:export")
        await here.add_key("admin", "admin")
        await here.add_key("stranger", "campaigns:read campaigns:write notices:export numbers:reveal admin", "other")
        await here.add_key("bound", "campaigns:read campaigns:write", switches="s9")
        yield here
