"""The routes of payments and of the do-not-call list, as data."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from campaigns.api import do_not_call, idempotent, settlements
from campaigns.api.answering import JSON
from campaigns.api.codes import BODY_CODES
from cti.web.csv_text import CSV
from cti.web.cursors import ID, NUMBER, page_cursor
from cti.web.limits import Limits
from cti.web.openapi import ref
from cti.web.query import whole
from cti.web.route import Answer, Route

WRITE = "campaigns:write"
KEY = (NUMBER, ID)  # made at, id


def payment_routes(limits: Limits) -> Sequence[Route]:
    """All of them; the handlers take the context and what was asked."""
    path = "/v1/do-not-call"
    cursor = page_cursor(KEY)
    limit = whole("limit", f"So many at most; {do_not_call.PAGE} where absent.", 1, limits.page_items)
    entry = {JSON: ref("DoNotCallEntered")}
    settled: dict[str, dict[str, Any]] = {
        JSON: {"anyOf": [ref("Settled"), ref("SettlementsTold")]},
        CSV: {"type": "string"},
    }
    return [
        Route("POST", "/v1/settlements", "post_settlements", "Payments: one as JSON, any number as CSV.",
              partial(settlements.post_settlements, limits=limits), WRITE,
              {200: Answer("What it settled; of a file the rows that were rejected.", settled)},
              (*BODY_CODES, *idempotent.CODES, "bad_request", "settled_otherwise", "not_acceptable", "ledger_away"),
              body={JSON: ref("Settlement"), CSV: {"type": "string"}}, headers=(idempotent.HEADER,)),
        Route("POST", path, "post_do_not_call", "A number or an account is not called any more.",
              partial(do_not_call.post_do_not_call, limits=limits), WRITE,
              {201: Answer("It holds: nothing more is sent there.", entry),
               200: Answer("It was there; its reason and times are the new ones.", entry)},
              (*BODY_CODES, "ledger_away"), body={JSON: ref("DoNotCall")}),
        Route("GET", path, "get_do_not_call", "Who is not called, the newest entries first.",
              do_not_call.get_do_not_call, WRITE, {200: Answer("A page.", {JSON: ref("DoNotCallEntries")})},
              ("ledger_away",), (limit, cursor), head=True),
        Route("DELETE", path, "delete_do_not_call", "It may be called again.",
              partial(do_not_call.delete_do_not_call, limits=limits), WRITE, {204: Answer("The entry is gone.")},
              (*BODY_CODES, "not_found", "ledger_away"), body={JSON: ref("CallAgain")}),
    ]  # fmt: skip
