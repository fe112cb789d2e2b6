"""The background task that works on imports, the oldest first; one process of all does, under a lease."""

from collections.abc import Sequence

import structlog

from campaigns.context import IMPORTS, Context
from campaigns.imports import receiving
from campaigns.imports.errors import ContactMoved
from campaigns.imports.job import Job
from campaigns.leased_task import LeasedTask, lease_changes
from campaigns.ledger import imports
from campaigns.ledger.rows import ImportRow
from cti.errors import Fenced, LedgerAway, OutcomeUnknown
from cti.hosting import Host

RESOURCE = "imports"  # the one resource of the lease group
LOOK_MS = 5_000.0  # what is new wakes it
AGAIN_MS = 500.0  # after some work, and after what went wrong
SILENT_MS = 600_000.0  # a body of which nothing came for so long will not come
RUNNING_MAX = 64  # read one after the other
COMING_MAX = 4_096  # looked at together: more than the gateways have connections
BROKEN = "an error in the product: its log says more"

log = structlog.get_logger()


class Importer(LeasedTask):
    """A lost lease or ledger is looked at again."""

    def __init__(self, context: Context, host: Host) -> None:
        ownership = host.ownership(IMPORTS, (RESOURCE,), changed=context.importing.set)
        super().__init__(host.clock, ownership, wake=context.importing)
        self._context = context
        self._held: dict[str, int] = {}
        self._look_ms = float("-inf")
        self._coming: dict[tuple[str, int], tuple[int, float]] = {}  # bytes, and since when it has been those

    def next_ms(self) -> float:
        return self._look_ms

    async def _work(self) -> bool:
        self._apply_lease_changes()
        self._look_ms = self._clock.now_ms() + LOOK_MS
        if not self._held:
            return False
        try:
            reader = self._context.reader
            await self._give_up_silent(await reader.run(imports.under_way, imports.RECEIVING, COMING_MAX))
            running = await reader.run(imports.under_way, imports.RUNNING, RUNNING_MAX)
            for row in running:
                await self._do(row)
                self._apply_lease_changes()
                if not self._held:
                    break
        except Fenced as fenced:
            self._held.clear()
            self.ownership.lost(fenced.resources)
            return False
        except (LedgerAway, OutcomeUnknown, ContactMoved) as error:
            log.warning("an import waits", action="import_waits", why=str(error))
            self._look_ms = self._clock.now_ms() + AGAIN_MS
            return False
        if running:
            self._look_ms = self._clock.now_ms() + AGAIN_MS
        return bool(running)

    def _apply_lease_changes(self) -> None:
        gone, taken = lease_changes(self.ownership)
        for resource in gone:
            self._held.pop(resource, None)
        self._held.update({lease.resource: lease.epoch for lease in taken})

    async def _do(self, row: ImportRow) -> None:
        job = Job(self._context, row, self._held)
        try:
            ended = await job.run()
        except (Fenced, LedgerAway, OutcomeUnknown, ContactMoved):
            raise
        except Exception:  # the last resort: a defect in our code must not stop the imports of everybody
            log.exception("an import is given up", action="import_broken", campaign=row.campaign, no=row.no)
            ended = await job.fail(BROKEN)
        if ended is not None:
            log.info(
                "an import has ended", action="import_ended", campaign=row.campaign, no=row.no, state=ended.state,
                received=ended.received, accepted=ended.accepted, rejected=ended.rejected, merged=ended.merged,
                contacts=ended.contacts, error=ended.error,
            )  # fmt: skip

    async def _give_up_silent(self, coming: Sequence[ImportRow]) -> None:
        """A body whose receiver died. Only time in which this process looked counts."""
        now_ms = self._clock.now_ms()
        known, self._coming = self._coming, {}
        for row in coming:
            key = (row.campaign, row.no)
            size, since_ms = known.get(key, (-1, now_ms))
            if size != row.bytes:
                self._coming[key] = (row.bytes, now_ms)
            elif now_ms - since_ms < SILENT_MS:
                self._coming[key] = (size, since_ms)
            else:
                await receiving.drop(self._context, *key)
