"""Events of a CalDAV calendar by name: many in one request. A name that makes the request fail is
asked for alone.

A name without an answer is also asked for alone: some servers leave out missing events, others
refuse the whole request.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sync.events.event import Unread
from sync.providers.errors import Gone, ProviderError, Unavailable, Unreadable
from sync.providers.parsing import etag as sound_etag
from sync.providers.writing import OF_ANY_LOOK

from . import hrefs, xml
from .dav_calendars import stands
from .http import Dav
from .refusals import error_of

CHUNK = 100
DATA, ETAG = f"{xml.CAL}calendar-data", f"{xml.DAV}getetag"
CALENDAR_TYPE = "text/calendar; charset=utf-8"


@dataclass(frozen=True)
class Resource:
    """One event's data and version, as stored on the server."""

    name: str
    etag: str
    data: bytes


Fetched = Resource | Unread | None  # None: it does not exist


def address(calendar_id: str, name: str) -> str:
    """The address of an event."""
    return f"{calendar_id.rstrip('/')}/{hrefs.segment(name)}"


def fetch(dav: Dav, calendar_id: str, names: Iterable[str]) -> dict[str, Fetched]:
    """The events at these names. Raises errors of the account or of the whole calendar."""
    asked = list(dict.fromkeys(names))
    chunks = [asked[start : start + CHUNK] for start in range(0, len(asked), CHUNK)]
    found: dict[str, Fetched] = {}
    for some in dav.each(chunks, lambda chunk: _chunk(dav, calendar_id, chunk)):
        found |= some
    if asked and not any(found.values()) and not stands(dav, calendar_id):
        raise Gone("", 404)
    return found


def _chunk(dav: Dav, calendar_id: str, names: Sequence[str]) -> dict[str, Fetched]:
    if len(names) == 1:
        return {names[0]: _alone(dav, calendar_id, names[0])}
    try:
        base = dav.url(calendar_id)
        paths = [hrefs.shortest(base, address(base, name)) for name in names]
        answer = dav.multistatus("REPORT", calendar_id, xml.multiget(paths), "1")
        found = fetched_by_id(calendar_id, answer)
    except OF_ANY_LOOK:
        raise
    except ProviderError as error:
        if isinstance(error, Gone) and not stands(dav, calendar_id):
            raise
        middle = len(names) // 2  # one of the names makes the request fail
        parts = (names[:middle], names[middle:])
        return _chunk(dav, calendar_id, parts[0]) | _chunk(dav, calendar_id, parts[1])
    answered = {name: found[name] for name in names if name in found}
    rest = [name for name in names if name not in answered]
    if len(rest) == len(names) and not stands(dav, calendar_id):
        raise Gone("", 404)
    return answered | {name: _alone(dav, calendar_id, name) for name in rest}


def fetched_by_id(calendar_id: str, answer: xml.Multistatus) -> dict[str, Fetched]:
    """The events of an answer, and the names that it calls missing. Events without data are left
    out.
    """
    found: dict[str, Fetched] = {}
    for item in answer.items:
        name = hrefs.event_name(calendar_id, item.href)
        if not name:
            continue
        if DATA in item.props:
            data = "".join(item.props[DATA].itertext()).encode()
            found[name] = Resource(name, sound_etag(item.text(ETAG)), data)
        elif item.status in (404, 410):
            found.setdefault(name, None)
    return found


def get(dav: Dav, calendar_id: str, name: str) -> Resource | None:
    """The event at one name; None if the answer is that there is none. Raises Unreadable for a
    final refusal.
    """
    headers = {"Accept-Encoding": "identity", "Accept": "text/calendar"}
    answer = dav.send("GET", address(calendar_id, name), headers=headers)
    if answer.status_code in (404, 410):
        return None
    if answer.status_code >= 300 or b"BEGIN:VCALENDAR" not in answer.content[:200].upper():
        error = error_of(answer)
        raise error if answer.status_code >= 300 else Unavailable("not_caldav", 200)
    return Resource(name, sound_etag(answer.headers.get("ETag", "")), answer.content)


def _alone(dav: Dav, calendar_id: str, name: str) -> Fetched:
    try:
        return get(dav, calendar_id, name)
    except OF_ANY_LOOK:
        raise
    except (ProviderError, Unreadable):
        return Unread(name, "refused")
