"""Files of a campaign whose outages were changed: everybody of it is told the same. Pure.

A file that was here before the change says what was right then: the change holds for its rows. One that came after it
must say what holds now; a row that says something else is rejected (CONFLICT), for nobody can tell which of the two is
right. A row of an outage that is cancelled is rejected in any case: there is nothing to be told.
"""

from collections.abc import Iterable, Sequence

from pydantic_core import from_json, to_json

from campaigns.imports.accounts import CONFLICT, Rejection
from campaigns.imports.staging import Parts
from campaigns.ledger.rows import RevisionRow
from campaigns.outages.items import Outage, moment_ms, outage_of

RESTORES_AT, STARTS_AT = "restores_at", "starts_at"
Rows = Sequence[tuple[int, Parts]]


class Agreed:
    """`revisions`: of the campaign, in their order. `received_ms`: of the file."""

    def __init__(self, revisions: Iterable[RevisionRow], received_ms: int) -> None:
        self._received_ms = received_ms
        self._last: dict[Outage, RevisionRow] = {}
        self.last_no = 0
        for revision in revisions:
            self._last[Outage(revision.area, revision.starts_at_ms)] = revision
            self.last_no = max(self.last_no, revision.no)

    def of(self, rows: Rows) -> tuple[Rows, list[Rejection]]:
        """The rows as they are taken, and those that are not."""
        if not self._last:
            return rows, []
        taken: list[tuple[int, Parts]] = []
        rejected: list[Rejection] = []
        for number, parts in rows:
            found = self._agreed(number, parts)
            if isinstance(found, Rejection):
                rejected.append(found)
            else:
                taken.append((number, found))
        return taken, rejected

    def _agreed(self, number: int, parts: Parts) -> Parts | Rejection:
        item = from_json(parts.item)
        outage = outage_of(item)
        revision = None if outage is None else self._last.get(outage)
        if revision is None:
            return parts
        if revision.restores_at is None:
            return Rejection(number, STARTS_AT, CONFLICT, "this outage was cancelled")
        if moment_ms(item[RESTORES_AT]) == moment_ms(revision.restores_at):
            return parts
        if self._received_ms > revision.at_ms:
            what = f"the outage was changed: {revision.restores_at}, not {item[RESTORES_AT]}"
            return Rejection(number, RESTORES_AT, CONFLICT, what)
        return parts._replace(item=to_json({**item, RESTORES_AT: revision.restores_at}).decode())


NOTHING_CHANGED = Agreed((), 0)
