"""Tables for operators: settings, limits, metrics, the closed lists of reasons."""

import io
import re
import tokenize
from collections.abc import Iterable
from pathlib import Path

from campaigns.metrics import CampaignMetrics, FiguresShown
from campaigns.settings import Settings as CampaignSettings
from cti.dial.metrics import DialMetrics
from cti.engine.metrics import CallMetrics
from cti.settings import PREFIX, Settings
from cti.telemetry import Telemetry
from cti.web import limits as limits_module
from cti.web.limits import Limits
from docs.generate.writing import described
from schemas import reasons

SETTINGS_MEAN = {
    "db": "The database, as an SQLAlchemy URL: `sqlite:///FILE`, `postgresql+psycopg://USER@HOST/NAME`; `memory:` "
    "keeps nothing after the process ends",
    "listen": "Address and port of the HTTP API; with port 0 the operating system chooses a free port",
    "profile": "The name of a shipped profile, or the path of your own file",
    "partitions": "Partitions of the event log in the database, 1 to 256; cannot change once the ledger exists",
    "call_idle_max_s": "A call without any event for this long ends as `lost`",
    "call_events_max": "Most events of one call; further events are set aside as `call_too_large`, except "
    "its `callCleared`",
    "call_bytes_max": "Most bytes of one call's events, as stored; beyond it the same",
    "timeline_days": "Days for which the event log and the events of ended calls are kept",
    "records_days": "Days for which calls, records, breaches, commands and dead letters are kept",
    "kafka_bootstrap": "Servers of Apache Kafka, as `HOST:PORT` separated by commas. Empty: the event log is in the "
    "database. Kafka requires PostgreSQL as `RINGBACK_DB`",
    "kafka_prefix": "Prefix of the names of all topics",
    "kafka_tenant": "Tenant of an event that names none; cannot change once the topics exist",
    "kafka_partitions": "Partitions of each topic of events, 1 to 256; cannot change once the topics exist",
    "kafka_replication": "Minimum number of replicas of each partition",
    "kafka_min_insync": "Replicas that must have an event before it is acknowledged",
    "kafka_retention_days": "Minimum days for which Kafka keeps events",
    "kafka_compression": "`none`, `gzip`, `lz4` or `zstd`",
    "kafka_group": "Consumer group under which Kafka's tools show the engine's positions",
    "kafka_security": "`PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`",
    "kafka_mechanism": "`PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`; used with SASL",
    "kafka_username": "User name for SASL",
    "kafka_password": "Password for SASL; no output shows it",
    "kafka_ca_file": "Certificate authorities to trust, PEM; empty: those of the machine",
    "kafka_cert_file": "Client certificate, PEM, if the servers require one",
    "kafka_key_file": "Private key of the client certificate, if it is in another file",
    "metrics_sources": "Sources with their own series in the metrics; one tenant gets at most as many as it leaves "
    "free. The rest count as `other`",
    "calendars": "The folder of the year files of the work calendar; empty: only the years that ship are known",
    "campaigns_days": "Days for which ended campaigns, with their contacts, attempts and notices, and the audit log "
    "are kept",
    "caller_zh": "Who calls, in Chinese: the beginning of what campaigns say and write",
    "caller_en": "The same in English",
    "call_back": "The number that messages and answering machines are told to call",
    "settlements_days": "Days for which payments are remembered: for files that come after them, and their references",
    "settlement_feed": "Whether a campaign of arrears starts only while payments are told: `on`, `off`, or `auto`, "
    "which is from the first payment on that a tenant has told",
    "settlement_silence_h": "Hours without a payment, or an empty file, after which they are not told any more",
    "approval": "`on`: a campaign that needs an approval starts only once a second key has given it; `off`: none needs "
    "one. `ringback run` and `demo` turn it off where nothing is set",
    "approval_kinds": "Campaigns of these kinds need an approval, with commas between them",
    "approval_contacts": "Campaigns with more contacts than this need an approval, of whatever kind",
    "letters": "The folder of own templates of letters; empty: those that ship. Tried at the start",
    "letter_fonts": "A folder of further fonts for letters, beside Noto Sans CJK",
    "failure_spike_percent": "Once a campaign has 50 attempts, it pauses if so many percent of the last 50 met "
    "`failedOther`, `congestion` or `invalidNumber`; 101: never",
    "message_gateways": "The file of tenants' message gateways; empty: messages go by switches that declare "
    "`sendMessage` alone",
    "message_gateways_loopback": "Gateways may be on this machine, over http: for trials",
    "log_level": "Lowest level that is logged: `debug`, `info`, `warning` or `error`",
}


def setting_table() -> str:
    rows = (
        (f"`{PREFIX}{name.upper()}`", f"`{field.default}`" if str(field.default) else "", SETTINGS_MEAN[name])
        for name, field in {**Settings.model_fields, **CampaignSettings.model_fields}.items()
    )
    return described(("variable", "default", "meaning"), rows)


def _comments(path: Path) -> dict[int, str]:
    """Line -> the comment at its end."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline)
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}


def limit_table() -> str:
    path = Path(limits_module.__file__)
    comments, lines = _comments(path), path.read_text("utf-8").splitlines()
    line_numbers = {
        line.split(":")[0].strip(): number for number, line in enumerate(lines, start=1) if line[:4] == " " * 4
    }
    rows = (
        (f"`{name}`", _plain(field.default), comments.get(line_numbers[name], ""))
        for name, field in Limits.model_fields.items()
    )
    return described(("limit", "value", ""), rows)


def _plain(number: float) -> str:
    return f"{number:g}" if isinstance(number, float) else f"{number:,}".replace(",", " ")


def metric_table() -> str:
    telemetry = Telemetry()
    packages = (telemetry, CallMetrics(telemetry), DialMetrics(telemetry.registry), CampaignMetrics())
    for collector in packages[-1].collectors:
        telemetry.registry.register(collector)
    instruments = [
        instrument for package in packages for instrument in vars(package).values() if hasattr(instrument, "describe")
    ]
    labels = {
        family.name: getattr(family if isinstance(instrument, FiguresShown) else instrument, "_labelnames", ())
        for instrument in instruments
        for family in instrument.describe()
    }
    rows = []
    for family in telemetry.registry.collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        rows.append(
            (f"`{name}`", family.type, ", ".join(f"`{label}`" for label in labels[family.name]), family.documentation)
        )
    return described(("metric", "type", "labels", "meaning"), rows)


def _closed_list(words: Iterable[reasons.StrEnum], source: type) -> str:
    comments, lines = (
        _comments(Path(reasons.__file__ or "")),
        Path(reasons.__file__ or "").read_text("utf-8").splitlines(),
    )
    inside, rows = False, []
    for number, line in enumerate(lines, start=1):
        inside = line.startswith(f"class {source.__name__}(") or (inside and not line.startswith("class "))
        found = re.match(r'    [A-Z_]+ = "(\w+)"', line) if inside else None
        if found:
            rows.append((f"`{found[1]}`", comments.get(number, "")))
    assert [row[0].strip("`") for row in rows] == [str(word) for word in words], source
    return described(("word", ""), rows)


def ignored_table() -> str:
    return _closed_list(reasons.Ignored, reasons.Ignored)


def dead_letter_table() -> str:
    return _closed_list(reasons.DeadLetter, reasons.DeadLetter)
