"""PATCH /v1/campaigns/{id}: pace, windows and priority, while it runs too."""

import json
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from campaigns.api.answering import json_answer, meant, who
from campaigns.api.codes import invalid, refusal
from campaigns.api.new_campaign import window_faults, windows_of
from campaigns.api.refusals import refusing
from campaigns.api.shown import etag
from campaigns.api.whole_campaign import whole
from campaigns.context import Context
from campaigns.dialler.actions import Also
from campaigns.dialler.changing import Changes, change
from campaigns.ledger import audit
from cti.web.body import model_of, read_json
from cti.web.limits import Limits
from cti.web.query import Parameter
from cti.web.route import Asked
from schemas.campaigns import Change

NAME = "If-Match"
ANY = "*"
PATTERN = r"^(\*|(W/)?\"[!#-~]*\"( *, *(W/)?\"[!#-~]*\")*)$"
_WHOLE = re.compile(PATTERN)
_VERSION = re.compile(r'(?<![/!#-~])"([0-9]{1,18})"')  # strong ones: a weak one matches nothing
DIGITS_MAX = 1_024
JSON_COLUMNS = ("windows",)


def _read(value: str) -> frozenset[int] | None:
    """Versions that are meant; None: any."""
    if len(value) > DIGITS_MAX or _WHOLE.match(value) is None:
        raise ValueError('takes the ETag of an answer: "3"')
    return None if value == ANY else frozenset(int(found) for found in _VERSION.findall(value))


HEADER = Parameter(
    NAME, "The ETag of the campaign as it was read.", {"type": "string", "pattern": PATTERN, "maxLength": DIGITS_MAX},
    _read,
)  # fmt: skip


async def patch_campaign(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """Raises Refusal `precondition_required`, `changed_meanwhile`, `wrong_state`, `invalid_body`."""
    row = await meant(context, asked)
    given = model_of(await read_json(asked.request, limits), limits, Change)
    if NAME not in asked.headers:
        raise refusal("precondition_required")
    if faults := list(window_faults(given.windows or (), context.rules, row.kind)):
        raise invalid(faults)
    by, at_ms = who(asked.caller), context.now_ms()

    def also(changed: Mapping[str, Any]) -> Also:
        details = {name: json.loads(value) if name in JSON_COLUMNS else value for name, value in changed.items()}

        def note(connection: Connection) -> None:
            audit.note(connection, row.tenant, at_ms, by, "campaign_changed", row.id, details)

        return note

    with refusing():
        after = await change(context, row.tenant, row.id, Changes(_columns(given), asked.headers[NAME]), by, also)
    return json_answer(await whole(context, after), headers={"ETag": etag(after)})


def _columns(given: Change) -> dict[str, Any]:
    """As the campaign's row has them."""
    found: dict[str, Any] = {} if given.pacing is None else given.pacing.model_dump()
    found["priority"] = given.priority
    if given.windows is not None:
        found["windows"] = json.dumps([[*window] for window in windows_of(given.windows)])
    return {name: value for name, value in found.items() if value is not None}
