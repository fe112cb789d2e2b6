"""The record of a call that has ended (contract, "The call record"): a pure function of its state and of what was
done about it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from cti.core import breaches as measures
from cti.core.call_state import Call, Hold, Offer
from cti.core.facts import LOST, STALE
from cti.core.rules import Intervention, RuleBook
from cti.core.times import rfc3339, seconds
from schemas.reasons import FINAL_STATES, Outcome, ReleasedBy

# `_value_` instead of `value`: a look into the object instead of a call.
UNKNOWN = ReleasedBy.UNKNOWN._value_
ANSWERED = Outcome.ANSWERED


class Identity(NamedTuple):
    """Whose record it is."""

    call_id: str
    tenant: str
    source: str
    subject: str


class Measured(NamedTuple):
    """A closed call's figures in ms, and its breaches."""

    outcome: Outcome
    wait_ms: int
    answer_ms: int | None
    talk_ms: int
    hold_ms: int
    owed: tuple[int, ...]
    played: tuple[int, ...]
    breaches: tuple[measures.Breach, ...]


def measure(call: Call, book: RuleBook, done: Sequence[Intervention], heard_ms: int = 0) -> Measured:
    """The figures of a call.

    While it lives they are provisional: up to `heard_ms`, and open intervals count nothing.
    """
    end = call.ended_ms if call.ended_ms is not None else max(heard_ms, call.opened_at_ms)
    answered, rang, holds = call.answered_ms, call.first_delivered_ms, call.holds
    owed: tuple[int, ...] = ()
    played: tuple[int, ...] = ()
    if holds:
        notices = book.notices
        every = None if notices is None else notices.every_ms
        owed = tuple([measures.notices_owed(hold, every) for hold in holds])
        played = (0,) * len(holds) if notices is None else measures.notices_played(holds, notices.id, done)
    return Measured(
        outcome_of(call),
        _wait_ms(call, end) if call.waits else 0,
        None if answered is None or rang is None else max(answered - rang, 0),
        0 if answered is None else max(end - answered, 0),
        sum([(hold.end_ms or hold.at_ms) - hold.at_ms for hold in holds if hold.by_agent]) if holds else 0,
        owed,
        played,
        tuple(measures.breaches(call, book.measures, played, owed)),
    )


def outcome_of(call: Call) -> Outcome:
    """answered, else why not. A caller who was never answered has abandoned, unless a leg of his failed."""
    if call.ended_by == LOST:
        return Outcome.LOST
    if call.ended_by == STALE:
        return Outcome.STALE
    if call.answered_ms is not None:
        return ANSWERED
    return Outcome.ABANDONED if call.inbound and not call.failed else Outcome.FAILED


def _wait_ms(call: Call, end: int) -> int:
    """Queued time until the first answer, or the end."""
    until = end if call.answered_ms is None else call.answered_ms
    return sum([max(min(wait.end_ms or until, until) - wait.at_ms, 0) for wait in call.waits])


def record_of(
    who: Identity, call: Call, measured: Measured, done: Sequence[Intervention], profile: str, revision: int
) -> dict[str, Any]:
    """The record as `schemas.records.CallRecord` reads it; members in the order of their names (canonical)."""
    opening, extras, release = call.opening, call.extras, call.release
    return {
        "agent_disposition": extras.disposition,
        "announcements": list(extras.announcements),
        "answer_s": None if measured.answer_ms is None else seconds(measured.answer_ms),
        "answered_at": None if call.answered_ms is None else rfc3339(call.answered_ms),
        "breaches": [_breach(one) for one in measured.breaches],
        "call": who.call_id,
        "called": opening.called,
        "calling": opening.calling,
        "cause": call.cause,
        "commandid": opening.commandid,
        "correlation": opening.correlation,
        "digits": extras.digits or None,
        "direction": opening.direction,
        "ended_at": rfc3339(call.ended_ms if call.ended_ms is not None else call.opened_at_ms),
        "hold_s": seconds(measured.hold_ms),
        "holds": [_hold(*one) for one in zip(call.holds, measured.owed, measured.played, strict=True)],
        "identity_verified": extras.identity_verified,
        "interventions": [_intervention(one) for one in (sorted(done, key=_when) if len(done) > 1 else done)],
        "machine": extras.machine,
        "offers": [_offer(offer) for offer in call.offers],
        "opened_at": rfc3339(call.opened_at_ms),
        "outcome": measured.outcome._value_,
        "profile": profile,
        "q850": call.q850,
        "queue": call.queue,
        "release_reason": None if release is None else release.reason,
        "released_by": UNKNOWN if release is None else release.by._value_,
        "revision": revision,
        "source": who.source,
        "subject": who.subject,
        "survey": extras.survey,
        "talk_s": seconds(measured.talk_ms),
        "tenant": who.tenant,
        "tone": extras.tone,
        "transfers": [
            {
                "at": rfc3339(one.at_ms),
                "kind": "blind" if one.blind else "attended",
                "reason": one.reason,
                "to": one.to,
            }
            for one in call.transfers
        ],
        "trunk": opening.trunk,
        "wait_s": seconds(measured.wait_ms),
    }


def _when(one: Intervention) -> tuple[int, str]:
    return one.due_ms, one.id


def _offer(offer: Offer) -> dict[str, Any]:
    end = offer.end_ms if offer.end_ms is not None else offer.at_ms
    return {
        "agent": offer.agent,
        "delivered_at": rfc3339(offer.at_ms),
        "device": offer.device,
        "ended_at": rfc3339(end),
        "result": None if offer.result is None else offer.result._value_,
        "ring_s": seconds(end - offer.at_ms),
    }


def _hold(hold: Hold, owed: int, played: int) -> dict[str, Any]:
    return {
        "by": "agent" if hold.by_agent else "customer",
        "muted": hold.muted,
        "notices_owed": owed,
        "notices_played": played,
        "seconds": seconds((hold.end_ms or hold.at_ms) - hold.at_ms),
        "started_at": rfc3339(hold.at_ms),
    }


def _breach(one: measures.Breach) -> dict[str, Any]:
    limit, actual = one.limit, one.actual
    return {
        "actual": actual if one.counts or actual is None else seconds(actual),
        "agent": one.agent,
        "at": rfc3339(one.at_ms),
        "hold": one.hold,
        "limit": limit if one.counts or limit is None else seconds(limit),
        "offer": one.offer,
        "rule": one.rule,
    }


def _intervention(one: Intervention) -> dict[str, Any]:
    return {
        "command": one.command,
        "due_at": rfc3339(one.due_ms),
        "outcome": one.state if one.state in FINAL_STATES else None,
        "reason": one.reason,
        "rule": one.rule,
    }
