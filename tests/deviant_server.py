"""A small CalDAV server that is right, and whose answers a test spoils one by one.

It is written from the standards alone, and shares nothing with the imitation of the sandbox.
"""

import base64
import itertools
import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

import httpx

USER, SECRET = "robin", "pass word é"
HOST = "dav.test"
HOME = "/homes/robin/"
MULTI = (
    '<?xml version="1.0" encoding="utf-8"?><D:multistatus xmlns:D="DAV:"'
    ' xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:S="http://calendarserver.org/ns/">{}'
    "</D:multistatus>"
)
COLLECTION = "<D:resourcetype><D:collection/><C:calendar/></D:resourcetype>"


@dataclass
class Folder:
    """One calendar: its texts by name, and when each name last changed."""

    name: str
    description: str = ""
    texts: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)


@dataclass
class Answer:
    """What would be answered. `body` may be text or bytes."""

    status: int
    body: str | bytes = ""
    headers: dict[str, str] = field(default_factory=dict)

    def bytes(self):
        return self.body.encode() if isinstance(self.body, str) else self.body


class Deviant(httpx.BaseTransport):
    """The way to it. `spoil(method, path, request, answer)` may give another answer; `elsewhere`:
    requests to any other host, each with whether a password came along.
    """

    def __init__(self):
        self.folders = {f"{HOME}own/": Folder("Own")}
        self.clock, self.spoil = itertools.count(1), lambda *told: None
        self.now, self.requests, self.elsewhere = 0, [], []

    def handle_request(self, request):
        if request.url.host != HOST or request.url.scheme != "https":
            self.elsewhere.append((str(request.url), "authorization" in request.headers))
            return httpx.Response(200, content=b"<html>elsewhere</html>")
        path, body = request.url.raw_path.decode(), request.read().decode("utf-8", "replace")
        self.requests.append((request.method, path))
        answer = self._answer(request, path, body)
        answer = self.spoil(request.method, path, body, answer) or answer
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(
            answer.status, headers=answer.headers, stream=httpx.ByteStream(answer.bytes())
        )

    # ---- for tests ----

    def put(self, folder, name, text):
        """Somebody stores a text, whatever it is."""
        self._store(self.folders[folder], name, text if isinstance(text, bytes) else text.encode())

    def remove(self, folder, name):
        """Somebody deletes it."""
        held = self.folders[folder]
        del held.texts[name]
        held.changed[name] = self._tick()

    def _tick(self):
        self.now = next(self.clock)
        return self.now

    def _store(self, folder, name, text):
        at = self._tick()
        folder.texts[name], folder.changed[name] = (f'"v{at}"', text), at

    # ---- answers ----

    def _answer(self, request, path, body):
        told = request.headers.get("Authorization", "")
        if told != "Basic " + base64.b64encode(f"{USER}:{SECRET}".encode()).decode():
            return Answer(401, "", {"WWW-Authenticate": 'Basic realm="x"'})
        kind = {
            "PROPFIND": self._propfind,
            "REPORT": self._report,
            "MKCALENDAR": self._make,
            "GET": self._get,
            "PUT": self._put,
            "DELETE": self._delete,
        }.get(request.method)
        return kind(request, path, body) if kind else Answer(405)

    def _propfind(self, request, path, body):
        if path in ("/", "/.well-known/caldav"):
            who = (
                "<D:current-user-principal><D:href>/who/robin/</D:href></D:current-user-principal>"
            )
            return multi(row(path, who))
        if path == "/who/robin/":
            return multi(
                row(
                    path,
                    f"<C:calendar-home-set><D:href>{HOME}</D:href></C:calendar-home-set>"
                    "<C:calendar-user-address-set><D:href>mailto:robin@dav.test</D:href>"
                    "</C:calendar-user-address-set>",
                )
            )
        deep = request.headers.get("Depth") == "1"
        if path == HOME:
            rows = [row(HOME, "<D:resourcetype><D:collection/></D:resourcetype>")]
            rows += [calendar_row(*one) for one in self.folders.items()] if deep else []
            return multi(*rows)
        folder = self.folders.get(path)
        if folder is None:
            return Answer(404)
        listed = [
            row(path + quote(name), f"<D:getetag>{etag}</D:getetag>")
            for name, (etag, _) in folder.texts.items()
        ]
        return multi(calendar_row(path, folder), *(listed if deep else []))

    def _report(self, request, path, body):
        folder = self.folders.get(path)
        if folder is None:
            return Answer(404)
        if "sync-collection" in body:
            token = re.sub(r"\D", "", re.search(r"sync-token>([^<]*)<", body)[1])
            if len(token) > 9:
                return Answer(403, '<D:error xmlns:D="DAV:"><D:valid-sync-token/></D:error>')
            rows = []
            for name, at in sorted(folder.changed.items(), key=lambda one: one[1]):
                if name in folder.texts and at > int(token or 0):
                    rows.append(self._whole(path, name, "calendar-data" in body))
                elif token and at > int(token):
                    rows.append(gone(path + quote(name)))
            return multi(*rows, f"<D:sync-token>urn:{self.now}</D:sync-token>")
        if "calendar-query" in body:
            uid = re.search(r"text-match[^>]*>([^<]*)<", body)[1]
            found = [name for name, (_, text) in folder.texts.items() if uid.encode() in text]
            return multi(*(self._whole(path, name) for name in found))
        rows = []
        for href in re.findall(r"href>([^<]+)</", body):
            name = unquote(href.rpartition("/")[2])
            rows.append(self._whole(path, name) if name in folder.texts else gone(href))
        return multi(*rows)

    def _whole(self, path, name, with_data=True):
        etag, text = self.folders[path].texts[name]
        data = text.decode("utf-8", "replace").replace("&", "&amp;").replace("<", "&lt;")
        told = f"<D:getetag>{etag}</D:getetag>"
        told += f"<C:calendar-data>{data}</C:calendar-data>" if with_data else ""
        return row(path + quote(name), told)

    def _make(self, request, path, body):
        name = re.search(r"displayname>([^<]*)<", body)
        told = re.search(r"calendar-description>([^<]*)<", body)
        self.folders[path] = Folder(name[1] if name else "", told[1] if told else "")
        self._tick()
        return Answer(201)

    def _held(self, path):
        folder, _, name = path.rpartition("/")
        return self.folders.get(f"{folder}/"), unquote(name)

    def _get(self, request, path, body):
        folder, name = self._held(path)
        if folder is None or name not in folder.texts:
            return Answer(404)
        etag, text = folder.texts[name]
        return Answer(200, text, {"ETag": etag, "Content-Type": "text/calendar"})

    def _put(self, request, path, body):
        folder, name = self._held(path)
        if folder is None:
            return Answer(409)
        there = folder.texts.get(name, ("", b""))[0]
        expected = request.headers.get("If-Match")
        if (request.headers.get("If-None-Match") == "*" and there) or (
            expected and expected != there
        ):
            return Answer(412)
        self._store(folder, name, request.content)
        return Answer(204 if there else 201, "", {"ETag": folder.texts[name][0]})

    def _delete(self, request, path, body):
        if path in self.folders:
            del self.folders[path]
            return Answer(204)
        folder, name = self._held(path)
        if folder is None or name not in folder.texts:
            return Answer(404)
        expected = request.headers.get("If-Match")
        if expected and expected != folder.texts[name][0]:
            return Answer(412)
        del folder.texts[name]
        folder.changed[name] = self._tick()
        return Answer(204)


def multi(*rows):
    """An answer 207."""
    return Answer(207, MULTI.format("".join(rows)), {"Content-Type": "application/xml"})


def row(href, props):
    """One address in it, with its properties."""
    good = f"<D:propstat><D:prop>{props}</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>"
    return f"<D:response><D:href>{href}</D:href>{good}</D:response>"


def gone(href, status=404):
    """One address that is not there."""
    told = f"<D:status>HTTP/1.1 {status} X</D:status>"
    return f"<D:response><D:href>{href}</D:href>{told}</D:response>"


def calendar_row(path, folder):
    """One calendar in a list."""
    rights = "<D:privilege><D:all/></D:privilege>"
    return row(
        path,
        f"{COLLECTION}<D:displayname>{folder.name}</D:displayname>"
        f"<D:current-user-privilege-set>{rights}</D:current-user-privilege-set>"
        f"<C:calendar-description>{folder.description}</C:calendar-description>",
    )
