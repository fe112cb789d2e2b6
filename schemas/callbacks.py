"""Callbacks over HTTP: what is asked for."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.campaigns import CustomerClass, Moment, Note, Queue, SwitchId, TrunkGroup, Zone
from schemas.fields import Message
from schemas.settlements import Number, Reference

CALLBACK_ID = "k[0-9a-f]{15}"
REASON_CHARS_MAX = 200

Short = Annotated[
    str, StringConstraints(min_length=1, max_length=REASON_CHARS_MAX, pattern=r"^[^\u0000-\u001F\u007F-\u009F]*$")
]
By = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\u0000-\u001F\u007F-\u009F]*$")]
CallbackChannel = Literal["agent", "auto"]


class NewCallback(Message):
    """POST /v1/callbacks."""

    number: Number
    due_at: Moment = Field(description="When the call was promised; in closed hours it is moved (CB-1).")
    switch: SwitchId
    trunk_group: TrunkGroup
    queue: Queue | None = Field(None, description="Whose agents call; an automatic call offers it with key 0.")
    channel: CallbackChannel | None = Field(None, description="`agent` where absent: an agent first, then the caller.")
    customer_class: Annotated[CustomerClass, Field(alias="class")] = "resident"
    zone: Zone | None = Field(None, description="Where the caller is, beside where the number may be.")
    agreed_at: Moment | None = Field(
        None, description="The caller asked for this very time: it prevails over the rest hours, for one attempt."
    )
    agreed_by: By | None = Field(None, description="Who agreed on that time with the caller; needed with it.")
    reason: Short | None = Field(None, description="What it is about; it is said.")
    result: Short | None = Field(None, description="What came of it; absent: there is no result yet, and that is said.")
    note: Note | None = None
    reference: Reference | None = None
