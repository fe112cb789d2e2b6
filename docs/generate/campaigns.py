"""Tables for campaign managers: kinds, columns, members of a campaign, outcomes, reasons, hours."""

from collections.abc import Iterable
from typing import Any

from campaigns.calendars import work_calendar
from campaigns.core.dispositions import TABLE, Followup, Row
from campaigns.core.explain_contact import REASONS, STATES
from campaigns.core.reasons import FINAL_STATES, Disposition, State
from campaigns.kinds import Field, Kind, known_kinds
from campaigns.profile import shipped_rules
from docs.generate.writing import described, shape, table
from schemas.campaigns import NewCampaign

MINUTE_MS = 60_000
NEXT = {
    Followup.STOP: "the contact is final",
    Followup.NEXT_WINDOW: "again in the next window",
    Followup.NEXT_PART: "again in the next part of the day",
    Followup.AGREED: "again at the agreed time",
    Followup.NEXT_NUMBER: "the next number at once; without one, the fallback",
    Followup.HOLD: "no further call until it is known what became of it; after {minutes} min it counts",
}
MEANS = {
    Disposition.REACHED: "the right person heard it all, or an agent answered after key 0; a message was delivered",
    Disposition.ANSWERED_INCOMPLETE: "hung up before the end",
    Disposition.NO_ANSWER: "rang until the end (q850 18, 19)",
    Disposition.BUSY: "busy (17)",
    Disposition.REJECTED: "rejected (21)",
    Disposition.POWERED_OFF: "switched off (20, or the tone)",
    Disposition.SUSPENDED: "out of service (tone)",
    Disposition.INVALID_NUMBER: "no such number (1, 22, 28)",
    Disposition.CONGESTION: "the network is full (34, 38, 41, 42, 44)",
    Disposition.FAILED_OTHER: "any other cause, or none",
    Disposition.PROMISED_TO_PAY: "key or agent: will pay",
    Disposition.ALREADY_PAID: "key or agent: has paid",
    Disposition.DISPUTED: "an agent's code",
    Disposition.MACHINE: "an answering machine; it is told no amount, name or account",
    Disposition.FAX_OR_MODEM: "a fax or modem",
    Disposition.NO_AGENT: "asked for an agent, and none came",
    Disposition.NOT_CONVENIENT: "key: not now",
    Disposition.WRONG_PARTY: "key or agent: another person",
    Disposition.CALLBACK_ASKED: "an agent agreed on a time",
    Disposition.OPTED_OUT: "wants no calls",
    Disposition.UNKNOWN: "nobody knows: no result, or nothing heard for 30 min",
}
OPEN_STATES = {
    State.WAITING: "waits for its next attempt",
    State.IN_PROGRESS: "an order is made, or a call is under way",
    State.UNKNOWN: "what became of its last order is not known: not dialled until it is",
    State.PERSON: "a person decides: `POST .../outcome`; until then it is not final",
}


def campaign_state_table() -> str:
    """The states of a contact."""
    texts = OPEN_STATES | {state: STATES[state]["en"] for state in FINAL_STATES}
    rows = ((f"`{state}`", "yes" if state in FINAL_STATES else "", texts[state]) for state in State)
    return described(("state of a contact", "final", "means"), rows)


def campaign_outcome_table() -> str:
    """Each disposition: what it is known by, whether it counts, what follows."""
    delays = shipped_rules(work_calendar()).retry_ms["arrears"]
    rows = (
        (f"`{word}`", MEANS[word], "yes" if row.counts else "no", _follows(row, delays.get(word)))
        for word, row in TABLE.items()
    )
    return described(("disposition", "known by (q850)", "counts", "what follows"), rows)


def _follows(row: Row, delay_ms: int | None) -> str:
    minutes = row.minutes if delay_ms is None else delay_ms // MINUTE_MS
    if row.then is Followup.RETRY:
        text = f"again after {minutes} min" + (", before others" if row.first else "")
    else:
        text = NEXT[row.then].format(minutes=minutes)
    if row.state is not None:
        text += f": `{row.state}`"
    if row.at_most is not None:
        text += f"; {row.at_most} times at most, then " + (f"as `{row.beyond}`" if row.beyond else "a person decides")
    return text


def campaign_reason_table() -> str:
    """Why a contact is not dialled now."""
    rows = ((f"`{why}`", text["en"], text["zh"]) for why, text in REASONS.items())
    return described(("`why`", "means", "中文"), rows)


def campaign_kind_table() -> str:
    """The kinds and their defaults."""
    kinds = list(known_kinds().values())
    rows: list[tuple[str, ...]] = [("rule", *(kind.rule for kind in kinds))]
    rows.append(("channels", *(", ".join(kind.defaults.channels) for kind in kinds)))
    plain = ("attempts_max", "fallback", "calls_per_second", "calls_at_once", "ring_timeout_s", "priority")
    rows += [(f"`{name}`", *(str(getattr(kind.defaults, name)) for kind in kinds)) for name in plain]
    rows.append(("gate", *(_gate(kind) for kind in kinds)))
    rows.append(("keys", *(", ".join(f"{key} {action}" for key, action in kind.keys.items()) for kind in kinds)))
    return table(("default of the kind", *(kind.name for kind in kinds)), rows)


def _gate(kind: Kind) -> str:
    return "none" if kind.gate is None else f"key {kind.gate.key}, {kind.gate.timeout_s} s, {kind.gate.repeats} repeats"


def campaign_column_table() -> str:
    """The columns of each kind, beyond those of all."""
    rows = (_column(kind, field) for kind in known_kinds().values() for field in kind.fields)
    return table(("kind", "column", "Chinese headers", "form", "required"), rows)


def _column(kind: Kind, field: Field) -> tuple[str, ...]:
    return (
        kind.name, f"`{field.name}`", " ".join(field.headers) or "-", field.type.value, "yes" if field.required else ""
    )  # fmt: skip


def campaign_member_table() -> str:
    """The members of POST /v1/campaigns."""
    schema = NewCampaign.model_json_schema()
    required = set(schema["required"])
    rows = (_member(name, member, schema, name in required) for name, member in schema["properties"].items())
    return table(("member", "form", "required", ""), rows)


def _member(name: str, member: dict[str, Any], schema: dict[str, Any], required: bool) -> Iterable[str]:
    return f"`{name}`", shape(member, schema), "yes" if required else "", member.get("description", "")


def campaign_hours_table() -> str:
    """When each kind may be dialled, by the profile that ships."""
    rules = shipped_rules(work_calendar())
    rest = _windows(rules.hours.rest)
    rows = [("every kind (CB-1)", rest, rest)]
    rows += [
        (f"{kind}, {customer} ({hours.rule})", _windows(hours.working_days), _windows(hours.other_days))
        for kind in known_kinds()
        for customer, hours in rules.hours.kinds.get(kind, {}).items()
        if hours is not None
    ]
    return table(("", "working days", "other days"), rows)


def _windows(windows: Iterable[Any]) -> str:
    return ", ".join(f"{_clock(window.opens_ms)}-{_clock(window.closes_ms)}" for window in windows) or "never"


def _clock(ms: int) -> str:
    minutes = ms // MINUTE_MS
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
