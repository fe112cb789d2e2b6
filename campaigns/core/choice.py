"""Which channel and number the next attempt takes.

Messages go first, one for each written channel and round, to the first number that can take it; an important contact of
an outage does not wait for one that cannot be sent now (OUT-1). Calls take the numbers in order and begin again after
the last; an order that rang nowhere does not use up its number's turn. Numbers that nobody calls (do-not-call) are left
out.
"""

import re
from dataclasses import replace
from typing import NamedTuple

from campaigns.core.campaign import Campaign
from campaigns.core.contact import Contact, Phone, Step, exempt
from campaigns.core.reasons import WRITTEN, Channel

MAINLAND = "+86"
MAINLAND_MOBILE = re.compile(r"\+861[3-9]\d{9}")


class Choice(NamedTuple):
    phone: Phone
    channel: Channel


def next_call(contact: Contact, campaign: Campaign) -> Choice | None:
    """None: no number is left."""
    retired = contact.retired
    phones = [phone for phone in contact.phones if phone.number not in retired]
    return _message(contact, campaign, phones) or _call(contact, campaign, phones)


def call_meanwhile(contact: Contact, campaign: Campaign) -> Choice | None:
    """The call that does not wait for a message which cannot be sent now; None: it waits, or there is none."""
    if not exempt(contact, campaign):
        return None
    retired = contact.retired
    return _call(contact, campaign, [phone for phone in contact.phones if phone.number not in retired])


def silenced(contact: Contact, campaign: Campaign) -> bool:
    """Nothing is left but numbers that are not called (do-not-call)."""
    if not contact.barred or next_call(contact, campaign) is not None:
        return False
    return next_call(replace(contact, barred=frozenset(), strangers=frozenset()), campaign) is not None


def takes_messages(number: str) -> bool:
    """Landlines of the mainland take no SMS; of other countries' numbers nobody knows."""
    return not number.startswith(MAINLAND) or MAINLAND_MOBILE.fullmatch(number) is not None


def takes_fax(number: str) -> bool:
    """Mobiles of the mainland take no fax; of other countries' numbers nobody knows."""
    return MAINLAND_MOBILE.fullmatch(number) is None


def _message(contact: Contact, campaign: Campaign, phones: list[Phone]) -> Choice | None:
    sent = {attempt.channel for attempt in contact.this_round if attempt.step is not Step.NOT_DIALLED}
    for channel in campaign.channels:
        if channel in WRITTEN and channel not in sent:
            own = (phone for phone in phones if phone.number not in contact.strangers)
            takes = takes_messages if channel is Channel.SMS else takes_fax
            phone = next((phone for phone in own if takes(phone.number)), None)
            if phone is not None:
                return Choice(phone, channel)
    return None


def _call(contact: Contact, campaign: Campaign, phones: list[Phone]) -> Choice | None:
    channel = next((channel for channel in campaign.channels if channel not in WRITTEN), None)
    phones = [phone for phone in phones if phone.number not in contact.barred]
    if channel is None or not phones:
        return None
    order = [phone.number for phone in contact.phones]
    called = [
        order.index(attempt.number)
        for attempt in contact.this_round
        if not attempt.written and attempt.step is not Step.NOT_DIALLED and attempt.number in order
    ]
    following = (phone for phone in phones if not called or order.index(phone.number) > called[-1])
    return Choice(next(following, phones[0]), channel)
