"""What was told is right no more (a changed outage): who may have heard it is told again, in a new round. Pure.

1. `Contact.outdated_upto`: the attempts up to this one say what is right no more.
2. In doubt it was heard. A call that was answered, by a machine too, and one of which nobody knows; a message that the
   switch or gateway has, unless its report says that it did not arrive; a letter that has left. A call that certainly
   nobody answered told nothing, nor did an order that never left.
3. A call that is under way is waited for: who hears the old word now must not have heard the new one before. A message
   cannot be called back, and is not waited for.
4. Who has heard the right word since, or begins a new round, is not told once more for the same change.
5. An outage that is cancelled: who never heard of it is not told of it.
"""

from enum import StrEnum

from campaigns.core.contact import Attempt, Contact, Step
from campaigns.core.reasons import Disposition

UNHEARD = frozenset(
    {
        Disposition.NO_ANSWER, Disposition.BUSY, Disposition.REJECTED, Disposition.POWERED_OFF, Disposition.SUSPENDED,
        Disposition.INVALID_NUMBER, Disposition.CONGESTION, Disposition.FAILED_OTHER, Disposition.FAX_OR_MODEM,
    }
)  # fmt: skip
"""Nobody answered, or a fax did; of a message: it did not arrive."""


class Heard(StrEnum):
    """Whether what an attempt says was heard."""

    NO = "no"
    MAYBE = "maybe"
    UNDECIDED = "undecided"  # its call is under way, or may be


class Renewal(StrEnum):
    """What follows for a contact."""

    NOTHING = "nothing"
    WAITS = "waits"  # for a call that is under way
    NEW_ROUND = "new round"
    CANCELLED = "cancelled"


def heard(attempt: Attempt) -> Heard:
    """Total."""
    if attempt.step is Step.NOT_DIALLED:
        return Heard.NO
    if attempt.step is Step.OPEN:
        return Heard.MAYBE if attempt.written else Heard.UNDECIDED
    if attempt.step is Step.HELD and not attempt.counted:
        return Heard.UNDECIDED
    return Heard.NO if attempt.disposition in UNHEARD else Heard.MAYBE


def renewal(contact: Contact, *, cancelled: bool = False, lettered: bool = False) -> Renewal:
    """`cancelled`: nothing is left that it was to be told of. `lettered`: a letter of this round has left.

    A final contact is looked at like any other: only this begins again with it.
    """
    outdated = [attempt for attempt in contact.this_round if attempt.n <= contact.outdated_upto]
    said = {heard(attempt) for attempt in outdated}
    if Heard.UNDECIDED in said:
        return Renewal.WAITS
    if (Heard.MAYBE in said or lettered) and not _told_since(contact):
        return Renewal.NEW_ROUND
    if cancelled and contact.round == 1 and not contact.final and not _told_since(contact):
        return Renewal.CANCELLED
    return Renewal.NOTHING


def undecided(contact: Contact) -> bool:
    """A call with the old word is under way, or may be."""
    return any(attempt.n <= contact.outdated_upto and heard(attempt) is Heard.UNDECIDED for attempt in contact.attempts)


def _told_since(contact: Contact) -> bool:
    return any(
        attempt.n > contact.outdated_upto and attempt.disposition is Disposition.REACHED
        for attempt in contact.this_round
    )
