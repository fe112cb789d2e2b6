"""A campaign as asked for -> its row, with the defaults of its kind and of the operator's hours. Pure."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from campaigns.core.calling_hours import Window
from campaigns.core.campaign import THIRD
from campaigns.core.deadlines import BY_WORKING_DAYS, Deadlines, default_deadlines
from campaigns.core.dispositions import MINUTE_MS, NO_AGENT_MAX_MINUTES
from campaigns.core.operator_rules import OperatorRules
from campaigns.core.reasons import Channel, Disposition, FallbackKind
from campaigns.core.zones import DAY_MS, instant, local_day, local_time, zone_named
from campaigns.kinds import Defaults, known_kinds
from campaigns.ledger.rows import CampaignRow
from campaigns.profile import clock_ms
from cti.web.refusal import fault
from schemas.campaigns import NewCampaign, Pacing
from schemas.fields import ms_of

DRAFT = "draft"
FIRST_VERSION = 1
NO_AGENT = Disposition.NO_AGENT.value
Fault = dict[str, str]


class Origin(NamedTuple):
    """Who makes it, when, under which id."""

    id: str
    tenant: str
    who: str
    now_ms: int


def faults_of(asked: NewCampaign, rules: OperatorRules) -> list[Fault]:
    """What the operator's rules do not allow; none: `row_of` makes it."""
    return [
        *_kind(asked),
        *_zone(asked),
        *window_faults(asked.windows or (), rules, asked.kind),
        *_ringing(asked, rules),
        *_retries(asked, rules),
        *_order(asked),
    ]


def row_of(asked: NewCampaign, rules: OperatorRules, made: Origin) -> CampaignRow:
    """The settings as they hold. Only where `faults_of` finds nothing but, at most, the order of deadlines."""
    defaults = known_kinds()[asked.kind].defaults
    zone = asked.zone or rules.zone
    received_at_ms = made.now_ms if asked.received_at is None else ms_of(asked.received_at)
    deadlines = deadlines_of(asked, rules, zone, received_at_ms)
    return CampaignRow(
        id=made.id,
        tenant=made.tenant,
        name=asked.name,
        kind=asked.kind,
        switch=asked.switch,
        trunk_group=asked.trunk_group,
        caller_id=asked.caller_id,
        queue=asked.queue,
        language=asked.language or "zh",
        windows=json.dumps([[*window] for window in windows_of(asked.windows or ())]),
        closed_dates=json.dumps(sorted({day.isoformat() for day in asked.closed_dates or ()})),
        zone=zone,
        **_pace(asked.pacing or Pacing(), defaults),
        ring_timeout_s=_ring_timeout_s(asked, rules, defaults),
        attempts_max=_given(asked.attempts_max, min(defaults.attempts_max, THIRD)),
        retry=json.dumps(asked.retry or {}, sort_keys=True),
        channels=json.dumps(asked.channels or [channel.value for channel in defaults.channels]),
        fallback=asked.fallback or defaults.fallback.value,
        priority=_given(asked.priority, defaults.priority),
        received_at_ms=received_at_ms,
        notice_out_by_ms=deadlines.notice_out_by_ms,
        fallback_by_ms=deadlines.fallback_by_ms,
        expires_at_ms=deadlines.expires_at_ms,
        deadlines_given=int(any(at is not None for at in (asked.notice_out_by, asked.fallback_by, asked.expires_at))),
        provisional=int(deadlines.provisional),
        state=DRAFT,
        paused_why=None,
        live=None,
        version=FIRST_VERSION,
        made_at_ms=made.now_ms,
        started_at_ms=None,
        resumed_at_ms=None,
        ended_at_ms=None,
        made_by=made.who,
        profile=f"{rules.name}@{rules.version}",
    )


def deadlines_of(asked: NewCampaign, rules: OperatorRules, zone: str, received_at_ms: int) -> Deadlines:
    """Those asked for, else those of the kind. `expires_at` follows the fallback, whoever set that."""
    own = default_deadlines(rules.deadlines, rules.hours.calendar, asked.kind, received_at_ms, zone)
    fallback_by_ms = _ms(asked.fallback_by, own.fallback_by_ms)
    expires_at_ms = own.expires_at_ms
    if asked.fallback_by is not None and expires_at_ms is not None and fallback_by_ms is not None:
        expires_at_ms = _days_after(fallback_by_ms, rules.deadlines.expires_after_days, zone)
    own_counts = asked.notice_out_by is None or asked.fallback_by is None
    return Deadlines(
        _ms(asked.notice_out_by, own.notice_out_by_ms),
        fallback_by_ms,
        _ms(asked.expires_at, expires_at_ms),
        own.provisional and own_counts,
    )


def order_fault(row: CampaignRow) -> Fault | None:
    """A campaign by working days may not end before its fallback was made."""
    if row.kind not in BY_WORKING_DAYS or row.fallback_by_ms is None or row.expires_at_ms is None:
        return None
    if row.expires_at_ms >= row.fallback_by_ms:
        return None
    return fault("/expires_at", "order", "It is before `fallback_by`: the fallback would never be made")


def windows_of(texts: Sequence[str]) -> list[Window]:
    """["09:00-11:30", ..] -> milliseconds after midnight."""
    return [Window(clock_ms(text[:5]), clock_ms(text[6:])) for text in texts]


def window_text(window: Sequence[int]) -> str:
    """The way back."""
    return "-".join(f"{ms // 3_600_000:02d}:{ms // MINUTE_MS % 60:02d}" for ms in window)


def open_hours(rules: OperatorRules, kind: str) -> list[Window]:
    """All that the profile leaves open to this kind, whatever the customer's class and the day."""
    classes = rules.hours.kinds[kind].values()
    if any(own is None for own in classes):
        return list(rules.hours.rest)
    own = sorted(
        window for hours in classes if hours is not None for window in (*hours.working_days, *hours.other_days)
    )
    cut = [
        Window(max(rest.opens_ms, window.opens_ms), min(rest.closes_ms, window.closes_ms))
        for rest in rules.hours.rest
        for window in dict.fromkeys(own)
    ]
    return _joined([window for window in cut if window.opens_ms < window.closes_ms])


def _joined(windows: list[Window]) -> list[Window]:
    joined: list[Window] = []
    for window in sorted(windows):
        if joined and window.opens_ms <= joined[-1].closes_ms:
            joined[-1] = Window(joined[-1].opens_ms, max(joined[-1].closes_ms, window.closes_ms))
        else:
            joined.append(window)
    return joined


def _kind(asked: NewCampaign) -> Iterator[Fault]:
    kind = known_kinds()[asked.kind]
    if kind.stands:
        yield fault("/kind", "kind", "The product makes its campaigns itself: ask for each call with /v1/callbacks")
    if kind.by_person and any(channel != Channel.AGENT.value for channel in asked.channels or ()):
        yield fault("/channels", "kind", f"Campaigns of the kind {asked.kind} are called by a person: agent")
    if not kind.has_letters and asked.fallback not in {None, FallbackKind.PERSON.value}:
        yield fault("/fallback", "kind", f"There are no letters of the kind {asked.kind}: its fallback is a person")


def _zone(asked: NewCampaign) -> Iterator[Fault]:
    if asked.zone is not None and zone_named(asked.zone) is None:
        yield fault("/zone", "zone", f"No time zone is called {asked.zone}")


def window_faults(texts: Sequence[str], rules: OperatorRules, kind: str) -> Iterator[Fault]:
    """Windows that are not within the profile's."""
    allowed = open_hours(rules, kind)
    windows = ", ".join(window_text(window) for window in allowed)
    for index, window in enumerate(windows_of(texts)):
        if not any(hours.opens_ms <= window.opens_ms and window.closes_ms <= hours.closes_ms for hours in allowed):
            yield fault(f"/windows/{index}", "stricter", f"Windows may only be stricter than the profile's: {windows}")


def _ringing(asked: NewCampaign, rules: OperatorRules) -> Iterator[Fault]:
    floor_s, most_s = rules.ring_timeout_floor_ms // 1000, rules.ring_timeout_max_ms // 1000
    if asked.ring_timeout_s is not None and not floor_s <= asked.ring_timeout_s <= most_s:
        yield fault("/ring_timeout_s", "range", f"From {floor_s}, the profile's floor (DIAL-1), to {most_s}")


def _retries(asked: NewCampaign, rules: OperatorRules) -> Iterator[Fault]:
    profile_ms = rules.retry_ms.get(asked.kind, {})
    for disposition, minutes in (asked.retry or {}).items():
        least = profile_ms.get(disposition, 0) // MINUTE_MS
        if minutes < least:
            yield fault(f"/retry/{disposition}", "stricter", f"Not sooner than the profile's {least} minutes")
        if disposition == NO_AGENT and minutes > NO_AGENT_MAX_MINUTES:
            what = f"Who asked for an agent is called again within {NO_AGENT_MAX_MINUTES} minutes"
            yield fault(f"/retry/{disposition}", "stricter", what)


def _order(asked: NewCampaign) -> Iterator[Fault]:
    notice, fallback = asked.notice_out_by, asked.fallback_by
    if notice is not None and fallback is not None and notice > fallback:
        yield fault("/notice_out_by", "order", "It is after `fallback_by`")


def _pace(pacing: Pacing, defaults: Defaults) -> dict[str, int]:
    return {
        "calls_per_second": _given(pacing.calls_per_second, defaults.calls_per_second),
        "calls_at_once": _given(pacing.calls_at_once, defaults.calls_at_once),
    }


def _ring_timeout_s(asked: NewCampaign, rules: OperatorRules, defaults: Defaults) -> int:
    return _given(asked.ring_timeout_s, max(defaults.ring_timeout_s, rules.ring_timeout_floor_ms // 1000))


def _days_after(at_ms: int, days: int, zone: str) -> int:
    """The same time of day, so many days later."""
    at = local_time(at_ms, zone)
    since_midnight = timedelta(hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=at.microsecond)
    day = local_day(at_ms, zone) + timedelta(days=days)
    return instant(day, since_midnight // timedelta(milliseconds=1) % DAY_MS, zone)


def _given(value: int | None, default: int) -> int:
    return default if value is None else value


def _ms(at: datetime | None, default: int | None) -> int | None:
    return default if at is None else ms_of(at)
