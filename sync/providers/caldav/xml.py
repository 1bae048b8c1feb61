"""XML of WebDAV (RFC 4918, 14), safe to parse: no DTD, no entities, and without characters that XML
forbids, which some servers send.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from defusedxml.ElementTree import fromstring

from sync.providers.errors import Unavailable

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

DAV, CAL = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}"
SERVER, APPLE = "{http://calendarserver.org/ns/}", "{http://apple.com/ns/ical/}"
_NAMESPACES = {
    "d": "DAV:",
    "c": "urn:ietf:params:xml:ns:caldav",
    "s": "http://calendarserver.org/ns/",
    "a": "http://apple.com/ns/ical/",
}
_DECLARATIONS = " ".join(f'xmlns:{short}="{name}"' for short, name in _NAMESPACES.items())
_DECLARED = re.compile(r"^\s*<\?xml[^>]*\?>")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_REFERENCES = re.compile(r"(?:&#(?:x[0-9a-fA-F]{1,8}|[0-9]{1,9});)+")
_REFERENCE = re.compile(r"&#(x?)([0-9a-fA-F]+);")
_STATUS = re.compile(r"HTTP/[\d.]+\s+(\d{3})")
UNREADABLE = "unreadable answer"
LONGEST_TOKEN = 2_000  # characters; a longer one counts as none: it would be sent with each look


@dataclass
class DavItem:
    """The part of an answer about one address: its own status (0: none), its properties, and the
    status of the missing ones.
    """

    href: str
    status: int = 0
    props: dict[str, "Element"] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """The text of a property, "" if there is none."""
        found = self.props.get(name)
        return "".join(found.itertext()).strip() if found is not None else ""

    def has(self, name: str, *children: str) -> bool:
        """Whether a property has one of these children."""
        found = self.props.get(name)
        return found is not None and any(found.find(child) is not None for child in children)

    def hrefs(self, name: str) -> list[str]:
        """The addresses within a property."""
        found = self.props.get(name)
        return (
            [] if found is None else [(one.text or "").strip() for one in found.iter(f"{DAV}href")]
        )


@dataclass(frozen=True)
class Multistatus:
    """An answer about several addresses, and the sync token in it."""

    items: tuple[DavItem, ...]
    sync_token: str = ""


def multistatus(content: bytes) -> Multistatus:
    """An answer 207, whatever prefixes it uses. Raises Unavailable for anything else."""
    root = parsed(content)
    if root.tag != f"{DAV}multistatus":
        raise Unavailable(UNREADABLE)
    items = tuple(map(_item, root.findall(f"{DAV}response")))
    token = (root.findtext(f"{DAV}sync-token") or "").strip()
    return Multistatus(items, token if len(token) <= LONGEST_TOKEN else "")


def parsed(content: bytes) -> "Element":
    """XML after cleaning. Raises Unavailable."""
    text = _DECLARED.sub("", content.decode("utf-8-sig", "replace"))
    text = _REFERENCES.sub(lambda some: _joined(some[0]), _FORBIDDEN.sub("", text))
    try:
        return fromstring(text, forbid_dtd=True)  # type: ignore[no-any-return]
    except (ValueError, SyntaxError, LookupError, RecursionError):
        raise Unavailable(UNREADABLE) from None


def condition(content: bytes) -> str:
    """The first word inside DAV:error (RFC 4918, 16), whatever namespace it has; "" for none."""
    try:
        root = parsed(content)
    except Unavailable:
        return ""
    if root.tag.rpartition("}")[2] != "error":
        return ""
    return next((child.tag.rpartition("}")[2] for child in root), "")


def _joined(references: str) -> str:
    """The text for the parser: where a character was written as two numeric references, they are
    joined, and characters that XML forbids are removed.
    """
    codes = [int(digits, 16 if is_hex else 10) for is_hex, digits in _REFERENCE.findall(references)]
    units = "".join(chr(code) for code in codes if code < 0x110000)
    text = units.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
    return escape(_FORBIDDEN.sub("", text), {'"': "&quot;"})


def _item(response: "Element") -> DavItem:
    item = DavItem((response.findtext(f"{DAV}href") or "").strip())
    item.status = _status(response.findtext(f"{DAV}status"))
    for group in response.findall(f"{DAV}propstat"):
        status = _status(group.findtext(f"{DAV}status")) or 200
        for holder in group.findall(f"{DAV}prop"):
            for prop in holder:
                if status < 300:
                    item.props[prop.tag] = prop
                else:
                    item.failed[prop.tag] = status
    return item


def _status(line: str | None) -> int:
    found = _STATUS.search(line or "")
    return int(found[1]) if found else 0


# ---- our requests ----


def propfind(names: Iterable[str]) -> bytes:
    """Ask for these properties, such as "d:getetag"."""
    return _document("d:propfind", f"<d:prop>{_empty(names)}</d:prop>")


def sync_collection(token: str, with_data: bool) -> bytes:
    """Ask for the changes since a token (RFC 6578, 3.2); "": for everything. Never with a limit."""
    names = ("d:getetag", "c:calendar-data") if with_data else ("d:getetag",)
    since = f"<d:sync-token>{escape(token)}</d:sync-token><d:sync-level>1</d:sync-level>"
    return _document("d:sync-collection", f"{since}<d:prop>{_empty(names)}</d:prop>")


def multiget(hrefs: Iterable[str]) -> bytes:
    """Ask for these events (RFC 4791, 7.9)."""
    names = _empty(("d:getetag", "c:calendar-data"))
    listed = "".join(f"<d:href>{escape(href)}</d:href>" for href in hrefs)
    return _document("c:calendar-multiget", f"<d:prop>{names}</d:prop>{listed}")


def by_uid(uid: str) -> bytes:
    """Ask for the events with this UID (RFC 4791, 7.8)."""
    match = f'<c:text-match collation="i;octet">{escape(uid)}</c:text-match>'
    inner = f'<c:comp-filter name="VEVENT"><c:prop-filter name="UID">{match}</c:prop-filter>'
    comp = f'<c:comp-filter name="VCALENDAR">{inner}</c:comp-filter></c:comp-filter>'
    names = _empty(("d:getetag", "c:calendar-data"))
    return _document("c:calendar-query", f"<d:prop>{names}</d:prop><c:filter>{comp}</c:filter>")


def mkcalendar(values: dict[str, str], is_mkcol: bool = False) -> bytes:
    """Make a calendar (RFC 4791, 5.3.1), or a collection that is one (RFC 5689). `values`: inner
    XML by name of property.
    """
    properties = "".join(f"<{name}>{value}</{name}>" for name, value in values.items())
    kind = "<d:resourcetype><d:collection/><c:calendar/></d:resourcetype>" if is_mkcol else ""
    root = "d:mkcol" if is_mkcol else "c:mkcalendar"
    return _document(root, f"<d:set><d:prop>{kind}{properties}</d:prop></d:set>")


def _empty(names: Iterable[str]) -> str:
    return "".join(f"<{name}/>" for name in names)


def _document(root: str, content: str) -> bytes:
    head = '<?xml version="1.0" encoding="utf-8"?>'
    return f"{head}<{root} {_DECLARATIONS}>{content}</{root}>".encode()
