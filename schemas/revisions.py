"""Changed outages over HTTP: what is asked for."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.campaigns import Moment
from schemas.fields import Message

AREA_CHARS_MAX = 500
Area = Annotated[
    str, StringConstraints(min_length=1, max_length=AREA_CHARS_MAX, pattern=r"^[^\u0000-\u001f\u007f-\u009f]*$")
]


class OutageMeant(Message):
    """One outage of the campaign."""

    area: Area = Field(description="As in the file.")
    starts_at: Moment = Field(description="When the power goes off.")


class OutageChange(Message):
    """One of the two."""

    restores_at: Moment | None = Field(None, description="When the power is expected back now.")
    cancelled: Literal[True] | None = Field(None, description="The power stays on.")


class OutageRevision(Message):
    """POST .../revisions."""

    where: OutageMeant
    set: OutageChange
