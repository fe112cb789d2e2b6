"""The routes of erasures of persons, and the schemas of what is asked for and answered, as data."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from campaigns.api import erasures, idempotent
from campaigns.api.answering import JSON
from campaigns.api.codes import BODY_CODES
from campaigns.api.shapes import CURSOR, TEXT, TIME, WHOLE, counts, each, or_null, shape, words
from cti.web.cursors import ID, NUMBER, page_cursor
from cti.web.limits import Limits
from cti.web.openapi import component_schemas, ref
from cti.web.query import whole
from cti.web.route import Answer, Route
from schemas.erasures import Erasure

SCOPE = "persons:erase"
KEY = (NUMBER, ID)  # asked at, id
_SHOWN = {
    "id": TEXT, "state": words(("running", "done")), "asked_at": TIME, "by": TEXT,
    "digest": {**TEXT, "description": "SHA-256 over lines: id, account (or nothing), each number in E.164, sorted."},
    "rows": counts("Rows that were blanked or removed, by table."),
    "left": {**WHOLE, "description": "Contacts whose call may be under way: they are erased once it has ended."},
    "ended_at": or_null(TIME),
}  # fmt: skip
ERASURE_SHAPES: Mapping[str, Any] = {
    **component_schemas([Erasure]),
    "ErasureShown": shape(_SHOWN),
    "Erasures": shape({"erasures": each(ref("ErasureShown")), "cursor": CURSOR}),
}


def erasure_routes(limits: Limits) -> Sequence[Route]:
    """All of them; the handlers take the context and what was asked."""
    path = "/v1/erasures"
    cursor = page_cursor(KEY)
    limit = whole("limit", f"So many at most; {erasures.PAGE} where absent.", 1, limits.page_items)
    shown = {JSON: ref("ErasureShown")}
    return [
        Route("POST", path, "post_erasure", "A person is erased: by account, numbers, or both.",
              partial(erasures.post_erasure, limits=limits), SCOPE,
              {202: Answer("It is under way.", shown, {"Location": "Where it is."})},
              (*BODY_CODES, *idempotent.CODES, "ledger_away"), body={JSON: ref("Erasure")},
              headers=(idempotent.HEADER,)),
        Route("GET", path, "get_erasures", "Erasures, the newest first.", erasures.get_erasures, SCOPE,
              {200: Answer("A page.", {JSON: ref("Erasures")})}, ("ledger_away",), (limit, cursor), head=True),
        Route("GET", f"{path}/{{erasure}}", "get_erasure", "What went, as proof.", erasures.get_erasure, SCOPE,
              {200: Answer("The erasure.", shown)}, ("not_found", "ledger_away"),
              path_parts={"erasure": erasures.ERASURE_PATTERN}, head=True),
    ]  # fmt: skip
