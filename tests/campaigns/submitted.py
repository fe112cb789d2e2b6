"""A campaign as its manager submits it over HTTP, and what the service then tells of it."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tests.campaigns.stage import Stage

PAGE = 500
NDJSON = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Submitted:
    """A campaign that was started."""

    stage: Stage
    id: str
    counts: Mapping[str, Any]  # of its import

    @property
    def path(self) -> str:
        return f"/v1/campaigns/{self.id}"

    async def campaign(self) -> dict[str, Any]:
        return dict(await asked(self.stage, "GET", self.path, 200))

    async def contacts(self) -> list[dict[str, Any]]:
        return await _pages(self.stage, f"{self.path}/contacts", "contacts")

    async def notices(self) -> list[dict[str, Any]]:
        return await _pages(self.stage, "/v1/notices", "notices", campaign=self.id)

    async def attempts(self) -> dict[str, list[dict[str, Any]]]:
        """Contact -> its attempts in order, refusals included."""
        found: dict[str, list[dict[str, Any]]] = {}
        for line in await _lines(self.stage, f"{self.path}/attempts"):
            found.setdefault(line["contact"], []).append(line)
        return found


def csv_of(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The columns in the order in which they first appear."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: "" if value is None else value for name, value in row.items()} for row in rows)
    return out.getvalue().encode()


async def submit(stage: Stage, campaign: Mapping[str, Any], file: bytes) -> Submitted:
    """Created, imported and started at one instant. Raises AssertionError with the service's answer."""
    made = await asked(stage, "POST", "/v1/campaigns", 201, campaign)
    path = f"/v1/campaigns/{made['id']}"
    status, text = await stage.call("POST", f"{path}/imports?file=rows.csv", file, media="text/csv")
    assert status == 202, text
    await stage.settle()
    counts = await asked(stage, "GET", f"{path}/imports/1", 200)
    assert counts["state"] == "done", counts
    contacts = (await asked(stage, "GET", path, 200))["progress"]["contacts"]
    await asked(stage, "POST", f"{path}/start", 202, {"contacts": contacts})
    await stage.settle()
    return Submitted(stage, made["id"], counts)


async def asked(stage: Stage, method: str, path: str, wanted: int, body: object = None) -> Any:
    status, text = await stage.call(method, path, body)
    assert status == wanted, f"{method} {path}: {status} {text}"
    return json.loads(text)


async def _pages(stage: Stage, path: str, name: str, **query: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = await asked(stage, "GET", f"{path}?{urlencode(_query(query, cursor))}", 200)
        rows += page[name]
        cursor = page["cursor"]
        if not cursor:
            return rows


async def _lines(stage: Stage, path: str) -> list[dict[str, Any]]:
    status, text = await stage.call("GET", path, accept=NDJSON)
    assert status == 200, text
    return [json.loads(line) for line in text.splitlines()]


def _query(query: Mapping[str, str], cursor: str | None) -> Iterable[tuple[str, str]]:
    return [*query.items(), ("limit", str(PAGE)), *([("cursor", cursor)] if cursor else [])]
