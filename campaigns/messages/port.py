"""A message gateway as a port: the message goes out once, and the answer says what is certain of it.

| verdict | means | what follows |
| --- | --- | --- |
| taken | the gateway has it | `done`; a receipt says the rest |
| refused | the gateway will not send it | undeliverable |
| not_taken | it certainly has not been taken: no byte left, or the gateway says so | `not_dialled`: decided anew |
| unknown | it left, and nobody knows what became of it | never repeated; a receipt may still tell |
"""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple, Protocol


class Verdict(StrEnum):
    """What is certain."""

    TAKEN = "taken"
    REFUSED = "refused"
    NOT_TAKEN = "not_taken"
    UNKNOWN = "unknown"


class Message(NamedTuple):
    """An order on its way out. `left_ms`: how long it is valid still; asked again before the first byte."""

    id: str
    body: str  # the order's JSON, without valid_for_ms
    left_ms: Callable[[], float]


class Answer(NamedTuple):
    """`away`: the gateway is not to be used for a while. `wait_s`: for how long, where it says so itself. `detail`: an
    HTTP status or the kind of a fault, without what the gateway wrote.
    """

    verdict: Verdict
    detail: str = ""
    away: bool = False
    wait_s: float | None = None


class MessageGateway(Protocol):
    """One tenant's."""

    async def send(self, message: Message) -> Answer:
        """At most once. Raises nothing of the network's."""

    async def is_there(self) -> bool:
        """Whether it can be connected to; nothing is sent."""

    async def close(self) -> None: ...
