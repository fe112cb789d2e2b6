"""The judge of what a manager did while campaigns ran finds what it looks for."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.campaigns.open_now import COUNTRIES
from tests.faults.cluster import deed_plan
from tests.faults.cluster.campaign_judge import Dial, Fact, Heard, Told
from tests.faults.cluster.deed_campaigns import (
    ARREARS,
    CANCELLED_WORD,
    DRAINED,
    FILES,
    KINDS,
    NEW_WORD,
    OLD_WORD,
    OUTAGES,
    PAID_WORDS,
    SMALL,
    drawn,
    files,
    scripts,
    times,
)
from tests.faults.cluster.deed_desk import DONE
from tests.faults.cluster.deed_judge import (
    CALLED_OFF,
    DO_NOT_CALL,
    MUST_BE_0,
    MUST_NOT_BE_0,
    SETTLED,
    WITHDRAWN,
    Barred,
    Changed,
    Closed,
    Deeds,
    Drained,
    Paid,
    Promised,
    Revised,
    deed_figures,
    failures,
    left_to_tell,
)

AT_MS = int(datetime(2026, 3, 4, 2, tzinfo=UTC).timestamp() * 1000)
DONE_MS = AT_MS + 60_000  # when each deed was acknowledged
LATER_MS = DONE_MS + 60_000
SENT_MS = 20  # before an order is received
VALID_MS = 2_000
SPARED = "+85261000001"


def dial(id_: str, at_ms: int, to: str = "", words: str = "", valid_ms: int = VALID_MS) -> Dial:
    return Dial(at_ms, id_, "north", to or id_.split(".", maxsplit=1)[0], at_ms + valid_ms, words)


def of_numbers(*numbers: str) -> frozenset[str]:
    return frozenset(numbers)


@dataclass(frozen=True)
class History:
    """Each deed at DONE_MS; whoever it concerns was called before it, and whoever it does not concern after it."""

    dials: Sequence[Dial] = (
        dial("a-paid.1", DONE_MS - 9_000),
        dial("a-other.1", DONE_MS + 9_000),
        dial("a-part.1", DONE_MS + 20_000, words="For February 2026"),
        dial("a-barred.1", DONE_MS - 9_000),
        dial("f-first.1", DONE_MS - 9_000),
        dial("f-second.1", LATER_MS + 9_000),
        dial("o-moved.1", AT_MS, words=f"18{OLD_WORD} 4 March"),
        dial("o-moved.2", DONE_MS + 9_000, words=f"20{NEW_WORD} 4 March"),
        dial("o-cancelled.1", AT_MS, words=f"18{OLD_WORD} 4 March"),
        dial("o-cancelled.2", DONE_MS + 9_000, words=f"The outage {CANCELLED_WORD}"),
        dial("d-begun.1", AT_MS),
        dial("d-begun.2", LATER_MS),
        dial("k-kept.1", DONE_MS + 10_000),
        dial("k-missed.1", LATER_MS + 70_000),
    )  # fmt: skip
    late: Mapping[str, int] = field(default_factory=dict)  # order -> when it was claimed, where not just before
    unanswered: Sequence[str] = ()
    disposition: Mapping[str, str] = field(default_factory=dict)
    promises: Mapping[str, str | None] = field(default_factory=lambda: {"kept": "kept", "missed": "missed"})
    states: Mapping[str, tuple[str, str]] = field(
        default_factory=lambda: {"A-1": ("a-new", "suppressed"), "A-2": ("a-paid", "reached")}
    )
    asked: Mapping[str, int] = field(default_factory=lambda: {deed_plan.SETTLE: 2})

    def receiving(self, one: Dial, claimed_ms: int | None = None) -> "History":
        """It, and one more order that came in."""
        late = {} if claimed_ms is None else {one.id: claimed_ms}
        return replace(self, dials=[*self.dials, one], late={**self.late, **late})

    def without(self, *ids: str) -> "History":
        return replace(self, dials=[one for one in self.dials if one.id not in ids])

    @property
    def heard(self) -> Heard:
        facts = [
            Fact(one.id, f"call.{kind}", one.at_ms + after_ms)
            for one in self.dials
            for kind, after_ms in (("delivered", 1_000), ("established", 8_000))
            if one.id not in self.unanswered
        ]
        return Heard(self.dials, set(), facts)

    def judged(self) -> dict[str, Any]:
        attempts = [
            {
                "command": one.id, "contact": one.id.split(".")[0], "decision": "dialled",
                "sent_at": _moment(self.late.get(one.id, one.at_ms - SENT_MS)),
                "disposition": self.disposition.get(one.id, "reached"),
            }
            for one in self.dials
        ]  # fmt: skip
        return deed_figures(self.heard, [Told("all", 0, {}, attempts, [])], self._deeds())

    def _deeds(self) -> Deeds:
        return Deeds(
            asked=Counter(self.asked),
            acknowledged=Counter({deed_plan.SETTLE: 2}),
            barred=[
                Barred(SETTLED, of_numbers("a-paid", SPARED), "a", DONE_MS),
                Barred(DO_NOT_CALL, of_numbers("a-barred"), None, DONE_MS),
                Barred(WITHDRAWN, of_numbers("f-first"), "f", DONE_MS, is_final=True),
                Barred(CALLED_OFF, of_numbers("k-off"), "k", DONE_MS),
            ],
            closed=[Closed("A-1", "suppressed"), Closed("A-2", "paid")],
            states=dict(self.states),
            paid=[Paid("a", of_numbers("a-part"), PAID_WORDS, DONE_MS)],
            revised=[
                Revised("o", of_numbers("o-moved"), OLD_WORD, NEW_WORD, DONE_MS, LATER_MS, cancels=False),
                Revised(
                    "o", of_numbers("o-cancelled", "o-new"), OLD_WORD, CANCELLED_WORD, DONE_MS, LATER_MS, cancels=True
                ),
            ],
            drained=[Drained("d", DONE_MS)],
            changed=[Changed("a", DONE_MS, LATER_MS, 1), Changed("f", DONE_MS, LATER_MS, None)],
            promised=[
                Promised("k", "k-kept", DONE_MS + 9_000, LATER_MS, self.promises["kept"]),
                Promised("k", "k-missed", DONE_MS + 9_000, LATER_MS, self.promises["missed"]),
            ],
        )


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")


def test_a_good_history_is_found_good() -> None:
    figures = History().judged()
    assert failures(figures) == [], figures
    assert (figures["told_again"], figures["spared"], figures["callbacks_called"]) == (2, 2, 2)
    assert figures["closed_uncalled"] == 1
    assert figures["deeds"] == {deed_plan.SETTLE: {"asked": 2, "acknowledged": 2}}


PLANTED: Mapping[str, Callable[[History], History]] = {
    "called_after_settlement": lambda it: it.receiving(dial("a-paid.2", DONE_MS + 21)),
    "called_after_do_not_call": lambda it: it.receiving(dial("b-any.1", DONE_MS + 21, "a-barred")),
    "called_after_withdrawal": lambda it: it.receiving(dial("f-first.2", DONE_MS + 1), DONE_MS - 1),
    "called_after_cancellation": lambda it: it.receiving(dial("k-off.1", DONE_MS + 21)),
    "closed_otherwise": lambda it: replace(it, states={"A-1": ("a-new", "fallback"), "A-2": ("a-paid", "paid")}),
    "called_after_drain": lambda it: it.receiving(dial("d-new.1", DONE_MS + 21)),
    "called_outside_windows": lambda it: it.receiving(dial("f-second.2", DONE_MS + 21)),
    "above_changed_pace": lambda it: it.receiving(dial("a-other.2", DONE_MS + 9_900)),
    "told_of_what_is_paid": lambda it: it.receiving(dial("a-part.2", LATER_MS, words=f"For {PAID_WORDS}")),
    "told_old_words": lambda it: it.receiving(dial("o-moved.3", DONE_MS + 21, words=f"18{OLD_WORD} 4 March")),
    "told_needlessly": lambda it: it.receiving(dial("o-new.1", LATER_MS, words=CANCELLED_WORD)),
    "not_told_again": lambda it: it.without("o-moved.2"),
    "callbacks_early": lambda it: it.receiving(dial("k-kept.2", DONE_MS + 8_999)),
    "callbacks_undecided": lambda it: replace(it, promises={"kept": None, "missed": "missed"}),
    "callbacks_kept_uncalled": lambda it: replace(it, promises={"kept": "kept", "missed": "kept"}),
    "callbacks_missed_though_called": lambda it: replace(it, promises={"kept": "missed", "missed": "missed"}),
    "deeds_unacknowledged": lambda it: replace(it, asked={deed_plan.SETTLE: 3}),
}


@pytest.mark.parametrize("name", MUST_BE_0)
def test_each_fault_is_found(name: str) -> None:
    assert name in failures(PLANTED[name](History()).judged())


@pytest.mark.parametrize("name", MUST_NOT_BE_0)
def test_a_trial_that_shows_nothing_fails(name: str) -> None:
    assert failures(History().judged() | {name: 0}) == [name]


@pytest.mark.parametrize(
    "one",
    [
        dial("a-paid.2", DONE_MS + 500), dial("a-barred.2", DONE_MS + 500),
        dial("o-moved.0", DONE_MS + 500, "o-moved", f"18{OLD_WORD} 4 March"),
        dial("d-new.1", DONE_MS + 500), dial("f-second.2", DONE_MS + 500),
    ],
)  # fmt: skip
def test_what_was_claimed_before_the_answer_may_come_in(one: Dial) -> None:
    assert failures(History().receiving(one, DONE_MS - 1).judged()) == []
    assert failures(History().receiving(one, DONE_MS + 1).judged()) != []


@pytest.mark.parametrize("state", ["waiting", "in_progress", "unknown", "person", "cancelled"])
def test_who_has_paid_is_not_left_open(state: str) -> None:
    states = {"A-1": ("a-new", "suppressed"), "A-2": ("a-paid", state)}
    assert failures(replace(History(), states=states).judged()) == ["closed_otherwise"]


def test_a_contact_that_is_not_there_was_not_closed() -> None:
    assert History().judged()["closed_otherwise"] == 0
    assert replace(History(), states={"A-2": ("a-paid", "paid")}).judged()["closed_otherwise"] == 1


def test_an_old_word_that_comes_in_after_it_was_over_is_found_whenever_it_was_claimed() -> None:
    late = dial("o-moved.0", LATER_MS + 1, "o-moved", f"18{OLD_WORD} 4 March")
    assert "told_old_words" in failures(History().receiving(late, DONE_MS - 1).judged())


def test_an_order_that_nobody_claimed_is_no_order_of_before() -> None:
    it = History().receiving(dial("a-paid.2", DONE_MS + 1))
    figures = deed_figures(it.heard, [], Deeds(barred=[Barred(SETTLED, of_numbers("a-paid"), "a", DONE_MS)]))
    assert figures["called_after_settlement"] == 1


def test_what_came_after_its_expiry_rang_nobody() -> None:
    late = [dial("f-first.2", DONE_MS + 9, valid_ms=-1), dial("a-paid.2", DONE_MS + 30, valid_ms=-1)]
    it = History()
    assert failures(replace(it, dials=[*it.dials, *late]).judged()) == []


def test_another_campaign_may_call_who_has_paid() -> None:
    assert failures(History().receiving(dial("b-any.1", LATER_MS, "a-paid")).judged()) == []


def test_who_was_told_anew_and_then_heard_the_old_word_is_not_told_again() -> None:
    it = History().receiving(dial("o-moved.3", DONE_MS + 9_500, words=f"18{OLD_WORD} 4 March"), DONE_MS - 1)
    assert it.judged()["not_told_again"] == 1
    assert left_to_tell(it.heard, it._deeds().revised) == 1


def test_who_did_not_answer_has_heard_nothing() -> None:
    it = replace(History().without("o-moved.2"), unanswered=["o-moved.1"])
    assert failures(it.judged()) == []


def test_who_may_have_heard_of_an_outage_is_told_that_it_is_cancelled() -> None:
    it = History().receiving(dial("o-new.2", LATER_MS, words=CANCELLED_WORD))
    assert failures(it.judged()) == ["told_needlessly"]
    attempts = [{"command": "o-new.1", "contact": "o-new", "disposition": "unknown"}]
    cancelled = it._deeds().revised[1:]
    figures = deed_figures(it.heard, [Told("o", 0, {}, [*attempts, _made("o-new.2")], [])], Deeds(revised=cancelled))
    assert figures["told_needlessly"] == 0


def _made(command: str) -> dict[str, Any]:
    return {"command": command, "contact": command.split(".", maxsplit=1)[0], "disposition": "reached"}


def test_orders_of_before_another_pace_leave_as_they_are() -> None:
    soon = [dial(f"a-other.{n}", DONE_MS + 1_000 + n) for n in (3, 4)]
    it = History()
    assert failures(replace(it, dials=[*it.dials, *soon]).judged()) == []


# -- what is planned ---------------------------------------------------------------------------------------------------


def test_what_is_planned_is_settled_by_the_seed() -> None:
    first = deed_plan.planned(deed_plan.OFTEN, 120.0, 5)
    assert first == deed_plan.planned(deed_plan.OFTEN, 120.0, 5) != deed_plan.planned(deed_plan.OFTEN, 120.0, 6)
    assert Counter(deed.kind for deed in first) == deed_plan.OFTEN
    assert first == sorted(first)
    assert all(0 < deed.at_s < 120 for deed in first)


def test_a_manager_can_do_all_that_may_be_planned() -> None:
    assert DONE.keys() == deed_plan.SPANS.keys() == deed_plan.OFTEN.keys() == deed_plan.SELDOM.keys()


def test_no_number_and_no_account_is_in_two_campaigns() -> None:
    customers = drawn(SMALL, COUNTRIES[0], 1_000)
    everybody = [one for each in customers.of.values() for one in each]
    numbers = [number for one in everybody for number in one.numbers] + list(customers.callers)
    assert len(set(numbers)) == len(numbers) == len(scripts(customers, ["busy"], 1))
    assert len({one.account for one in everybody}) == len(everybody)
    assert len(numbers) <= SMALL.numbers


def test_the_files_of_a_manager_have_a_line_for_each_item() -> None:
    customers = drawn(SMALL, COUNTRIES[0], 0)
    of = times(datetime(2026, 3, 4, 2, tzinfo=UTC), COUNTRIES[0].zone)
    lines = {name: [file.count(b"\r\n") - 1 for file in files(name, customers, of)] for name in KINDS}
    assert lines == {ARREARS: [80], OUTAGES: [40], FILES: [40, 40], DRAINED: [40]}
    assert of.restores_at[13:16] in f"{OLD_WORD} "
    assert of.later[13:16] in f"{NEW_WORD} "
