"""Whom an address stands for when requests are counted: an IPv4 address, or the /64 that a subscriber of IPv6 gets."""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Sequence
from pathlib import Path

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def network_of(address: str) -> str:
    """What is counted for an address. One subscriber has 2^64 addresses of IPv6, and can use each of them once."""
    try:
        found = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv6Address):
        return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def networks(text: str) -> list[Network]:
    """Addresses and networks, between commas or spaces. Raises ValueError, naming the one that is none."""
    return [ipaddress.ip_network(word, strict=False) for word in text.replace(",", " ").split()]


def is_in(address: str, known: Sequence[Network]) -> bool:
    """Whether an address lies in one of the networks; what is no address lies in none."""
    try:
        found = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return any((mapped or found) in network for network in known)


def default_gateways(routes: Path = Path("/proc/net/route")) -> list[str]:
    """The IPv4 addresses through which this machine reaches the world. In a container that is its host: requests that
    come from there have lost the address of whoever sent them."""
    try:
        rows = [line.split() for line in routes.read_text().splitlines()[1:]]
    except OSError:
        return []
    found = (row[2] for row in rows if len(row) > 2 and row[1] == "00000000" and row[2] != "00000000")
    return [socket.inet_ntoa(struct.pack("<I", int(gateway, 16))) for gateway in found]
