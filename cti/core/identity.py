"""Names that derive from causes: the same input always gives the same id, in any process, at any time.

A call's id is a hash of (tenant, source, subject, incarnation); a command's id is a hash of (tenant, the event that
opened the interval, rule, occurrence, step). Nothing here is random and nothing is counted.
"""

from hashlib import blake2b
from struct import Struct
from typing import Final

_SIGNED_64: Final = Struct(">q").unpack


def key_of(tenant: str, source: str, subject: str) -> str:
    """The record key: it keeps all events of one call or agent in one partition, in order, and does nothing else.

    Not an identity: two calls may share it where a source contains a colon.
    """
    return f"{tenant}:{source}:{subject}"


def hash64(data: bytes) -> int:
    """A signed 64-bit hash, as a SQL BIGINT holds it."""
    found: int = _SIGNED_64(blake2b(data, digest_size=8).digest())[0]
    return found


def stored_hash(tenant: str, source: str, subject: str) -> int:
    """How the ledger finds a call's rows: of its record key, as earlier releases wrote it. Calls may share it."""
    return hash64(key_of(tenant, source, subject).encode())


def is_plain(tenant: str, source: str) -> bool:
    """Whether a call's record key can be read in one way only."""
    return ":" not in source and ":" not in tenant


def identity_hash(tenant: str, source: str, subject: str) -> int:
    """A call's identity, of the tuple.

    Where the record key can be read in one way only, its hash is taken. Else the
    lengths go in, after a NUL, which no part may contain: no record key is that text.
    """
    if is_plain(tenant, source):
        return stored_hash(tenant, source, subject)
    return hash64(f"\0{len(tenant)}:{len(source)}:{tenant}{source}{subject}".encode())


def call_id(tenant: str, source: str, subject: str, incarnation: int) -> str:
    """Our own call id: 24 hexadecimal digits."""
    return _digest(tenant, source, subject, str(incarnation))


def command_id(tenant: str, cause: str, rule: str, occurrence: int, step: int) -> str:
    """A command's id: 24 hexadecimal digits; `cause` names the call and the event that opened the interval."""
    return _digest(tenant, cause, rule, str(occurrence), str(step))


def _digest(*parts: str) -> str:
    """Hash each part after its length, so that different lists of parts never give the same input."""
    text = "".join([f"{len(part)}:{part}" for part in parts])
    return blake2b(text.encode(), digest_size=12).hexdigest()
