"""Campaigns as a Part of the product: what `ringback.parts` points to. Nothing is opened at import."""

from pathlib import Path

from campaigns import settings
from campaigns.api.codes import OUTBOUND_CODES
from campaigns.api.notice_shapes import NOTICE_SHAPES
from campaigns.api.payment_shapes import PAYMENT_SHAPES
from campaigns.api.routes import routes
from campaigns.api.shapes import shapes
from campaigns.calendars import work_calendar, year_files
from campaigns.context import CHANNEL, IMPORTS, LANES, NAME, open_context
from campaigns.dialler.loop import Dialler
from campaigns.figures import FIGURES, Looking
from campaigns.imports.importer import Importer
from campaigns.ledger.tables import metadata
from campaigns.profile import shipped_rules
from campaigns.purging import purging
from cti.hosting import Host, Opened, Part
from cti.sql.schema import Chain

DIALLER = "dialler"  # the process that dials and imports
SCOPES = ("campaigns:read", "campaigns:write", "notices:export")
CHAIN = Chain(NAME, Path(__file__).parent / "ledger" / "migrations", (metadata,))


def open_part(host: Host) -> Opened:
    """Raises ValueError where a year file cannot be used, OSError where it cannot be read, SettingsMistake."""
    read = settings.Settings.read()
    folder = read.calendar_folder
    files = [] if folder is None else year_files(folder).values()
    context = open_context(host, shipped_rules(work_calendar(files)), read)
    return Opened(
        shared=context,
        tasks=[Dialler(context, host), Importer(context, host), Looking(context, host)],
        purge=purging(context, read.kept_ms),
        collectors=context.metrics.collectors,
    )


PART = Part(
    name=NAME,
    open=open_part,
    runs_in=DIALLER,
    chain=CHAIN,
    channels=(CHANNEL,),
    lease_groups=(LANES, IMPORTS, FIGURES),
    routes=routes,
    schemas={**shapes(shipped_rules(work_calendar())), **NOTICE_SHAPES, **PAYMENT_SHAPES},
    scopes=SCOPES,
    codes=OUTBOUND_CODES,
    variables=tuple(sorted(settings.names())),
)
