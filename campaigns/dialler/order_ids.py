"""The ids of dial orders, made and read: an order's id names its contact and attempt, a contact's its campaign.

    c0123456789abcde-7       contact 7 of the campaign
    c0123456789abcde-7.2     the makeCall or sendMessage of its attempt 2
    c0123456789abcde-7.2.q1  the first question about that
    c0123456789abcde-7.2.c1  the first order to end its call

So an attempt can be ordered once only, and whoever reads a fact needs no table to find whose it is.
"""

from functools import lru_cache

IDS_KEPT = 32_768


def order_id(contact: str, n: int) -> str:
    """The id of the makeCall or sendMessage of attempt `n`."""
    return f"{contact}.{n}"


def question_id(order: str, k: int) -> str:
    """The id of the `k`-th question about an order."""
    return f"{order}.q{k}"


def clearing_id(order: str, k: int) -> str:
    """The id of the `k`-th order to end the call of an order."""
    return f"{order}.c{k}"


def contact_of_order(order: str) -> str:
    """The contact of a makeCall's or sendMessage's id."""
    return order.rsplit(".", 1)[0]


def attempt_no(order: str) -> int:
    """The attempt's number, of the same."""
    return int(order.rsplit(".", 1)[1])


@lru_cache(maxsize=IDS_KEPT)
def campaign_of_order(order: str) -> str:
    """The campaign, of the same."""
    return campaign_of_contact(contact_of_order(order))


def campaign_of_contact(contact: str) -> str:
    """The campaign in a contact's id, which is CAMPAIGN-NO."""
    return contact.rsplit("-", 1)[0]
