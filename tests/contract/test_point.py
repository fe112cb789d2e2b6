"""Short statements, given straight to the driver: the same rows as SQLAlchemy finds."""

import pytest
from sqlalchemy import Integer, bindparam, select

from cti.leases.tables import owners
from cti.sql.connections import database_url, writer_engine
from cti.sql.point import Prepared

FEW = Prepared(
    select(owners.c.owner, owners.c.heartbeat)
    .where(owners.c.lease_group == bindparam("group"), owners.c.heartbeat > bindparam("than"), owners.c.owner != "c")
    .order_by(owners.c.owner)
    .limit(bindparam("most", type_=Integer))
    .with_for_update(read=True)
)


def test_a_prepared_statement_takes_its_values_by_name_and_keeps_what_is_fixed(ready_durable_url: str) -> None:
    engine = writer_engine(database_url(ready_durable_url))
    try:
        with engine.begin() as connection:
            rows = [{"lease_group": "g", "owner": name, "heartbeat": n} for n, name in enumerate("abcde")]
            connection.execute(owners.insert(), rows)
            assert FEW.rows(connection, than=0, most=2, group="g") == [("b", 1), ("d", 3)]
            assert FEW.rows(connection, group="g", than=3, most=9) == [("e", 4)]
            assert FEW.rows(connection, group="h", than=0, most=9) == []
            with pytest.raises(AssertionError):  # never nothing for a value that was forgotten
                FEW.rows(connection, group="g", most=9)
    finally:
        engine.dispose()
