"""What campaign managers send: a campaign, and the few words that act on it and its contacts.

Limits that an operator's profile sets (windows, ring-out, delays) are looked at later, with the profile; here stands
what holds for everybody. Absent and null mean the same: the default of the kind.
"""

import re
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainValidator, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from schemas.fields import YEAR_MAX, YEAR_MIN, Message, Time, Whole

TEXT_PATTERN = r"^[^\u0000-\u001F\u007F-\u009F]*$"
DAY_PATTERN = (
    r"^((19[7-9][0-9]|20[0-9]{2}|21[0-9]{2})-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
    r"|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8])))$"
)
"""Of the JSON Schema: days that are in every year. 02-29 is taken in the years that have it."""
MOMENT_PATTERN = (
    DAY_PATTERN[:-1] + r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
CONTACTS_MAX = 10_000_000
PER_SECOND_MAX = 1_000
AT_ONCE_MAX = 100_000
RING_TIMEOUT_MAX_S = 120
ATTEMPTS_MAX = 3  # TRY-1
MINUTES_MAX = 7 * 24 * 60
WINDOWS_MAX = 12
CLOSED_DATES_MAX = 366
ZONES_MAX = 16

_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]"

Kind = Literal["billing", "arrears", "outage", "callback", "follow-up", "reminder"]
HoursKind = Literal["billing", "arrears", "outage", "callback", "follow-up", "reminder"]
"""Kinds that have hours."""
CustomerClass = Literal["resident", "organisation"]
Channel = Literal["sms", "fax", "auto", "agent"]
Fallback = Literal["notice", "list", "person"]
Language = Literal["zh", "en"]
Retried = Literal[
    "answeredIncomplete", "noAnswer", "busy", "poweredOff", "congestion", "failedOther", "machine", "noAgent"
]
"""Dispositions that are followed by another attempt after a while."""
Unreached = Literal["fallback", "expired", "cancelled", "person", "unknown"]
"""Contacts of a campaign that has ended that may be called again in another."""
Said = Literal[
    "reached",
    "answeredIncomplete",
    "noAnswer",
    "busy",
    "rejected",
    "poweredOff",
    "suspended",
    "invalidNumber",
    "congestion",
    "failedOther",
    "promisedToPay",
    "alreadyPaid",
    "disputed",
    "machine",
    "faxOrModem",
    "noAgent",
    "notConvenient",
    "wrongParty",
    "callbackAsked",
    "optedOut",
]
"""What a person may say of an attempt: all dispositions but `unknown`."""


def _read_day(value: object) -> date:
    if isinstance(value, str) and _DAY.match(value) is not None:
        try:
            day = date.fromisoformat(value)
        except ValueError:
            raise PydanticCustomError("date_value", "No such day exists in the calendar") from None
        if YEAR_MIN <= day.year <= YEAR_MAX:
            return day
    raise PydanticCustomError("date_format", "A date is text like 2026-03-01, of the years 1970 to 2199")


def _in_order(windows: list[str]) -> list[str]:
    edges = [edge for window in windows for edge in window.split("-")]
    for opens, closes in zip(edges[::2], edges[1::2], strict=True):
        if opens >= closes:
            raise PydanticCustomError("window", "A window ends after it begins, at 24:00 at the latest")
    if edges != sorted(edges):
        raise PydanticCustomError("window", "Windows stand in order of time and do not overlap")
    return windows


def _each_once(values: Sequence[str]) -> Sequence[str]:
    if len(set(values)) < len(values):
        raise PydanticCustomError("repeated", "Each stands there once")
    return values


Moment = Annotated[Time, WithJsonSchema({"type": "string", "description": "RFC 3339", "pattern": MOMENT_PATTERN})]
Day = Annotated[date, PlainValidator(_read_day), WithJsonSchema({"type": "string", "pattern": DAY_PATTERN})]
Title = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=TEXT_PATTERN)]
SwitchId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
TrunkGroup = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,128}$")]
CallerId = Annotated[str, StringConstraints(pattern=r"^[ -~]{1,64}$")]
Queue = Annotated[str, StringConstraints(pattern=r"^[^\u0000-\u001F\u007F-\u009F]{1,64}$")]
Zone = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+/-]{1,64}$")]
WindowText = Annotated[str, StringConstraints(pattern=rf"^{_CLOCK}-({_CLOCK}|24:00)$")]
Windows = Annotated[list[WindowText], Field(min_length=1, max_length=WINDOWS_MAX), AfterValidator(_in_order)]
Channels = Annotated[
    list[Channel],
    Field(min_length=1, max_length=4, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_each_once),
]
Minutes = Annotated[int, Field(ge=1, le=MINUTES_MAX), Whole]
Note = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\u0000]*$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=TEXT_PATTERN)]


class Pacing(Message):
    """How fast, below what the trunk group carries."""

    calls_per_second: Annotated[int, Field(ge=1, le=PER_SECOND_MAX), Whole] | None = None
    calls_at_once: Annotated[int, Field(ge=1, le=AT_ONCE_MAX), Whole] | None = None


class NewCampaign(Message):
    """POST /v1/campaigns."""

    name: Title
    kind: Kind
    switch: SwitchId
    trunk_group: TrunkGroup
    caller_id: CallerId | None = Field(None, description="Where absent, the trunk group's own.")
    queue: Queue | None = Field(None, description="Where key 0 leads; absent: it is not offered.")
    language: Language | None = None
    windows: Windows | None = Field(None, description="Only stricter than the hours of the profile.")
    closed_dates: Annotated[list[Day], Field(max_length=CLOSED_DATES_MAX)] | None = None
    zone: Zone | None = Field(None, description="An IANA time zone.")
    pacing: Pacing | None = None
    ring_timeout_s: Annotated[int, Field(ge=1, le=RING_TIMEOUT_MAX_S), Whole] | None = None
    attempts_max: Annotated[int, Field(ge=1, le=ATTEMPTS_MAX), Whole] | None = None
    retry: dict[Retried, Minutes] | None = Field(
        None, description="Minutes to the next attempt, by disposition; only longer than the profile's."
    )
    channels: Channels | None = None
    fallback: Fallback | None = None
    received_at: Moment | None = Field(None, description="When the job came in; deadlines are counted from it.")
    notice_out_by: Moment | None = None
    fallback_by: Moment | None = None
    expires_at: Moment | None = None
    priority: Annotated[int, Field(ge=0, le=9), Whole] | None = Field(None, description="0 goes first.")


class Start(Message):
    """POST /v1/campaigns/{id}/start: how many contacts its manager has seen."""

    contacts: Annotated[int, Field(ge=0, le=CONTACTS_MAX), Whole]
    start_at: Moment | None = Field(None, description="When it starts by itself; now, where absent.")
    allow_overlap: bool = Field(
        False, description="Though another campaign of the kind has the same accounts and items."
    )


class ApprovedParts(Message):
    """The hashes of what was read, by which the answer names the part that has changed."""

    settings: Sha256
    files: Sha256
    words: Sha256


class Approve(Message):
    """POST /v1/campaigns/{id}/approve: the `digest` that was read."""

    digest: Sha256
    parts: ApprovedParts | None = None


class Change(Message):
    """PATCH /v1/campaigns/{id}: what is absent stays."""

    pacing: Pacing | None = None
    windows: Windows | None = Field(None, description="Only stricter than the hours of the profile.")
    priority: Annotated[int, Field(ge=0, le=9), Whole] | None = Field(None, description="0 goes first.")


class AskEmergency(Message):
    """POST /v1/campaigns/{id}/emergency: an exception to the quiet hours."""

    reason: Reason
    until: Moment = Field(description="It ends by itself then, a day from now at the latest.")


class ApproveEmergency(Message):
    """POST /v1/campaigns/{id}/emergency/approve: the exception that was read."""

    n: Annotated[int, Field(ge=1, le=CONTACTS_MAX), Whole]


class Stop(Message):
    """POST /v1/campaigns/{id}/stop: what becomes of live calls."""

    live: Literal["finish", "clear"] = "finish"


class Rehearse(Message):
    """POST /v1/campaigns/{id}/rehearse: as it would start, at a pace."""

    start_at: Moment | None = Field(None, description="Now, where absent.")
    pacing: Pacing | None = Field(None, description="The campaign's, where absent.")


class Rerun(Message):
    """POST /v1/campaigns/{id}/rerun: which contacts are called again, in a campaign of their own."""

    name: Title | None = Field(None, description="The name of the old one, where absent.")
    states: Annotated[list[Unreached], Field(min_length=1, max_length=5), AfterValidator(_each_once)] | None = Field(
        None, description="fallback, expired and cancelled, where absent."
    )


class TestCall(Message):
    """POST /v1/campaigns/{id}/test-call: which number hears it, and whose words."""

    __test__ = False  # no test of pytest's

    number: Annotated[str, StringConstraints(pattern=r"^[^\u0000-\u001F\u007F-\u009F]{1,64}$")]
    contact: Annotated[str, StringConstraints(pattern=r"^c[0-9a-f]{15}-[0-9]{1,9}$")] | None = Field(
        None, description="Whose words; the first of the file where absent."
    )


class Outcome(Message):
    """POST .../contacts/{contact}/outcome: a person's word."""

    disposition: Said
    note: Note | None = None
    promise_date: Day | None = Field(
        None, description="By when payment was promised: it is not final before that day has ended."
    )
    agreed_at: Moment | None = Field(None, description="Of callbackAsked: when he is to be called, within the hours.")


class Freeze(Message):
    """POST /v1/outbound/freeze."""

    reason: Reason


class HoursAsked(Message):
    """POST /v1/calling-hours. `zone` and `number` name where the callee may be, together."""

    at: Moment | None = Field(None, description="Now, where absent.")
    kind: HoursKind
    customer_class: Annotated[CustomerClass, Field(alias="class")] = "resident"
    zone: Annotated[list[Zone], Field(max_length=ZONES_MAX)] | Zone | None = Field(
        None, description="All candidate zones; the profile's where neither is given."
    )
    number: Annotated[str, StringConstraints(pattern=r"^[^\u0000-\u001F\u007F-\u009F]{1,64}$")] | None = None
    ring_timeout_s: Annotated[int, Field(ge=1, le=RING_TIMEOUT_MAX_S), Whole] | None = None
    channel: Channel | None = None
