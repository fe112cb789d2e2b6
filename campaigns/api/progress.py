"""`progress`: the figures of a campaign, to the letter of the contract. They are read in one transaction."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from campaigns.api.pace import Pace
from campaigns.core.calling_hours import Asked, Closed, judge
from campaigns.core.campaign import DIALS, Campaign
from campaigns.core.operator_rules import OperatorRules
from campaigns.core.reasons import WRITTEN, State
from campaigns.ledger import progress as counted
from campaigns.ledger.compiled import campaign_of, class_asked
from campaigns.ledger.figures import AT_RISK_MS
from campaigns.ledger.notices import STATES
from campaigns.ledger.progress import AttemptFigures, ContactFigures, HoursClass
from campaigns.ledger.rows import CampaignRow
from cti.web.instants import optional_rfc3339, rfc3339

CALL_S = 60  # of a call, ringing included, where the trunk group's lines bound the pace
OPENINGS_MAX = 120  # stretches of open hours that the estimate walks through


class Figures(NamedTuple):
    """What is read. `notices` by state, `refused` by reason."""

    contacts: Sequence[ContactFigures]
    attempts: Sequence[AttemptFigures]
    live: int
    refused: Mapping[str, int]
    notices: Mapping[str, int]
    classes: Sequence[HoursClass]
    frozen: bool


def read(connection: Connection, row: CampaignRow, now_ms: int) -> Figures:
    """All of it from indexes: bounded time, whatever the number of contacts in other campaigns."""
    return Figures(
        counted.contact_figures(connection, row.id, now_ms + AT_RISK_MS),
        counted.attempt_figures(connection, row.id),
        counted.live(connection, row.id),
        counted.refused(connection, row.id),
        counted.notices_by_state(connection, row.tenant, row.id),
        counted.waiting_classes(connection, row.id),
        counted.is_frozen(connection, row.tenant),
    )


def progress_of(row: CampaignRow, read: Figures, rules: OperatorRules, pace: Pace, now_ms: int) -> dict[str, Any]:
    """The figures as they are shown. `eta`: when everybody who waits will have been called once more; null: nobody
    knows, or nobody waits.
    """
    by_state = {figures.state: figures for figures in read.contacts}
    states = {state.value: by_state[state].contacts if state in by_state else 0 for state in State}
    return {
        "as_of": rfc3339(now_ms),
        "contacts": sum(states.values()),
        **states,
        "attempts": sum(figures.attempts for figures in read.attempts),
        "counted": sum(figures.counted for figures in read.attempts),
        "live": read.live,
        "dispositions": {
            figures.disposition: figures.attempts
            for figures in sorted(read.attempts, key=lambda figures: figures.disposition or "")
            if figures.disposition is not None
        },
        "refused": dict(sorted(read.refused.items())),
        "deadlines": {
            "met": sum(figures.met for figures in read.contacts),
            "at_risk": sum(figures.at_risk for figures in read.contacts),
            "missed": sum(figures.missed for figures in read.contacts),
        },
        "eta": optional_rfc3339(eta_ms(row, read, rules, pace, now_ms)),
        "notices": {state: read.notices.get(state, 0) for state in STATES},
    }


def eta_ms(row: CampaignRow, read: Figures, rules: OperatorRules, pace: Pace, now_ms: int) -> int | None:
    """An estimate, by the pace and the open hours: other campaigns of the trunk group are not asked about."""
    waiting = sum(figures.contacts for figures in read.contacts if figures.state == State.WAITING)
    if not waiting or not read.classes or row.state not in DIALS or read.frozen:
        return None
    a_second = min(pace.a_second, pace.at_once / CALL_S)
    left_ms, at_ms = waiting / a_second * 1000, now_ms
    asked = asked_about(campaign_of(row, rules), read.classes[0])
    for _ in range(OPENINGS_MAX):
        answer = judge(rules.hours, asked, at_ms)
        if isinstance(answer, Closed):
            if answer.until_ms is None:
                return None
            at_ms = answer.until_ms
        elif at_ms + left_ms <= answer.dial_before_ms:
            return round(at_ms + left_ms)
        else:
            left_ms -= answer.dial_before_ms - at_ms
            at_ms = max(answer.ring_until_ms, at_ms + 1)
    return None


def asked_about(campaign: Campaign, hours_class: HoursClass) -> Asked:
    """The question to the calling hours about a class of contacts: of a call, where the campaign makes calls."""
    channel = next((each for each in campaign.channels if each not in WRITTEN), campaign.channels[0])
    return class_asked(campaign, hours_class.customer_class, hours_class.zones, channel)
