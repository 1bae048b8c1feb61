"""CalDAV (RFC 4791, RFC 6578): one account at any calendar server.

Reads are lists of versions and events by name; writes are single conditional requests, several at a
time. The adapter keeps only what one run read; everything else is in the account's login.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from base import scheduling
from base.outgoing.line import HttpClient
from base.remembered import remembered
from sync.calendar_data import documents, occurrences
from sync.calendar_data.plain_events import NoTime, Whose
from sync.events.event import Delta, Mark, RemoteEvent, Unread, Window
from sync.providers.base import ListedCalendar, Operation, Polled, Result
from sync.providers.errors import Unreadable
from sync.providers.parsing import of_installation
from sync.providers.values import zone
from sync.providers.wire import AccessToken
from sync.providers.writing import carried_out

from . import composing, dav_calendars, reading, sync_tokens
from .fetching import Resource, fetch, get
from .http import Dav
from .reading import Read
from .writing import CalDavWriter

BATCH_SIZE = 12  # requests of up to four at once: with each at its time-out, within a job
AROUND = timedelta(days=400)  # how far an occurrence may be moved and still be found by its id


class CalDav(Polled):
    """The adapter for one account; see `base.Provider`. Its access token is the login as JSON
    (`login.written`), which contains the server's address; `api_url` is not used.
    """

    batch_size = BATCH_SIZE

    def __init__(
        self,
        http: HttpClient,
        access_token: AccessToken,
        api_url: str = "",
        clock: Callable[[], datetime] = scheduling.utc_now,
    ):
        self._dav, self._clock = Dav(http, access_token), clock
        self._last: dict[str, Read] = {}  # the last complete reading of each calendar in this run
        self._zones: dict[str, ZoneInfo] = {}

    def email(self) -> str:
        return self._dav.login.email

    # ---- calendars ----

    def calendars(self) -> list[ListedCalendar]:
        return dav_calendars.calendars(self._dav)

    def calendar(self, calendar_id: str) -> ListedCalendar:
        return dav_calendars.calendar(self._dav, calendar_id)

    def create_calendar(self, name: str, zone_name: str, description: str = "") -> ListedCalendar:
        return dav_calendars.create(self._dav, name, description)

    def delete_calendar(self, calendar_id: str) -> None:
        dav_calendars.delete(self._dav, calendar_id)

    # ---- reading ----

    def pull(
        self,
        calendar_id: str,
        sync_token: str | None,
        window: Window,
        unrolled: bool = True,
        over: Container[str] = (),
    ) -> Delta:
        read = self._read(calendar_id, sync_token)
        is_complete = sync_token is None
        found = self._events_of_all(calendar_id, read, window if unrolled else None)
        events = tuple(one for one in found if isinstance(one, RemoteEvent))
        unread = {one.remote_id: one for one in found if isinstance(one, Unread)} | read.unread
        # a resource is always complete: occurrences missing in its events do not exist
        reported = set() if is_complete or not unrolled else read.resources.keys() - unread.keys()
        return Delta(
            events,
            frozenset(read.removed | reported),
            read.token.written(),
            is_complete,
            window if is_complete and unrolled else None,
            tuple(unread.values()),
        )

    def _read(self, calendar_id: str, sync_token: str | None) -> Read:
        at = self._clock()
        if sync_token is None:
            read = self._last[calendar_id] = reading.whole(self._dav, calendar_id, at)
            return read
        place = sync_tokens.place_of(self._dav.login.origin, calendar_id)
        token = sync_tokens.read_token(sync_token, place, at)
        return reading.changes(self._dav, calendar_id, token, at)

    def _whole(self, calendar_id: str) -> Read:
        """The complete calendar: this run's earlier reading, brought up to date."""
        kept = self._last.get(calendar_id)
        if kept is None:
            return self._read(calendar_id, None)
        news = reading.changes(self._dav, calendar_id, kept.token, self._clock())
        kept.add({**news.resources, **news.unread, **dict.fromkeys(news.removed)})
        kept.removed.clear()
        kept.token = news.token
        return kept

    def get(self, calendar_id: str, remote_id: str) -> RemoteEvent | None:
        name = remote_id.partition("/")[0]
        there = get(self._dav, calendar_id, name)
        if there is None:
            return None
        found = self._of(calendar_id, there, remote_id)
        if isinstance(found, Unread):
            raise Unreadable(found.reason)
        return found

    def look(
        self,
        calendar_id: str,
        remote_ids: Sequence[str],
        closely: bool = False,
        is_again: bool = False,
    ) -> dict[str, RemoteEvent | None]:
        """Look up events by id. `closely` changes nothing: each answer is about
        the event itself.
        """
        names = [one.partition("/")[0] for one in remote_ids]
        fetched = fetch(self._dav, calendar_id, names)
        found: dict[str, RemoteEvent | None] = {}
        for remote_id, name in zip(remote_ids, names, strict=True):
            there = fetched.get(name)
            if isinstance(there, Unread):
                continue
            seen = self._of(calendar_id, there, remote_id) if there else None
            if not isinstance(seen, Unread):
                found[remote_id] = seen
        return found

    def outline(
        self, calendar_id: str, installation: str, window: Window | None = None
    ) -> dict[str, tuple[str, Mark | None]]:
        """See `base.Provider`. All events are read, since marks stand in the events themselves."""
        read = self._read(calendar_id, None)
        found = self._events_of_all(calendar_id, read, window)
        if window:
            return {one.remote_id: ("", None) for one in found if isinstance(one, RemoteEvent)}
        return {
            one.remote_id: (one.etag, of_installation(one.mark, installation))
            for one in found
            if isinstance(one, RemoteEvent)
        } | dict.fromkeys(read.unread, ("", None))

    def find_marked(
        self, calendar_id: str, installation: str, is_quick: bool = False
    ) -> list[RemoteEvent]:
        found = self._events_of_all(calendar_id, self._whole(calendar_id), None)
        return [
            one
            for one in found
            if isinstance(one, RemoteEvent) and of_installation(one.mark, installation)
        ]

    # ---- from data to events ----

    def _events_of_all(
        self, calendar_id: str, read: Read, window: Window | None
    ) -> list[RemoteEvent | Unread]:
        """The events of a reading: occurrences within a window, or each resource as one."""
        found: list[RemoteEvent | Unread] = []
        for resource in read.resources.values():
            found += self._events(calendar_id, resource, window)
        return found

    def _events(
        self, calendar_id: str, resource: Resource, window: Window | None
    ) -> list[RemoteEvent | Unread]:
        known = self._zones.get(calendar_id)
        found, is_on_clock = _parsed(resource, Whose(known or UTC, self._me), window)
        if known or not is_on_clock:
            return found
        # a time without a zone needs the calendar's, which is asked for once
        zone_name = dav_calendars.zone_name(self._dav, calendar_id) or self._dav.login.zone_name
        self._zones[calendar_id] = zone(zone_name)
        return _parsed(resource, Whose(self._zones[calendar_id], self._me), window)[0]

    def _of(
        self, calendar_id: str, resource: Resource, remote_id: str
    ) -> RemoteEvent | Unread | None:
        """The event, or the occurrence, with this id in a resource."""
        window = _around(remote_id)
        found = self._events(calendar_id, resource, window)
        if window is None:
            return found[0] if found else None
        seen = next(
            (one for one in found if isinstance(one, RemoteEvent) and one.remote_id == remote_id),
            None,
        )
        return seen or next((one for one in found if isinstance(one, Unread)), None)

    @remembered
    def _me(self) -> frozenset[str]:
        login = self._dav.login
        return frozenset((*login.addresses, login.email.lower(), login.user.lower()))

    # ---- writing ----

    def write(self, calendar_id: str, operations: Iterable[Operation]) -> Iterator[Result]:
        writer = CalDavWriter(self._dav, calendar_id, lambda one: self._sure(calendar_id, one))
        return carried_out(operations, BATCH_SIZE, writer.write)

    def _sure(self, calendar_id: str, resource: Resource) -> RemoteEvent:
        """A resource as one event. Raises Unreadable."""
        found = self._events(calendar_id, resource, None)
        if not found or isinstance(found[0], Unread):
            raise Unreadable(found[0].reason if found and isinstance(found[0], Unread) else "shape")
        return found[0]


def _parsed(
    resource: Resource, whose: Whose, window: Window | None
) -> tuple[list[RemoteEvent | Unread], bool]:
    """The events of a resource, and whether a time was on the clock of `whose`."""
    name, etag = resource.name, resource.etag
    with documents.alone():
        try:
            groups = documents.groups(resource.data, whose.zone)
        except documents.NoCalendar:
            return [Unread(name, "shape")], False
        if window is None:  # none: a task, or nothing
            found = [_as_one(group, whose, name, etag) for group in groups[:1]]
        else:
            found = [
                one
                for number, group in enumerate(groups)
                for one in _in_window(number, group, window, whose, name, etag)
            ]
    return found, any(group.is_on_clock for group in groups)


def _as_one(group: documents.Group, whose: Whose, name: str, etag: str) -> RemoteEvent | Unread:
    if not group.events:
        return Unread(name, "shape")
    try:
        return composing.whole(group, whose, name, etag)
    except NoTime as error:
        return Unread(name, error.args[0])


def _in_window(
    number: int, group: documents.Group, window: Window, whose: Whose, name: str, etag: str
) -> list[RemoteEvent | Unread]:
    """The events of one group. A further UID in the same resource is treated like a part of a
    series.
    """
    found = occurrences.occurrences(group, window, whose, name, etag)
    own = composing.mark_of(group.events[0]) if group.events else None
    made: list[RemoteEvent | Unread] = []
    for one in found:
        if isinstance(one, RemoteEvent):
            one = composing.placed(one, name, number, own)
        made.append(one)
    return made


def _around(remote_id: str) -> Window | None:
    """The window in which to look for an occurrence; None for the id of a whole event."""
    segment = remote_id.rpartition("/")[2] if "/" in remote_id else ""
    if not segment:
        return None
    try:
        at = datetime.strptime(segment[:8], "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        at = scheduling.utc_now()
    return Window(at - AROUND, at + AROUND)
