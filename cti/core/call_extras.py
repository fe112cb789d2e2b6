"""Facts that are only noted: keys, tones, announcements, the survey, promises. Called by `call`."""

from typing import Final

from cti.core import call_dialled as dialled
from cti.core.call_state import Call, Dialled, Extras, Keys, Promise
from cti.core.fact_data import agent_of
from cti.core.fact_data import noted as said
from cti.core.facts import Fact
from schemas.fields import ms_of, read_time
from schemas.reasons import Ignored

DIGITS_MAX: Final = 4096
ANNOUNCEMENTS_MAX: Final = 1_000
PRESSED_MAX: Final = 64  # digitsGenerated kept of a caller who waits
PROMISES_MAX: Final = 32  # callbacks promised in one call


def heard(call: Call, fact: Fact) -> Ignored | None:
    """What a party pressed or heard; if a dial order made the call, only what the called party did counts."""
    ignored = dialled.heard(call, fact) if call.dialled else None
    if ignored is None:
        noted(call, fact)
    return ignored


def noted(call: Call, fact: Fact) -> None:
    """Facts that are only noted; commandResult and the rest change nothing here, the timeline has them."""
    known = call.extras
    match fact.kind:
        case "digitsGenerated":
            call.extras = _pressed(call, fact)._replace(digits=(known.digits + said(fact, "digits"))[:DIGITS_MAX])
        case "networkTone":
            call.extras = known._replace(tone=said(fact, "tone"))
        case "answeringMachineResult":
            call.extras = known._replace(machine=said(fact, "result"))
        case "announcementEnded" if said(fact, "completed") is not False:
            if len(known.announcements) < ANNOUNCEMENTS_MAX:
                call.extras = known._replace(announcements=(*known.announcements, said(fact, "message")))
        case "surveyScored":
            call.extras = known._replace(survey=said(fact, "score"))
        case "identityVerified":
            call.extras = known._replace(identity_verified=said(fact, "verified") is not False)
        case "agentAction":
            call.extras = _promised(call, fact)._replace(disposition=said(fact, "disposition") or known.disposition)
            if call.dialled and said(fact, "action") == "disposition":
                _named(call, said(fact, "due_at"))


def _named(call: Call, due_at: str | None) -> None:
    """The time of the agent's last word: when to call again, by when he is paid."""
    known = call.extras.dialled or Dialled()
    due_ms = None if due_at is None else ms_of(read_time(due_at))
    call.extras = call.extras._replace(dialled=known._replace(agent_due_ms=due_ms))


def _pressed(call: Call, fact: Fact) -> Extras:
    """With the keys of a caller who waits, and their time: a callback offer may have been played (QUEUE-1)."""
    known = call.extras
    waits = call.inbound and bool(call.waits) and call.waits[-1].end_ms is None
    if not waits or len(known.pressed) >= PRESSED_MAX:
        return known
    return known._replace(pressed=(*known.pressed, Keys(fact.at_ms, said(fact, "digits"))))


def _promised(call: Call, fact: Fact) -> Extras:
    known = call.extras
    if said(fact, "action") != "callbackPromised" or len(known.promises) >= PROMISES_MAX:
        return known
    due_ms = ms_of(read_time(said(fact, "due_at")))
    promise = Promise(fact.id, fact.at_ms, agent_of(fact) or call.first_agent, due_ms, said(fact, "note"))
    return known._replace(promises=(*known.promises, promise))
