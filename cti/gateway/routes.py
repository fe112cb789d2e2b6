"""The routes of /v1, as data: the router and the OpenAPI document are both made from them."""

from collections.abc import Mapping
from typing import Any

from cti.gateway import breaches, calls, commands, events, indicators, probes, reading, records, results, switches
from cti.gateway.bindings import SWITCH_ID_PATTERN
from cti.gateway.positions import PATTERN, positions_of
from cti.web.csv_text import CSV
from cti.web.cursors import ID, NUMBER, cursor_pattern, cursor_reader, page_cursor
from cti.web.limits import Limits
from cti.web.openapi import ref
from cti.web.query import Parameter, choice, instant, parsed, seconds, text, whole
from cti.web.route import Answer, Route

JSON = "application/json"
ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}"
EVENT_CODES = (
    "unparsable", "bad_encoding", "bad_header", "source_not_allowed", "body_too_slow", "too_large", "batch_too_large",
    "event_too_large", "unsupported_media_type", "unsupported_encoding", "invalid_body", "invalid_event", "all_refused",
    "reserved_type", "engine_behind", "log_busy", "log_away", "ledger_away",
)  # fmt: skip
BODY_CODES = (
    "unparsable", "bad_encoding", "body_too_slow", "too_large", "unsupported_media_type", "unsupported_encoding",
    "invalid_body", )  # fmt: skip

MIN_POSITION = parsed("min_position", "Wait up to 1 s until the ledger is there.", PATTERN, positions_of)
FROM = instant("from", "At or after.")
TO = instant("to", "Before.")
CALL_KEY = (NUMBER, ID)  # opened_at, call
BREACH_KEY = (NUMBER, ID, NUMBER)  # at, call, n
TIMELINE_KEY = (NUMBER, NUMBER)  # position, n


def routes_of(limits: Limits) -> list[Route]:
    """Every route of the gateway; the handlers take the context and what was asked."""
    return [*_doors(limits), *_reads(limits), *_open()]


def _json(about: str, name: str) -> Answer:
    return Answer(about, {JSON: ref(name)})


def _listing(name: str, about: str) -> Mapping[int, Answer]:
    return {200: Answer(about, {JSON: ref(name), CSV: {"type": "string"}})}


def _doors(limits: Limits) -> list[Route]:
    """What switches use."""
    event_body: dict[str, Any] = {
        reading.STRUCTURED: ref("Event"),
        reading.BATCH: {"type": "array", "items": ref("Event"), "description": f"At most {limits.batch_items} events."},
        reading.JSON: ref("Event"),
        reading.NDJSON: {"type": "string", "description": "One event a line."},
    }
    switch = {"switch": SWITCH_ID_PATTERN}
    stream = {JSON: ref("Commands"), commands.EVENT_STREAM: {"type": "string"}}
    return [
        Route(
            "POST", "/v1/events", "post_events", "Events in: 202 once they are durable.", events.post_events,
            "events:write",
            {202: _json("All are kept.", "Accepted"), 200: _json("Some are kept: a verdict on each.", "Mixed")},
            EVENT_CODES, body=event_body,
        ),
        Route(
            "PUT", "/v1/switches/{switch}", "put_switch", "A switch declares itself.", switches.put_switch,
            "events:write", {200: _json("The declaration.", "Switch")},
            (*BODY_CODES, "switch_not_allowed", "source_taken", "not_found", "log_busy", "log_away", "ledger_away"),
            body={JSON: ref("Declaration")}, path_parts=switch,
        ),
        Route(
            "GET", "/v1/switches/{switch}", "get_switch", "A switch's declaration.", switches.get_switch,
            "events:write", {200: _json("The declaration.", "Switch")}, ("not_found", "ledger_away"),
            path_parts=switch, head=True,
        ),
        Route(
            "GET", "/v1/switches/{switch}/commands", "get_commands", "Commands out, as a stream or a long poll.",
            commands.get_commands, "commands:read",
            {200: Answer("Open ones first, then live ones.", stream)},
            (
                "not_found", "switch_undeclared", "switch_not_allowed", "not_acceptable", "too_many_streams",
                "ledger_away",
            ),
            (
                seconds("wait_s", "Long poll: wait so long for a command.", limits.long_poll_s),
                parsed("after", "The `cursor` of the poll before: only what came since.", PATTERN, positions_of),
            ),
            path_parts=switch,
        ),
        Route(
            "POST", "/v1/commands/{command}/result", "post_result", "What became of a command.",
            results.post_result, "commands:read", {202: _json("It is kept.", "Kept")}, (*BODY_CODES,
            "bad_time", "not_found", "already_answered", "not_sent", "log_busy", "log_away", "ledger_away"), body={JSON:
            ref("Result")}, path_parts={"command": ID_PATTERN}, ), ]  # fmt: skip


def _reads(limits: Limits) -> list[Route]:
    """What people and reports use."""
    limit = whole("limit", "So many at most; 100 where absent.", 1, limits.page_items)
    filters: tuple[Parameter, ...] = (
        choice("state", "Live or ended.", ("live", "ended")),
        text("queue", "Of this queue."), text("agent", "Answered by this agent."),
        choice("outcome", "How they ended.", ("answered", "abandoned", "failed", "lost", "stale")),
        text("rule", "That broke this rule."), FROM, TO, text("source", "Of this switch."),
        text("subject", "With this call id of the switch."), limit, page_cursor(CALL_KEY), MIN_POSITION,
    )  # fmt: skip
    breach_filters = (
        text("rule", "Of this rule."), text("agent", "Of this agent."), text("queue", "In this queue."),
        text("source", "Of this switch."), FROM, TO, limit, page_cursor(BREACH_KEY), MIN_POSITION,
    )  # fmt: skip
    listed = ("not_acceptable", "ledger_away")
    timeline = (
        parsed("timeline_cursor", "The `timeline_next` of the answer before: further events alone.",
               cursor_pattern(TIMELINE_KEY), cursor_reader(TIMELINE_KEY)),
        whole("timeline_limit", f"So many events at most; {limits.timeline_items} where absent.", 1, limits.page_items),
    )  # fmt: skip
    by = choice("by", "Groups beside the total.", indicators.GROUPS)
    narrowed = (
        choice("direction", "Calls of this direction only.", ("inbound", "outbound", "internal")),
        text("queue", "Calls of this queue only."),
        text("source", "Calls of this source only."),
    )
    pages = whole("limit", "So many at most.", 1, limits.page_items)
    return [
        Route("GET", "/v1/calls", "get_calls", "Calls, newest first.", calls.get_calls, "calls:read",
              _listing("Calls", "A page of calls."), listed, filters, head=True),
        Route("GET", "/v1/calls/{call}", "get_call", "One call with all that is known of it.", calls.get_call,
              "calls:read", {200: _json("The call.", "Call")}, ("not_found", "ledger_away"), (MIN_POSITION, *timeline),
              path_parts={"call": ID_PATTERN}, head=True),
        Route("GET", "/v1/breaches", "get_breaches", "Breaches, newest first.", breaches.get_breaches, "calls:read",
              _listing("Breaches", "A page of breaches."), listed, breach_filters, head=True),
        Route("GET", "/v1/records", "get_records", "Latest records in call-id order.", records.get_records,
              "calls:read", {200: Answer("One record a line.", {reading.NDJSON: {"type": "string"}})},
              ("not_acceptable", "ledger_away"),
              (text("after", "Behind this call id; empty: from the first.", 0), pages, MIN_POSITION), head=True),
        Route("GET", "/v1/indicators", "get_indicators", "The figures of a time.", indicators.get_indicators,
              "calls:read", {200: _json("The figures.", "Indicators")}, ("ledger_away",),
              (FROM, TO, by, *narrowed, MIN_POSITION), head=True),
    ]  # fmt: skip


def _open() -> list[Route]:
    """What needs no key."""
    document = Answer("The document.", {JSON: {"type": "object"}})
    ready = {200: _json("Ready.", "Readiness"), 503: _json("Not ready.", "Readiness")}
    metrics = Answer("Prometheus text.", {"text/plain": {"type": "string"}})
    return [
        Route("GET", "/healthz", "get_health", "The process lives.", probes.get_health, None,
              {200: _json("It does.", "Health")}, head=True),
        Route("GET", "/readyz", "get_ready", "Its dependencies are well.", probes.get_ready, None, ready, head=True),
        Route("GET", "/metrics", "get_metrics", "Metrics.", probes.get_metrics, None, {200: metrics}, head=True),
        Route("GET", "/openapi.json", "get_openapi", "This document.", probes.get_openapi, None, {200: document},
              head=True),
    ]  # fmt: skip
