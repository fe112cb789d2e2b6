"""Of an import of follow-ups: whoever is not in the sample of his fault is not called (FOLLOW-1).

The rows are accepted, so that the counts hold and the sample can be checked: their contacts are cancelled, with the
reason. It comes before the import is done, so nobody of it was called yet; done again after a crash it is the same.
"""

from collections.abc import Mapping, Sequence

from pydantic_core import from_json
from sqlalchemy import Connection

from campaigns.context import Context
from campaigns.core.reasons import State, Why
from campaigns.core.sampling import Report, is_fault, sampled
from campaigns.imports.errors import CannotImport
from campaigns.ledger import imports, sampling
from campaigns.ledger.imports import Key
from campaigns.ledger.rows import ImportRow

PAGE = 4_000
REPORTS_MAX = 1_000_000  # of one file

Item = Mapping[str, str]


async def cancel_others(context: Context, row: ImportRow, key: Key) -> int:
    """How many are not called. Raises CannotImport, Fenced, LedgerAway, OutcomeUnknown."""
    reports: list[Report] = []
    whole: set[str] = set()
    ids: dict[str, str] = {}  # of accounts with reports of faults
    after = 0
    while page := await context.reader.run(sampling.contacts_after, row.campaign, row.no, after, PAGE):
        after = page[-1].no
        for contact in page:
            items: Sequence[Item] = from_json(contact.items)
            faults = [item for item in items if is_fault(item["category"])]
            whole |= {contact.account} if len(faults) < len(items) else set()
            ids |= {contact.account: contact.id} if faults else {}
            reports += [Report(contact.account, item["fault"], item.get("area", "")) for item in faults]
        if len(reports) > REPORTS_MAX:
            raise CannotImport(f"more than {REPORTS_MAX} reports of faults: split the file by faults")
    chosen = whole | sampled(reports, context.rules.follow_up_percent, row.sha256)
    others = sorted(id_ for account, id_ in ids.items() if account not in chosen)
    for at in range(0, len(others), PAGE):
        some = others[at : at + PAGE]
        await context.writer.run(_cancel_all, (key, some), weight=len(some))
    return len(others)


def _cancel_all(connection: Connection, given: Sequence[tuple[Key, Sequence[str]]]) -> Sequence[None]:
    for key, ids in given:
        sampling.cancel(connection, ids, State.CANCELLED.value, Why.NOT_SAMPLED.value)
        imports.fence(connection, key)
    return [None] * len(given)
