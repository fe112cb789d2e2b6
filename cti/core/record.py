"""The record of a call that has ended (docs/integrators.md, "The call record"): a pure function of its state, and of
what was done about it.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from cti.core import breaches as measures
from cti.core.call_state import Call, Dialled, Hold, Offer, Talk
from cti.core.facts import LOST, STALE
from cti.core.rules import Intervention, RuleBook
from cti.core.times import rfc3339, seconds
from schemas.reasons import FINAL_STATES, Outcome, ReleasedBy

# `_value_` instead of `value`: a look into the object instead of a call.
UNKNOWN: Final = ReleasedBy.UNKNOWN._value_
ANSWERED: Final = Outcome.ANSWERED
NOT_TO_A_PERSON: Final = ("survey", "ivr")  # reasons of a transfer


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
    waited_again_ms: int
    talk_ms: int
    offers_talk_ms: tuple[int, ...]
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
        _waited_again_ms(call, end) if call.waits else 0,
        talk_ms(call.talks, end),
        offers_talk_ms(call, end) if call.offers else (),
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


def tried_ms(call: Call, measured: Measured) -> int:
    """RING-3: how long the caller waited for an answer, or in vain: since queued, or since offered if never queued."""
    if call.waits:
        return measured.wait_ms
    until = call.ended_ms if call.answered_ms is None else call.answered_ms
    return max((call.opened_at_ms if until is None else until) - call.opened_at_ms, 0)


def handed_over(call: Call) -> int:
    """XFER-1: how often the customer was handed over to another person; to a survey or an IVR does not count."""
    return sum(transfer.reason not in NOT_TO_A_PERSON for transfer in call.transfers)


def _waited_again_ms(call: Call, end: int) -> int:
    """Queued time after the first answer."""
    since = call.answered_ms
    if since is None:
        return 0
    return sum([max((wait.end_ms or end) - max(wait.at_ms, since), 0) for wait in call.waits])


def talk_ms(talks: Sequence[Talk], end: int) -> int:
    """How long somebody of ours was with the customer; talks that overlap (a conference) count once."""
    total = counted_until = 0
    for talk in talks:  # in the order in which they began
        until = end if talk.end_ms is None else talk.end_ms
        since = max(talk.at_ms, counted_until)
        if until > since:
            total, counted_until = total + until - since, until
    return total


def offers_talk_ms(call: Call, end: int) -> tuple[int, ...]:
    """The talks of each offer's agent: those of its leg, until the leg's next offer."""
    talked, newest = [0] * len(call.offers), {}
    starts = [(offer.at_ms, 0, index) for index, offer in enumerate(call.offers)]
    starts += [(talk.at_ms, 1, index) for index, talk in enumerate(call.talks)]
    for _, is_talk, index in sorted(starts):
        if not is_talk:
            newest[call.offers[index].leg] = index
            continue
        talk = call.talks[index]
        if (offer := newest.get(talk.leg)) is not None:
            talked[offer] += (end if talk.end_ms is None else talk.end_ms) - talk.at_ms
    return tuple(talked)


def queue_of(call: Call) -> str | None:
    """The queue that `wait_s` was spent in: that of the first answer, else the last one."""
    return call.served_queue or call.queue


def record_of(
    who: Identity, call: Call, measured: Measured, done: Sequence[Intervention], profile: str, revision: int
) -> dict[str, Any]:
    """The record as `schemas.records.CallRecord` reads it; members in the order of their names (canonical)."""
    opening, extras, release = call.opening, call.extras, call.release
    record: dict[str, Any] = {
        "agent_disposition": extras.disposition,
        "announcements": list(extras.announcements),
        "answer_s": None if measured.answer_ms is None else seconds(measured.answer_ms),
        "answered_at": None if call.answered_ms is None else rfc3339(call.answered_ms),
        "breaches": [_breach(breach) for breach in measured.breaches],
        "call": who.call_id,
        "called": opening.called,
        "calling": opening.calling,
        "cause": call.cause,
        "clock_stepped": call.tentative.clock_stepped,
        "commandid": opening.commandid,
        "correlation": opening.correlation,
        "digits": extras.digits or None,
        "direction": opening.direction,
        "ended_at": rfc3339(call.ended_ms if call.ended_ms is not None else call.opened_at_ms),
        "ended_waiting": call.left_waiting,
        "hold_s": seconds(measured.hold_ms),
        "holds": [_hold(*hold) for hold in zip(call.holds, measured.owed, measured.played, strict=True)],
        "identity_verified": extras.identity_verified,
        "interventions": [_intervention(known) for known in _in_order(done, call.ended_ms)],
        "machine": extras.machine,
        "offers": [_offer(*offer) for offer in zip(call.offers, measured.offers_talk_ms, strict=True)],
        "opened_at": rfc3339(call.opened_at_ms),
        "outcome": measured.outcome._value_,
        "profile": profile,
        "q850": call.q850,
        "queue": queue_of(call),
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
                "at": rfc3339(transfer.at_ms),
                "kind": "blind" if transfer.blind else "attended",
                "reason": transfer.reason,
                "to": transfer.to,
            }
            for transfer in call.transfers
        ],
        "trunk": opening.trunk,
        "wait_s": seconds(measured.wait_ms),
        "waited_again_s": seconds(measured.waited_again_ms),
    }
    if not call.dialled:
        return record
    record["dialled"] = _dialled(call)
    return dict(sorted(record.items()))


def _dialled(call: Call) -> dict[str, Any]:
    """What a disposition needs beside the rest: of a call that a dial order made."""
    known = call.extras.dialled or Dialled()
    answered, rang = known.agent_answered_ms, call.first_delivered_ms
    named = {} if known.agent_due_ms is None else {"agent_due_at": rfc3339(known.agent_due_ms)}
    return {
        "agent_answered_at": None if answered is None else rfc3339(answered),
        **named,
        "keys": [{"at": rfc3339(keys.at_ms), "digits": keys.digits} for keys in known.keys],
        "messages": [
            {"at": rfc3339(ended.at_ms), "completed": ended.completed, "message": ended.message}
            for ended in known.messages
        ],
        "rang_at": None if rang is None else rfc3339(rang),
    }


def _in_order(done: Sequence[Intervention], ended_ms: int | None) -> Sequence[Intervention]:
    """By when they were due, then by rule; without what was overtaken and, as is known by now, due after the end."""
    if not done:
        return done
    kept = [
        intervention
        for intervention in done
        if ended_ms is None or intervention.state != "overtaken" or intervention.due_ms <= ended_ms
    ]
    return sorted(kept, key=_when)


def _when(intervention: Intervention) -> tuple[int, str, int, int, int, str, str]:
    return (
        intervention.due_ms,
        intervention.rule,
        intervention.entry,
        intervention.n,
        intervention.step,
        intervention.cause,
        intervention.id,
    )


def _offer(offer: Offer, talked_ms: int) -> dict[str, Any]:
    end = offer.end_ms if offer.end_ms is not None else offer.at_ms
    return {
        "agent": offer.agent,
        "delivered_at": rfc3339(offer.at_ms),
        "device": offer.device,
        "ended_at": rfc3339(end),
        "result": None if offer.result is None else offer.result._value_,
        "ring_s": seconds(end - offer.at_ms),
        "talk_s": seconds(talked_ms),
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


def _breach(breach: measures.Breach) -> dict[str, Any]:
    limit, actual = breach.limit, breach.actual
    return {
        "actual": actual if breach.counts or actual is None else seconds(actual),
        "agent": breach.agent,
        "at": rfc3339(breach.at_ms),
        "hold": breach.hold,
        "limit": limit if breach.counts or limit is None else seconds(limit),
        "offer": breach.offer,
        "rule": breach.rule,
    }


def _intervention(intervention: Intervention) -> dict[str, Any]:
    return {
        "command": intervention.command,
        "due_at": rfc3339(intervention.due_ms),
        "outcome": intervention.state if intervention.state in FINAL_STATES else None,
        "reason": intervention.reason,
        "rule": intervention.rule,
    }
