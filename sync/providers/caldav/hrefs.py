"""Addresses in answers of CalDAV servers. Pure.

A calendar's id is its path as listed, or its whole address if that is on another host. An event's
id is the last segment of its path, decoded once, since servers spell one address in several ways.
"""

from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit, urlunsplit

SHORT_LABEL = 3  # "co" in "co.uk", "com" in "com.au"


def _split(url: str) -> SplitResult:
    """The parts of an address; all empty if it is none."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")


def absolute(base: str, href: str) -> str:
    """The address that `href` in an answer from `base` means; "" for none."""
    try:
        return urljoin(base, href) if urlsplit(href).scheme in ("", "http", "https") else ""
    except ValueError:
        return ""


def origin(url: str) -> str:
    """Scheme, host and port, without the default port."""
    parts = _split(url)
    try:
        port = parts.port
    except ValueError:
        return ""
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != usual else "")


def shortest(home: str, url: str) -> str:
    """The path of an address on the same host as `home`; else the whole address."""
    return (_split(url).path or "/") if origin(url) == origin(home) else url


def elsewhere(url: str, old: str, new: str) -> str:
    """The address with the origin `new` if its origin is `old`, else unchanged. Unchanged, too, if
    one of the two is "".
    """
    parts = _split(url)
    if not (old and new) or origin(url) != old:
        return url
    return new + urlunsplit(("", "", parts.path, parts.query, ""))


def moved_to(old: str, new: str) -> str:
    """The new origin, if nothing else of the address is new; else ""."""
    before, after = _split(old), _split(new)
    is_same = (before.path, before.query) == (after.path, after.query)
    return origin(new) if is_same and origin(new) != origin(old) else ""


def may_carry(from_: str, to: str) -> bool:
    """Whether a password for one host may go to another: both by TLS and of one domain, or it is
    the same host.
    """
    if origin(from_) == origin(to) != "":
        return True
    ours, theirs = _split(from_), _split(to)
    if (ours.scheme, theirs.scheme) != ("https", "https"):
        return False
    return _domain(ours.hostname or "") == _domain(theirs.hostname or "") != ""


def _domain(host: str) -> str:
    labels = host.lower().rstrip(".").split(".")
    if len(labels) < 2 or labels[-1].isdigit() or ":" in host:
        return host  # a bare name or an address: only itself
    count = 3 if len(labels[-2]) <= SHORT_LABEL else 2
    return ".".join(labels[-count:]) if len(labels) >= count else host


def event_name(calendar: str, href: str) -> str:
    """The name of an event in a calendar; "" for the calendar itself and for addresses elsewhere.

    `calendar` is its path or whole address.
    """
    path = _split(href).path
    folder, _, segment = path.rpartition("/")
    name = unquote(segment)
    own = unquote(_split(calendar).path).rstrip("/")
    is_inside = unquote(folder).rstrip("/") == own
    return name if is_inside and name not in ("", ".", "..") and "/" not in name else ""


def segment(name: str) -> str:
    """The name of an event as the last segment of an address."""
    return quote(name, safe="-._~")


def last_segment(path: str) -> str:
    """The last segment of a calendar's path, decoded."""
    return unquote(_split(path).path.rstrip("/").rpartition("/")[2])
