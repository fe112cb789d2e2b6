"""Why a line of call records is set aside: a closed list."""

from enum import StrEnum


class Rejection(StrEnum):
    """The reason word that is counted; the detail beside it names column and cell."""

    UNREADABLE = "unreadable_line"
    BAD_TIME = "bad_time"
    BAD_NUMBER = "bad_number"
    NEGATIVE = "negative_duration"
    DURATION = "duration_disagrees"
    NO_KEY = "no_key"
    KEY_TWICE = "key_twice"
    NO_OPENING = "no_opening"
    NO_CLOSING = "no_closing"
    OUT_OF_ORDER = "out_of_order"
    BAD_FIELD = "bad_field"
    CALL_DAMAGED = "call_damaged"


class Damaged(Exception):
    """A record that cannot become events: `reason` from the closed list, `detail` for a person."""

    def __init__(self, reason: Rejection, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
