"""What whoever runs it wants to know: settings, limits, metrics, the closed lists of reasons."""

import io
import re
import tokenize
from collections.abc import Iterable
from pathlib import Path

from cti.engine.metrics import CallMetrics
from cti.settings import PREFIX, Settings
from cti.telemetry import Telemetry
from cti.web import limits as limits_module
from cti.web.limits import Limits
from docs.generate.writing import described
from schemas import reasons

SETTINGS_MEAN = {
    "db": "Where everything is kept, an SQLAlchemy URL: `sqlite:///FILE`, `postgresql+psycopg://USER@HOST/NAME`; "
    "`memory:` forgets all at the end",
    "listen": "Address and port of the HTTP door; port 0 takes any free one",
    "profile": "A shipped profile's name, or the path of a file of your own",
    "partitions": "Parts of the event log, 1 to 256; fixed for the life of a ledger",
    "call_idle_max_s": "A call of which nothing is heard for so long ends as `lost`",
    "call_events_max": "Events that one call takes; what is beyond is set aside as `call_too_large`, its end never",
    "call_bytes_max": "Bytes that one call's events take, as they are kept; beyond it the same",
    "timeline_days": "How long the event log and the events of ended calls are kept",
    "records_days": "How long calls, records, breaches, commands and dead letters are kept",
    "kafka_bootstrap": "Servers of an Apache Kafka, `HOST:PORT` with commas between; empty: the event log is in the "
    "database. With Kafka `db` is PostgreSQL",
    "kafka_prefix": "What all topics' names begin with",
    "kafka_tenant": "Whose an event is that names no tenant itself; as fixed as the prefix",
    "kafka_partitions": "Partitions of each topic of events, 1 to 256; fixed for the life of the topics",
    "kafka_replication": "Replicas of each partition, at least",
    "kafka_min_insync": "Replicas that must have an event before it counts as kept",
    "kafka_retention_days": "How long Kafka keeps events at least",
    "kafka_compression": "`none`, `gzip`, `lz4` or `zstd`",
    "kafka_group": "The group under whose name Kafka's tools see our positions",
    "kafka_security": "`PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`",
    "kafka_mechanism": "`PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`, where there is a login",
    "kafka_username": "Who logs in",
    "kafka_password": "Shown nowhere",
    "kafka_ca_file": "Whom to trust, PEM; empty: the machine's authorities",
    "kafka_cert_file": "Our own certificate, PEM, where the servers ask for one",
    "kafka_key_file": "Its key, where that is not in the same file",
    "metrics_sources": "Sources with series of their own in the metrics, a tenant at most as many as are left; the rest is `other`",
    "log_level": "`debug`, `info`, `warning` or `error`",
}


def setting_table() -> str:
    rows = (
        (f"`{PREFIX}{name.upper()}`", f"`{field.default}`" if str(field.default) else "", SETTINGS_MEAN[name])
        for name, field in Settings.model_fields.items()
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
    metrics = CallMetrics(telemetry)
    instruments = [
        instrument
        for instrument in (*vars(telemetry).values(), *vars(metrics).values())
        if hasattr(instrument, "describe")
    ]
    labels = {instrument.describe()[0].name: getattr(instrument, "_labelnames", ()) for instrument in instruments}
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
