"""The closed lists of the outbound side.

A value here is a column's value, a metric's label and a word of the API: it is never renamed.
"""

from enum import StrEnum


class Disposition(StrEnum):
    """What an attempt came to: one for each attempt that was dialled or sent."""

    REACHED = "reached"
    ANSWERED_INCOMPLETE = "answeredIncomplete"
    NO_ANSWER = "noAnswer"
    BUSY = "busy"
    REJECTED = "rejected"
    POWERED_OFF = "poweredOff"
    SUSPENDED = "suspended"
    INVALID_NUMBER = "invalidNumber"
    CONGESTION = "congestion"
    FAILED_OTHER = "failedOther"
    PROMISED_TO_PAY = "promisedToPay"
    ALREADY_PAID = "alreadyPaid"
    DISPUTED = "disputed"
    MACHINE = "machine"
    FAX_OR_MODEM = "faxOrModem"
    NO_AGENT = "noAgent"
    NOT_CONVENIENT = "notConvenient"
    WRONG_PARTY = "wrongParty"
    CALLBACK_ASKED = "callbackAsked"
    OPTED_OUT = "optedOut"
    UNKNOWN = "unknown"


class NotDialled(StrEnum):
    """Why an order certainly rang nowhere: no disposition, never counted, decided anew at once."""

    EXPIRED = "expired"  # unsent, or the switch refused it as too late
    WITHDRAWN = "withdrawn"
    NEVER_SEEN = "never_seen"  # the switch's own word, asked for after the expiry
    NOT_SUPPORTED = "not_supported"  # the campaign pauses: `cannot_dial`
    NO_AGENT = "no_agent"  # who was to be there first: the called party was not dialled


class State(StrEnum):
    """The state of a contact."""

    WAITING = "waiting"
    IN_PROGRESS = "in_progress"
    UNKNOWN = "unknown"
    PERSON = "person"
    REACHED = "reached"
    PROMISED = "promised"
    PAID = "paid"
    DISPUTED = "disputed"
    FALLBACK = "fallback"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


FINAL_STATES: frozenset[State] = frozenset(State) - {State.WAITING, State.IN_PROGRESS, State.UNKNOWN, State.PERSON}
"""No fact re-opens a contact in one of these."""


class CampaignState(StrEnum):
    """The state of a campaign."""

    DRAFT = "draft"
    APPROVED = "approved"  # by a second key: what it has read is what is started
    SCHEDULED = "scheduled"  # starts by itself
    RUNNING = "running"
    PAUSED = "paused"
    DRAINING = "draining"  # what has begun goes on to its end, nobody else is called
    STOPPING = "stopping"
    STOPPED = "stopped"
    DONE = "done"
    EXPIRED = "expired"


class CampaignStep(StrEnum):
    """What moves a campaign: an order of its manager, or what became of its contacts."""

    START = "start"
    APPROVE = "approve"
    APPROVAL_VOID = "approval void"  # what was approved, or was to start by itself, has changed
    SCHEDULE = "schedule"
    NOT_STARTED = "not started"  # at its time something was missing
    STILL_APPROVED = "not started, still approved"
    DRAIN = "drain"
    PAUSE = "pause"  # by hand, or by the product: a failure spike, `cannot_dial`
    RESUME = "resume"
    RESUME_DRAIN = "resume drain"  # of one that was paused while it drained
    STOP = "stop"
    STOP_ACKNOWLEDGED = "stop acknowledged"  # every sent order is done, refused or past its expiry
    ALL_FINAL = "all contacts final"
    REVISION = "revision"  # what was told has changed: those who were told are told again
    EXPIRY = "expiry"  # `expires_at` is past, and no attempt is open


class Channel(StrEnum):
    """How a person is told. PERSON is the record of a person's word, never a channel of a campaign."""

    AUTO = "auto"
    AGENT = "agent"
    SMS = "sms"
    FAX = "fax"
    PERSON = "person"


WRITTEN: frozenset[Channel] = frozenset({Channel.SMS, Channel.FAX})
"""Sent, not dialled: none of the three attempts (TRY-1)."""


class FallbackKind(StrEnum):
    """What takes over where calling ends."""

    NOTICE = "notice"
    LIST = "list"
    PERSON = "person"


class KeyAction(StrEnum):
    """What a key of the script does."""

    RIGHT_PARTY = "rightParty"
    WRONG_PARTY = "wrongParty"
    CONFIRM = "confirm"
    REPEAT = "repeat"
    QUEUE = "queue"
    ALREADY_PAID = "alreadyPaid"
    PROMISE = "promise"
    NOT_CONVENIENT = "notConvenient"
    OPT_OUT = "optOut"


class Why(StrEnum):
    """Why a contact is not dialled now."""

    QUIET_HOURS = "quiet_hours"
    CAMPAIGN_HOURS = "campaign_hours"
    CLOSED_DATE = "closed_date"
    NUMBER_BUSY = "number_busy"
    PERSON_CAP = "person_cap"
    DO_NOT_CALL = "do_not_call"
    SETTLED = "settled"
    IMPORT_WITHDRAWN = "import_withdrawn"
    OUTAGE_CHANGED = "outage_changed"
    OUTAGE_CANCELLED = "outage_cancelled"
    CALLBACK_CANCELLED = "callback_cancelled"
    PERSON_ERASED = "person_erased"
    NOT_SAMPLED = "not_sampled"
    NO_FORMULA = "no_formula"
    NO_NUMBER = "no_number"
    CAMPAIGN_PAUSED = "campaign_paused"
    CAMPAIGN_STOPPED = "campaign_stopped"
    CAMPAIGN_DRAINING = "campaign_draining"
    FROZEN = "frozen"
    FAILURE_SPIKE = "failure_spike"
    SWITCH_AWAY = "switch_away"
    SWITCH_CLOCK = "switch_clock"
    CLOCK_STEP = "clock_step"
    TRUNK_FULL = "trunk_full"
    QUEUE_BUSY = "queue_busy"
    MESSAGE_GATEWAY_AWAY = "message_gateway_away"
    DEADLINE_PAST = "deadline_past"
    UNKNOWN_PENDING = "unknown_pending"
    RETRY_WAIT = "retry_wait"
    AGREED_TIME = "agreed_time"
