"""Numbers with a call under way, and how often a person was called on a day: over all campaigns of a tenant."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from campaigns.core.campaign import CALLS_A_DAY_MAX
from campaigns.ledger.tables import live_numbers, person_days
from cti.sql.bulk import Bulk, insertion, selection

_take = insertion(live_numbers, tail="ON CONFLICT (tenant, number) DO NOTHING RETURNING number")
_busy = selection(live_numbers, [live_numbers.c.tenant, live_numbers.c.number], [live_numbers.c.number])
_calls = selection(person_days, [person_days.c[name] for name in ("tenant", "person", "day")])
_LIVE = [live_numbers.c[name] for name in ("tenant", "number", "command")]
_NAMES = ", ".join(column.name for column in _LIVE)
_GONE = ("FROM campaign_live_numbers WHERE (", _NAMES, ") IN (SELECT", _NAMES, "FROM")
_leave = Bulk("DELETE", " ".join(_GONE), _LIVE, ") RETURNING number")
_MORE = (
    "ON CONFLICT (tenant, person, day) DO UPDATE SET calls = campaign_person_days.calls + excluded.calls"
)  # fmt: skip
_CAPPED = f"WHERE campaign_person_days.calls + excluded.calls <= {CALLS_A_DAY_MAX}"
_reserve = insertion(person_days, tail=f"{_MORE} {_CAPPED} RETURNING person, day")
_add = insertion(person_days, tail=_MORE)
_FEWER = "CASE WHEN campaign_person_days.calls > given.calls THEN campaign_person_days.calls - given.calls ELSE 0 END"
_SAME = " AND ".join(f"campaign_person_days.{name} = given.{name}" for name in ("tenant", "person", "day"))
_release = Bulk("UPDATE", f"campaign_person_days SET calls = {_FEWER} FROM", list(person_days.columns), f"AND {_SAME}")


class PersonDay(NamedTuple):
    """`person`: "a:ACCOUNT" or "n:NUMBER"; `day`: 2026-03-04, in the operator's zone."""

    person: str
    day: str


def line_keys(account: str, number: str) -> tuple[str, str]:
    """What one call takes: the number, and the person whose account it is (one live call a
    number and person).
    """
    return number, account_key(account)


def account_key(account: str) -> str:
    """No number begins so."""
    return f"a:{account}"


class LiveNumber(NamedTuple):
    """A number, or an account (`account_key`), with a call or with an order that may become one."""

    tenant: str
    number: str
    contact: str
    command: str
    since_ms: int


def busy(connection: Connection, tenant: str, numbers: Collection[str]) -> set[str]:
    """Those of these numbers that have a call under way."""
    return {row[0] for row in _busy.returning(connection, [(tenant, number) for number in sorted(numbers)])}


def take(connection: Connection, rows: Sequence[LiveNumber]) -> set[str]:
    """Take numbers; those that were free."""
    return {row[0] for row in _take.returning(connection, sorted(rows))}


def leave(connection: Connection, tenant: str, gone: Collection[tuple[str, str]]) -> set[str]:
    """(number, order) whose call has ended; the numbers that are free now."""
    return {row[0] for row in _leave.returning(connection, [(tenant, *ended) for ended in sorted(gone)])}


def calls(connection: Connection, tenant: str, asked: Collection[PersonDay]) -> dict[PersonDay, int]:
    """How many calls count for each so far."""
    found = dict.fromkeys(asked, 0)
    rows = _calls.returning(connection, [(tenant, *person_day) for person_day in sorted(asked)])
    return found | {PersonDay(person, day): count for _, person, day, count in rows}


def reserve(connection: Connection, tenant: str, wanted: Mapping[PersonDay, int]) -> bool:
    """Count calls that are being made, where the cap allows each; False: it does not, and the turn must be undone."""
    rows = [(tenant, *person_day, count) for person_day, count in sorted(wanted.items())]
    return len(_reserve.returning(connection, rows)) == len(rows)


def change(connection: Connection, tenant: str, changes: Mapping[PersonDay, int]) -> None:
    """Count more or fewer, whatever the cap says: what happened, happened."""
    _add(connection, [(tenant, *person_day, by) for person_day, by in sorted(changes.items()) if by > 0])
    _release(connection, [(tenant, *person_day, -by) for person_day, by in sorted(changes.items()) if by < 0])
