"""How a campaign will go: against sums that can be done by hand."""

from dataclasses import replace
from typing import Any

from campaigns.core.campaign import Campaign
from campaigns.core.reasons import Channel, Disposition, State
from campaigns.core.rehearsal import HORIZON_MS, Call, Plan, Rehearsal, Rehearsed, Walked
from tests.campaigns.cases import HOUR, NINE, at, campaign, contact, dialled, outage

D = Disposition
REACHED = {D.REACHED: Call(1, 40_000)}
NOBODY = {D.NO_ANSWER: Call(1, 35_000)}


def rehearsed(count: int, calls: Any = REACHED, *, plan: Campaign | None = None, **settings: Any) -> Rehearsed:
    found = plan or campaign()
    given: dict[str, Any] = {"start_ms": NINE, "per_second": 1, "at_once": 1_000, "calls": calls}
    out_by_ms = settings.pop("out_by_ms", None)
    person = settings.pop("person", contact())
    walked = [Walked(replace(person, account=f"A{no}"), found, out_by_ms) for no in range(count)]
    going = Rehearsal(walked, Plan(**given | settings))
    for _ in range(100_000):
        if going.over:
            break
        going.go_on()
    assert going.over
    return going.made()


def test_everybody_answers_at_the_pace_of_the_campaign() -> None:
    made = rehearsed(600)
    assert (made.calls, made.outcomes, made.open) == (600, {State.REACHED: 600}, 0)
    assert (made.first_dial_ms, made.last_dial_ms) == (NINE, NINE + 599_000)
    assert made.finish_ms == NINE + 599_000 + 40_000
    assert made.peak_lines == 40
    assert made.by_hour == {NINE // HOUR: 600}


def test_the_lines_bound_the_pace() -> None:
    made = rehearsed(600, per_second=10, at_once=20)
    assert made.last_dial_ms is not None
    assert abs(made.last_dial_ms - NINE - 599 * 2_000) < 1_000, "20 lines of 40 s each: one call every 2 s"
    assert made.peak_lines == 20


def test_hours_are_kept_and_deadlines_are_missed_where_the_pace_is_too_slow() -> None:
    """3,600 a (quick) hour from 11:30: 3,560 before 12:30 less 40 s, the others from 14:00 on."""
    made = rehearsed(4_000, start_ms=at("03-04 11:30"), out_by_ms=at("03-04 13:00"), at_once=10_000)
    assert made.by_hour == {
        at("03-04 11:00") // HOUR: 1_800,
        at("03-04 12:00") // HOUR: 1_760,
        at("03-04 14:00") // HOUR: 440,
    }
    assert (made.out_met, made.out_missed) == (3_560, 440)
    assert made.finish_ms == at("03-04 14:00") + 439_000 + 40_000


def test_who_never_answers_is_called_three_times_and_handed_over() -> None:
    made = rehearsed(10, NOBODY)
    assert (made.calls, made.outcomes, made.handed_over) == (30, {State.FALLBACK: 10}, {None: 10})
    hours = [hour * HOUR for hour in made.by_hour]
    assert hours == [NINE, at("03-04 10:00"), at("03-04 14:00")], "the third in another part of the day"


def test_the_fallback_comes_at_its_deadline() -> None:
    made = rehearsed(100, NOBODY, plan=campaign(fallback_by_ms=NINE + 50_000))
    assert made.calls == 50
    assert made.outcomes == {State.FALLBACK: 100}
    assert made.handed_over["deadline_past"] == 100


def test_shares_are_dealt_out_evenly_and_the_same_each_time() -> None:
    mixed = {D.REACHED: Call(3, 40_000), D.INVALID_NUMBER: Call(1, 5_000)}
    first, again = rehearsed(1_000, mixed), rehearsed(1_000, mixed)
    assert first == again
    assert abs(first.outcomes[State.REACHED] - 750) <= 5
    assert first.handed_over == {"no_number": first.outcomes[State.FALLBACK]}


def test_a_sample_stands_for_all() -> None:
    whole, part = rehearsed(2_000), rehearsed(100, scale=20.0)
    assert (part.calls, part.outcomes) == (whole.calls, whole.outcomes)
    assert part.finish_ms is not None
    assert whole.finish_ms is not None
    assert abs(part.finish_ms - whole.finish_ms) <= 20_000
    assert part.peak_lines == whole.peak_lines == 40


def test_messages_take_no_line_and_those_that_arrive_end_it() -> None:
    made = rehearsed(100, plan=outage(), delivered=0.9)
    assert made.messages == 100
    assert abs(made.calls - 10) <= 1
    assert made.outcomes == {State.REACHED: 100}


def test_an_important_contact_that_never_confirms_ends_with_the_outage() -> None:
    quick = outage(expires_at_ms=NINE + 4 * HOUR, channels=(Channel.AUTO,))
    made = rehearsed(1, NOBODY, plan=quick, person=contact(important=True))
    assert made.calls > 3
    assert made.outcomes == {State.EXPIRED: 1}


def test_it_ends_however_long_a_campaign_would_take() -> None:
    endless = campaign(fallback_by_ms=None, expires_at_ms=None, kind="outage", important_until_confirmed=True)
    made = rehearsed(2, NOBODY, plan=endless, person=contact(important=True))
    assert made.open == 2
    assert made.last_dial_ms is not None
    assert made.last_dial_ms <= NINE + HORIZON_MS
    assert rehearsed(0).calls == 0


def test_what_is_under_way_comes_to_its_end() -> None:
    """Nobody waits for it until the fallback."""
    made = rehearsed(10, person=dialled(contact(), campaign()))
    assert (made.outcomes, made.calls) == ({State.REACHED: 10}, 0), "they were called before"


def test_who_is_handed_over_in_time_misses_no_deadline() -> None:
    """No such number: nothing was counted, and a letter goes."""
    made = rehearsed(10, {D.INVALID_NUMBER: Call(1, 5_000)}, out_by_ms=at("03-05 21:00"))
    assert made.handed_over == {"no_number": 10}
    assert (made.out_met, made.out_missed) == (0, 0)
