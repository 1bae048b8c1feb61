"""Reading a CalDAV calendar, completely or since the last time: with sync-collection (RFC 6578), or
by comparing versions if the server lacks that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sync.events.event import Unread
from sync.providers.errors import (
    Endless,
    Forbidden,
    Gone,
    ProviderError,
    SyncTokenExpired,
    Unavailable,
)

from . import hrefs, sync_tokens, xml
from .dav_calendars import stands
from .fetching import ETAG, Fetched, Resource, fetch, fetched_by_id
from .http import Dav
from .sync_tokens import CalDavToken

CTAG = f"{xml.SERVER}getctag"
LIST = ("d:getetag", "d:resourcetype", "s:getctag")
REMOVED = (404, 410, 418)
# refusals of a sync token; and of the report itself
OF_A_TOKEN = (400, 403, 409, 410, 412, 415, 501)
WITHOUT_REPORT = (400, 403, 405, 409, 415, 501, 507)
MOST_PORTIONS = 200
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass
class Read:
    """The result of a reading: events by name, names of removed events (of changes only), events
    that cannot be read, and the token of this state.
    """

    token: CalDavToken
    resources: dict[str, Resource] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    unread: dict[str, Unread] = field(default_factory=dict)

    def add(self, fetched: Mapping[str, Fetched]) -> None:
        """Add fetched events. Missing ones count as removed."""
        for name, one in fetched.items():
            for kept in (self.resources, self.unread):
                kept.pop(name, None)
            self.removed.discard(name)
            if isinstance(one, Resource):
                self.resources[name] = one
            elif one is None:
                self.removed.add(name)
            else:
                self.unread[name] = one


def whole(dav: Dav, calendar_id: str, at: datetime) -> Read:
    """Everything in the calendar: its list, which also gives the token, and then the events."""
    place = sync_tokens.place_of(dav.login.origin, calendar_id)
    names, state = _names(dav, calendar_id)
    read = Read(replace(state, place=place, whole_at=at, ctag_at=at if state.ctag else None))
    read.add(fetch(dav, calendar_id, names))
    read.removed.clear()  # deleted between the list and the fetch
    return read


def versions(dav: Dav, calendar_id: str) -> dict[str, str]:
    """The version of every event by name."""
    return _names(dav, calendar_id)[0]


def changes(dav: Dav, calendar_id: str, token: CalDavToken, at: datetime) -> Read:
    """The changes since a token. Raises SyncTokenExpired."""
    if token.told:
        return _since(dav, calendar_id, token)
    ctag = _ctag(dav, calendar_id)
    if ctag and ctag == token.ctag and token.is_proved:
        return Read(token)
    names, state = _listed(dav, calendar_id)
    read = Read(token.listed(state.ctag, state.known, at))
    fresh = [name for name in names if state.known[name] != token.known.get(name)]
    read.add(fetch(dav, calendar_id, fresh))
    read.removed |= token.known.keys() - names.keys()
    return read


# ---- by sync-collection ----


def _names(dav: Dav, calendar_id: str) -> tuple[dict[str, str], CalDavToken]:
    """Versions by name, and the token of that state (without place and time)."""
    try:
        return _first(dav, calendar_id)
    except ProviderError as error:
        if error.status not in WITHOUT_REPORT:
            raise
    return _listed(dav, calendar_id)


def _first(dav: Dav, calendar_id: str) -> tuple[dict[str, str], CalDavToken]:
    names: dict[str, str] = {}
    token = ""
    for portion in _portions(dav, calendar_id, "", with_data=False):
        _refused(calendar_id, portion)
        for item in portion.items:
            name = hrefs.event_name(calendar_id, item.href)
            # events that were deleted long ago may be in the list, even in a first answer
            if name and item.status < 300:
                names[name] = item.text(ETAG)
        token = portion.sync_token
    if not token:  # without one no further change would be reported
        raise ProviderError("no token", 501)
    return names, CalDavToken("", token, NEVER)


def _since(dav: Dav, calendar_id: str, token: CalDavToken) -> Read:
    read, untold = Read(token), dict[str, str]()
    for portion in _portions(dav, calendar_id, token.told, with_data=True):
        _refused(calendar_id, portion)
        read.add(fetched_by_id(calendar_id, portion))
        for item in portion.items:
            name = hrefs.event_name(calendar_id, item.href)
            if not name or name in read.resources:
                continue
            if item.status >= 500:
                raise Unavailable("", item.status)
            if item.status in REMOVED:
                read.add({name: None})
            else:
                untold[name] = ""
        read.token = token.moved_on(portion.sync_token or token.told)
    asked = [name for name in untold if name not in read.resources and name not in read.removed]
    read.add(fetch(dav, calendar_id, asked) if asked else {})
    return read


def _portions(dav: Dav, calendar_id: str, token: str, with_data: bool) -> "list[xml.Multistatus]":
    """The answers to one request: several if a server sends one part at a time (RFC 6578, 3.6)."""
    portions: list[xml.Multistatus] = []
    while len(portions) < MOST_PORTIONS:
        answer = _asked(dav, calendar_id, token, with_data)
        portions.append(answer)
        goes_on = any(
            item.status == 507 and not hrefs.event_name(calendar_id, item.href)
            for item in answer.items
        )
        if not goes_on:
            return portions
        if not answer.sync_token or answer.sync_token == token:
            break
        token = answer.sync_token
    raise Endless("endless sync")


def _asked(dav: Dav, calendar_id: str, token: str, with_data: bool) -> xml.Multistatus:
    try:
        return dav.multistatus("REPORT", calendar_id, xml.sync_collection(token, with_data))
    except ProviderError as error:
        if error.status not in OF_A_TOKEN or not token:
            raise
        if not stands(dav, calendar_id):
            raise Gone("", 404) from None
        raise SyncTokenExpired(error.reason, error.status) from None


def _refused(calendar_id: str, answer: xml.Multistatus) -> None:
    """Raise if an answer only says that nothing may be seen, or nothing exists."""
    for item in answer.items:
        if hrefs.event_name(calendar_id, item.href):
            return
    for item in answer.items:
        if item.status in (404, 410) and len(answer.items) == 1 and not answer.sync_token:
            raise Gone("", item.status)
        if item.status == 403 or set(item.failed.values()) == {403}:
            raise Forbidden("", 403)


# ---- by versions ----


def _ctag(dav: Dav, calendar_id: str) -> str:
    """The version of the whole calendar, "" if the server has none. Raises Gone."""
    answer = dav.multistatus("PROPFIND", calendar_id, xml.propfind(("s:getctag", "d:resourcetype")))
    item = answer.items[0] if answer.items else xml.DavItem("", 404)
    if item.status in (404, 410):
        raise Gone("", item.status)
    return item.text(CTAG)


def _listed(dav: Dav, calendar_id: str) -> tuple[dict[str, str], CalDavToken]:
    """Versions by name from a plain list. An event without a version always counts as changed."""
    answer = dav.multistatus("PROPFIND", calendar_id, xml.propfind(LIST), "1")
    names: dict[str, str] = {}
    ctag, has_own = "", False
    for item in answer.items:
        name = hrefs.event_name(calendar_id, item.href)
        if (
            name
            and item.status < 300
            and not item.has(f"{xml.DAV}resourcetype", f"{xml.DAV}collection")
        ):
            names[name] = item.text(ETAG)
        elif not name and item.status < 300:
            ctag, has_own = ctag or item.text(CTAG), True
    if not has_own:
        raise Gone("", 404)
    known = {name: sync_tokens.short(etag) if etag else "" for name, etag in names.items()}
    return names, CalDavToken("", "", NEVER, ctag, known)
