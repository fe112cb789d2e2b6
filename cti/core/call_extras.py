"""Facts that are only noted: keys, tones, announcements, the survey. Called by `call`."""

from cti.core import call_dialled as dialled
from cti.core.call_state import Call
from cti.core.fact_data import noted as said
from cti.core.facts import Fact
from schemas.reasons import Ignored

DIGITS_MAX = 4096
ANNOUNCEMENTS_MAX = 1_000


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
            call.extras = known._replace(digits=(known.digits + said(fact, "digits"))[:DIGITS_MAX])
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
        case "agentAction" if said(fact, "disposition") is not None:
            call.extras = known._replace(disposition=said(fact, "disposition"))
