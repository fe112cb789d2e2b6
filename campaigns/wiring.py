"""Campaigns as a Part of the product: what `ringback.parts` points to. Nothing is opened or read at import."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from campaigns import settings
from campaigns.anchors import Anchors
from campaigns.api.audit_shapes import AUDIT_SHAPES
from campaigns.api.callback_shapes import CALLBACK_SHAPES
from campaigns.api.codes import OUTBOUND_CODES
from campaigns.api.erasure_routes import ERASURE_SHAPES
from campaigns.api.notice_shapes import NOTICE_SHAPES
from campaigns.api.payment_shapes import PAYMENT_SHAPES
from campaigns.api.planning_shapes import PLANNING_SHAPES
from campaigns.api.revision_shapes import REVISION_SHAPES
from campaigns.api.routes import routes
from campaigns.api.shapes import shapes
from campaigns.calendars import work_calendar, year_files
from campaigns.callbacks.taking import TakingCallbacks
from campaigns.context import CHANNEL, IMPORTS, LANES, MESSAGES, NAME, Context, open_context
from campaigns.dialler.loop import Dialler
from campaigns.erasing.task import ERASURES, Erasing
from campaigns.figures import FIGURES, Looking
from campaigns.imports.importer import Importer
from campaigns.inbound_callers.leaving import Leaving
from campaigns.inbound_callers.looking import InboundCallers
from campaigns.kinds import known_kinds
from campaigns.ledger.tables import metadata
from campaigns.messages.configured import Gateways, read_gateways
from campaigns.messages.sender import MessageSender
from campaigns.profile import shipped_rules
from campaigns.purging import purging
from campaigns.topics.names import TOPICS
from campaigns.topics.publishing import PUBLISHERS, Publishing
from campaigns.topics.settlements import READERS, SettlementsTopic
from cti.errors import SettingsMistake
from cti.hosting import Host, Opened, Part, Task
from cti.sql.schema import Chain

DIALLER = "dialler"  # the process that dials and imports
SCOPES = ("campaigns:read", "campaigns:write", "campaigns:approve", "notices:export", "persons:erase")
CHAIN = Chain(NAME, Path(__file__).parent / "ledger" / "migrations", (metadata,))


def open_part(host: Host) -> Opened:
    """Raises ValueError where a year file cannot be used, OSError where it cannot be read, SettingsMistake."""
    read = settings.Settings.read()
    folder = read.calendar_folder
    files = [] if folder is None else year_files(folder).values()
    if unknown := sorted(read.approval_kinds_named - set(known_kinds())):
        raise SettingsMistake(f"RINGBACK_APPROVAL_KINDS: no kind is called {unknown[0]}")
    gateways = gateways_of(read)
    context = open_context(host, shipped_rules(work_calendar(files)), read, gateways)
    context.printer.check()
    assert host.dial_streams is not None
    sender = MessageSender(context, host, host.dial_streams)
    return Opened(
        shared=context,
        tasks=[
            Dialler(context, host),
            Importer(context, host),
            Looking(context, host),
            sender,
            Anchors(context),
            Leaving(context, host),
            TakingCallbacks(context, host),
            Erasing(context, host),
            *topic_tasks(context, host),
        ],
        callers=InboundCallers(context),
        purge=purging(context, read.kept_ms),
        collectors=context.metrics.collectors,
    )


def topic_tasks(context: Context, host: Host) -> list[Task]:
    """Those that need Kafka, where there is one."""
    topics, dead_letters = host.topics, host.dead_letters
    if topics is None or dead_letters is None:
        return []
    return [SettlementsTopic(context, host, topics, dead_letters), Publishing(context, host, topics, dead_letters)]


def gateways_of(read: settings.Settings) -> Gateways:
    """The tenants' message gateways. Raises SettingsMistake."""
    file = read.message_gateways_file
    return {} if file is None else read_gateways(file, loopback=read.message_gateways_loopback)


def schemas() -> Mapping[str, Any]:
    """The components of the OpenAPI document, with the limits of the shipped rules. Reads the profile."""
    return {
        **shapes(shipped_rules(work_calendar())),
        **NOTICE_SHAPES,
        **PAYMENT_SHAPES,
        **PLANNING_SHAPES,
        **REVISION_SHAPES,
        **ERASURE_SHAPES,
        **AUDIT_SHAPES,
        **CALLBACK_SHAPES,
    }


PART = Part(
    name=NAME,
    open=open_part,
    runs_in=DIALLER,
    chain=CHAIN,
    channels=(CHANNEL,),
    lease_groups=(LANES, IMPORTS, FIGURES, MESSAGES, ERASURES, READERS, PUBLISHERS),
    topics=TOPICS,
    routes=routes,
    schemas=schemas,
    scopes=SCOPES,
    codes=OUTBOUND_CODES,
    variables=tuple(sorted(settings.names())),
)
