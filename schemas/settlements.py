"""Payments and the do-not-call list over HTTP: what is asked for."""

from typing import Annotated

from pydantic import Field, StringConstraints

from schemas.campaigns import Moment, Reason
from schemas.fields import Message
from schemas.notices import Account

REFERENCE_CHARS_MAX = 128
ITEMS_MAX = 60  # of one payment
ENTRY_ID = "d[0-9a-f]{15}"

Reference = Annotated[
    str, StringConstraints(min_length=1, max_length=REFERENCE_CHARS_MAX, pattern=r"^[^\u0000-\u001f\u007f-\u009f]*$")
]
Item = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\u0000-\u001f\u007f-\u009f]*$")]
Number = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\u0000-\u001f\u007f-\u009f]*$")]
EntryId = Annotated[str, StringConstraints(pattern=f"^{ENTRY_ID}$")]


class Settlement(Message):
    """A payment."""

    reference: Reference = Field(description="Its number at the cashier: each payment has its own.")
    account: Account
    items: Annotated[list[Item], Field(max_length=ITEMS_MAX)] | None = Field(
        None, description="What it settles: 2026-02 (a month), 2026-03-01 or 2026-03-01 METER (a reading). Absent: all."
    )
    settled_at: Moment


class DoNotCall(Message):
    """Somebody who is not called: a number, or all numbers of an account."""

    number: Number | None = Field(None, description="In any spelling.")
    account: Account | None = None
    reason: Reason
    since: Moment | None = Field(None, description="Now where absent.")
    until: Moment | None = Field(None, description="For good where absent.")


class CallAgain(Message):
    """DELETE /v1/do-not-call: one of the three."""

    id: EntryId | None = None
    number: Number | None = None
    account: Account | None = None
