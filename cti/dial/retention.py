"""Retention of dial orders: what is settled goes with the records, a bounded amount at a time; an open or a sent order
never goes, however old it is, and neither does what is known of its call.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, and_, delete, exists, select, tuple_

from cti.dial.tables import SETTLED, UNSETTLED, facts, orders

KEPT_MS = 72 * 3_600_000  # switches remember ids for so long, and may answer about them
ROWS_A_TIME = 500


def purge(connection: Connection, limits: Sequence[tuple[int, int]]) -> list[int]:
    """(now_ms, records_before_ms) of each; how many rows went."""
    return [
        drop_orders(connection, records_before_ms - KEPT_MS) + drop_facts(connection, now_ms - KEPT_MS)
        for now_ms, records_before_ms in limits
    ]


def drop_orders(connection: Connection, before_ms: int) -> int:
    """Settled orders that expired before; one that asks about an order that is not settled stays with it."""
    about = orders.alias()
    spared = exists().where(about.c.id == orders.c.about, about.c.state.in_(("open", "sent")))
    old = select(orders.c.no).where(SETTLED, orders.c.expires_at_ms < before_ms, ~spared)
    some = old.order_by(orders.c.expires_at_ms).limit(ROWS_A_TIME)
    return connection.execute(delete(orders).where(orders.c.no.in_(some))).rowcount


def drop_facts(connection: Connection, before_ms: int) -> int:
    """Facts of before, unless their order is not settled yet."""
    spared = exists().where(and_(orders.c.id == facts.c.commandid, UNSETTLED))
    key = (facts.c.tenant, facts.c.commandid, facts.c.call_id)
    old = select(*key).where(facts.c.appended_at_ms < before_ms, ~spared).order_by(facts.c.appended_at_ms)
    gone = delete(facts).where(tuple_(*key).in_(old.limit(ROWS_A_TIME)))
    return connection.execute(gone).rowcount
