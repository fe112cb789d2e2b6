"""Lanes: the trunk groups that campaigns have used. Whoever owns one dials on it."""

import json
from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from campaigns.ledger.tables import NOT_ENDED, lanes
from cti.sql.bulk import insertion
from cti.sql.point import rows_of

_KNOWN = "SELECT tenant, switch, trunk_group FROM campaign_lanes"
_FROM = ("SELECT DISTINCT tenant, switch, trunk_group FROM campaigns WHERE", NOT_ENDED)
_UNDER_WAY = " ".join(_FROM)
_put = insertion(lanes, tail="ON CONFLICT (id) DO NOTHING")


class Lane(NamedTuple):
    """A trunk group of a tenant's switch."""

    tenant: str
    switch: str
    trunk_group: str

    @property
    def id(self) -> str:
        """Its name in the lease group."""
        return json.dumps(list(self), ensure_ascii=False, separators=(",", ":"))


def known(connection: Connection) -> set[Lane]:
    """Every lane that was ever used: facts of an earlier call may come at any time."""
    return {Lane(*row) for row in rows_of(connection, _KNOWN)}


def under_way(connection: Connection) -> set[Lane]:
    """Those of campaigns that have not ended."""
    return {Lane(*row) for row in rows_of(connection, _UNDER_WAY)}


def put(connection: Connection, made: Collection[Lane]) -> None:
    """Insert those that are new."""
    _put(connection, sorted((lane.id, *lane) for lane in made))


def put_all(connection: Connection, asked: Sequence[Collection[Lane]]) -> Sequence[None]:
    """`put`, for a writer."""
    for made in asked:
        put(connection, made)
    return [None] * len(asked)


def lane_of(resource: str) -> Lane:
    """From its name in the lease group."""
    return Lane(*json.loads(resource))
