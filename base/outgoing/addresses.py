"""The network addresses that may be reached for a name that somebody entered.

Only public addresses, unless the operator allowed a private one. Otherwise people could make this
server ask machines that only it can reach (server-side request forgery).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

IPAddress = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: leads to the IPv4 address at its end
_SIX_TO_FOUR = IPv6Network("2002::/16")
_GLOBAL_6 = IPv6Network("2000::/3")  # RFC 4291 §2.4: all global unicast addresses that are in use
# IANA's special-purpose registries: entries that some Python versions lack.
_SPECIAL = (
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("2001::/23"),
    IPv6Network("2001:db8::/32"),
    IPv6Network("3fff::/20"),
)
_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")


@dataclass(frozen=True)
class Allowed:
    """Addresses that the operator allows besides public ones.

    `names`: hosts that may lie in private networks. `networks`: private networks. `plain`: names
    and addresses that may be asked without TLS.
    """

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    plain: frozenset[str] = frozenset()

    def reaches(self, host: str, address: IPAddress) -> bool:
        """Whether this host may be reached at this address.

        Loopback and link-local addresses must each be allowed by address: a network or a name is
        not enough.
        """
        address = bare(address)
        if is_public(address):
            return True
        if address.is_multicast or address.is_unspecified:
            return False
        inside = [net for net in self.networks if address in net]
        if address.is_loopback or address.is_link_local:
            return any(net.num_addresses == 1 for net in inside)
        return bool(inside) or name(host) in self.names

    def knows(self, host: str) -> bool:
        """Whether the operator named this host, or the network of this address."""
        if name(host) in self.names | self.plain:
            return True
        try:
            address = ip_address(name(host))
        except ValueError:
            return False
        return any(address in net for net in self.networks)

    def is_plain(self, host: str) -> bool:
        """Whether this host may be asked without TLS."""
        return name(host) in self.plain


def read_allowed(text: str) -> Allowed:
    """Read a list of allowed hosts, addresses and networks.

    Commas or white space separate them; "http://" before a host or an address allows it without
    TLS. Raises ValueError with the wrong entry.
    """
    names, networks, plain = set(), list[Network](), set()
    for entry in re.split(r"[,\s]+", text.strip()):
        if not entry:
            continue
        bare_entry = entry.removeprefix("http://").rstrip("/").strip("[]").lower()
        try:
            network = ip_network(bare_entry)
        except ValueError:
            if not _NAME.fullmatch(bare_entry) or re.fullmatch(r"[\d.]+", bare_entry):
                raise ValueError(entry) from None
            names.add(name(bare_entry))
        else:
            networks.append(network)
        if entry.startswith("http://"):
            plain.add(name(bare_entry))
    return Allowed(frozenset(names), tuple(networks), frozenset(plain))


def name(host: str) -> str:
    """A host in the form that is compared: small letters, no brackets, no final dot."""
    return host.strip("[]").rstrip(".").lower()


def bare(address: IPAddress) -> IPAddress:
    """The IPv4 address inside an IPv6 address (mapped, 6to4 or NAT64), else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address in _SIX_TO_FOUR and address.sixtofour:
        return address.sixtofour
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address


def is_public(address: IPAddress) -> bool:
    """Whether the address is public, by RFC 6890 and IANA's registries of special-purpose
    addresses.
    """
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, IPv6Address) and address not in _GLOBAL_6:
        return False
    return not any(address in net for net in _SPECIAL if net.version == address.version)


def parsed(found: Iterable[str]) -> list[IPAddress]:
    """The resolver's addresses without the zone of a link, each once."""
    return list(dict.fromkeys(ip_address(one.partition("%")[0]) for one in found))
