"""Every error code of the HTTP interfaces: its status, its title and what to do about it. docs/errors.md tells each."""

from typing import NamedTuple

ERRORS_URL = "https://ringback.dev/errors/"


class Code(NamedTuple):
    """`advice` is for the integrator: what went wrong and what helps."""

    status: int
    title: str
    advice: str


CODES: dict[str, Code] = {
    "unparsable": Code(
        400,
        "Not readable as JSON",
        "The body is not one JSON text. `detail` names line and column. Numbers beyond a double are refused too.",
    ),
    "bad_encoding": Code(
        400,
        "Not UTF-8",
        "The body starts with a byte-order mark or holds a byte that is not UTF-8; `detail` names its offset. "
        "Send UTF-8 without a mark.",
    ),
    "bad_header": Code(
        400,
        "A header cannot be used",
        "A `ce-` header is repeated or is not percent-encoded UTF-8, or another header is repeated or has a value that "
        "it does not take; `errors` or `detail` names it.",
    ),
    "bad_request": Code(
        400,
        "The request cannot be understood",
        "The HTTP message itself is at fault.",
    ),
    "bad_parameter": Code(
        400,
        "A query parameter cannot be used",
        "`errors` names the parameter and what it takes.",
    ),
    "unknown_parameter": Code(
        400,
        "There is no such query parameter",
        "Check the spelling; a filter that is silently ignored would give a wrong list.",
    ),
    "unauthenticated": Code(
        401,
        "No usable API key",
        "Send `Authorization: Bearer rbk_...`. The key is missing, malformed, unknown or revoked.",
    ),
    "key_expired": Code(
        401,
        "The API key has expired",
        "The key was made for a time, which is over. Make a new one with `ringback keys create`.",
    ),
    "scope_missing": Code(
        403,
        "The key lacks a scope",
        "`detail` names the scope. Make a key that has it with `ringback keys create`.",
    ),
    "switch_not_allowed": Code(
        403,
        "The key is not bound to this switch",
        "Use the key of this switch, or bind a key to it.",
    ),
    "source_not_allowed": Code(
        403,
        "The key may not speak for this source",
        "`source` must be that of a switch the key is bound to: the declared one, or `/switches/ID` where "
        "none was declared.",
    ),
    "not_found": Code(
        404,
        "There is no such thing",
        "The path, or what it names, does not exist for this key's tenant.",
    ),
    "switch_undeclared": Code(
        404,
        "The switch has not declared itself",
        "Declare it first with `PUT /v1/switches/{id}`; then it has a command stream.",
    ),
    "method_not_allowed": Code(
        405,
        "The path does not take this method",
        "`Allow` lists the methods it takes.",
    ),
    "not_acceptable": Code(
        406,
        "None of the accepted media types can be given",
        "`detail` lists what can be given.",
    ),
    "body_too_slow": Code(
        408,
        "The body did not arrive in time",
        "Send the body at once; retry on a new connection.",
    ),
    "already_answered": Code(
        409,
        "The command has another result already",
        "A final result stands. The same result again is fine; another one is a fault of the switch.",
    ),
    "not_sent": Code(
        409,
        "The command was never sent to a switch",
        "Its state is `overtaken`: it is kept for the record only and takes no result.",
    ),
    "source_taken": Code(
        409,
        "The source belongs to another switch",
        "Two switches may not share a source: their calls would be mixed.",
    ),
    "too_large": Code(
        413,
        "The body is too large",
        "`detail` names the limit in bytes. Send smaller batches.",
    ),
    "batch_too_large": Code(
        413,
        "Too many events in one request",
        "`detail` names the limit. Send smaller batches.",
    ),
    "event_too_large": Code(
        422,
        "An event is too large",
        "One event may have 64 KiB, a switchSnapshot 1 MB.",
    ),
    "unsupported_media_type": Code(
        415,
        "The body's media type is not taken",
        "`Accept-Post` or `detail` lists what is taken. The charset is UTF-8.",
    ),
    "unsupported_encoding": Code(
        415,
        "The body's encoding is not taken",
        "Send the body as it is, without Content-Encoding.",
    ),
    "expectation_failed": Code(
        417,
        "The expectation cannot be met",
        "Only `Expect: 100-continue` is understood.",
    ),
    "invalid_event": Code(
        422,
        "The event breaks the contract",
        "`errors` gives a JSON pointer, the rule and a sentence for each fault. Repeating it unchanged never helps.",
    ),
    "invalid_body": Code(
        422,
        "The body breaks the contract",
        "`errors` gives a JSON pointer, the rule and a sentence for each fault.",
    ),
    "all_refused": Code(
        422,
        "Every event of the batch was refused",
        "`items` gives the verdict on each. Nothing was kept.",
    ),
    "bad_time": Code(
        422,
        "The event's time cannot be used",
        "`time` must lie after 1980 and at most a day ahead of the log's clock: set the switch's clock (NTP), or "
        "correct its time zone.",
    ),
    "reserved_type": Code(
        422,
        "Only Ringback writes events of this type",
        "Post results to `/v1/commands/{id}/result` and declarations to `/v1/switches/{id}`.",
    ),
    "rate_limited": Code(
        429,
        "Too many requests for this key",
        "Wait for `Retry-After`; send batches.",
    ),
    "engine_behind": Code(
        429,
        "The engine has not processed this key's events yet",
        "The key sends faster than its events are processed; other keys must not wait for them. Nothing of this "
        "request was kept. Repeat it after `Retry-After`, with fewer requests at a time.",
    ),
    "too_many_streams": Code(
        429,
        "Too many command streams",
        "A switch needs one stream; close the others. Wait for `Retry-After`.",
    ),
    "internal": Code(
        500,
        "A defect of ours",
        "Repeating events is safe: their ids make it so. Tell us what you sent and when.",
    ),
    "log_busy": Code(
        503,
        "Too many requests wait for the event log",
        "Nothing of this request was kept, or nothing is known of it; repeat it with the same event ids after "
        "`Retry-After`.",
    ),
    "log_away": Code(
        503,
        "The event log does not answer",
        "Nothing is promised; repeat the request with the same event ids after `Retry-After`.",
    ),
    "ledger_away": Code(
        503,
        "The ledger does not answer",
        "Repeat the request after `Retry-After`.",
    ),
    "overloaded": Code(
        503,
        "The gateway is at one of its limits",
        "Repeat the request after `Retry-After`.",
    ),
}
"""By code. A code is never renamed; its status never changes."""
