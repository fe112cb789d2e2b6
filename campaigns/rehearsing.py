"""What a rehearsal takes for granted where the ledger knows too few calls: a public network at large."""

from collections.abc import Mapping, Sequence

from campaigns.core.reasons import Disposition
from campaigns.core.rehearsal import Call
from campaigns.ledger.rehearsing import Experience

CALLS_MIN = 200  # fewer tell too little
DELIVERED = 0.94
_D = Disposition
NETWORK: Mapping[Disposition, Call] = {
    _D.REACHED: Call(0.43, 50_000),
    _D.ANSWERED_INCOMPLETE: Call(0.12, 25_000),
    _D.NO_ANSWER: Call(0.20, 35_000),
    _D.BUSY: Call(0.07, 5_000),
    _D.POWERED_OFF: Call(0.05, 8_000),
    _D.MACHINE: Call(0.05, 30_000),
    _D.INVALID_NUMBER: Call(0.03, 5_000),
    _D.CONGESTION: Call(0.02, 3_000),
    _D.WRONG_PARTY: Call(0.02, 25_000),
    _D.SUSPENDED: Call(0.01, 8_000),
}
"""Shares and lengths (ms, ringing included) of calls by their disposition."""


def calls_by(found: Sequence[Experience]) -> tuple[Mapping[Disposition, Call], int]:
    """What calls come to, and of how many calls that was learnt; 0: of none, NETWORK is assumed."""
    known = sum(experience.calls for experience in found)
    if known < CALLS_MIN:
        return NETWORK, 0
    calls = {experience.disposition: Call(experience.calls / known, max(1, experience.mean_ms)) for experience in found}
    return calls, known
