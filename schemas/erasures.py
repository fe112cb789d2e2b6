"""Erasures of persons over HTTP: what is asked for."""

from typing import Annotated

from pydantic import Field

from schemas.campaigns import Reason
from schemas.fields import Message
from schemas.notices import Account
from schemas.settlements import Number

NUMBERS_MAX = 16


class Erasure(Message):
    """POST /v1/erasures: a person, by his account, his numbers, or both."""

    account: Account | None = None
    numbers: Annotated[list[Number], Field(min_length=1, max_length=NUMBERS_MAX)] | None = Field(
        None, description="In any spelling. Those of his contacts are his too."
    )
    reason: Reason = Field(description="For the record: his letter, its date. Numbers in it are masked.")
