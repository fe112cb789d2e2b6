"""Who has heard what is right no more, and what follows: as tables."""

import json
from datetime import date
from typing import Any

import pytest

from campaigns.api.rerun import rows_on
from campaigns.core.contact import Attempt, Contact, Step
from campaigns.core.penalty import NoFormula
from campaigns.core.reasons import Channel, Disposition, State
from campaigns.core.revisions import Heard, Renewal, heard, renewal
from campaigns.outages.items import Change, Outage, changed, of_round
from campaigns.owed_today import owed_on
from tests.campaigns.dialler.rows import OUTAGE, campaign_row, contact_row
from tests.campaigns.shipped import rules

D = Disposition
CALLED = {
    **dict.fromkeys((D.NO_ANSWER, D.BUSY, D.REJECTED, D.POWERED_OFF, D.SUSPENDED, D.INVALID_NUMBER), Heard.NO),
    **dict.fromkeys((D.CONGESTION, D.FAILED_OTHER, D.FAX_OR_MODEM), Heard.NO),
    **dict.fromkeys((D.REACHED, D.PROMISED_TO_PAY, D.ALREADY_PAID, D.DISPUTED, D.ANSWERED_INCOMPLETE), Heard.MAYBE),
    **dict.fromkeys((D.MACHINE, D.NO_AGENT, D.NOT_CONVENIENT, D.WRONG_PARTY, D.CALLBACK_ASKED), Heard.MAYBE),
    **dict.fromkeys((D.OPTED_OUT, D.UNKNOWN), Heard.MAYBE),
}  # fmt: skip


def attempt(n: int = 1, step: Step = Step.OVER, disposition: D | None = None, **more: Any) -> Attempt:
    given = {"round": 1, "channel": Channel.AUTO, "number": "+8613800000001", "at_ms": n, **more}
    return Attempt(n, step=step, disposition=disposition, **given)


def contact(*attempts: Attempt, upto: int = 9, **more: Any) -> Contact:
    return Contact("A1", "resident", (), attempts=attempts, outdated_upto=upto, **more)


@pytest.mark.parametrize("disposition", list(Disposition))
def test_what_each_outcome_of_a_call_means(disposition: Disposition) -> None:
    assert heard(attempt(disposition=disposition)) is CALLED[disposition]


def test_what_has_not_ended() -> None:
    assert heard(attempt(step=Step.OPEN)) is Heard.UNDECIDED
    assert heard(attempt(step=Step.HELD, disposition=D.UNKNOWN)) is Heard.UNDECIDED
    assert heard(attempt(step=Step.HELD, disposition=D.UNKNOWN, counted=True)) is Heard.MAYBE
    assert heard(attempt(step=Step.NOT_DIALLED)) is Heard.NO
    assert heard(attempt(step=Step.OPEN, channel=Channel.SMS)) is Heard.MAYBE, "a message cannot be called back"
    assert heard(attempt(disposition=D.FAILED_OTHER, channel=Channel.SMS)) is Heard.NO


HEARD, UNHEARD, OPEN = attempt(disposition=D.REACHED), attempt(disposition=D.NO_ANSWER), attempt(2, Step.OPEN)


@pytest.mark.parametrize(
    ("of", "wanted", "when_cancelled"),
    [
        (contact(), Renewal.NOTHING, Renewal.CANCELLED),
        (contact(UNHEARD), Renewal.NOTHING, Renewal.CANCELLED),
        (contact(UNHEARD, state=State.PERSON), Renewal.NOTHING, Renewal.CANCELLED),
        (contact(UNHEARD, state=State.FALLBACK), Renewal.NOTHING, Renewal.NOTHING),
        (contact(HEARD), Renewal.NEW_ROUND, Renewal.NEW_ROUND),
        (contact(HEARD, state=State.REACHED), Renewal.NEW_ROUND, Renewal.NEW_ROUND),
        (contact(HEARD, state=State.EXPIRED), Renewal.NEW_ROUND, Renewal.NEW_ROUND),
        (contact(HEARD, OPEN), Renewal.WAITS, Renewal.WAITS),
        (contact(UNHEARD, OPEN), Renewal.WAITS, Renewal.WAITS),
        (contact(HEARD, upto=0), Renewal.NOTHING, Renewal.NOTHING),
        (contact(HEARD, attempt(2, disposition=D.REACHED), upto=1), Renewal.NOTHING, Renewal.NOTHING),
        (contact(HEARD, attempt(2, disposition=D.NO_ANSWER), upto=1), Renewal.NEW_ROUND, Renewal.NEW_ROUND),
        (contact(HEARD, round=2), Renewal.NOTHING, Renewal.NOTHING),
    ],
)
def test_what_follows(of: Contact, wanted: Renewal, when_cancelled: Renewal) -> None:
    assert renewal(of) is wanted
    assert renewal(of, cancelled=True) is when_cancelled


def test_a_letter_that_has_left_was_read() -> None:
    assert renewal(contact(UNHEARD, state=State.FALLBACK), lettered=True) is Renewal.NEW_ROUND


# -- items -------------------------------------------------------------------------------------------------------------

MEANT = Outage("东湖区A1", 1_773_273_600_000)
LATER = "2026-03-12T20:00:00+08:00"
OTHER = {**OUTAGE, "area": "西湖区"}


def test_the_outage_gets_another_time_and_others_are_left() -> None:
    after = changed([OUTAGE, OTHER], Change(MEANT, LATER))
    assert after == [{**OUTAGE, "restores_at": LATER}, OTHER]
    assert changed(after, Change(MEANT, LATER)) is None, "it is so already"
    same = json.loads(json.dumps(OUTAGE)) | {"starts_at": "2026-03-12T08:00:00+08:00"}
    assert changed([same], Change(MEANT, "2026-03-12T16:00:00+08:00")) is None, "the same instant, in another zone"


def test_what_is_cancelled_stays_so_and_is_told_to_those_who_were_told() -> None:
    after = changed([OUTAGE, OTHER], Change(MEANT, None))
    assert after == [{**OUTAGE, "cancelled": "yes"}, OTHER]
    assert changed(after, Change(MEANT, None)) is None
    assert changed(after, Change(MEANT, LATER)) is None
    assert of_round(after, 1) == [OTHER]
    assert of_round(after, 2) == after


def test_of_nothing_nobody_is_called() -> None:
    row = contact_row(campaign_row(kind="outage"), 1)
    gone = row._replace(items=json.dumps([{**OUTAGE, "cancelled": "yes"}]))
    assert isinstance(owed_on("outage", gone, date(2026, 3, 4)), NoFormula)
    assert list(rows_on("outage", gone, date(2026, 3, 4), rules())) == [], (
        "nor in a draft of those who were not reached"
    )
    assert [one["area"] for one in rows_on("outage", row, date(2026, 3, 4), rules())] == [OUTAGE["area"]]
    for one in (row, gone._replace(round=2)):
        assert len(owed_on("outage", one, date(2026, 3, 4))) == 1


def test_nothing_that_was_said_is_outdated_before_the_first_change() -> None:
    """As the core makes a contact: whoever answered is told nothing again."""
    answered = Attempt(1, 1, Channel.AUTO, "+8613800000001", 0, Step.OVER, 1, Disposition.ANSWERED_INCOMPLETE)
    fresh = Contact("A1", "resident", (), attempts=(answered,))
    assert renewal(fresh) is Renewal.NOTHING
