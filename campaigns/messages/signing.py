"""Standard Webhooks 1.0 with shared secrets, both ways (https://www.standardwebhooks.com, `v1`). Pure.

Signed is `id.timestamp.body` with HMAC-SHA256. While a secret is replaced, old and new sign side by side, and either
verifies. An id has no full stop, so that no other id, timestamp and body are the same text.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
PREFIX = "whsec_"
VERSION = "v1"
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 24, 64  # 192 and 512 bits, as the specification says
TOLERANCE_S = 300  # the specification leaves it open; its libraries take five minutes
SIGNATURES_MAX = 8  # of a request: two secrets and other versions beside them
ID_FORM = re.compile(r"[!-\-/-~]{1,128}\Z", re.ASCII)  # visible, without a full stop
_SECONDS = re.compile(r"[0-9]{1,12}\Z", re.ASCII)


class NotSigned(Exception):
    """A request that is not, or not any more, signed as it must be; the text says why."""


class Signed(NamedTuple):
    """The three headers."""

    id: str
    timestamp: str  # seconds since the Unix epoch
    signature: str  # `v1,BASE64`, several with spaces between them


def secret_of(text: str) -> bytes:
    """The key of `whsec_BASE64`. Raises ValueError, which does not show it."""
    if not text.startswith(PREFIX):
        raise ValueError(f"a secret begins with {PREFIX}")
    try:
        key = base64.b64decode(text[len(PREFIX) :], validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"a secret is base64 after {PREFIX}") from None
    if not SECRET_BYTES_MIN <= len(key) <= SECRET_BYTES_MAX:
        raise ValueError(f"a secret has {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes")
    return key


def id_of(order: str) -> str:
    """The webhook's id of an order: the order's own, with `_` for each full stop, of which it has the last alone."""
    return order.replace(".", "_")


def headers_of(secrets: Sequence[bytes], id_: str, at_s: int, body: bytes) -> Mapping[str, str]:
    """The headers of a request, signed with each secret."""
    signatures = (f"{VERSION},{_signature(secret, id_, str(at_s), body)}" for secret in secrets)
    return {ID: id_, TIMESTAMP: str(at_s), SIGNATURE: " ".join(signatures)}


def check_form(given: Signed, now_s: float) -> None:
    """Whether the headers could be of anybody's signature that holds now. Raises NotSigned."""
    if ID_FORM.match(given.id) is None:
        raise NotSigned(f"{ID} is 1 to 128 visible characters without a full stop")
    if _SECONDS.match(given.timestamp) is None:
        raise NotSigned(f"{TIMESTAMP} is seconds since 1970")
    if abs(now_s - int(given.timestamp)) > TOLERANCE_S:
        raise NotSigned(f"{TIMESTAMP} is more than {TOLERANCE_S} s away from now")


def is_signed(secrets: Sequence[bytes], given: Signed, body: bytes) -> bool:
    """Whether one of the signatures is by one of the secrets. Each is compared in constant time, and all are."""
    signed = list(_given(given.signature))
    found = [
        hmac.compare_digest(_signature(secret, given.id, given.timestamp, body).encode(), signature)
        for secret in secrets
        for signature in signed
    ]
    return any(found)


def _given(signatures: str) -> Iterator[bytes]:
    """Those of our version; what else stands there belongs to others."""
    for part in signatures.split(" ")[:SIGNATURES_MAX]:
        version, _, signature = part.partition(",")
        if version == VERSION:
            yield signature.encode("utf-8", "replace")


def _signature(secret: bytes, id_: str, timestamp: str, body: bytes) -> str:
    signed = b".".join((id_.encode(), timestamp.encode(), body))
    return base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
