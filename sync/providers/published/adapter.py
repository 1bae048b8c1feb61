"""One published calendar as an account: read only, with one calendar and a complete
list each time.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import httpx

from base import scheduling
from base.outgoing.line import HttpClient
from sync.calendar_data.documents import NoCalendar
from sync.events.event import Delta, Mark, RemoteEvent, Window
from sync.providers.base import ListedCalendar, Operation, Polled, Result
from sync.providers.errors import Forbidden, ProviderError, Unavailable
from sync.providers.wire import AccessToken

from . import contents
from .contents import OwnCalendar, TooMuch
from .fetching import PublishedToken, fetch, read_token
from .signing_in import host, opened

ONLY = "published"  # the id of the one calendar
NOT_WRITTEN = "read_only"


class Published(Polled):
    """The adapter for one address; see `base.Provider`. Its access token is the login
    (`signing_in`): the address, which may contain a name and a password, and the clock of times
    without a zone.
    """

    batch_size = 1

    def __init__(
        self,
        http: HttpClient,
        access_token: AccessToken,
        api_url: str = "",
        clock: Callable[[], datetime] = scheduling.utc_now,
    ):
        self._http, self._access_token, self._clock = http, access_token, clock
        # the last complete list of this run
        self._seen: dict[str, RemoteEvent] | None = None

    def email(self) -> str:
        return host(self._login()[0])

    # ---- calendars ----

    def calendars(self) -> list[ListedCalendar]:
        return [self.calendar(ONLY)]

    def calendar(self, calendar_id: str) -> ListedCalendar:
        """Answers without a request, and without a name: `pull` tells the calendar's own."""
        return ListedCalendar(ONLY, "", "owner")

    def create_calendar(self, name: str, zone_name: str, description: str = "") -> ListedCalendar:
        raise Forbidden(NOT_WRITTEN)

    def delete_calendar(self, calendar_id: str) -> None:
        """Does nothing: no calendar there is ours."""

    # ---- reading ----

    def pull(
        self,
        calendar_id: str,
        sync_token: str | None,
        window: Window,
        unrolled: bool = True,
        over: Container[str] = (),
    ) -> Delta:
        at, token = self._clock(), read_token(sync_token)
        address, zone = self._login()
        answer = fetch(self._http, address, token, at)
        if answer is None:
            return Delta((), frozenset(), sync_token, False)
        text = _document(answer)
        digest = contents.digest(text)
        if digest == token.digest:
            return Delta((), frozenset(), _token(answer, at, token).written(), False)
        try:
            found = contents.read_contents(text, window, zone, token.sample, token.by_time)
        except TooMuch as error:
            raise ProviderError(f"many_{error}") from None
        self._seen = {one.remote_id: one for one in found.events}
        fresh = PublishedToken(digest=digest, sample=found.sample, by_time=found.by_time)
        return Delta(
            found.events,
            frozenset(),
            _token(answer, at, fresh).written(),
            True,
            window,
            found.unread,
            called=contents.name_in(text),
        )

    def get(self, calendar_id: str, remote_id: str) -> RemoteEvent | None:
        return self._listed().get(remote_id)

    def look(
        self,
        calendar_id: str,
        remote_ids: Sequence[str],
        closely: bool = False,
        is_again: bool = False,
    ) -> dict[str, RemoteEvent | None]:
        """Look in the last document: an event that it lacks does not exist."""
        seen = self._listed()
        return {one: seen.get(one) for one in remote_ids}

    def outline(
        self, calendar_id: str, installation: str, window: Window | None = None
    ) -> dict[str, tuple[str, Mark | None]]:
        return dict.fromkeys(self._listed(), ("", None))

    def find_marked(
        self, calendar_id: str, installation: str, is_quick: bool = False
    ) -> list[RemoteEvent]:
        """None: we write nothing there, and a feed of ours is refused."""
        return []

    def write(self, calendar_id: str, operations: Iterable[Operation]) -> Iterator[Result]:
        for operation in operations:
            yield Result(operation, error=Forbidden(NOT_WRITTEN))

    def _listed(self) -> dict[str, RemoteEvent]:
        """The events of the last complete list. Raises Unavailable if this run has none: nothing is
        then known of an event.
        """
        if self._seen is None:
            raise Unavailable("not_listed")
        return self._seen

    def _login(self) -> tuple[str, tzinfo]:
        address, name = opened(self._access_token(None))
        return address, ZoneInfo(name) if scheduling.is_zone(name) else UTC


def _document(answer: httpx.Response | None) -> str:
    """The calendar in an answer. Raises a ProviderError if there is none."""
    body = answer.content if answer is not None else b""
    try:
        return contents.cleaned(body)
    except OwnCalendar:
        raise ProviderError("own_link") from None
    except NoCalendar:
        is_page = body.lstrip()[:1] == b"<"
        raise Unavailable("page" if is_page else "no_calendar", 200) from None


def _token(answer: httpx.Response, at: datetime, known: PublishedToken) -> PublishedToken:
    """The token after an answer with a body."""
    return PublishedToken(
        answer.headers.get("ETag", "")[:500],
        answer.headers.get("Last-Modified", "")[:100],
        known.digest,
        at.isoformat(),
        known.sample,
        known.by_time,
    )
