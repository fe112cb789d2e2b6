"""Written notices over HTTP: what is asked for."""

from typing import Annotated

from pydantic import Field, StringConstraints

from schemas.fields import Message

CAMPAIGN_ID = "c[0-9a-f]{15}"
BATCH_ID = "b[0-9a-f]{15}"
ACCOUNT_CHARS_MAX = 64
FAILED_MAX = 100_000  # accounts in one acknowledgement

Campaign = Annotated[str, StringConstraints(pattern=f"^{CAMPAIGN_ID}$")]
Account = Annotated[
    str, StringConstraints(min_length=1, max_length=ACCOUNT_CHARS_MAX, pattern=r"^[^\u0000-\u001f\u007f-\u009f]*$")
]


class NoticeBatchAsked(Message):
    """Take every pending notice of a campaign."""

    campaign: Campaign


class NoticesAcknowledged(Message):
    """The letters of a batch have gone out, but for those of the accounts that are named."""

    failed: Annotated[list[Account], Field(max_length=FAILED_MAX)] = Field(
        [], description="Accounts of the batch whose notice could not be delivered."
    )
