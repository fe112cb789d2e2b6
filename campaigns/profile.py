"""An operator's hours, delays, deadlines and penalty rates: one TOML file, read strictly, compiled once.

`campaigns/profiles/hours.toml` is the shipped one and explains each value.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from campaigns.core.calling_hours import CallingHours, OwnHours, Window
from campaigns.core.deadlines import DeadlineRules
from campaigns.core.dispositions import MINUTE_MS
from campaigns.core.operator_rules import OperatorRules
from campaigns.core.penalty import NOTHING, Rate
from campaigns.core.promises import PromiseRules
from campaigns.core.workdays import WorkCalendar
from campaigns.core.zones import listed_zones
from schemas.campaigns import CustomerClass, HoursKind, Retried
from schemas.commands import RuleId
from schemas.fields import Message
from schemas.profile import Contradiction, read_toml

SHIPPED = Path(__file__).parent / "profiles" / "hours.toml"

_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]"
_RATE = re.compile(r"0(\.[0-9]{1,9})?\Z", re.ASCII)
_MONEY = re.compile(r"[0-9]{1,9}(\.[0-9]{1,2})?\Z", re.ASCII)


def clock_ms(text: str) -> int:
    """07:30 -> milliseconds after midnight."""
    return (int(text[:2]) * 60 + int(text[3:])) * MINUTE_MS


def _windows_in_order(windows: list[str]) -> list[str]:
    edges = [clock_ms(edge) for window in windows for edge in window.split("-")]
    for opens, closes in zip(edges[::2], edges[1::2], strict=True):
        if opens >= closes:
            raise PydanticCustomError("window", "A window ends after it begins, at 24:00 at the latest")
    if edges != sorted(edges):
        raise PydanticCustomError("window", "Windows stand in order of time and do not overlap")
    return windows


def _known_zone(name: str) -> str:
    if name not in listed_zones():
        raise PydanticCustomError("zone", "No time zone is called {zone}", {"zone": name})
    return name


def _decimal(form: re.Pattern[str], what: str) -> BeforeValidator:
    def read(value: object) -> Decimal:
        if isinstance(value, str) and form.match(value):
            return Decimal(value)
        raise PydanticCustomError("decimal", "Wants {what}, as text", {"what": what})

    return BeforeValidator(read)


WindowText = Annotated[str, StringConstraints(pattern=rf"^{_CLOCK}-({_CLOCK}|24:00)$")]
Windows = Annotated[list[WindowText], Field(max_length=12), AfterValidator(_windows_in_order)]
ClockTime = Annotated[str, StringConstraints(pattern=rf"^{_CLOCK}$")]
Zone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_known_zone)]
Minutes = Annotated[int, Field(ge=1, le=7 * 24 * 60)]
Delays = Annotated[dict[Retried, Minutes], Field(default_factory=dict)]
RateText = Annotated[Decimal, _decimal(_RATE, "a rate from 0 to below 1 with at most 9 decimals")]
Money = Annotated[Decimal, _decimal(_MONEY, "an amount with at most 2 decimals")]
Days = Annotated[int, Field(ge=1, le=365)]


class Rest(Message):
    """CB-1: what holds for everybody."""

    windows: Annotated[Windows, Field(min_length=1)]
    sms_in_quiet_hours: bool


class Ring(Message):
    """DIAL-1."""

    timeout_floor_s: Annotated[int, Field(ge=1, le=300)]
    timeout_max_s: Annotated[int, Field(ge=1, le=300)]
    set_up_s: Annotated[int, Field(ge=0, le=60)]


class AgreedTime(Message):
    """`prevails`: the kinds whose agreed time comes before the rest hours."""

    margin_min: Annotated[int, Field(ge=1, le=120)]
    prevails: Annotated[list[HoursKind], Field(max_length=8)]


class DeadlineDefaults(Message):
    """`time`: of a working day. An outage is announced `outage_notice_min` ahead."""

    time: ClockTime
    notice_working_days: Annotated[int, Field(ge=1, le=30)]
    fallback_working_days: Annotated[int, Field(ge=1, le=30)]
    expires_after_days: Days
    outage_notice_min: Minutes


class CallbackRules(Message):
    """CB-2: how far ahead of the last allowed moment a callback is made, how late it is still kept, and within how long
    one is made that names no time.
    """

    lead_s: Annotated[int, Field(ge=1, le=3600)] = 60
    late_s: Annotated[int, Field(ge=1, le=3600)] = 60
    soon_min: Minutes = 60


class FollowUpRules(Message):
    """FOLLOW-1: how many of each hundred reports of a fault are followed up."""

    fault_percent: Annotated[int, Field(ge=1, le=100)] = 5


class ClassHours(Message):
    """Hours of a kind for a customer class."""

    rule: RuleId
    working_days: Windows
    other_days: Windows


class KindRules(Message):
    """What a kind has of its own; a class that is absent has the rest hours alone."""

    resident: ClassHours | None = None
    organisation: ClassHours | None = None
    retry_min: Delays


class PenaltyRate(Message):
    """In force from `from` to `until`, both included; without `until` until further notice."""

    customer_class: Annotated[CustomerClass, Field(alias="class")]
    first: Annotated[date, Field(alias="from")]
    until: date | None = None
    this_year: RateText
    earlier_years: RateText
    minimum: Money = NOTHING
    source: Annotated[str, StringConstraints(min_length=1, max_length=500)]


class HoursProfile(Message):
    """The file."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    version: Annotated[int, Field(ge=1, le=1_000_000)]
    profiles: Annotated[list[str], Field(min_length=1, max_length=100)]
    zone: Zone
    rest: Rest
    ring: Ring
    agreed_time: AgreedTime
    deadlines: DeadlineDefaults
    callback: Annotated[CallbackRules, Field(default_factory=CallbackRules)]
    follow_up: Annotated[FollowUpRules, Field(default_factory=FollowUpRules)]
    kinds: dict[HoursKind, KindRules]
    retry_min: dict[Retried, Minutes]
    penalties: Annotated[list[PenaltyRate], Field(alias="penalty", max_length=200, default_factory=list)]


def read_hours(text: str, where: str) -> HoursProfile:
    """The text of a file like `hours.toml`. Raises ProfileMistakes, which name file, line and field."""
    return read_toml(text, where, HoursProfile, _contradictions)


def compile_hours(profile: HoursProfile, calendar: WorkCalendar) -> OperatorRules:
    """The rules as the core asks for them."""
    return OperatorRules(
        name=profile.name,
        version=profile.version,
        profiles=tuple(profile.profiles),
        zone=profile.zone,
        hours=_calling_hours(profile, calendar),
        deadlines=DeadlineRules(
            time_ms=clock_ms(profile.deadlines.time),
            notice_working_days=profile.deadlines.notice_working_days,
            fallback_working_days=profile.deadlines.fallback_working_days,
            expires_after_days=profile.deadlines.expires_after_days,
            outage_notice_ms=profile.deadlines.outage_notice_min * MINUTE_MS,
        ),
        retry_ms={kind: _delays(profile, rules) for kind, rules in profile.kinds.items()},
        penalties=tuple(sorted((_rate(row) for row in profile.penalties), key=lambda rate: rate.first)),
        ring_timeout_floor_ms=profile.ring.timeout_floor_s * 1000,
        ring_timeout_max_ms=profile.ring.timeout_max_s * 1000,
        follow_up_percent=profile.follow_up.fault_percent,
        promises=PromiseRules(
            lead_ms=profile.callback.lead_s * 1000,
            late_ms=profile.callback.late_s * 1000,
            soon_ms=profile.callback.soon_min * MINUTE_MS,
        ),
    )


def shipped_rules(calendar: WorkCalendar) -> OperatorRules:
    """The rules of the shipped `hours.toml`, which is read anew. Raises ProfileMistakes."""
    return compile_hours(read_hours(SHIPPED.read_text("utf-8"), SHIPPED.name), calendar)


def _calling_hours(profile: HoursProfile, calendar: WorkCalendar) -> CallingHours:
    return CallingHours(
        rest=_windows(profile.rest.windows),
        kinds={kind: _own_hours(rules) for kind, rules in profile.kinds.items()},
        agreed_time_prevails=frozenset(profile.agreed_time.prevails),
        agreed_ms=profile.agreed_time.margin_min * MINUTE_MS,
        set_up_ms=profile.ring.set_up_s * 1000,
        sms_in_quiet_hours=profile.rest.sms_in_quiet_hours,
        calendar=calendar,
    )


def _own_hours(rules: KindRules) -> Mapping[str, OwnHours | None]:
    return {"resident": _class_hours(rules.resident), "organisation": _class_hours(rules.organisation)}


def _class_hours(hours: ClassHours | None) -> OwnHours | None:
    if hours is None:
        return None
    return OwnHours(hours.rule, _windows(hours.working_days), _windows(hours.other_days))


def _windows(texts: list[str]) -> tuple[Window, ...]:
    return tuple(Window(clock_ms(text[:5]), clock_ms(text[6:])) for text in texts)


def _delays(profile: HoursProfile, rules: KindRules) -> Mapping[str, int]:
    return {name: minutes * MINUTE_MS for name, minutes in {**profile.retry_min, **rules.retry_min}.items()}


def _rate(row: PenaltyRate) -> Rate:
    return Rate(
        customer_class=row.customer_class,
        first=row.first,
        last=row.until,
        this_year=row.this_year,
        earlier_years=row.earlier_years,
        minimum=row.minimum,
        source=row.source,
    )


def _contradictions(profile: HoursProfile) -> Iterator[Contradiction]:
    if profile.ring.timeout_max_s < profile.ring.timeout_floor_s:
        yield ("ring", "timeout_max_s"), ("range", "Less than `timeout_floor_s`")
    if profile.deadlines.fallback_working_days < profile.deadlines.notice_working_days:
        yield ("deadlines", "fallback_working_days"), ("order", "The fallback is due before the notice")
    if "arrears" in profile.agreed_time.prevails:
        yield ("agreed_time", "prevails"), ("arrears", "No time is agreed on for arrears outside the rest hours")
    for name, wanted in (("kinds", HoursKind), ("retry_min", Retried)):
        for missing in _missing(getattr(profile, name), wanted):
            yield (name,), ("missing", f"Nothing is said of {missing}")
    for index, row in enumerate(profile.penalties):
        yield from _penalty_contradictions(profile.penalties[:index], index, row)


def _missing(named: Mapping[str, Any], wanted: Any) -> list[str]:
    return [name for name in wanted.__args__ if name not in named]


def _penalty_contradictions(earlier: list[PenaltyRate], index: int, row: PenaltyRate) -> Iterator[Contradiction]:
    if row.until is not None and row.until < row.first:
        yield ("penalty", index, "until"), ("order", "It ends before it begins")
    for other in earlier:
        ends_before = other.until is not None and other.until < row.first
        begins_after = row.until is not None and row.until < other.first
        if row.customer_class == other.customer_class and not ends_before and not begins_after:
            yield ("penalty", index, "from"), ("overlap", f"Another rate of {row.customer_class} holds on these days")
            return
