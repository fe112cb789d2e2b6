"""From a Kafka record to an entry: CloudEvents in structured and binary mode, and records that are neither.

Nothing is parsed twice: the engine parses an event once. A binary-mode record is rewritten as structured JSON, the form
that the rest of Ringback reads. A record that cannot be a CloudEvent becomes an entry with its reason, byte for byte.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from aiokafka import ConsumerRecord
from pydantic_core import from_json, to_json

from cti.adapters.clock import STEP_MS
from cti.adapters.event_log_kafka.settings import BODY_BYTES_MAX
from cti.adapters.event_log_kafka.writer import Record
from cti.adapters.partitioning import partition_of_bytes
from cti.ports import Appending, Entry
from schemas.reasons import DeadLetter

Headers = Sequence[tuple[str, bytes | None]]
Unfit = tuple[DeadLetter, str]

TENANT_HEADER: Final = "ringback-tenant"  # ours: it overrides what the event says
COPY_HEADER: Final = "ringback-everywhere"  # ours: one of the copies for every partition, whatever its key
EVENT_HEADER: Final = "ce_"
STRUCTURED: Final = "application/cloudevents+json"
JSON: Final = "application/json"
HEADERS_KEPT: Final = 1_024
CUT_BYTES: Final = 65_536  # kept of a record larger than any event may be
KEYS_KEPT: Final = 16_384  # of a partition: the live calls' and some more
_TENANT: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}\Z")
_ATTRIBUTE: Final = re.compile(r"[a-z0-9]{1,20}\Z")
_NAMES_TENANT: Final = b'"tenant"'


def record_of(item: Appending, tenant: str) -> Record:
    """The Kafka record of an item; `tenant` is the topics' own.

    Headers cost the reader a third of its speed, so a record has one only where needed: for another tenant, or for an
    event with a `tenant` extension of its own (an HTTP client may send one; it is not trusted).
    """
    headers: list[tuple[str, bytes]] = []
    if item.tenant != tenant or _NAMES_TENANT in item.body:
        headers.append((TENANT_HEADER, item.tenant.encode()))
    if item.everywhere:
        headers.append((COPY_HEADER, b"1"))
    return Record(item.key.encode(), item.body, headers)


class Reading:
    """Decodes one topic partition's records into entries."""

    def __init__(self, partition: int, number: int, count: int, tenant: str) -> None:
        self._partition = partition  # of the event log
        self._number, self._count = number, count  # of this topic partition; of the topic's partitions
        self._tenant = tenant
        self._known_keys: set[bytes] = set()  # keys found to belong to this partition
        self._appended_ms = 0  # of the last entry

    def begin(self) -> None:
        """Start after a seek: the next record does not follow the last one."""
        self._appended_ms = 0

    def mark(self, position: int) -> Entry:
        """The entry of a control record."""
        return Entry(self._partition, position, self._appended_ms, self._tenant, b"")

    def entries(self, records: Sequence[ConsumerRecord]) -> list[Entry]:
        """In order. The common case inline: structured mode, the topics' own tenant, a known key."""
        partition, tenant, known_keys, appended_ms = self._partition, self._tenant, self._known_keys, self._appended_ms
        new = tuple.__new__  # calling Entry would cost as much as all the rest
        entries: list[Entry] = []
        for record in records:
            value, at_ms = record.value, record.timestamp
            if at_ms > appended_ms or appended_ms - at_ms > STEP_MS:
                appended_ms = at_ms  # never falls for the difference of two brokers' clocks, but where one was set back
            if (
                record.key in known_keys
                and not record.headers
                and value
                and len(value) <= BODY_BYTES_MAX
                and _NAMES_TENANT not in value
            ):
                entries.append(
                    new(Entry, (partition, record.offset + 1, appended_ms, tenant, value, None, None, False))
                )
            else:
                entries.append(self._entry(record, appended_ms))
        self._appended_ms = appended_ms
        return entries

    def _entry(self, record: ConsumerRecord, appended_ms: int) -> Entry:
        body, tenant, unfit = record.value or b"", self._tenant, None
        if record.headers or not body or _NAMES_TENANT in body:
            body, tenant, unfit = self._judged(record)
        else:
            unfit = self._misplaced(record)  # a key that is new here
        if len(body) > BODY_BYTES_MAX:  # a compressed record can have any size
            unfit = (DeadLetter.TOO_LARGE, f"{len(body)} bytes, of which the first {CUT_BYTES} are kept")
            body = body[:CUT_BYTES]
        copied = bool(record.headers) and any(name == COPY_HEADER for name, _ in record.headers)
        return Entry(self._partition, record.offset + 1, appended_ms, tenant, body, None, unfit, copied)

    def _judged(self, record: ConsumerRecord) -> tuple[bytes, str, Unfit | None]:
        """Body, tenant, and why it is unfit, if it is."""
        headers, value = record.headers, record.value or b""
        try:
            mode = _mode(headers)
            body = value if mode is None else mode(headers, value)
            tenant = tenant_of(headers, body) or self._tenant
        except Unreadable as error:
            return value, self._tenant, (DeadLetter.UNREADABLE, f"{error}; headers: {_shown(headers)}")
        if not body:
            return body, tenant, (DeadLetter.UNREADABLE, "the record has no value")
        return body, tenant, self._misplaced(record)

    def _misplaced(self, record: ConsumerRecord) -> Unfit | None:
        if record.headers and any(name == COPY_HEADER for name, _ in record.headers):
            return None
        if not record.key:
            return (DeadLetter.WRONG_PARTITION, "the record has no key; it is tenant:source:subject")
        wanted = partition_of_bytes(record.key, self._count)
        if wanted == self._number:
            if len(self._known_keys) >= KEYS_KEPT:
                self._known_keys.clear()
            self._known_keys.add(record.key)
            return None
        detail = f"key {record.key[:200]!r} belongs to partition {wanted} (murmur2), not to {self._number}"
        return (DeadLetter.WRONG_PARTITION, detail)


class Unreadable(Exception):
    """Why a record is not what the topic takes."""


def _mode(headers: Headers) -> Callable[[Headers, bytes], bytes] | None:
    """How to read the value; None: it is the event itself."""
    named = media_type_of(headers)
    if any(name.startswith(EVENT_HEADER) for name, _ in headers):
        return None if named == STRUCTURED else _as_structured
    if named in ("", STRUCTURED, JSON):
        return None
    raise Unreadable(f"content-type {named[:80]} is not taken here: {STRUCTURED}, or {JSON} with ce_ headers")


def media_type_of(headers: Headers) -> str:
    """What the value is said to be, without parameters; "": nothing is said."""
    return _media_type(_content_type(headers) or b"")


def _content_type(headers: Headers) -> bytes | None:
    """The content-type header as sent; None: absent or null."""
    return next((value for name, value in headers if name.lower() == "content-type"), None)


@lru_cache(maxsize=HEADERS_KEPT)
def _media_type(value: bytes) -> str:
    return value.decode("utf-8", "replace").partition(";")[0].strip().lower()


def _as_structured(headers: Headers, value: bytes) -> bytes:
    """A binary-mode record as structured JSON: attributes from the headers, the value as `data`, unchanged."""
    attributes: dict[str, str] = {}
    for name, raw in headers:
        if not name.startswith(EVENT_HEADER):
            continue
        attribute = name.removeprefix(EVENT_HEADER)
        if attribute in attributes or attribute in ("data", "datacontenttype") or not _ATTRIBUTE.match(attribute):
            raise Unreadable(f"the header {name[:64]} is repeated or cannot be an attribute")
        attributes[attribute] = _text(name, raw)
    attributes["datacontenttype"] = _text("content-type", _content_type(headers) or JSON.encode())
    written = to_json(attributes)
    if not value.strip():
        return written
    try:
        from_json(value, allow_inf_nan=False)
    except ValueError as error:
        raise Unreadable(f"the value is not readable as JSON: {error}") from None
    return written[:-1] + b',"data":' + value + b"}"


def _text(name: str, raw: bytes | None) -> str:
    try:
        return (raw or b"").decode()
    except UnicodeDecodeError:
        raise Unreadable(f"the header {name[:64]} is not UTF-8") from None


def tenant_of(headers: Headers, body: bytes) -> str | None:
    """From our own header, else from the extension `tenant`; None: neither is there."""
    found: object = next((_text(name, raw) for name, raw in headers if name == TENANT_HEADER), None)
    if found is None and _NAMES_TENANT in body:
        found = _extension(body)
    if found is None:
        return None
    if not isinstance(found, str) or not _TENANT.match(found):
        raise Unreadable("the extension tenant is no tenant's name: 1 to 63 of a-z, 0-9, - and _")
    return found


def _extension(body: bytes) -> object:
    try:
        item = from_json(body)
    except ValueError:
        return None  # the engine reports what is wrong with it
    return item.get("tenant") if isinstance(item, Mapping) else None


def _shown(headers: Headers) -> str:
    return ", ".join(f"{name[:40]}={(raw or b'')[:40]!r}" for name, raw in headers[:20])
