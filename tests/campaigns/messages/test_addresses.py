"""Where a message may be sent: every trick leads nowhere, and a name is judged by all that it resolves to."""

import asyncio
import socket
from typing import Any

import pytest

from campaigns.messages.addresses import AddressRefused, CheckedResolver, checked_url, is_allowed

REFUSED = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "169.254.0.1", "100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.170", "192.0.2.1", "192.88.99.1",
    "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1",
    "::ffff:8.8.8.8", "::127.0.0.1", "::8.8.8.8", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1",
    "ff02::1", "ff0e::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "100::1", "3fff::1", "5f00::1", "2606:4700::1%eth0",
    "", "example.com", "127.1", "0x7f.0.0.1", "0177.0.0.1", "2130706433",
]  # fmt: skip
ALLOWED = ["8.8.8.8", "1.1.1.1", "223.5.5.5", "2606:4700::1111", "2400:3200::1", "64:ff9b::8.8.8.8"]


@pytest.mark.parametrize("address", REFUSED)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert not is_allowed(address)


@pytest.mark.parametrize("address", ALLOWED)
def test_what_is_public_is_allowed(address: str) -> None:
    assert is_allowed(address)


def test_this_machine_is_allowed_where_that_is_set_and_nothing_else_is() -> None:
    assert [one for one in REFUSED if is_allowed(one, loopback=True)] == ["127.0.0.1", "127.8.8.8", "::1"]


@pytest.mark.parametrize(
    "url",
    [
        "http://sms.example.com/", "ftp://sms.example.com/", "sms.example.com", "https://", "https:///x",
        "https://user@sms.example.com/", "https://user:word@sms.example.com/", "https://sms.example.com/#x",
        "https://127.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[fe80::1%25eth0]/",
        "https://169.254.169.254/latest/", "http://localhost/", "http://127.0.0.1/", "file:///etc/passwd",
    ],
)  # fmt: skip
def test_a_url_that_is_not_https_to_a_public_place_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        checked_url(url)


def test_http_is_for_this_machine_alone() -> None:
    assert str(checked_url("http://127.0.0.1:8080/x", loopback=True)) == "http://127.0.0.1:8080/x"
    assert checked_url("http://localhost:8080/x", loopback=True).port == 8080
    with pytest.raises(ValueError, match="is not https"):
        checked_url("http://sms.example.com/", loopback=True)
    assert checked_url("https://sms.example.com:8443/x?y=1").port == 8443


@pytest.mark.parametrize("host", ["localhost", "127.1", "0x7f000001", "2130706433", "0177.0.0.1"])
async def test_a_name_that_leads_into_the_house_is_refused(host: str) -> None:
    with pytest.raises(OSError, match=r"not a public address|[Nn]ame|known"):
        await CheckedResolver().resolve(host, 443)


async def test_one_address_of_several_that_is_not_public_refuses_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is resolved twice, and differently, gains nothing: it is resolved once, and connected to as found."""
    asked: list[str] = []
    addresses = ["8.8.8.8", "10.0.0.1"]

    async def getaddrinfo(_loop: object, host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in addresses]

    monkeypatch.setattr(type(asyncio.get_running_loop()), "getaddrinfo", getaddrinfo)
    with pytest.raises(AddressRefused, match=r"10\.0\.0\.1"):
        await CheckedResolver().resolve("sms.example.com", 443)
    addresses[:] = ["8.8.8.8", "223.5.5.5"]
    found = await CheckedResolver().resolve("sms.example.com", 443)
    assert [one["host"] for one in found] == ["8.8.8.8", "223.5.5.5"]
    assert all(one["flags"] & socket.AI_NUMERICHOST for one in found)
    assert len(asked) == 2
