"""The right values of the replay's trials, by file: members of the figures, and of the records in order of the key."""

from typing import Any

RIGHT: dict[str, dict[str, Any]] = {
    "r1-offset-ignored": {
        "figures": {"calls": 2, "accepted": 2, "rejected": 0},
        "records": [
            {"subject": "A", "opened_at": "2024-03-01T01:00:00.000Z", "ended_at": "2024-03-01T01:02:20.000Z"},
            {"subject": "B", "opened_at": "2024-03-01T01:00:00.000Z", "ended_at": "2024-03-01T01:02:20.000Z"},
        ],
    },
    "r2-epoch": {
        "figures": {"calls": 1, "accepted": 1},
        "records": [{"opened_at": "2024-03-01T01:00:00.000Z", "ended_at": "2024-03-01T01:02:20.000Z"}],
    },
    "r3-empty-duration": {
        "figures": {"calls": 2, "answered": 1, "abandoned": 1, "rejected": 0, "mean_wait_answered_s": None},
        "records": [
            {"outcome": "answered", "talk_s": 60, "ended_at": "2024-03-01T01:01:20.000Z"},
            {"outcome": "abandoned", "ended_at": "2024-03-01T01:01:00.000Z"},
        ],
    },
    "r4-hms-duration": {
        "figures": {"calls": 1, "answered": 1, "mean_service_s": 60, "mean_wait_answered_s": None},
        "records": [{"outcome": "answered", "talk_s": 60, "answered_at": "2024-03-01T01:00:20.000Z"}],
    },
    "r5-no-answer-time": {
        "figures": {"calls": 1, "answered": 1, "mean_service_s": 60, "mean_wait_answered_s": 20},
        "records": [{"outcome": "answered", "wait_s": 20, "talk_s": 60}],
    },
    # One line of calls stands below the header.
    "r6-header-twice-gb18030": {
        "figures": {"lines_in": 1, "calls": 1, "answered": 1, "rejected": 0, "encoding": "gb18030"},
        "records": [{"outcome": "answered", "direction": "inbound", "called": "95598", "answer_s": 20, "talk_s": 60}],
    },
    "r7-latin1": {"figures": {"calls": 1, "encoding": "latin-1"}, "records": [{"trunk": "Löwe"}]},
    "r8-no-header": {
        "figures": {"calls": 1, "answered": 1, "mean_service_s": 60},
        "records": [{"outcome": "answered", "calling": "101", "called": "95598", "talk_s": 60}],
    },
    "r9-queue-log": {
        "figures": {"calls": 1, "answered": 1, "lines_in": 4, "accepted": 4, "mean_wait_answered_s": 30},
        "records": [{"outcome": "answered", "queue": "q1", "wait_s": 30, "talk_s": 60}],
    },
}
