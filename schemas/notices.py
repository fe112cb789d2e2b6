"""Written notices: what is asked for over HTTP, and what is published of them."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.campaigns import Moment
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


class NoticeAttempt(Message):
    """An attempt to reach the customer, as the letter tells it."""

    n: int
    channel: str
    decided_at: Moment
    sent_at: Moment | None = None
    answered_at: Moment | None = None
    ended_at: Moment | None = None
    disposition: str
    counted: bool


class PublishedNotice(Message):
    """A letter of a batch, on the topic `campaigns.notices`; names and addresses in full."""

    id: str = Field(description="One for a contact and round, ever.")
    campaign: Campaign
    account: str
    name: str
    address: str | None = None
    kind: str
    items: list[dict[str, str]] = Field(description="The rows of the account, with their sums.")
    attempts: list[NoticeAttempt]
    created_at: Moment
    state: Literal["exported", "acknowledged", "failed"]
    batch: Annotated[str, StringConstraints(pattern=f"^{BATCH_ID}$")]
    page: int = Field(description="In its batch, from 1.")
    pages: int = Field(description="Letters of the batch.")
    to_recall: Literal[True] | None = Field(
        None, description="It is owed no more: keep it back, whatever record of it comes after this one."
    )
