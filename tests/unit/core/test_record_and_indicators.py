"""The record to the field, and the figures over records: an average over nothing is null, never 0."""

from cti.core.indicators import indicators
from cti.core.rules import Intervention
from cti.core.view import describe
from cti.rows import Totals
from schemas.records import CallRecord, canonical
from tests.unit.core import stories
from tests.unit.core.stories import (
    CALLER,
    WHO,
    answered_call,
    call_of,
    holds,
    ms,
    offered,
    queued,
    record,
    rings,
    takes_back,
)

SHOWN = answered_call(holds(20.0), takes_back(60.0))


def notice(n: int, state: str = "done") -> Intervention:
    cause = call_of(*SHOWN).holds[0].cause
    due = ms(20.0 + 15 * n)
    return Intervention(f"n{n}", "HOLD-2", 0, n, 0, cause, "playMessage", due, due + 6_000, state)


def test_a_record_has_exactly_the_contracts_fields() -> None:
    told = record(SHOWN, [notice(2), notice(1)])
    assert CallRecord.model_validate(told).call == WHO.call_id
    assert set(told) == set(CallRecord.model_fields) - {"dialled"}, "that one is of calls that a dial order made"
    assert list(told) == sorted(told), "canonical as it is written"
    assert canonical(told) == canonical(dict(reversed(told.items())))


def test_the_figures_of_an_answered_call() -> None:
    told = record(SHOWN, [notice(2), notice(1)])
    figures = {name: told[name] for name in ("wait_s", "answer_s", "talk_s", "hold_s", "outcome", "queue", "calling")}
    assert figures == {
        "wait_s": 4, "answer_s": 3, "talk_s": 115, "hold_s": 40, "outcome": "answered", "queue": "billing", "calling":
        CALLER,
    }  # fmt: skip
    assert [one["due_at"][-13:] for one in told["interventions"]] == ["01:00:35.000Z", "01:00:50.000Z"]
    assert told["holds"][0]["notices_played"] == 2
    assert told["profile"] == "power-95598@1"


def test_an_order_under_way_has_no_outcome_yet() -> None:
    told = record(SHOWN, [notice(1, "accepted"), notice(2, "unanswered")])
    assert [one["outcome"] for one in told["interventions"]] == [None, "unanswered"]


def test_a_live_call_is_shown_without_an_end() -> None:
    call = call_of(offered(), queued(), rings(2.0))
    told = describe(WHO, call, (), stories.book(), 0, ms(5.0))
    assert (told["state"], told["ended_at"], told["outcome"]) == ("live", None, None)
    ring = next(rule for rule in told["rules"] if rule["rule"] == "RING-1")
    assert (ring["armed"], ring["kept"], ring["breached"]) == (True, None, 0)


def test_an_ended_call_says_what_was_kept_and_what_broken() -> None:
    told = describe(WHO, call_of(*SHOWN), (notice(1),), stories.book(), 1, ms(500.0))
    by_rule = {rule["rule"]: rule for rule in told["rules"]}
    assert (by_rule["RING-1"]["kept"], by_rule["HOLD-2"]["kept"], by_rule["HOLD-2"]["breached"]) == (True, False, 1)
    assert by_rule["HOLD-1"]["kept"] is None, "it is not measured"
    assert not any(rule["armed"] for rule in told["rules"])


NOTHING = Totals("", *[0] * (len(Totals._fields) - 1))


def test_nothing_has_no_averages() -> None:
    told = indicators(NOTHING)
    averages = ("service_level", "abandonment", "asa_s", "att_s", "transfer_rate")
    assert [told[name] for name in averages] == [None] * 5
    assert told["answered_in_time"] == 0


def test_the_service_level_leaves_out_who_gave_up_within_5_s() -> None:
    sums = NOTHING._replace(
        calls=110, answered=80, abandoned=30, abandoned_short=10, answered_in_service=68, answered_in_time=70,
        answer_known=80, wait_answered_ms=400_000, talk_ms=8_000_000, transfers=2,
        answered_inbound=80, abandoned_inbound=30,
    )  # fmt: skip
    told = indicators(sums)
    assert (told["service_level"], told["abandonment"]) == (0.68, 0.2727)
    assert (told["asa_s"], told["att_s"], told["transfer_rate"]) == (5.0, 100.0, 0.025)


def test_where_no_switch_reports_ringing_the_time_to_answer_is_unknown() -> None:
    assert indicators(NOTHING._replace(calls=5, answered=5))["answered_in_time"] is None
