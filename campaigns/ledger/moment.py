"""What the ledger knows of a contact's person at a moment."""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from campaigns.ledger import do_not_call, outbound, people
from campaigns.ledger.people import PersonDay
from campaigns.ledger.tables import UNENDED, attempts, campaigns


class Person(NamedTuple):
    """`busy`: of its numbers, those with a call under way. `live`: calls under way on the campaign's trunk group.
    `barred`: its numbers that are not called, or its account, and why.
    """

    calls: dict[PersonDay, int]
    busy: set[str]
    frozen: bool
    live: int
    barred: dict[str, str]


def person(
    connection: Connection, tenant: str, days: Collection[PersonDay], numbers: Collection[str], lane: tuple[str, str],
    now_ms: int, until_ms: int,
) -> Person:  # fmt: skip
    """`lane`: switch and trunk group. `until_ms`: when an order that is made now would be over."""
    return Person(
        people.calls(connection, tenant, days),
        people.busy(connection, tenant, numbers),
        bool(outbound.read(connection, tenant).frozen),
        live_on(connection, tenant, *lane),
        do_not_call.holding(connection, tenant, numbers, now_ms, until_ms),
    )


def live_on(connection: Connection, tenant: str, switch: str, trunk_group: str) -> int:
    """Calls under way on a trunk group."""
    columns = campaigns.c
    here = (columns.tenant == tenant, columns.switch == switch, columns.trunk_group == trunk_group)
    of_them = attempts.c.campaign.in_(select(columns.id).where(*here))
    return int(connection.scalar(select(func.count()).where(of_them, UNENDED, attempts.c.step == "open")) or 0)
