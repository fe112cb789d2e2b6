"""The plain rows of dial orders. All times are integer milliseconds since the Unix epoch, by the ledger's clock where
nothing else is said.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from cti.rows import DialFact, SourceWordRow

__all__ = (
    "ASK_AFTER_MS",
    "ASK_AGAIN_MS",
    "CALL_COMMANDS",
    "CLEAR_CONNECTION",
    "COMMANDS",
    "FINAL_RESULTS",
    "MAKE_CALL",
    "MESSAGE_GATEWAY",
    "PROBE_EVERY_MS",
    "SEND_MESSAGE",
    "SILENT_MS",
    "SNAPSHOT_CALL",
    "STREAM_ALIVE_MS",
    "STREAM_PROLONG_MS",
    "UNKNOWN_FINAL_MS",
    "Ability",
    "DialClaim",
    "DialFact",
    "DialOrderRow",
    "Kept",
    "OrderResult",
    "OrderState",
    "SentOrder",
    "SourceWord",
    "SourceWordRow",
    "SwitchStanding",
)

# What they do: docs/integrators.md, "Outbound calls".
ASK_AFTER_MS = 5_000  # after an order's expiry without a result, the switch is asked
ASK_AGAIN_MS = 60_000  # after a question without an answer: our own choice; a switch that restarts is back by then
SILENT_MS = 1_800_000  # a call without a new fact for so long is asked about
UNKNOWN_FINAL_MS = 1_800_000  # an attempt that is unknown for so long is final, and counted
STREAM_PROLONG_MS = 5_000  # how often a live subscription is prolonged
STREAM_ALIVE_MS = 15_000  # a subscription that was not prolonged for three times as long is not alive
PROBE_EVERY_MS = 10_000  # after three unsent expiries, one order in this time

MAKE_CALL, SEND_MESSAGE, SNAPSHOT_CALL, CLEAR_CONNECTION = "makeCall", "sendMessage", "snapshotCall", "clearConnection"
MESSAGE_GATEWAY = "message gateway"
"""In the place of a switch: of orders that go to a tenant's message gateway. No switch can be declared by this name."""
CALL_COMMANDS = frozenset({MAKE_CALL, SEND_MESSAGE})  # what reaches a person; a stop withdraws these
COMMANDS = CALL_COMMANDS | {SNAPSHOT_CALL, CLEAR_CONNECTION}
FINAL_RESULTS = frozenset({"done", "refused"})

Kept = Literal["kept", "same", "contradiction", "not_found", "not_sent"]
"""What became of a result. `same`: it, or a final one after which it says nothing new, is there already."""


class DialOrderRow(NamedTuple):
    """What a dialler puts."""

    id: str  # the commandid; unique over all tenants
    tenant: str
    switch: str  # the declaration's id
    source: str  # of the switch, as declared when the order is made
    lane: str  # the trunk group's name; "" for an order without one
    command: str  # makeCall | sendMessage | snapshotCall | clearConnection
    about: str | None  # the order that is asked about or cleared
    body: str  # the command's own JSON fields, without valid_for_ms
    made_at_ms: int
    expires_at_ms: int


class Ability(NamedTuple):
    """What a switch takes. `limits`: makeCalls a second of each trunk group (lane), half a call being one in two
    seconds; a lane without a limit is not dialled.
    """

    source: str
    limits: Mapping[str, float]


class SentOrder(NamedTuple):
    """What a claim returns: marked as sent, and not sent yet. Nobody gets it a second time."""

    id: str
    no: int  # rising: the order of sending
    lane: str
    command: str
    body: str
    made_at_ms: int
    expires_at_ms: int
    sent_at_ms: int


class DialClaim(NamedTuple):
    """The outcome of a claim."""

    orders: list[SentOrder]  # in the order of sending
    refused: bool  # another subscription of the switch is newer: send nothing, ever again
    at_ms: int  # the ledger's clock
    next_ms: int | None  # by that clock, when the pace allows an order that waits; None: no order waits for the pace


class OrderState(NamedTuple):
    """An order as it stands."""

    order: DialOrderRow
    no: int
    sent_at_ms: int | None
    epoch: int | None  # of the subscription that sent it
    state: str  # open | sent | withdrawn | done (settled by the dialler)
    result: str | None  # accepted | done | refused
    reason: str | None
    answer: str | None  # to a snapshotCall: never_seen | live | ended
    cause: str | None
    q850: int | None
    tone: str | None
    ended_at_ms: int | None  # of the call asked about, by the switch's clock
    result_at_ms: int | None  # log clock


class OrderResult(NamedTuple):
    """A switch's result. A later final one that differs is a contradiction."""

    tenant: str
    id: str
    result: str  # accepted | done | refused
    reason: str | None
    answer: str | None
    cause: str | None
    q850: int | None
    tone: str | None
    ended_at_ms: int | None
    at_ms: int


class SourceWord(NamedTuple):
    """What all partitions together say of a source: everything is read up to `appended_at_ms`."""

    appended_at_ms: int  # the least: all that was appended before is committed
    lag_ms: int  # the greatest
    trusted: bool  # all say so
    word_at_ms: int  # the least: when the source was last heard of
    declared: bool = True  # the switch of the order has this source still


class SwitchStanding(NamedTuple):
    """Whether a switch may be dialled on at this moment."""

    epoch: int  # of its newest subscription; 0: there was none
    alive: bool  # that one lives
    word: SourceWord | None  # None: a partition has no word of the source
    last_word_ms: int | None  # log clock: when the source was last heard of, by any partition
    at_ms: int  # the ledger's clock
