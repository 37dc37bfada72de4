"""Which IP addresses may be connected to. A name is resolved once, and the connection goes to the address that was checked."""

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

from msgspec import Struct

_TRANSLATED = (
    ipaddress.ip_network("64:ff9b::/96"),
    ipaddress.ip_network("2002::/16"),
    ipaddress.ip_network("2001::/32"),
)
"""NAT64, 6to4 and Teredo: IPv6 addresses that contain an IPv4 address, which would not be checked."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefusedError(Exception):
    """The name has an address that a list must not be fetched from."""


class Reach(Struct, frozen=True, kw_only=True):
    """Which addresses other than public ones may be reached, and how names are resolved."""

    private: bool = False
    loopback: bool = False
    resolve: Callable[..., Any] = socket.getaddrinfo


def pin(host: str, port: int, reach: Reach) -> str:
    """Returns the IP address to connect to. Raises `AddressRefusedError` if any of its addresses is not allowed, OSError if it has none."""
    addresses = [
        ipaddress.ip_address(one[4][0].split("%")[0]) for one in reach.resolve(host, port, type=socket.SOCK_STREAM)
    ]
    for address in addresses:
        if not _within(address, reach):
            raise AddressRefusedError(f"{host} is {address}, which is not a public address")
    return str(addresses[0])


def _within(address: Address, reach: Reach) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        elif any(address in network for network in _TRANSLATED):
            return False
    if address.is_loopback:
        return reach.loopback
    if address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved:
        return False
    return address.is_global or (reach.private and address.is_private)
