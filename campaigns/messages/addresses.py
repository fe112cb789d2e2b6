"""Which addresses a message may be sent to: public ones alone, so that no URL leads into the house (SSRF).

A name is resolved once for a connection, every address that it has is looked at, and what was looked at is what is
connected to. The socket's own address is looked at again, because a URL may name an address and no name.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# An IPv4 address in an IPv6 one leads where that leads. Of these only NAT64 (RFC 6052) is in use between public hosts.
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
CLOSED = tuple(
    ipaddress.IPv6Network(net)
    for net in ("2002::/16", "2001::/32", "3fff::/20")  # 6to4, Teredo, documentation
)
ODD = frozenset({ipaddress.IPv4Address("168.63.129.16")})  # public by form; the metadata service of a cloud
RELAY = ipaddress.IPv4Network("192.88.99.0/24")  # 6to4 relays (RFC 7526)


class AddressRefused(OSError):
    """An address that nothing may be sent to."""


def is_allowed(text: str, *, loopback: bool = False) -> bool:
    """Whether an address may be sent to. `loopback`: this machine's too, for tests and trials."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if loopback and address.is_loopback:
        return True
    return _is_public_v6(address) if isinstance(address, ipaddress.IPv6Address) else _is_public_v4(address)


def _is_public_v4(address: ipaddress.IPv4Address) -> bool:
    special = address.is_multicast or address.is_reserved or address.is_unspecified or address.is_link_local
    return address.is_global and not special and address not in ODD and address not in RELAY


def _is_public_v6(address: ipaddress.IPv6Address) -> bool:
    if address in NAT64:
        return _is_public_v4(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    is_closed = any(address in net for net in CLOSED)
    return address in GLOBAL_UNICAST and address.is_global and not is_closed and address.scope_id is None


def checked_url(text: str, *, loopback: bool = False) -> URL:
    """A gateway's URL: https, without user, password and fragment; http for this machine alone, where it is allowed.
    Raises ValueError.
    """
    url = URL(text)
    host = url.host or ""
    if not url.absolute or not host or url.scheme not in ("https", "http"):
        raise ValueError("is no https URL")
    if url.user is not None or url.password is not None or url.fragment:
        raise ValueError("has a user, a password or a fragment")
    local = loopback and (host == "localhost" or is_loopback(host))
    if url.scheme != "https" and not local:
        raise ValueError("is not https")
    if is_literal(host) and not is_allowed(host, loopback=loopback):
        raise ValueError("names an address that is not public")
    return url


def is_literal(host: str) -> bool:
    """Whether a host is an address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether a host is an address of this machine."""
    return is_literal(host) and ipaddress.ip_address(host).is_loopback


class CheckedResolver(AbstractResolver):
    """Resolves with the system; one address that is not allowed, and the name is refused."""

    def __init__(self, *, loopback: bool = False) -> None:
        self._loopback = loopback

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys((kind, str(at[0])) for kind, _, _, _, at in found))
        self.check(address for _, address in addresses)
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=kind, proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, address in addresses
        ]  # fmt: skip

    def check(self, addresses: Iterable[str]) -> None:
        """Raises AddressRefused."""
        for address in addresses:
            if not is_allowed(address, loopback=self._loopback):
                raise AddressRefused(f"{address} is not a public address")

    async def close(self) -> None:
        """Nothing is open."""
