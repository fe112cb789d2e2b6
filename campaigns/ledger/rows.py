"""The rows of the tables as plain tuples, in the order of their columns. Times are milliseconds since the Unix epoch,
JSON is text, a yes or no is 0 or 1; what the values mean stands beside the tables.
"""

from collections.abc import Mapping
from typing import NamedTuple


class CampaignRow(NamedTuple):
    """A campaign with its settings as they hold."""

    id: str
    tenant: str
    name: str
    kind: str
    switch: str
    trunk_group: str
    caller_id: str | None
    queue: str | None
    language: str
    windows: str
    closed_dates: str
    zone: str
    calls_per_second: int
    calls_at_once: int
    ring_timeout_s: int
    attempts_max: int
    retry: str
    channels: str
    fallback: str
    priority: int
    received_at_ms: int
    notice_out_by_ms: int | None
    fallback_by_ms: int | None
    expires_at_ms: int | None
    deadlines_given: int
    provisional: int
    state: str
    paused_why: str | None
    live: str | None
    version: int
    made_at_ms: int
    started_at_ms: int | None
    resumed_at_ms: int | None
    ended_at_ms: int | None
    made_by: str
    profile: str
    start_at_ms: int | None = None
    start_contacts: int | None = None
    start_overlap: int | None = None
    draining: int | None = None
    emergency_from_ms: int | None = None
    emergency_until_ms: int | None = None


class HistoryRow(NamedTuple):
    """Something that happened to a campaign as a whole."""

    campaign: str
    no: int
    at_ms: int
    what: str
    why: str | None
    rule: str | None
    until_ms: int | None
    who: str


class OutboundRow(NamedTuple):
    """The freeze of a tenant: whether it holds, why, who asked for it and when."""

    tenant: str
    frozen: int
    reason: str | None
    who: str | None
    at_ms: int | None
    version: int
    settlements_heard_ms: int | None = None


class ContactRow(NamedTuple):
    """A contact; its attempts are rows of their own."""

    id: str
    campaign: str
    tenant: str
    no: int
    account: str
    name: str
    address: str
    customer_class: str
    important: int
    phones: str
    items: str
    kept: str
    state: str
    round: int
    decided_upto: int
    handed_over: int
    promise_date: str | None
    hours_class: str
    next_at_ms: int
    deadline_at_ms: int
    notice_out_by_ms: int | None
    fallback_by_ms: int | None
    expires_at_ms: int | None
    notice_out_ms: int | None
    notice_missed: int
    waits_for: str | None
    why: str | None
    version: int
    settled: str | None = None
    outdated_upto: int | None = None
    call_at_ms: int | None = None
    keep_by_ms: int | None = None
    agreed_at_ms: int | None = None
    promise: str | None = None


class RevisionRow(NamedTuple):
    """A changed outage, and what it did."""

    campaign: str
    no: int
    tenant: str
    area: str
    starts_at_ms: int
    restores_at: str | None
    at_ms: int
    who: str
    state: str
    upto: str = ""
    contacts: int = 0
    told_again: int = 0
    cancelled: int = 0
    withdrawn: int = 0
    recalled: int = 0
    rewritten: int = 0
    to_recall: int = 0


class ApprovalRow(NamedTuple):
    """What a second key has approved."""

    campaign: str
    no: int
    at_ms: int
    digest: str
    parts: str
    who: str
    void_at_ms: int | None = None
    void_why: str | None = None


class EmergencyRow(NamedTuple):
    """An exception to the quiet hours. `looked_to`: since it was approved those who wait were looked at, up to this
    number of a contact; None: all of them.
    """

    campaign: str
    no: int
    reason: str
    until_ms: int
    asked_at_ms: int
    asked_by: str
    approved_at_ms: int | None = None
    approved_by: str | None = None
    ended_at_ms: int | None = None
    ended_by: str | None = None
    looked_to: int | None = None


class HoursClassRow(NamedTuple):
    """A class of hours that contacts of a campaign have."""

    campaign: str
    hours_class: str
    import_no: int
    customer_class: str
    zones: str


class AttemptRow(NamedTuple):
    """An order for a contact, or a person's word, and what came of it."""

    contact: str
    n: int
    campaign: str
    tenant: str
    round: int
    channel: str
    number: str
    decided_at_ms: int
    step: str
    decision: str
    why: str | None
    rule: str | None
    command: str | None
    call: str | None
    sent_at_ms: int | None
    rang_at_ms: int | None
    answered_at_ms: int | None
    ended_at_ms: int | None
    disposition: str | None
    counted: int
    rang: int
    confirmed: int
    agreed_at_ms: int | None
    q850: int | None
    tone: str | None
    machine: str | None
    digits: str | None
    amount_spoken: str | None
    template: str | None
    sha256: str | None
    caller_id: str | None
    profile: str
    zones: str
    dial_before_ms: int | None
    ring_until_ms: int | None
    note: str | None
    revised: int
    cut: int | None = None
    promise_date: str | None = None
    by_person: int | None = None


AttemptColumns = Mapping[str, str | int | None]
"""Some columns of an attempt's row, by name: what an order fills, or what has become known of it."""


class CallbackRow(NamedTuple):
    """A callback as it was asked for; its call is a contact."""

    id: str
    tenant: str
    campaign: str
    contact: str
    number: str
    request: str | None
    reference: str | None
    origin: str
    agent: str | None
    call: str | None
    asked_at_ms: int
    due_at_ms: int
    moved: int
    agreed_by: str | None
    note: str | None
    made_at_ms: int
    who: str


class RefusalRow(NamedTuple):
    """Why a due contact was not dialled."""

    contact: str
    at_ms: int
    why: str
    campaign: str
    n: int
    round: int
    rule: str
    until_ms: int | None


class ImportRow(NamedTuple):
    """An import and its counts."""

    campaign: str
    no: int
    tenant: str
    file: str
    keep: str
    sha256: str
    bytes: int
    state: str
    error: str | None
    received: int
    accepted: int
    rejected: int
    merged: int
    contacts: int
    header: str | None
    made_at_ms: int
    ended_at_ms: int | None
    who: str


class NoticeRow(NamedTuple):
    """A written notice."""

    id: str
    tenant: str
    campaign: str
    contact: str
    round: int
    account: str
    kind: str
    body: str
    created_at_ms: int
    state: str
    batch: str | None
    page: int | None
    to_recall_ms: int | None = None


class SettlementRow(NamedTuple):
    """A payment that was told, and what it did."""

    tenant: str
    reference: str
    account: str
    items: str
    settled_at_ms: int
    received_at_ms: int
    who: str
    paid: int = 0
    in_part: int = 0
    withdrawn: int = 0
    recalled: int = 0
    to_recall: str = "[]"


class ErasureRow(NamedTuple):
    """What went of a person. `subject`: JSON, while it is under way; `counts`: JSON, rows by table; `left_over`:
    contacts whose call may be under way.
    """

    id: str
    tenant: str
    at_ms: int
    who: str
    digest: str
    subject: str | None
    counts: str
    left_over: int
    next_at_ms: int
    ended_at_ms: int | None


class DoNotCallRow(NamedTuple):
    """A number or an account that is not called."""

    tenant: str
    line: str
    id: str
    reason: str
    since_ms: int
    until_ms: int | None
    made_at_ms: int
    who: str


class BatchRow(NamedTuple):
    """A batch of notices."""

    id: str
    tenant: str
    campaign: str
    made_at_ms: int
    notices: int
    state: str
    who: str
    acknowledged_at_ms: int | None
    acknowledged_by: str | None
    failed: int | None


class AuditRow(NamedTuple):
    """An entry of the audit log."""

    tenant: str
    no: int
    at_ms: int
    who: str
    what: str
    about: str
    details: str
    campaign: str | None
    hash: str | None


class AuditHeadRow(NamedTuple):
    """The newest entry of a tenant's audit log, and the last that went by age."""

    tenant: str
    no: int
    hash: str
    at_ms: int
    purged_no: int
    purged_hash: str
