"""The servers that a domain names for a service: SRV and TXT records (RFC 6764, RFC 2782).

Returns names only. Connect to them through `exchange`, which checks their addresses.
"""

import dns.resolver
from dns.exception import DNSException

LONGEST_SECONDS = 5
MOST_SERVERS, LONGEST_PATH = 4, 500


def located(domain: str, service: str, path: str = "/") -> list[str]:
    """Addresses of the servers that a domain names for a service, best first; `path` if the domain
    names none. Empty if it has no such service, or if no answer comes in LONGEST_SECONDS.
    """
    resolver = dns.resolver.default_resolver or _of_the_system()
    if resolver is None:
        return []
    name = f"{service}.{domain.rstrip('.')}."
    try:
        found = list(resolver.resolve(name, "SRV", lifetime=LONGEST_SECONDS))
    except (DNSException, ValueError, OSError):
        return []
    found.sort(key=lambda row: (row.priority, -row.weight))
    hosts = [(row.target.to_text(omit_final_dot=True), row.port) for row in found[:MOST_SERVERS]]
    path = _path(resolver, name) or path
    return [
        f"https://{host}" + (f":{port}" if port != 443 else "") + path
        for host, port in hosts
        if host not in ("", ".", "@") and port  # a single dot: the domain says that it has none
    ]


def _of_the_system() -> dns.resolver.Resolver | None:
    try:
        return dns.resolver.Resolver()
    except (DNSException, OSError):
        return None


def _path(resolver: dns.resolver.Resolver, name: str) -> str:
    """The path in the service's TXT record (RFC 6764, 4); "" for none."""
    try:
        rows = list(resolver.resolve(name, "TXT", lifetime=LONGEST_SECONDS))
    except (DNSException, ValueError, OSError):
        return ""
    texts = [part.decode("ascii", "replace") for row in rows for part in row.strings]
    place = next((text[5:] for text in texts if text.lower().startswith("path=")), "")
    is_path = place.startswith("/") and len(place) <= LONGEST_PATH and place.isprintable()
    return place if is_path and not place.startswith("//") and place.isascii() else ""
