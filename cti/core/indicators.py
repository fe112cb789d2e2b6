"""The indicators of a service (KPI-1, KPI-3, RING-3): pure functions over sums of records.

An average over nothing is null, never 0. Seconds are decimals to a tenth of a millisecond, shares between 0 and 1.
"""

from typing import Any, Final, Protocol

SERVICE_MS: Final = 15_000  # RING-3, norm K's example: 85 % in 15 s
SHORT_ABANDON_MS: Final = 5_000  # RING-3: who gives up within 5 s was not kept waiting


class Sums(Protocol):
    """What is summed over records; `cti.ports.Totals` in all its members."""

    @property
    def calls(self) -> int: ...
    @property
    def answered(self) -> int: ...
    @property
    def abandoned(self) -> int: ...
    @property
    def failed(self) -> int: ...
    @property
    def lost(self) -> int: ...
    @property
    def stale(self) -> int: ...
    @property
    def abandoned_from_queue(self) -> int: ...
    @property
    def abandoned_short(self) -> int: ...
    @property
    def answered_in_service(self) -> int: ...
    @property
    def answered_in_time(self) -> int: ...
    @property
    def answer_known(self) -> int: ...
    @property
    def wait_answered_ms(self) -> int: ...
    @property
    def talk_ms(self) -> int: ...
    @property
    def hold_ms(self) -> int: ...
    @property
    def transfers(self) -> int: ...
    @property
    def notices_owed(self) -> int: ...
    @property
    def notices_played(self) -> int: ...
    @property
    def answered_inbound(self) -> int: ...
    @property
    def abandoned_inbound(self) -> int: ...


def indicators(sums: Sums) -> dict[str, Any]:
    """Counts, and the indicators of the norms.

    Of inbound calls alone: `service_level` (RING-3), `asa_s` (average speed of answer), `abandonment`. Of all: `att_s`
    (average talk time, holds included), `transfer_rate` (XFER-1), `answered_in_time` (first ring to answer within
    RING-1's limit; null where no switch reports ringing).
    """
    judged = sums.answered_inbound + sums.abandoned_inbound - sums.abandoned_short
    return {
        "calls": sums.calls,
        "answered": sums.answered,
        "abandoned": sums.abandoned,
        "abandoned_from_queue": sums.abandoned_from_queue,
        "failed": sums.failed,
        "lost": sums.lost,
        "stale": sums.stale,
        "answered_in_time": sums.answered_in_time if sums.answer_known or not sums.answered else None,
        "service_level": _share(sums.answered_in_service, judged),
        "abandonment": _share(sums.abandoned_inbound, sums.answered_inbound + sums.abandoned_inbound),
        "asa_s": _average_s(sums.wait_answered_ms, sums.answered_inbound),
        "att_s": _average_s(sums.talk_ms, sums.answered),
        "hold_s": round(sums.hold_ms / 1000, 3),
        "transfer_rate": _share(sums.transfers, sums.answered),
        "notices_owed": sums.notices_owed,
        "notices_played": sums.notices_played,
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole > 0 else None


def _average_s(total_ms: int, count: int) -> float | None:
    return round(total_ms / count / 1000, 4) if count else None
