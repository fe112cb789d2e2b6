"""Looks at the ledger for the metrics: at most every LOOK_MS, in one process, and only if somebody scrapes.

Of several diallers the one that owns the resource of this group looks; the others show nothing, so that sums are true.
"""

from datetime import date

import structlog
from sqlalchemy import Connection

from campaigns.context import Context
from campaigns.core.calling_hours import Open, judge
from campaigns.core.reasons import Channel
from campaigns.core.workdays import WorkCalendar
from campaigns.core.zones import instant, local_day
from campaigns.ledger.compiled import campaign_of, class_asked
from campaigns.ledger.figures import Feeds, Figures, IsOpen, look
from campaigns.ledger.rows import CampaignRow, HoursClassRow
from campaigns.settings import Settings
from campaigns.settlements import silence
from campaigns.sole_owner import SoleTask
from cti.hosting import Host

FIGURES = "campaign_figures"  # the lease group, with one resource
RESOURCE = "figures"
LOOK_MS = 15_000.0
STALE_MS = 60_000.0  # older figures are shown no more

log = structlog.get_logger()


class Looking(SoleTask):
    """Keeps the gauges of the ledger."""

    def __init__(self, context: Context, host: Host) -> None:
        super().__init__(context, host, FIGURES, RESOURCE, LOOK_MS)
        self._shown = context.metrics.figures
        self._looked_ms = self._found_ms = float("-inf")

    async def _work(self, now_ms: float, *, lost: bool) -> bool:
        """Nothing is written, and nothing waits for it: no look counts as work done."""
        if lost:
            self._found_ms = float("-inf")
        if self.ours and self._shown.asked.is_set() and now_ms >= self._looked_ms + LOOK_MS:
            self._looked_ms = now_ms
            self._shown.asked.clear()
            figures = await self._context.reader.run(self._figures)
            self._found_ms = now_ms
            self._shown.show(figures)
        self._drop_stale(now_ms)
        return False

    def _wait(self, error: Exception, now_ms: float) -> None:
        log.warning("figures wait", action="figures_wait", why=str(error))
        self._drop_stale(now_ms)

    def _drop_stale(self, now_ms: float) -> None:
        if now_ms - self._found_ms > STALE_MS:
            self._shown.show(None)

    def _figures(self, connection: Connection) -> Figures:
        at_ms = self._context.now_ms()
        zone, calendar = self._context.rules.zone, self._context.rules.hours.calendar
        return look(
            connection, at_ms, self._opened(at_ms), feeds_of(self._context.settings, at_ms),
            known_until_ms(calendar, at_ms, zone),
        )  # fmt: skip

    def _opened(self, now_ms: int) -> IsOpen:
        """Whether a class of hours is open at this time, on any channel of its campaign."""

        def is_open(row: CampaignRow, hours_class: HoursClassRow) -> bool:
            campaign = campaign_of(row, self._context.rules)
            channels = campaign.channels or (Channel.AUTO,)
            asked = (
                class_asked(campaign, hours_class.customer_class, hours_class.zones, channel) for channel in channels
            )
            return any(isinstance(judge(campaign.hours, question, now_ms), Open) for question in asked)

        return is_open


def feeds_of(settings: Settings, now_ms: int) -> Feeds | None:
    """The tenants whose payments must be reported."""
    if settings.settlement_feed == silence.OFF:
        return None
    return Feeds(now_ms - settings.silence_ms, settings.settlement_feed == silence.ON, silence.KIND)


def known_until_ms(calendar: WorkCalendar, now_ms: int, zone: str) -> int:
    """The first instant of the first year from this one on that nobody has announced."""
    year = local_day(now_ms, zone).year
    while year in calendar.years:
        year += 1
    return instant(date(year, 1, 1), 0, zone)
