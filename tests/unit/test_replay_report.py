"""Figures and tables from records."""

from zoneinfo import ZoneInfo

from cti.replay.report import COLUMNS, Record, Summary, half_hour_of


def record(**fields: object) -> Record:
    plain: Record = {
        "outcome": "answered",
        "talk_s": 100,
        "wait_s": 0,
        "queue": None,
        "called": "PS",
        "opened_at": "1999-01-04T05:10:00.000Z",
    }
    return plain | fields


def summary(*records: Record) -> Summary:
    found = Summary(
        {"service_type": lambda one: str(one["called"]), "half_hour": half_hour_of(ZoneInfo("Asia/Jerusalem"))}
    )
    for one in records:
        found.add(one)
    return found


def test_means_are_over_answered_calls_alone() -> None:
    found = summary(
        record(talk_s=10.001, wait_s=3, queue="PS"),
        record(talk_s=20),
        record(outcome="abandoned", talk_s=0, wait_s=50, queue="PS"),
        record(outcome="abandoned", talk_s=0),
    )
    assert found.total.figures() == {
        "calls": 4,
        "answered": 2,
        "abandoned": 2,
        "abandoned_from_queue": 1,
        "mean_service_s": 15.0005,
        "mean_wait_answered_s": 1.5,
    }


def test_no_answered_call_has_no_mean() -> None:
    assert summary(record(outcome="abandoned", talk_s=0)).total.figures()["mean_service_s"] is None
    assert summary().total.figures()["calls"] == 0


def test_waits_that_no_line_says_have_no_mean() -> None:
    found = Summary({"half_hour": half_hour_of(ZoneInfo("UTC"))}, wait_known=False)
    found.add(record())
    (line,) = found.table("half_hour")
    assert (line["mean_service_s"], line["mean_wait_answered_s"]) == (100, None)
    assert found.total.figures(found.wait_known)["mean_wait_answered_s"] is None


def test_a_wait_of_no_seconds_is_a_wait() -> None:
    assert summary(record(outcome="abandoned", queue="PS")).total.abandoned_from_queue == 1


def test_groups_are_local_half_hours_and_service_types_in_order() -> None:
    found = summary(
        record(opened_at="1999-01-04T05:30:00.000Z", called="TT"),
        record(opened_at="1999-01-04T05:29:59.999Z"),
        record(opened_at="1999-01-03T22:00:00.000Z"),
    )
    assert [line["half_hour"] for line in found.table("half_hour")] == [
        "1999-01-04T00:00",
        "1999-01-04T07:00",
        "1999-01-04T07:30",
    ]
    assert [(line["service_type"], line["calls"]) for line in found.table("service_type")] == [("PS", 2), ("TT", 1)]


def test_a_table_has_its_columns_in_order() -> None:
    assert tuple(summary(record()).table("half_hour")[0]) == ("half_hour", *COLUMNS)
