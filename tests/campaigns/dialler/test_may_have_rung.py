"""Whether a call counts for the person's day, where the facts of its ringing or of its answer are lost."""

from typing import Any

import pytest

from campaigns.core.after import Ended
from campaigns.core.reasons import Disposition
from campaigns.dialler.case import Case
from campaigns.dialler.outcomes import judged
from campaigns.ledger.compiled import campaign_of
from cti.dial.rows import OrderState
from tests.campaigns.dialler import made as rows
from tests.campaigns.dialler.known import ARREARS, HEARD, OPENING, SENT_MS, SILENT_MS, ask, fact, order, record, word
from tests.campaigns.shipped import rules
from tests.scheduler import START_MS

D = Disposition


def ended(
    made: Any, ended_s: float, disposition: D, *, answered_s: float | None = None, asks: tuple[OrderState, ...] = ()
) -> Ended:
    """What a call comes to whose record is this; None: of which nothing was heard but the answers to `asks`."""
    at_ms = SENT_MS + SILENT_MS + 200
    facts = [] if made is None else [fact(made, ended_s=ended_s, answered_s=answered_s)]
    found = judged(order(), asks, facts, word(at_ms), at_ms, ARREARS).outcome
    assert isinstance(found, Ended)
    assert (found.disposition, found.at_ms) == (disposition, SENT_MS + round(ended_s * 1000))
    return found


def without_beginning(**members: Any) -> Any:
    """The record of a call of which only the end was heard."""
    made = dict(record(**members))
    del made["dialled"]
    return made


@pytest.mark.parametrize(
    ("made", "ended_s", "disposition", "rang"),
    [
        (record(q850=34), 1, D.CONGESTION, False),
        (record(q850=127), 10.1, D.FAILED_OTHER, False),
        (record(q850=34), 10.101, D.CONGESTION, True),  # longer than a set-up takes
        (record(q850=1), 25, D.INVALID_NUMBER, False),  # an announcement, and nobody who could be rung
        (record(tone="invalidNumber"), 25, D.INVALID_NUMBER, False),
        (record(tone="congestion"), 3, D.CONGESTION, False),
        (record(tone="gong"), 3, D.FAILED_OTHER, True),
        (record(), 3, D.FAILED_OTHER, True),  # why it failed is lost
        (record(q850=16), 3, D.FAILED_OTHER, True),  # of a call that somebody ends
        (record(q850=31), 3, D.FAILED_OTHER, True),
        (without_beginning(q850=34), 1, D.CONGESTION, True),
        (without_beginning(q850=127), 1, D.FAILED_OTHER, True),
        (without_beginning(q850=28), 1, D.INVALID_NUMBER, False),
    ],
)
def test_a_call_counts_for_the_day_unless_it_is_known_not_to_have_rung(
    made: Any, ended_s: float, disposition: D, rang: bool
) -> None:
    assert ended(made, ended_s, disposition).rang is rang


@pytest.mark.parametrize(
    ("made", "disposition"),
    [
        (record(messages=[OPENING], q850=16), D.ANSWERED_INCOMPLETE),
        (record(keys=[(14, "1")], messages=[OPENING, HEARD], q850=16), D.REACHED),
        (record(keys=[(14, "2")], q850=16), D.WRONG_PARTY),
        (record(machine="faxOrModem", q850=16), D.FAX_OR_MODEM),
        (record(machine="human", q850=16), D.ANSWERED_INCOMPLETE),
        (record(agent_s=20, q850=16), D.ANSWERED_INCOMPLETE),
    ],
)
def test_what_was_heard_in_a_call_shows_that_it_was_answered(made: Any, disposition: D) -> None:
    """The facts of its ringing and of its answer are lost."""
    assert ended(made, 28, disposition).rang


def test_who_answered_was_rung() -> None:
    assert ended(record([(14, "2")], [OPENING]), 20, D.WRONG_PARTY, answered_s=8).rang


def test_an_answer_of_the_switch_does_not_say_that_it_did_not_ring() -> None:
    """It is asked for where facts are missing."""
    answer = ask(SENT_MS + SILENT_MS + 1, result="done", answer="ended", q850=34, ended_at_ms=SENT_MS + 1_000)
    assert ended(None, 1, D.CONGESTION, asks=(answer,)).rang
    assert not ended(None, 1, D.INVALID_NUMBER, asks=(answer._replace(q850=1),)).rang


def test_campaigns_in_other_zones_count_the_same_day() -> None:
    """Else each zone of a campaign would have three calls of its own for one person."""

    def days(zone: str) -> Any:
        of = rows.campaign(zone=zone)
        return Case(of, campaign_of(of, rules()), rows.contact(of, 1), []).days_at(START_MS)

    assert {one.day for one in days("Asia/Shanghai")} == {"2026-03-02"}
    for zone in ("Pacific/Pago_Pago", "Pacific/Kiritimati"):
        assert days(zone) == days("Asia/Shanghai"), zone
