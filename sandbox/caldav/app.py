"""The imitation as a WSGI application (RFC 4791, RFC 6578). It also checks every request."""

import re
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import icalendar
from werkzeug.wrappers import Request, Response

from ..errors import ConnectionLost, hang_up
from ..faults import Faults, Record, Requests
from .characters import CHARACTERS, Character
from .outside import OutsideUser
from .store import Calendar, Store

ROBIN, SECRET = "robin", "an app password"
METHODS = {"PROPFIND", "REPORT", "MKCALENDAR", "MKCOL", "GET", "PUT", "DELETE"}
DAV, CAL = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}"
HEAD = (
    '<?xml version="1.0"?><d:multistatus xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"'
    ' xmlns:s="http://calendarserver.org/ns/">'
)
NAME = re.compile(r"[0-9a-v]{32}\.ics")


class Refusal(Exception):
    """An answer other than success. `condition`: the element inside DAV:error."""

    def __init__(self, status: int, condition: str = "", retry_after: int | None = None):
        super().__init__(status)
        self.status, self.condition, self.retry_after = status, condition, retry_after


def _made_to_fail(status, reason, text, retry_after_seconds=None):
    return Refusal(status, "", retry_after_seconds)


def create(
    character: str = "right",
    clock: Callable[[], datetime] | None = None,
    path: Path | None = None,
    environment: str = "test",
):
    """An imitation with one account and its calendar, or with what is stored at `path`."""
    if environment == "production":
        raise RuntimeError("The sandbox never runs in production.")
    return CalDav(CHARACTERS[character], clock, path)


class CalDav:
    """One server. `faults`: the troubles that wait for requests. `requests`: the latest ones.
    `strict`: a request that no program of ours may send is refused with 599.
    """

    def __init__(
        self,
        character: Character,
        clock: Callable[[], datetime] | None = None,
        path: Path | None = None,
    ):
        self.home = f"{character.root}/cal/robin/"
        self.principal = f"{character.root}/principals/robin/"
        self.character, self.clock = character, clock or (lambda: datetime.now(UTC))
        self.store, self.secret = Store(path), SECRET
        self.faults = Faults(self.clock, _made_to_fail)
        self.requests = Requests()
        self.wrongs: list[str] = []  # what no request may be
        if not self.store.load():
            self.store.calendars[f"{self.home}own/"] = Calendar(f"{self.home}own/", "Robin")

    def user(self, email: str = "") -> OutsideUser:
        """The person behind the account."""
        return OutsideUser(self.store, self.home, f"{self.home}own/")

    def expire_sync_tokens(self) -> None:
        """Make every sync token so far invalid."""
        with self.store.lock:
            self.store.oldest_token = self.store.tick()

    def __call__(self, environ: dict, start_response: Callable):
        request = Request(environ)
        try:
            response = self._answer(request)
        except ConnectionLost as loss:
            hang_up(environ, request, loss)
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        path, status = request.path, 0
        fault = self.faults.take(request.method, path)
        try:
            if fault and not fault.after_work:
                fault.strike()
            with self.store.lock:
                response = self._carry_out(request)
            if fault:
                fault.strike()
            status = response.status_code
            if request.method in ("PUT", "DELETE", "MKCALENDAR"):
                self.store.save()
        except Refusal as refusal:
            status = refusal.status
            inner = f"<{refusal.condition}/>" if refusal.condition else ""
            names = 'xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"'
            response = Response(f"<d:error {names}>{inner}</d:error>", status)
            if refusal.retry_after is not None:
                response.headers["Retry-After"] = str(refusal.retry_after)
        finally:
            self.requests.append(Record(request.method, path, status))
        return response

    def _carry_out(self, request: Request) -> Response:
        self._judge(request)
        told = request.headers.get("Authorization", "")
        if (
            not told.startswith("Basic ")
            or b64decode(told[6:]).decode() != f"{ROBIN}:{self.secret}"
        ):
            raise Refusal(401)
        method, folder, name = request.method, *self._place(request.path)
        calendar = self.store.calendars.get(folder)
        if method == "PROPFIND":
            return self._propfind(request, calendar)
        if method == "REPORT":
            return self._report(request, folder, calendar)
        if method in ("MKCALENDAR", "MKCOL"):
            return self._make(request)
        if method == "DELETE" and not name:
            if calendar is None:
                raise Refusal(404)
            del self.store.calendars[folder]
            return Response(status=204)
        if method == "PUT":
            return self._put(request, calendar, name)
        resource = calendar.resources.get(name) if calendar else None
        expected = request.headers.get("If-Match")
        if resource is None:
            raise Refusal(
                412 if expected and calendar and self.character.absent_is_changed else 404
            )
        if method == "GET":
            return Response(
                resource.data, headers={"ETag": resource.etag}, content_type="text/calendar"
            )
        if expected and expected != resource.etag and not self.character.ignores_conditions:
            raise Refusal(412)
        if calendar.right == "reader":
            raise Refusal(403, "d:need-privileges")
        self.store.delete(calendar, name)
        return Response(status=204)

    def _judge(self, request: Request) -> None:
        """Note the faults of a request that no program of ours may send."""
        text, method = request.get_data().decode("utf-8", "replace"), request.method
        wrong = [
            (method not in METHODS, "method"),
            (method in ("PROPFIND", "REPORT") and "Depth" not in request.headers, "no depth"),
            ("limit" in text and method == "REPORT", "limit"),
            (request.headers.get("If-Match") == "*", "If-Match: *"),
            (bool(re.search("VALARM|METHOD:", text)) and method == "PUT", "alarm or method"),
            (method == "PUT" and not NAME.fullmatch(self._place(request.path)[1]), "name"),
        ]
        self.wrongs += [what for is_wrong, what in wrong if is_wrong]

    def _place(self, path: str) -> tuple[str, str]:
        """Calendar and name of an event ("": the calendar itself)."""
        folder, _, name = path.rpartition("/")
        return f"{folder}/", unquote(name)

    # ---- calendars ----

    def _propfind(self, request: Request, calendar: Calendar | None) -> Response:
        path, depth = request.path, request.headers.get("Depth")
        if calendar is not None:
            rows = [self._row(calendar)]
            if depth == "1":
                rows += [
                    self._item(calendar, name, f"<d:getetag>{escape(one.etag)}</d:getetag>")
                    for name, one in calendar.resources.items()
                ]
        elif path.rstrip("/") == self.home.rstrip("/"):
            kind = "<d:resourcetype><d:collection/></d:resourcetype>"
            rows = [_found(self._href(self.home), kind)]
            rows += (
                [self._row(one) for one in self.store.calendars.values()] if depth == "1" else []
            )
        elif path.rstrip("/") == self.principal.rstrip("/"):
            home = f"<d:href>{self._href(self.home)}</d:href>"
            homes = f"<c:calendar-home-set>{home}</c:calendar-home-set>"
            mail = "<d:href>mailto:robin@outside.test</d:href>"
            users = f"<c:calendar-user-address-set>{mail}</c:calendar-user-address-set>"
            rows = [_found(self.principal, homes + users)]
        elif path in ("/", "/.well-known/caldav"):
            who = f"<d:href>{self.principal}</d:href>"
            rows = [_found(path, f"<d:current-user-principal>{who}</d:current-user-principal>")]
        else:
            raise Refusal(404)
        return _multistatus(rows)

    def _row(self, calendar: Calendar) -> str:
        rights = ["read"] + (["write-content", "bind"] if calendar.right == "owner" else [])
        told = "".join(f"<d:privilege><d:{right}/></d:privilege>" for right in rights)
        ctag = f"<s:getctag>{calendar.changed_at}</s:getctag>" if self.character.has_ctag else ""
        text = calendar.description if self.character.keeps_description else ""
        return _found(
            self._href(calendar.path),
            "<d:resourcetype><d:collection/><c:calendar/></d:resourcetype>"
            f"<d:displayname>{escape(calendar.name)}</d:displayname>{ctag}"
            f"<d:current-user-privilege-set>{told}</d:current-user-privilege-set>"
            f"<c:calendar-description>{escape(text)}</c:calendar-description>",
        )

    def _make(self, request: Request) -> Response:
        if not self.character.makes_calendars:
            raise Refusal(403)
        path = request.path if request.path.endswith("/") else f"{request.path}/"
        if path in self.store.calendars or not path.startswith(self.home):
            raise Refusal(405)
        values = {one.tag: one.text or "" for one in ElementTree.fromstring(request.data).iter()}  # noqa: S314
        if self.character.own_paths:
            path = f"{self.home}cal{self.store.tick()}/"
        self.store.calendars[path] = Calendar(
            path,
            values.get(f"{DAV}displayname", ""),
            values.get(f"{CAL}calendar-description", ""),
            made_at=self.store.tick(),
        )
        return Response(status=201)

    # ---- reading ----

    def _report(self, request: Request, folder: str, calendar: Calendar | None) -> Response:
        root = ElementTree.fromstring(request.data)  # noqa: S314
        kind = root.tag.rpartition("}")[2]
        if calendar is None:
            if kind == "calendar-multiget" and self.character.leaves_out:
                return _multistatus([])
            raise Refusal(404)
        if kind == "sync-collection":
            return self._sync(calendar, root)
        if kind == "calendar-query":
            uid = root.findtext(f".//{CAL}text-match")
            rows = [
                self._whole(calendar, name)
                for name, one in calendar.resources.items()
                if one.uid == uid
            ]
            return _multistatus(rows)
        rows = []
        for href in root.findall(f"{DAV}href"):
            name = unquote((href.text or "").rpartition("/")[2])
            if name in calendar.resources:
                rows.append(self._whole(calendar, name))
            elif not self.character.leaves_out:
                rows.append(_gone(href.text or "", 404))
        return _multistatus(rows)

    def _sync(self, calendar: Calendar, root) -> Response:
        if not self.character.has_sync:
            raise Refusal(403, "d:supported-report")
        told = (root.findtext(f"{DAV}sync-token") or "").rpartition("/")[2]
        since = int(told) if told.isdigit() else 0
        is_dead = bool(told) and (since < self.store.oldest_token or since < calendar.made_at)
        if is_dead and not self.character.tells_no_dead_token:
            raise Refusal(403, "d:valid-sync-token")
        is_first = is_dead or not told
        since = 0 if is_first else since
        news = [(one.revision, name) for name, one in calendar.resources.items()]
        news += [] if is_first else [(at, name) for name, at in calendar.removed.items()]
        news = sorted(pair for pair in news if pair[0] > since)
        part = self.character.part if told and not is_first else None
        upto = self.store.revision
        is_short = part is not None and len(news) > part
        if is_short:
            news, upto = news[:part], news[part - 1][0]
        with_data = root.find(f".//{CAL}calendar-data") is not None and self.character.data_in_sync
        rows = [
            (self._whole(calendar, name, with_data, is_sync=True))
            if name in calendar.resources
            else _gone(self._href(calendar.path) + quote(name), self.character.tells_removed)
            for _, name in news
        ]
        rows += [_gone(self._href(calendar.path), 507)] if is_short else []
        rows += [self._row(calendar)] if self.character.lists_itself and not is_short else []
        token = f"<d:sync-token>http://sync.test/{upto}</d:sync-token>"
        return _multistatus(rows, token)

    def _whole(
        self, calendar: Calendar, name: str, with_data: bool = True, is_sync: bool = False
    ) -> str:
        one = calendar.resources[name]
        data = escape(one.data.decode("utf-8", "replace").replace("\r\n", "\n"))
        told = f"<d:getetag>{escape(one.etag)}</d:getetag>"
        told += f"<c:calendar-data>{data}</c:calendar-data>" if with_data else ""
        return self._item(calendar, name, told, is_sync and self.character.raw_names)

    def _item(self, calendar: Calendar, name: str, told: str, is_raw: bool = False) -> str:
        return _found(self._href(calendar.path) + (escape(name) if is_raw else quote(name)), told)

    def _href(self, path: str) -> str:
        return f"https://dav.test:443{path}" if self.character.absolute else path

    # ---- writing ----

    def _put(self, request: Request, calendar: Calendar | None, name: str) -> Response:
        if calendar is None:
            raise Refusal(self.character.missing)
        if calendar.right == "reader":
            raise Refusal(403, "d:need-privileges")
        there, expected = calendar.resources.get(name), request.headers.get("If-Match")
        if not self.character.ignores_conditions:
            if request.headers.get("If-None-Match") == "*" and there:
                raise Refusal(412)
            if expected and (there is None or there.etag != expected):
                raise Refusal(412)
        events = icalendar.Calendar.from_ical(request.data).walk("VEVENT")
        if not events or "DTEND" not in events[0]:
            raise Refusal(403, "c:valid-calendar-data")
        held = self.store.holder_of(str(events[0].get("UID", "")))
        if held and held != (calendar, name) and not self.character.takes_uid_twice:
            if self.character.one_uid:
                raise Refusal(403, "c:unique-scheduling-object-resource")
            if held[0] is calendar:
                raise Refusal(409, "c:no-uid-conflict")
        made = self.store.put(calendar, name, request.data)
        headers = {} if self.character.hides_etag else {"ETag": made.etag}
        return Response(status=204 if there else 201, headers=headers)


def _found(href: str, props: str) -> str:
    good = f"<d:propstat><d:prop>{props}</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat>"
    return f"<d:response><d:href>{href}</d:href>{good}</d:response>"


def _gone(href: str, status: int) -> str:
    told = f"<d:status>HTTP/1.1 {status} Told</d:status>"
    return f"<d:response><d:href>{escape(href)}</d:href>{told}</d:response>"


def _multistatus(rows: list[str], more: str = "") -> Response:
    return Response(
        f"{HEAD}{''.join(rows)}{more}</d:multistatus>", 207, content_type="application/xml"
    )
