"""What is judged, by which tests, and the mutants that no test can tell from the original.

An entry of `EQUIVALENT` is found by its source, so that lines may move. One that fits no mutant, or more than one, is
stale; one whose mutant is caught is wrong. Both fail the run.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

FOLDER = "campaigns/core"
TESTS = "tests/campaigns"
JUDGES: Mapping[str, Sequence[str]] = {
    "calling_hours": (
        "test_calling_hours",
        "test_day_parts",
        "test_zones",
        "test_emergency_hours",
        "test_promises",
        "test_never_together",
        "test_kept_answers",
    ),
    "daily_pattern": ("test_never_together", "test_calling_hours", "test_zones"),
    "dispositions": ("test_dispositions", "test_after", "test_retries", "dialler/test_agent_first"),
    "hour_layers": ("test_calling_hours", "test_day_parts", "test_zones", "test_emergency_hours"),
    "retries": ("test_retries", "test_day_parts", "test_promises"),
    "deadlines": ("test_workdays",),
    "workdays": ("test_workdays",),
    "penalty": ("test_penalty", "test_owed_today"),
    "pacing": ("test_pacing",),
    "promises": ("test_promises",),
    "zones": ("test_zones", "test_day_parts", "test_calling_hours"),
    "campaign": ("test_campaign_states", "test_retries", "test_decide"),
    "contact": (
        "test_after",
        "test_decide",
        "test_decide_deadlines",
        "test_retries",
        "test_begun",
        "test_promises",
        "test_promised_to_pay",
        "test_important",
        "outages/test_revisions",
    ),
    "after": ("test_after", "test_decide", "test_promised_to_pay", "test_unknown", "test_retries"),
    "choice": ("test_decide", "test_after", "test_retries", "test_promised_to_pay", "test_important", "test_choice"),
    "waiting": ("test_decide", "test_decide_deadlines", "test_promised_to_pay", "dialler/test_case"),
    "decide": ("test_decide", "test_decide_deadlines", "test_promised_to_pay", "test_important", "test_begun"),
}
"""Fast tests that need no luck: those on chosen examples are left out."""


class Equivalent(NamedTuple):
    """`line`: the source line of the change; `part`: what is changed of it; `what`: how."""

    module: str
    line: str
    part: str
    what: str
    reason: str


SIZE_OF_A_CACHE = "how much is kept changes no answer"
HOW_MUCH_AT_ONCE = "how much is looked up at once changes no answer"
NEVER_TWICE_IN_A_DAY = "since 1970 no zone has changed its offset twice within three days; half a day is caution"
KEPT_FOR_LESS = "an answer that is not kept is found anew, and is the same"
FAR_MORE_DIGITS = "amounts, rates and days together have at most 35 digits"

EMPTY_PART = "a part without length is none"
NO_SUCH_CHAIN = "no chain of reasons to wait is that long"
BELOW_THE_CAP = "another day begins below the cap"
SPANS = "SPANS_MAX = 256  # of open hours that are looked at; a week has 14 in one zone"
BEFORE_THE_FIRST = "attempts are numbered from 1"

EQUIVALENT: tuple[Equivalent, ...] = (
    Equivalent(
        "daily_pattern",
        "if _holds(before, start_ms - 1) and _holds(parts, start_ms):",
        "1",
        "1 becomes 2",
        "no window is a millisecond long",
    ),
    Equivalent(
        "daily_pattern",
        "if end > DAY_MS:",
        "end > DAY_MS",
        "> becomes >=",
        EMPTY_PART,
    ),
    Equivalent(
        "daily_pattern",
        "parts.append((0, end - DAY_MS))",
        "0",
        "0 becomes -1",
        "what is before the day is cut off",
    ),
    Equivalent(
        "daily_pattern",
        "return _joined(sorted(part for part in both if part[0] < part[1]))",
        "part[0] < part[1]",
        "< becomes <=",
        EMPTY_PART,
    ),
    Equivalent(
        "daily_pattern",
        "return max(lengths, default=0)",
        "0",
        "0 becomes -1",
        "no margin is negative",
    ),
    Equivalent(
        "promises",
        "SPANS_MAX = 256  # of open hours that are looked at; a week has 14 in one zone",
        "256",
        "256 becomes 255",
        HOW_MUCH_AT_ONCE,
    ),
    Equivalent(
        "promises",
        "SPANS_MAX = 256  # of open hours that are looked at; a week has 14 in one zone",
        "256",
        "256 becomes 257",
        HOW_MUCH_AT_ONCE,
    ),
    Equivalent(
        "promises",
        "if following_ms is None or following_ms >= due_ms:",
        "following_ms >= due_ms",
        ">= becomes >",
        "what begins when the call is due lies not before it: the last moment before stays",
    ),
    Equivalent("calling_hours", "ANSWERS_KEPT = 10_000", "10_000", "10000 becomes 9999", SIZE_OF_A_CACHE),
    Equivalent("calling_hours", "ANSWERS_KEPT = 10_000", "10_000", "10000 becomes 10001", SIZE_OF_A_CACHE),
    Equivalent(
        "calling_hours",
        "if kept is not None and kept.from_ms <= now_ms < kept.to_ms:",
        "kept.from_ms <= now_ms",
        "<= becomes <",
        KEPT_FOR_LESS,
    ),
    Equivalent(
        "calling_hours",
        "return answer.until_ms if is_ordinary and answer.until_ms is not None else now_ms + 1",
        "now_ms + 1",
        "+ becomes -",
        KEPT_FOR_LESS,
    ),
    Equivalent(
        "calling_hours",
        "return answer.until_ms if is_ordinary and answer.until_ms is not None else now_ms + 1",
        "1",
        "1 becomes 0",
        KEPT_FOR_LESS,
    ),
    Equivalent(
        "calling_hours",
        "is_excepted = asked.agreed_at_ms is not None or answer.rule != NO_RULE",
        "asked.agreed_at_ms is not None",
        "is not becomes is",
        KEPT_FOR_LESS,
    ),
    Equivalent(
        "calling_hours",
        "if is_excepted or answer.ring_until_ms >= now_ms + LOOKAHEAD_MS:",
        "now_ms + LOOKAHEAD_MS",
        "+ becomes -",
        KEPT_FOR_LESS,
    ),
    Equivalent(
        "calling_hours",
        "return now_ms + 1",
        "now_ms + 1",
        "+ becomes -",
        KEPT_FOR_LESS,
    ),
    Equivalent(
        "calling_hours",
        "return now_ms + 1",
        "1",
        "1 becomes 0",
        KEPT_FOR_LESS,
    ),
    Equivalent(
        "calling_hours",
        "return min(answer.dial_before_ms, LATEST_MS + 1)",
        "LATEST_MS + 1",
        "+ becomes -",
        KEPT_FOR_LESS,
    ),
    Equivalent(
        "calling_hours",
        "return min(answer.dial_before_ms, LATEST_MS + 1)",
        "1",
        "1 becomes 0",
        KEPT_FOR_LESS,
    ),
    Equivalent(
        "calling_hours",
        "if len(hours.kept) >= ANSWERS_KEPT:",
        "len(hours.kept) >= ANSWERS_KEPT",
        ">= becomes >",
        SIZE_OF_A_CACHE,
    ),
    Equivalent(
        "hour_layers",
        "if start - end > DAY_MS:  # the others need not go through all the days before",
        "start - end > DAY_MS",
        "> becomes >=",
        HOW_MUCH_AT_ONCE,
    ),
    Equivalent("contact", "outdated_upto: int = 0", "0", "0 becomes -1", BEFORE_THE_FIRST),
    Equivalent(
        "hour_layers", "if start < end:", "start < end", "< becomes <=", "an empty stretch opens nothing, like none"
    ),
    Equivalent(
        "calling_hours",
        "return isinstance(_judged_with(0, hours, asked, now_ms), Open)",
        "0",
        "0 becomes -1",
        "no stretch of time is empty, so none opens for a margin below nothing",
    ),
    Equivalent(
        "calling_hours",
        "if zone_named(zone) is None or not EARLIEST_MS <= after_ms <= LATEST_MS:",
        "after_ms <= LATEST_MS",
        "<= becomes <",
        "after the last instant nothing opens: the answer is None either way",
    ),
    Equivalent(
        "hour_layers",
        "next(stream, None) if head.end_ms == end else head for head, stream in zip(known, streams, strict=True)",
        "True",
        "True becomes False",
        "the lists are of one length",
    ),
    Equivalent(
        "retries",
        "DOUBLINGS_MAX = 5",
        "5",
        "5 becomes 6",
        "five doublings are past the longest wait already; the bound keeps the number small",
    ),
    Equivalent(
        "retries",
        "return campaign.delays_ms.get(disposition, 0)",
        "0",
        "0 becomes -1",
        "nothing is due before the attempt has ended",
    ),
    Equivalent("penalty", "DIGITS = 60", "60", "60 becomes 59", FAR_MORE_DIGITS),
    Equivalent("penalty", "DIGITS = 60", "60", "60 becomes 61", FAR_MORE_DIGITS),
    Equivalent("zones", "STRETCH_MS = 128 * DAY_MS", "128", "128 becomes 127", HOW_MUCH_AT_ONCE),
    Equivalent("zones", "STRETCH_MS = 128 * DAY_MS", "128", "128 becomes 129", HOW_MUCH_AT_ONCE),
    Equivalent("zones", "SAMPLE_MS = DAY_MS // 2", "DAY_MS // 2", "// becomes *", NEVER_TWICE_IN_A_DAY),
    Equivalent("zones", "SAMPLE_MS = DAY_MS // 2", "2", "2 becomes 1", NEVER_TWICE_IN_A_DAY),
    Equivalent("zones", "SAMPLE_MS = DAY_MS // 2", "2", "2 becomes 3", NEVER_TWICE_IN_A_DAY),
    Equivalent("zones", "ZONES_KEPT = 1_024", "1_024", "1024 becomes 1023", SIZE_OF_A_CACHE),
    Equivalent("zones", "ZONES_KEPT = 1_024", "1_024", "1024 becomes 1025", SIZE_OF_A_CACHE),
    Equivalent("zones", "STRETCHES_KEPT = 8_192", "8_192", "8192 becomes 8191", SIZE_OF_A_CACHE),
    Equivalent("zones", "STRETCHES_KEPT = 8_192", "8_192", "8192 becomes 8193", SIZE_OF_A_CACHE),
    Equivalent(
        "zones",
        "while right - left > 1000:",
        "1000",
        "1000 becomes 1001",
        "the distance is a whole number of seconds",
    ),
    Equivalent(
        "waiting", "STEPS_MAX = 64  # from one reason to wait to the next", "64", "64 becomes 63", NO_SUCH_CHAIN
    ),
    Equivalent(
        "waiting", "STEPS_MAX = 64  # from one reason to wait to the next", "64", "64 becomes 65", NO_SUCH_CHAIN
    ),
    Equivalent(
        "waiting",
        "if deadline_ms is not None and at_ms >= deadline_ms:",
        "at_ms >= deadline_ms",
        ">= becomes >",
        "at the deadline the reason to wait is the deadline itself: a step later the answer is the same",
    ),
    Equivalent(
        "waiting",
        "if later is None or later.at_ms is None or later.at_ms <= at_ms:",
        "later.at_ms <= at_ms",
        "<= becomes <",
        "the same instant again, up to the bound of steps, changes nothing",
    ),
    Equivalent(
        "waiting",
        "return asking.world._replace(calls_today=asking.world.calls_today if same_day else 0)",
        "0",
        "0 becomes -1",
        BELOW_THE_CAP,
    ),
    Equivalent(
        "waiting",
        "return asking.world._replace(calls_today=asking.world.calls_today if same_day else 0)",
        "0",
        "0 becomes 1",
        BELOW_THE_CAP,
    ),
    Equivalent("contact", "decided_upto: int = 0", "0", "0 becomes -1", BEFORE_THE_FIRST),
    Equivalent(
        "campaign",
        "disposition: max(profile_ms.get(disposition, row.minutes * MINUTE_MS), own.get(disposition, 0))",
        "0",
        "0 becomes -1",
        "no delay of the table or a profile is negative",
    ),
)
