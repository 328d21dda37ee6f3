"""Which IP addresses a user-given URL may lead to.

A service that fetches URLs on somebody's behalf can be made to read what only its own machine
or network may see. The standard library's `is_global` alone lets some of these addresses pass
(loopback inside NAT64 and 6to4 forms, multicast, site-local), so the rule is stricter: embedded
IPv4 addresses are taken out and judged by themselves, and the rest must be global and neither
multicast, reserved nor site-local, and outside the ranges listed here.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are the IPv4 address
_REFUSED_RANGES = tuple(
    ip_network(block)
    for block in (
        "192.0.0.0/24",  # RFC 6890 protocol assignments
        "192.88.99.0/24",  # RFC 7526 withdrawn 6to4 relays
        "64:ff9b:1::/48",  # RFC 8215 local-use NAT64
        "3fff::/20",  # RFC 9637 documentation
        "5f00::/16",  # RFC 9602 segment routing
    )
)


def address_problem(address: str, *, allow_private: bool = False) -> str | None:
    """Tell why a connection to an address is refused.

    Args:
        address: an IPv4 or IPv6 address as text; an IPv6 zone (`%eth0`) may follow.
        allow_private: also allow loopback and private networks. Link-local addresses (where
            clouds keep their credentials), multicast and the like stay refused.

    Returns:
        The reason, or None when the address is allowed.

    Example:
        >>> address_problem("8.8.8.8") is None
        True
        >>> address_problem("::ffff:127.0.0.1")
        'a loopback address'
        >>> address_problem("169.254.169.254", allow_private=True)
        'a link-local address'
    """
    try:
        ip = _unwrapped(ip_address(address))
    except ValueError:
        return "not an IP address"
    reason = _reason(ip)
    return None if allow_private and reason in _PRIVATE_REASONS else reason


_PRIVATE_REASONS = frozenset({"a loopback address", "a private address"})


def _unwrapped(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(ip, IPv4Address):
        return ip
    embedded = ip.ipv4_mapped or ip.sixtofour
    if embedded is None and ip in _NAT64:
        embedded = IPv4Address(int(ip) & 0xFFFFFFFF)
    return embedded or ip


def _reason(ip: IPv4Address | IPv6Address) -> str | None:
    if ip.is_unspecified or ip.is_multicast:
        return "no address of one machine"
    if ip.is_loopback:
        return "a loopback address"
    if ip.is_link_local:
        return "a link-local address"
    site_local = isinstance(ip, IPv6Address) and ip.is_site_local
    if ip.is_reserved or site_local or any(ip in block for block in _REFUSED_RANGES):
        return "a reserved address"
    return None if ip.is_global else "a private address"
