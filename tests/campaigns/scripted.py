"""What a scripted switch says to an order: evidence, after so many seconds. The words are those of the played files."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from campaigns.core.dispositions import CallEnd, Evidence, OrderEnd
from campaigns.core.reasons import KeyAction

ANSWER_S = 8
SILENCE_S = 30 * 60
ORDER_VALID_S = 10  # how long a made order may wait before it is sent
ASK_AFTER_S = 5  # after the order's expiry


class Said(NamedTuple):
    after_s: float
    evidence: Evidence


ENDED = Evidence(end=CallEnd.ENDED)
ANSWERED = replace(ENDED, rang=True, answered=True)
FIXED = {
    "hangUpEarly": Said(ANSWER_S + 3, ANSWERED),
    "key0NoAgent": Said(ANSWER_S + 2 + 28, replace(ANSWERED, keys=(KeyAction.QUEUE,))),
    "noGate": Said(ANSWER_S + 20, ANSWERED),
    "busy": Said(2, replace(ENDED, q850=17)),
    "invalid": Said(1, replace(ENDED, q850=1)),
    "congestion": Said(1, replace(ENDED, q850=34)),
    "failedOther": Said(1, replace(ENDED, q850=127)),
    "poweredOff": Said(3, replace(ENDED, tone="poweredOff", q850=20)),
    "suspended": Said(3, replace(ENDED, tone="suspended", q850=20)),
    "fax": Said(ANSWER_S + 3, replace(ANSWERED, machine="faxOrModem")),
    "machine": Said(ANSWER_S + 3, replace(ANSWERED, machine="machine")),
    "silence": Said(SILENCE_S, Evidence(end=CallEnd.SILENT)),
    "neverSeen": Said(ORDER_VALID_S + ASK_AFTER_S, Evidence(order=OrderEnd.NEVER_SEEN)),
    "sms:delivered": Said(5, Evidence(report="delivered")),
    "sms:undeliverable": Said(5, Evidence(report="undeliverable")),
}
_WITH_ARGUMENT: dict[str, Callable[[str], Said]] = {
    "q850": lambda cause: Said(1, replace(ENDED, q850=int(cause))),
    "refused": lambda reason: Said(0, Evidence(order=OrderEnd.REFUSED, refusal=reason)),
}


def said_to(word: str, ring_timeout_s: float, has_gate: bool) -> Said:
    """The switch's answer to an order, by the word of its script."""
    head, _, argument = word.partition(":")
    if head in _WITH_ARGUMENT:
        return _WITH_ARGUMENT[head](argument)
    if word == "reached":
        keys = (KeyAction.RIGHT_PARTY,) if has_gate else ()
        return Said(ANSWER_S + 20, replace(ANSWERED, has_gate=has_gate, keys=keys, body_ended=True))
    if word == "noAnswer":
        return Said(ring_timeout_s, replace(ENDED, rang=True, q850=19))
    said = FIXED[word]
    return Said(said.after_s, replace(said.evidence, has_gate=has_gate))
