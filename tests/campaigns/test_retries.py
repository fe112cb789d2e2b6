"""When the next attempt is due: delays, windows, parts of the day, agreed times."""

from dataclasses import replace

import pytest

from campaigns.core.after import Ended, NeverDialled, NewRound, Word, after
from campaigns.core.calling_hours import Asked, OwnHours, Window
from campaigns.core.campaign import Campaign, delays
from campaigns.core.choice import next_call
from campaigns.core.contact import Contact, Phone
from campaigns.core.decide import asked_of
from campaigns.core.dispositions import TABLE
from campaigns.core.reasons import Channel, Disposition, Why
from campaigns.core.retries import agreed_at_ms, due, goes_first
from tests.campaigns.cases import (
    DAY,
    FIRST,
    HOUR,
    MINUTE,
    NINE,
    SECOND,
    at,
    campaign,
    contact,
    dialled,
    never_dialled,
    outage,
    tried,
)
from tests.campaigns.shipped import SHANGHAI, URUMQI, hours, rules

D = Disposition
PLAN = campaign()
RINGS_OUT_MS = PLAN.ring_timeout_ms + PLAN.hours.set_up_ms


def asked(found: Contact, plan: Campaign) -> Asked:
    choice = next_call(found, plan)
    assert choice is not None
    return asked_of(found, plan, choice)


def due_ms(found: Contact, plan: Campaign = PLAN) -> int | None:
    answer = due(found, plan, asked(found, plan), NINE)
    return None if answer is None else answer.at_ms


@pytest.mark.parametrize(
    ("disposition", "minutes"),
    [
        (D.ANSWERED_INCOMPLETE, 15),
        (D.NO_ANSWER, 60),
        (D.BUSY, 30),
        (D.POWERED_OFF, 120),
        (D.MACHINE, 120),
        (D.CONGESTION, 5),
        (D.FAILED_OTHER, 15),
        (D.NO_AGENT, 15),
    ],
)
def test_a_delay_runs_from_the_end_of_the_attempt(disposition: Disposition, minutes: int) -> None:
    found = tried(contact(), PLAN, disposition)
    assert due(found, PLAN, asked(found, PLAN), NINE) == (NINE + 1000 + minutes * MINUTE, Why.RETRY_WAIT)


def test_a_call_that_was_cut_off_is_made_again_at_once_where_the_kind_asks_for_it_alone() -> None:
    found = tried(contact(), PLAN, D.ANSWERED_INCOMPLETE, cut=True)
    assert due_ms(found) == NINE + 1000 + 15 * MINUTE
    assert due_ms(found, campaign(redials_cut=True)) == NINE + 1000


@pytest.mark.parametrize("disposition", [D.INVALID_NUMBER, D.FAX_OR_MODEM, D.WRONG_PARTY, D.SUSPENDED])
def test_the_next_number_is_due_at_once(disposition: Disposition) -> None:
    assert due_ms(tried(contact(FIRST, SECOND), PLAN, disposition)) is None


def test_a_first_attempt_one_that_rang_nowhere_and_a_new_round_wait_for_nothing() -> None:
    assert due_ms(contact()) is None
    assert due_ms(never_dialled(contact(), PLAN)) is None
    assert due_ms(after(tried(contact(), PLAN, D.BUSY), NewRound(), PLAN)) is None


def test_the_delay_holds_for_the_contact_whatever_came_between() -> None:
    found = never_dialled(tried(contact(FIRST, SECOND), PLAN, D.NO_ANSWER), PLAN, NINE + 2 * MINUTE)
    assert due_ms(found) == NINE + 1000 + HOUR
    plan = outage()
    found = tried(
        tried(contact(important=True), plan, D.BUSY), plan, D.FAILED_OTHER, NINE + MINUTE, channel=Channel.SMS
    )
    assert due_ms(found, plan) == NINE + 1000 + 30 * MINUTE


def test_the_latest_attempt_decides() -> None:
    found = tried(tried(contact(), PLAN, D.NO_ANSWER), PLAN, D.CONGESTION, NINE + 2 * HOUR)
    assert due_ms(found) == NINE + 2 * HOUR + 1000 + 5 * MINUTE


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        ("03-04 09:00:01", "03-04 14:00"),
        ("03-04 12:29:59.999", "03-04 14:00"),
        ("03-04 12:45", "03-04 14:00"),
        ("03-04 15:00", "03-05 08:00"),
        ("03-04 20:59:30", "03-05 08:00"),
    ],
)
def test_rejected_waits_for_the_next_window(ended: str, expected: str) -> None:
    assert due_ms(tried(contact(), PLAN, D.REJECTED, at(ended) - 1000)) == at(expected)


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        ("03-04 09:00:01", "03-04 14:00"),
        ("03-04 14:00", "03-04 18:00"),
        ("03-04 17:59:59.999", "03-04 18:00"),
        ("03-04 18:00", "03-05 08:00"),
    ],
)
def test_not_convenient_waits_for_the_next_part_of_the_day(ended: str, expected: str) -> None:
    assert due_ms(tried(contact(), PLAN, D.NOT_CONVENIENT, at(ended) - 1000)) == at(expected)


class TestTheThird:
    """In another part of the day than the first two."""

    @pytest.mark.parametrize(
        ("first", "second", "expected"),
        [
            ("03-04 09:00", "03-04 10:00:30", "03-04 14:00"),
            ("03-04 11:00", "03-04 12:20", "03-04 14:00"),
            ("03-04 11:00", "03-04 15:00", "03-04 18:00"),
            ("03-04 19:00", "03-04 20:30", "03-05 08:00"),
            ("03-04 19:00", "03-05 08:30", "03-05 14:00"),
            ("03-04 15:00", "03-04 19:30", "03-05 08:00"),
            ("03-04 15:00", "03-04 16:30", "03-04 18:00"),
            ("03-04 16:00", "03-04 17:30", "03-04 18:30:01"),
        ],
    )
    def test_it_moves(self, first: str, second: str, expected: str) -> None:
        found = tried(tried(contact(), PLAN, D.NO_ANSWER, at(first)), PLAN, D.NO_ANSWER, at(second))
        assert due_ms(found) == at(expected)

    def test_it_is_looked_for_through_three_openings(self) -> None:
        """Working days have no evening, other days no afternoon; attempts were made in both other parts."""
        weekdays = (Window(9 * HOUR, 12 * HOUR), Window(14 * HOUR, 18 * HOUR))
        for weekend, expected in (
            ((Window(18 * HOUR, 21 * HOUR),), "03-07 18:00"),
            ((Window(9 * HOUR, 12 * HOUR), Window(18 * HOUR, 21 * HOUR)), "03-06 10:00:01"),
        ):
            own = {"arrears": {"resident": OwnHours("X-1", weekdays, weekend)}}
            plan = campaign(hours=replace(hours(), kinds=own), delays_ms={D.BUSY: DAY})
            found = tried(tried(contact(), plan, D.BUSY, at("03-03 15:00")), plan, D.BUSY, at("03-05 10:00"))
            assert due_ms(found, plan) == at(expected)

    def test_the_parts_are_those_of_the_first_candidate_zone(self) -> None:
        found = contact(phones=(Phone(FIRST, (URUMQI, SHANGHAI)),))
        assert due_ms(tried(found, PLAN, D.NOT_CONVENIENT, at("03-04 15:00"))) == at("03-04 16:00")
        for time in ("03-04 12:15", "03-04 15:00"):  # both in the morning of Urumqi
            found = tried(found, PLAN, D.BUSY, at(time))
        assert due_ms(found) == at("03-04 16:00")

    def test_the_second_does_not(self) -> None:
        assert due_ms(tried(contact(), PLAN, D.BUSY, at("03-04 10:00"))) == at("03-04 10:30:01")

    def test_only_counted_attempts_have_a_part(self) -> None:
        found = tried(tried(contact(), PLAN, D.NO_ANSWER, at("03-04 09:00")), PLAN, D.CONGESTION, at("03-04 14:10"))
        found = tried(found, PLAN, D.BUSY, at("03-04 15:00"))
        assert due_ms(found) == at("03-04 18:00")

    @pytest.mark.parametrize("deadline", ["fallback_by_ms", "expires_at_ms"])
    def test_it_stays_where_no_deadline_allows_another_part(self, deadline: str) -> None:
        """A call there would not ring out before the contact is handed over, or, of an outage, given up."""
        late: dict[str, int] = {deadline: at("03-04 14:00") + RINGS_OUT_MS - 1}
        plan = outage(channels=(Channel.AUTO,), **late) if deadline == "expires_at_ms" else campaign(**late)
        found = tried(tried(contact(), plan, D.BUSY, at("03-04 09:00")), plan, D.BUSY, at("03-04 10:00"))
        assert due_ms(found, plan) == at("03-04 10:30:01")
        in_time = replace(plan, **{deadline: at("03-04 14:00") + RINGS_OUT_MS})
        assert due_ms(found, in_time) == at("03-04 14:00")

    def test_whoever_has_promised_to_pay_is_handed_over_later(self) -> None:
        plan = campaign(fallback_by_ms=at("03-04 14:00"))
        found = tried(tried(contact(), plan, D.BUSY, at("03-04 09:00")), plan, D.BUSY, at("03-04 10:00"))
        assert due_ms(replace(found, promise_date="2026-03-05"), plan) == at("03-04 14:00")

    def test_it_stays_where_the_campaigns_windows_allow_no_other_part(self) -> None:
        plan = campaign(windows=(Window(9 * HOUR, 12 * HOUR),))
        found = tried(tried(contact(), plan, D.BUSY, at("03-04 09:00")), plan, D.BUSY, at("03-04 10:00"))
        assert due_ms(found, plan) == at("03-04 10:30:01")

    def test_a_failed_line_after_the_second_keeps_its_delay_in_the_new_part(self) -> None:
        found = tried(tried(contact(), PLAN, D.BUSY, at("03-04 09:00")), PLAN, D.BUSY, at("03-04 10:00"))
        found = tried(found, PLAN, D.CONGESTION, at("03-04 14:00"))
        assert due_ms(found) == at("03-04 14:05:01")

    def test_what_goes_on_at_once_or_before_others_is_not_moved(self) -> None:
        twice = tried(tried(contact(FIRST, SECOND), PLAN, D.BUSY, NINE), PLAN, D.BUSY, at("03-04 09:31"))
        assert due_ms(tried(twice, PLAN, D.WRONG_PARTY, at("03-04 10:02"))) is None
        assert due_ms(tried(twice, PLAN, D.NO_AGENT, at("03-04 10:02"))) == at("03-04 10:17:01")

    def test_an_important_contact_is_not_moved(self) -> None:
        plan = outage(channels=(Channel.AUTO,))
        found = contact(important=True)
        for time in ("03-04 09:00", "03-04 09:31"):
            found = tried(found, plan, D.BUSY, at(time))
        assert due_ms(found, plan) == at("03-04 10:01:01")


def test_an_important_contact_who_did_not_confirm_is_called_like_one_who_hung_up() -> None:
    plan = outage(channels=(Channel.AUTO,))
    assert due_ms(tried(contact(important=True), plan, D.REACHED), plan) == NINE + 1000 + 15 * MINUTE


class TestAgreed:
    def found(self, agreed: str | None) -> Contact:
        under_way = dialled(contact(), PLAN)
        agreed_ms = None if agreed is None else at(agreed)
        return after(under_way, Ended(1, NINE + 1000, D.CALLBACK_ASKED, agreed_at_ms=agreed_ms), PLAN)

    def test_it_is_due_at_the_agreed_time(self) -> None:
        found = self.found("03-04 15:20")
        assert due(found, PLAN, asked(found, PLAN), NINE) == (at("03-04 15:20"), Why.AGREED_TIME)
        assert agreed_at_ms(found) == at("03-04 15:20")

    def test_an_agreed_time_in_closed_hours_is_left_to_the_hours(self) -> None:
        assert due_ms(self.found("03-04 12:35")) is None

    def test_without_a_time_it_is_the_next_part_of_the_day(self) -> None:
        assert due_ms(self.found(None)) == at("03-04 14:00")

    def test_it_stands_for_one_attempt(self) -> None:
        found = tried(self.found("03-04 15:20"), PLAN, D.NO_ANSWER, at("03-04 15:20"))
        assert agreed_at_ms(found) is None
        assert due_ms(found) == at("03-04 16:20:01")
        assert agreed_at_ms(tried(contact(), PLAN, D.NO_ANSWER, agreed_at_ms=NINE)) is None

    def test_a_person_may_agree_on_one(self) -> None:
        found = contact()
        for _ in range(3):
            found = tried(found, PLAN, D.FAILED_OTHER)
        found = after(found, Word(NINE, D.CALLBACK_ASKED, agreed_at_ms=at("03-05 10:00")), PLAN)
        assert due_ms(found) == at("03-05 10:00")


def test_who_asked_for_an_agent_goes_first() -> None:
    assert goes_first(tried(contact(), PLAN, D.NO_AGENT))
    assert not goes_first(tried(tried(contact(), PLAN, D.NO_AGENT), PLAN, D.BUSY))
    assert not goes_first(contact())


def test_after_three_orders_in_a_row_that_rang_nowhere_the_next_waits() -> None:
    found = contact()
    waits = []
    for _ in range(9):
        found = never_dialled(found, PLAN)
        due_at = due_ms(found)
        waits.append(None if due_at is None else (due_at - NINE - 1000) // 1000)
    assert waits == [None, None, 10, 20, 40, 80, 160, 300, 300]
    assert due_ms(tried(found, PLAN, D.BUSY)) == NINE + 1000 + 30 * MINUTE
    late = never_dialled(found, PLAN, NINE + HOUR)
    assert due_ms(late) == NINE + HOUR + 1000 + 300_000


def test_an_order_that_rang_nowhere_leaves_a_longer_wait_as_it_was() -> None:
    found = tried(contact(), PLAN, D.NO_ANSWER)
    for _ in range(3):
        found = never_dialled(found, PLAN, NINE + 2 * MINUTE)
    assert due_ms(found) == NINE + 1000 + HOUR
    found = tried(contact(), PLAN, D.CONGESTION)
    for _ in range(3):
        found = never_dialled(found, PLAN, NINE + HOUR)
    assert due_ms(found) == NINE + HOUR + 11_000
    closed = campaign(windows=(Window(2 * HOUR, 3 * HOUR),))
    found = tried(contact(), closed, D.REJECTED)
    for _ in range(3):
        found = never_dialled(found, closed)
    assert due(found, closed, asked(found, closed), NINE) == (None, Why.RETRY_WAIT)


def test_messages_that_never_left_wait_too() -> None:
    plan = outage()
    found = contact()
    for expected in (None, None, NINE + 11_000):
        under_way = dialled(found, plan, channel=Channel.SMS)
        found = after(under_way, NeverDialled(under_way.attempts[-1].n, NINE + 1000), plan)
        assert due_ms(found, plan) == expected


def test_where_no_opening_is_known_nothing_is_due() -> None:
    plan = campaign(windows=(Window(2 * HOUR, 3 * HOUR),))
    found = tried(contact(), plan, D.REJECTED)
    assert due(found, plan, asked(found, plan), NINE) == (None, Why.RETRY_WAIT)


class TestDelays:
    def test_a_campaign_makes_a_wait_longer_never_shorter(self) -> None:
        own = delays({"busy": 30 * MINUTE, "noAnswer": 60 * MINUTE}, {"busy": 45 * MINUTE, "noAnswer": 10 * MINUTE})
        assert own[D.BUSY] == 45 * MINUTE
        assert own[D.NO_ANSWER] == 60 * MINUTE

    def test_what_the_profile_leaves_out_is_the_tables(self) -> None:
        assert delays({})[D.MACHINE] == 120 * MINUTE
        assert delays({})[D.REJECTED] == 0

    def test_a_campaign_without_a_delay_waits_for_nothing(self) -> None:
        plan = campaign(delays_ms={})
        assert due_ms(tried(contact(), plan, D.BUSY), plan) == NINE + 1000

    def test_what_goes_on_at_once_or_not_at_all_has_none(self) -> None:
        assert D.WRONG_PARTY not in delays({}, {"wrongParty": HOUR})
        assert D.REACHED not in delays({}, {"reached": HOUR})
        assert D.UNKNOWN not in delays({}, {"unknown": HOUR})

    def test_a_window_and_a_delay_hold_together(self) -> None:
        plan = campaign(delays_ms=delays({}, {"rejected": DAY}))
        assert due_ms(tried(contact(), plan, D.REJECTED), plan) == NINE + 1000 + DAY

    @pytest.mark.parametrize("kind", ["billing", "arrears", "outage"])
    def test_the_shipped_profile_has_the_delays_of_the_table(self, kind: str) -> None:
        assert delays(rules().retry_ms[kind]) == delays({})
        assert set(rules().retry_ms[kind]) == {d.value for d, row in TABLE.items() if row.then == "retry"}


def test_a_call_without_an_end_asks_for_no_wait() -> None:
    """Nobody knows what it came to: it is held, and that is another reason to wait."""
    plan = campaign()
    over = tried(contact(), plan, Disposition.NO_ANSWER)
    without = replace(over, attempts=(replace(over.attempts[-1], ended_ms=None),))
    choice = next_call(without, plan)
    assert choice is not None
    assert due(without, plan, asked_of(without, plan, choice), NINE) is None


@pytest.mark.parametrize(
    ("second", "now", "due_at"),
    [
        ("03-04 10:30", "03-05 08:00", "03-05 14:00"),  # the third call of the day was not allowed
        ("03-04 18:30", "03-05 18:30", "03-06 14:00"),
        ("03-04 10:30", "03-05 18:30", None),  # the evening will do
    ],
)
def test_a_third_attempt_that_was_kept_back_goes_into_another_part_too(
    second: str, now: str, due_at: str | None
) -> None:
    found = tried(tried(contact(), PLAN, D.NO_ANSWER), PLAN, D.NO_ANSWER, at(second))
    answer = due(found, PLAN, asked(found, PLAN), at(now))
    assert answer is not None
    assert answer.at_ms == at(now if due_at is None else due_at)
