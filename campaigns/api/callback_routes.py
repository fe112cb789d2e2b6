"""The routes of callbacks, as data."""

from collections.abc import Sequence
from functools import partial

from campaigns.api import callbacks, idempotent
from campaigns.api.answering import JSON
from campaigns.api.codes import BODY_CODES
from campaigns.ledger.callbacks import PROMISES
from cti.web.cursors import ID, NUMBER, page_cursor
from cti.web.limits import Limits
from cti.web.openapi import ref
from cti.web.query import choice, whole
from cti.web.route import Answer, Route
from schemas.callbacks import CALLBACK_ID

READ, WRITE = "campaigns:read", "campaigns:write"
KEY = (NUMBER, ID)  # due_at_ms, id
PLACE = {"Location": "Where it is."}


def callback_routes(limits: Limits) -> Sequence[Route]:
    """All of them; the handlers take the context and what was asked."""
    path, path_parts = "/v1/callbacks", {"callback": CALLBACK_ID}
    cursor = page_cursor(KEY)
    limit = whole("limit", f"So many at most; {callbacks.PAGE} where absent.", 1, limits.page_items)
    promise = choice("promise", "Those that were kept, missed, or are still open.", PROMISES)
    shown = {JSON: ref("Callback")}
    return [
        Route("POST", path, "post_callback", "A call that was promised to a caller, at its time.",
              partial(callbacks.post_callback, limits=limits), WRITE,
              {201: Answer("It is promised.", shown, PLACE)},
              (*BODY_CODES, *idempotent.CODES, "switch_not_allowed", "cannot_dial", "callback_there", "callbacks_full",
               "ledger_away"),
              body={JSON: ref("NewCallback")}, headers=(idempotent.HEADER,)),
        Route("GET", path, "get_callbacks", "Callbacks, in the order of their time.", callbacks.get_callbacks, READ,
              {200: Answer("A page.", {JSON: ref("Callbacks")})}, ("ledger_away",), (promise, limit, cursor),
              head=True),
        Route("GET", f"{path}/{{callback}}", "get_callback", "A callback, and what became of it.",
              callbacks.get_callback, READ, {200: Answer("The callback.", shown)}, ("not_found", "ledger_away"),
              path_parts=path_parts, head=True),
        Route("DELETE", f"{path}/{{callback}}", "delete_callback", "It is not wanted any more.",
              callbacks.delete_callback, WRITE,
              {200: Answer("It is cancelled; a call that is under way goes on.", shown)},
              ("not_found", "wrong_state", "ledger_away"), path_parts=path_parts),
    ]  # fmt: skip
