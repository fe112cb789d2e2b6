"""A campaign's settings and state, as far as they decide about a contact; and the table of its states.

A draft is started, or approved first where it must be, or set to start by itself. What changes meanwhile makes it a
draft again. A campaign that drains begins with nobody any more; paused meanwhile, it drains on when it is resumed.

A pause stops the clock of nothing: deadlines run, fallbacks are made, and a campaign may end while it is paused. A stop
is final, and acknowledged once nothing more can leave. One that is done goes on where what it told has changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

from campaigns.core.calling_hours import CallingHours, Emergency, Window
from campaigns.core.dispositions import MINUTE_MS, TABLE, Followup
from campaigns.core.reasons import CampaignState, CampaignStep, Channel, Disposition, FallbackKind, Why
from campaigns.core.zones import DAY_MS

THIRD = 3  # TRY-1
STANDING_TAKES_MS = 30 * DAY_MS  # a campaign that stands takes contacts for so long
STANDING_ENDS_MS = 31 * DAY_MS  # and ends no sooner than this
CALLS_A_DAY_MAX = 3  # to one person, over all campaigns

_S, _M = CampaignState, CampaignStep
CAMPAIGN_TABLE: Mapping[tuple[CampaignState, CampaignStep], CampaignState] = MappingProxyType(
    {
        (_S.DRAFT, _M.START): _S.RUNNING,
        (_S.DRAFT, _M.APPROVE): _S.APPROVED,
        (_S.DRAFT, _M.SCHEDULE): _S.SCHEDULED,
        (_S.DRAFT, _M.STOP): _S.STOPPING,
        (_S.DRAFT, _M.EXPIRY): _S.EXPIRED,
        (_S.APPROVED, _M.START): _S.RUNNING,
        (_S.APPROVED, _M.SCHEDULE): _S.SCHEDULED,
        (_S.APPROVED, _M.APPROVAL_VOID): _S.DRAFT,
        (_S.APPROVED, _M.STOP): _S.STOPPING,
        (_S.APPROVED, _M.EXPIRY): _S.EXPIRED,
        (_S.SCHEDULED, _M.START): _S.RUNNING,
        (_S.SCHEDULED, _M.SCHEDULE): _S.SCHEDULED,
        (_S.SCHEDULED, _M.APPROVAL_VOID): _S.DRAFT,
        (_S.SCHEDULED, _M.NOT_STARTED): _S.DRAFT,
        (_S.SCHEDULED, _M.STILL_APPROVED): _S.APPROVED,
        (_S.SCHEDULED, _M.STOP): _S.STOPPING,
        (_S.SCHEDULED, _M.EXPIRY): _S.EXPIRED,
        (_S.RUNNING, _M.PAUSE): _S.PAUSED,
        (_S.RUNNING, _M.DRAIN): _S.DRAINING,
        (_S.RUNNING, _M.STOP): _S.STOPPING,
        (_S.RUNNING, _M.ALL_FINAL): _S.DONE,
        (_S.RUNNING, _M.EXPIRY): _S.EXPIRED,
        (_S.PAUSED, _M.RESUME): _S.RUNNING,
        (_S.PAUSED, _M.RESUME_DRAIN): _S.DRAINING,
        (_S.PAUSED, _M.APPROVE): _S.PAUSED,
        (_S.PAUSED, _M.DRAIN): _S.PAUSED,
        (_S.PAUSED, _M.STOP): _S.STOPPING,
        (_S.PAUSED, _M.ALL_FINAL): _S.DONE,
        (_S.PAUSED, _M.EXPIRY): _S.EXPIRED,
        (_S.DRAINING, _M.PAUSE): _S.PAUSED,
        (_S.DRAINING, _M.STOP): _S.STOPPING,
        (_S.DRAINING, _M.ALL_FINAL): _S.DONE,
        (_S.DRAINING, _M.EXPIRY): _S.EXPIRED,
        (_S.STOPPING, _M.STOP_ACKNOWLEDGED): _S.STOPPED,
        (_S.DONE, _M.REVISION): _S.RUNNING,
    }
)
NOT_BEGUN = frozenset({_S.DRAFT, _S.APPROVED, _S.SCHEDULED})
DIALS = frozenset({_S.RUNNING, _S.DRAINING})
BEGUN = DIALS | {_S.PAUSED}
TAKES_CONTACTS = NOT_BEGUN | {_S.RUNNING, _S.PAUSED}
"""A file may be imported."""


def moved(state: CampaignState, step: CampaignStep) -> CampaignState | None:
    """The state after a step; None where this state does not allow it (`wrong_state`)."""
    return CAMPAIGN_TABLE.get((state, step))


@dataclass(frozen=True, slots=True)
class Campaign:
    """`important_until_confirmed`: an important contact is called without cap until somebody confirms (OUT-1).
    There an ordinary contact that came without a number expires. `emergency`: an exception to the quiet hours that a
    second key has approved. `delays_ms`: from the end of an attempt to the next, by its disposition. A deadline is None
    where there is none. `redials_cut`: a call that the network released while people talked is made again at once
    (CB-5). `day_zone`: in which the days of a person's calls begin, the same for all campaigns of an operator, or each
    zone would have a cap of its own; None: the campaign's.
    """

    kind: str
    channels: tuple[Channel, ...]
    fallback: FallbackKind
    ring_timeout_ms: int
    hours: CallingHours
    zone: str
    attempts_max: int = THIRD
    delays_ms: Mapping[Disposition, int] = field(default_factory=lambda: delays({}))
    windows: tuple[Window, ...] = ()
    closed_dates: frozenset[date] = frozenset()
    fallback_by_ms: int | None = None
    expires_at_ms: int | None = None
    state: CampaignState = CampaignState.RUNNING
    paused_why: Why = Why.CAMPAIGN_PAUSED
    important_until_confirmed: bool = False
    emergency: Emergency | None = None
    redials_cut: bool = False
    day_zone: str | None = None

    @property
    def days_in(self) -> str:
        """The zone in which a person's day begins."""
        return self.day_zone or self.zone


def delays(profile_ms: Mapping[str, int], own_ms: Mapping[str, int] | None = None) -> Mapping[Disposition, int]:
    """How long each disposition waits: the profile's delay, else the table's.

    What goes on at once, or not at all, keeps to that. A campaign's own delay makes a wait longer, never shorter.
    """
    own = own_ms or {}
    return {
        disposition: max(profile_ms.get(disposition, row.minutes * MINUTE_MS), own.get(disposition, 0))
        for disposition, row in TABLE.items()
        if row.then not in {Followup.STOP, Followup.NEXT_NUMBER, Followup.HOLD}
    }
