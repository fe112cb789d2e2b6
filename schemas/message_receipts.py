"""What a message gateway sends back: POST /v1/message-receipts, signed by Standard Webhooks 1.0."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.fields import Message, Name, Time, ms_of


class MessageReceipt(Message):
    """What became of a message."""

    reference: Annotated[Name, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$")] = Field(
        description="Of the message, as the gateway was given it."
    )
    status: Literal["delivered", "undeliverable", "expired"]
    at: Time = Field(description="When.")
    code: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[ -~]+$")] | None = Field(
        None, description="The network's word for it."
    )

    @property
    def at_ms(self) -> int:
        """Milliseconds since 1970."""
        return ms_of(self.at)
