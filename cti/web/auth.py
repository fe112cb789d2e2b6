"""API keys: `rbk_<id>_<secret>`, bound to a tenant and to switches, known to us only by the hash of the whole key.

A secret has 256 random bits, so a plain SHA-256 is enough at rest: there is nothing to guess. What was looked up is
kept for `Limits.key_cache_s`; a revoked key stops working after that time at the latest.
"""

import asyncio
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from cti.ports import Registry
from cti.rows import KeyRow
from cti.web.bucket import TokenBucket
from cti.web.instants import rfc3339
from cti.web.limits import Limits
from cti.web.recent import Recent
from cti.web.refusal import Refusal, busy

REVEAL = "numbers:reveal"
SCOPES = ("events:write", "commands:read", "calls:read", "admin", REVEAL)
"""`admin` has all of them but `numbers:reveal`, which is given by name."""
_KEY = re.compile(r"rbk_([0-9a-f]{12})_[A-Za-z0-9_-]{43}\Z", re.ASCII)


def new_key() -> tuple[str, str]:
    """(id, whole key) of a new key, from the system's randomness."""
    key_id = secrets.token_hex(6)
    return key_id, f"rbk_{key_id}_{secrets.token_urlsafe(32)}"


def digest_of(key: str) -> str:
    """What is stored of a key: SHA-256, hex."""
    return hashlib.sha256(key.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of a request. `switches` None: every switch of the tenant."""

    key_id: str
    tenant: str
    scopes: frozenset[str]
    switches: frozenset[str] | None
    bucket: TokenBucket
    expires_at_ms: int | None = None
    label: str = ""  # of the key, given by who made it

    @property
    def sees_numbers(self) -> bool:
        """Whether telephone numbers are shown in full (ID-1)."""
        return REVEAL in self.scopes

    def may(self, scope: str) -> bool:
        """Whether the key has this scope; `admin` has all but `numbers:reveal`."""
        return scope in self.scopes or (scope != REVEAL and "admin" in self.scopes)

    def may_switch(self, switch: str) -> bool:
        """Whether the key is bound to this switch."""
        return self.switches is None or switch in self.switches


class KeyRing:
    """Identifies the caller of a request."""

    def __init__(
        self,
        registry: Registry,
        limits: Limits,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        now_ms: Callable[[], float],
    ) -> None:
        """`now_ms`: the clock that keys expire by."""
        self._registry, self._limits, self._monotonic, self._now_ms = registry, limits, monotonic, now_ms
        self._known: Recent[str, Caller] = Recent(limits.keys_cached, limits.key_cache_s, monotonic)
        self._unknown: Recent[str, bool] = Recent(limits.keys_cached, limits.key_cache_s, monotonic)
        # A bucket outlives what is cached of its key; an hour of silence fills any bucket.
        self._buckets: Recent[str, TokenBucket] = Recent(limits.keys_cached, 3600.0, monotonic)
        self._lookups = asyncio.Semaphore(limits.key_lookups)

    async def caller(self, authorization: str | None) -> Caller:
        """The caller by the `Authorization` header. Raises Refusal `unauthenticated`, `key_expired`, `rate_limited`."""
        if authorization is None or authorization[:7].lower() != "bearer ":
            raise _unauthenticated("Send the header Authorization: Bearer rbk_...", 'Bearer realm="ringback"')
        key = authorization[7:].strip()
        matched = _KEY.match(key)
        if matched is None:
            raise _unauthenticated("The key is not of the form rbk_<id>_<secret>")
        digest = digest_of(key)
        caller = self._known.get(digest) or await self._looked_up(matched[1], digest)
        if caller.expires_at_ms is not None and self._now_ms() >= caller.expires_at_ms:
            at = rfc3339(caller.expires_at_ms)
            raise _unauthenticated(f"The key was good until {at}", code="key_expired")
        wait_s = caller.bucket.take()
        if wait_s:
            raise busy("rate_limited", wait_s, f"At most {self._limits.requests_per_s:g} requests/s with this key")
        return caller

    async def still_good(self, caller: Caller) -> bool:
        """Whether a key is neither revoked nor expired by now: for an answer that goes on. Raises `LedgerAway`."""
        if self._expired(caller):
            return False
        async with self._lookups:
            row = await self._registry.key(caller.key_id)
        return row is not None and row.revoked_at_ms is None

    def _expired(self, caller: Caller) -> bool:
        return caller.expires_at_ms is not None and self._now_ms() >= caller.expires_at_ms

    async def _looked_up(self, key_id: str, digest: str) -> Caller:
        if self._unknown.get(digest):
            raise _unauthenticated("The key is unknown or revoked")
        async with self._lookups:
            caller = self._known.get(digest)
            if caller is not None:
                return caller
            row = await self._registry.key(key_id)
        if row is None or not hmac.compare_digest(row.digest, digest) or row.revoked_at_ms is not None:
            self._unknown.put(digest, True)
            raise _unauthenticated("The key is unknown or revoked")
        caller = self._caller_of(row)
        self._known.put(digest, caller)
        return caller

    def _caller_of(self, row: KeyRow) -> Caller:
        bucket = self._buckets.get(row.id)
        if bucket is None:
            bucket = TokenBucket(self._limits.requests_per_s, self._limits.requests_burst, self._monotonic)
        self._buckets.put(row.id, bucket)
        switches = None if row.switches == "*" else frozenset(row.switches.split())
        return Caller(row.id, row.tenant, frozenset(row.scopes.split()), switches, bucket, row.expires_at_ms, row.label)


def _unauthenticated(
    detail: str, challenge: str = 'Bearer realm="ringback", error="invalid_token"', code: str = "unauthenticated"
) -> Refusal:
    return Refusal(code, detail, headers={"WWW-Authenticate": challenge})
