"""The problem codes of the outbound side; docs/errors.md tells each. None is renamed, none changes its status."""

from collections.abc import Mapping
from typing import Any

from cti.web.codes import CODES, Code
from cti.web.refusal import Refusal

OUTBOUND_CODES: dict[str, Code] = {
    "wrong_state": Code(
        409,
        "Not allowed in this state",
        "`state` is where the campaign or contact stands, `allowed` where it would have to stand. Read it again.",
    ),
    "contacts_changed": Code(
        409,
        "There are other contacts than was said",
        "`contacts` is how many there are now. Look at the imports, then start with that number.",
    ),
    "no_contacts": Code(
        422,
        "No contact is left for it",
        "The campaign has no contact in these states, or none whose words could be said: `detail` says which. Nothing "
        "was made; name other `states`.",
    ),
    "approval_needed": Code(
        409,
        "A second key must approve the campaign",
        "`needed` says why: its `kind`, or more `contacts` than the operator allows without. `missing` names the parts "
        "that are not what was approved; `none`: nothing is, or what was is void. A key with the scope "
        "campaigns:approve that had no hand in the campaign reads it and approves its `digest`.",
    ),
    "approval_mismatch": Code(
        412,
        "The campaign is not what was read",
        "`digest` and `parts` are those of now; `changed` names the parts that are not as they were read, if their "
        "hashes were sent. Read the campaign again, then approve.",
    ),
    "second_key_needed": Code(
        403,
        "Another key must approve it",
        "This key made the campaign, imported a file of it, changed it or asked for the exception. Whoever does that "
        "does not approve it.",
    ),
    "overlaps": Code(
        409,
        "Another campaign calls the same customers for the same",
        "`campaign` and `name` tell which, `contacts` how many (at least, where `counted_all` is false). Take the file "
        "back, or start with `allow_overlap`.",
    ),
    "precondition_required": Code(
        428,
        "The version that was read is missing",
        "Send the `ETag` of the campaign as you read it in `If-Match`.",
    ),
    "changed_meanwhile": Code(
        412,
        "The campaign is not as it was read",
        "Somebody, or the product, has moved or changed it since. Read it again, then change it.",
    ),
    "no_emergency": Code(
        409,
        "There is no such exception to the quiet hours",
        "`detail` says which rule stands against it: only outages have one, by a day at most; the last one that was "
        "asked for is approved, by its number, once.",
    ),
    "test_calls_open": Code(
        429,
        "Too many test calls",
        "`detail` says how many may be open at once, or made in 24 hours. Stop one of them, or wait until one is over.",
    ),
    "same_file": Code(
        409,
        "This file was imported already",
        "`import` is the number of the import that brought the same bytes. Nothing was kept of this one.",
    ),
    "unreadable_file": Code(
        422,
        "The file cannot be read",
        "`detail` says what it is: damaged, encrypted, an old workbook (xls), too large unpacked, without the sheet. "
        "Nothing of it was kept.",
    ),
    "acknowledged_otherwise": Code(
        409,
        "The batch was acknowledged with other accounts",
        "What was acknowledged stands: `GET /v1/notice-batches/{id}` shows the state of each notice. Repeating it with "
        "the same accounts is fine.",
    ),
    "unknown_accounts": Code(
        422,
        "The batch has no notices of these accounts",
        "`errors` names them, the first twenty. Nothing was acknowledged.",
    ),
    "settled_otherwise": Code(
        409,
        "The reference is that of another payment",
        "A payment is known by its `reference`: the same again gets the same answer. The first stands; nothing was "
        "changed. Send this one with a reference of its own.",
    ),
    "no_such_outage": Code(
        422,
        "The campaign has no such outage",
        "No contact of the campaign has an outage of this `area` that begins at this `starts_at`, or its kind is not "
        "`outage`. Nothing was changed. Look at the items of a contact: `GET .../contacts/{contact}`.",
    ),
    "already_cancelled": Code(
        409,
        "The outage is cancelled",
        "People were told that the power stays on: it gets no other time any more. If it goes off after all, submit "
        "a new campaign.",
    ),
    "idempotency_in_flight": Code(
        409,
        "The first request with this key still runs",
        "Repeat it after `Retry-After`; then it gets the answer of the first. Where its process was killed, the key is "
        "free after a minute.",
    ),
    "idempotency_mismatch": Code(
        422,
        "The key was used for another request",
        "An `Idempotency-Key` belongs to one method, path and body for 72 h. Make a new key for a new request.",
    ),
    "settlements_silent": Code(
        409,
        "Nobody tells who has paid",
        "A campaign of arrears starts only while payments are told (`POST /v1/settlements`); `detail` says when they "
        "last were. See to the feed: a file without a row is a sign of life too. `RINGBACK_SETTLEMENT_FEED` turns this "
        "off.",
    ),
    "letters_unavailable": Code(
        503,
        "This service prints no letters",
        "It has no fonts with Chinese characters: install the extra `fonts` of the package, or Debian's "
        "fonts-noto-cjk. The batch as CSV or JSON is complete all the same.",
    ),
    "letters_busy": Code(
        503,
        "Other letters are being printed",
        "Repeat it after `Retry-After`. A batch can be printed again and again: the same letters come out.",
    ),
    "letters_failed": Code(
        500,
        "The letters could not be printed",
        "`detail` names the template and its line. The batch is unharmed: mend the template, then ask again.",
    ),
    "not_signed": Code(
        401,
        "The request is not signed as it must be",
        "`detail` says what is wrong: a header that is missing or of another form, a `webhook-timestamp` more than "
        "five minutes away, or a signature by no secret of a message gateway. Sign `id.timestamp.body`, the bytes as "
        "they are sent.",
    ),
    "callback_there": Code(
        409,
        "The number has a callback already",
        "`callback` is the one that is open: two callbacks of one number would ring twice. Cancel it first "
        "(`DELETE /v1/callbacks/{id}`), or leave it.",
    ),
    "callbacks_full": Code(
        409,
        "Too many callbacks are open",
        "So many callbacks of this switch, trunk group and queue wait that no more is promised. Look at why they are "
        "not called: `GET /v1/campaigns/{id}` of their campaign says it in `next`.",
    ),
    "cannot_dial": Code(
        422,
        "The campaign cannot be dialled",
        "Its switch, trunk group or queue is unknown, or the switch did not declare what dialling needs; `errors` "
        "names which.",
    ),
}
ALL_CODES: Mapping[str, Code] = {**CODES, **OUTBOUND_CODES}

BODY_CODES = (
    "unparsable", "bad_encoding", "body_too_slow", "too_large", "unsupported_media_type", "unsupported_encoding",
    "invalid_body",
)  # fmt: skip
"""Of each route that takes a JSON body."""


def refusal(
    code: str,
    detail: str = "",
    errors: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
    members: Mapping[str, Any] | None = None,
) -> Refusal:
    """A refusal with a code of ours or of the call side."""
    return Refusal(code, detail, errors, headers, members, ALL_CODES)


def invalid(faults: list[dict[str, str]]) -> Refusal:
    """`invalid_body`: each member that is wrong."""
    return refusal("invalid_body", f"{faults[0]['pointer']}: {faults[0]['detail']}", faults)
