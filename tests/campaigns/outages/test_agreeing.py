"""Files of a campaign whose outages were changed."""

import json

from campaigns.imports.accounts import Rejection
from campaigns.imports.staging import Parts
from campaigns.ledger.rows import RevisionRow
from campaigns.outages.agreeing import Agreed
from tests.campaigns.dialler.rows import OUTAGE

AT_MS, STARTS_MS = 5_000, 1_773_273_600_000
LATER = "2026-03-12T20:00:00+08:00"
CHANGED = RevisionRow("c0", 1, "t", "东湖区A1", STARTS_MS, LATER, AT_MS, "me", "done")
OTHER = {**OUTAGE, "area": "西湖区"}


def parts(**item: str) -> Parts:
    return Parts("", "", "no", "", "", "[]", json.dumps({**OUTAGE, **item}), "{}")


def test_a_file_that_was_here_before_is_told_as_changed() -> None:
    agreed = Agreed([CHANGED], AT_MS)
    rows, rejected = agreed.of([(1, parts()), (2, parts(area="西湖区"))])
    assert [json.loads(one.item) for _, one in rows] == [{**OUTAGE, "restores_at": LATER}, OTHER]
    assert (rejected, agreed.last_no) == ([], 1)


def test_a_file_that_came_after_must_say_what_holds() -> None:
    agreed = Agreed([CHANGED], AT_MS + 1)
    rows, rejected = agreed.of([(1, parts()), (2, parts(restores_at="2026-03-12T12:00:00Z")), (3, parts(area="B"))])
    assert [number for number, _ in rows] == [2, 3], "the same instant in another zone is the same"
    (one,) = rejected
    assert one[:3] == (1, "restores_at", "CONFLICT")
    assert LATER in one.what


def test_what_is_cancelled_brings_nobody_any_more() -> None:
    last = CHANGED._replace(no=2, restores_at=None)
    for received_ms in (AT_MS, AT_MS + 1):
        agreed = Agreed([CHANGED, last], received_ms)
        rows, rejected = agreed.of([(1, parts())])
        assert not rows
        assert rejected == [Rejection(1, "starts_at", "CONFLICT", "this outage was cancelled")]
