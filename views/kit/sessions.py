"""The session of a request, in the form that Flask expects.

For people who signed in it is a row of the database; their cookie has only a random secret. For
everyone else a few messages are kept in an encrypted cookie until the next page. A cookie never
contains anything about clients.
"""

import json
import logging
from collections.abc import Iterator
from typing import Any

from flask import Flask, Request, current_app, request, session
from flask.json.tag import TaggedJSONSerializer
from flask.sessions import SessionInterface, SessionMixin
from peewee import PeeweeException

from base import region, vault
from base.database import now
from base.repeated_log_lines import RepeatedLines
from models import User
from people.sessions import REMEMBERED, SEEN_EVERY, Session

from . import devices

MESSAGES, MOST_MESSAGES = "_flashes", 10  # Flask's own name for the messages on the next page
SECRET_LENGTH = 43  # of `secrets.token_urlsafe(32)`; cookies of people not signed in are longer
# Requests that open pages send by themselves: they do not show that a person is there.
UNATTENDED = {
    "week.changes",
    "team_day.changes",
    "health.board",
    "two_way.status",
}

_tagged = TaggedJSONSerializer()


class PageSession(SessionMixin):
    """The session of one request, read when first needed. `row` is None if nobody is signed in."""

    accessed = False

    def __init__(self, cookie: str) -> None:
        self._cookie, self._before = cookie, ""
        self._values: dict[str, Any] | None = None
        self._row: Session | None = None
        self.secret: str | None = None

    @property
    def row(self) -> Session | None:
        """The session's row; None if nobody is signed in."""
        self._read()
        return self._row

    def _read(self) -> dict[str, Any]:
        if self._values is None:
            self.accessed = True
            if len(self._cookie) == SECRET_LENGTH:
                self._row = Session.find(self._cookie)
                self._before = self._row.contents if self._row else ""
            else:
                self._before = self._cookie
            self._values = _open(self._before)
        return self._values

    def begin(self, user: User, remembered: bool, device: str) -> None:
        """Sign in: a new session replaces this one and takes nothing over."""
        self.end()
        self._row, self.secret = Session.begin(user, remembered, device)
        self._row.user = user

    def end(self) -> None:
        """Sign out, here and on the server."""
        self.clear()
        if self.row:
            self.row.end()
        self._row, self.secret, self._before = None, None, ""

    @property
    def is_changed(self) -> bool:
        """Whether its content has changed."""
        return self._values is not None and self._values != _open(self._before)

    def packed_onto(self, packed: str) -> str:
        """The content of `packed` with this request's changes, encrypted; empty if there is none.
        Only the last few unshown messages are kept.
        """
        there, before, after = _open(packed), _open(self._before), self._read()
        for key in (key for key in {*before, *after} if before.get(key) != after.get(key)):
            there[key] = after.get(key)
            if key == MESSAGES:
                others = _open(packed).get(key, [])[len(before.get(key, [])) :]
                there[key] = [*others, *after.get(key, [])][-MOST_MESSAGES:]
        kept = {key: value for key, value in there.items() if value}
        return vault.seal(_tagged.dumps(kept)) if kept else ""

    def replace_now(self, key: str, before: Any, after: Any) -> bool:
        """Store another value at once, for requests that come meanwhile. False: another request has
        replaced the value before. Somebody must be signed in.
        """
        found = before

        def replaced(packed: str) -> str:
            nonlocal found
            there = _open(packed)
            found = there.get(key)
            return vault.seal(_tagged.dumps(there | {key: after})) if found == before else packed

        if self.row:
            self.row.keep(replaced)
        return bool(found == before)

    @property
    def has_useless_cookie(self) -> bool:
        """Whether the browser's cookie belongs to no session, or has nothing left to keep."""
        return bool(self._cookie) and self._values == {} and self._row is None

    def __getitem__(self, key: Any) -> Any:
        return self._read()[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        self._read()[key] = value

    def __delitem__(self, key: Any) -> None:
        del self._read()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())


def _open(packed: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = _tagged.loads(vault.unseal(packed)) if packed else {}
    except (vault.CannotOpen, json.JSONDecodeError):
        return {}
    return found


class Sessions(SessionInterface):
    """Reads and stores sessions for Flask."""

    def open_session(self, app: Flask, request: Any) -> PageSession:
        return PageSession(request.cookies.get(self.get_cookie_name(app), ""))

    def save_session(self, app: Flask, session: Any, response: Any) -> None:
        if session.accessed:
            response.vary.add("Cookie")
        flags: dict[str, Any] = {
            "path": "/",
            "secure": self.get_cookie_secure(app),
            "httponly": True,
            "samesite": "Lax",
        }
        name = self.get_cookie_name(app)
        if session.accessed and session.row:
            _keep(session, session.row)
            if session.secret:
                response.set_cookie(
                    name,
                    session.secret,
                    max_age=REMEMBERED if session.row.remembered else None,
                    **flags,
                )
        elif session.has_useless_cookie:
            response.delete_cookie(name, **flags)
        elif session.is_changed:
            response.set_cookie(name, session.packed_onto(""), **flags)
        devices.save(response)


def _keep(session: PageSession, own: Session) -> None:
    """Store the changes. If the database refuses, the answer is sent anyway; at most a message is
    lost.
    """
    is_seen = now() - own.seen_at > SEEN_EVERY and request.endpoint not in UNATTENDED
    try:
        if session.is_changed:
            own.keep(session.packed_onto)
        if is_seen:
            own.see()
    except PeeweeException as error:
        kind = type(error).__name__
        lines: RepeatedLines = current_app.extensions["repeated_lines"]
        lines.write(logging.WARNING, f"session {kind}", "session not kept: %(kind)s", kind=kind)


def page_session() -> PageSession:
    """The session of this request, without Flask's proxy."""
    proxy: Any = session
    found: PageSession = proxy
    return found


def person_of(__: Request) -> User | None:
    """The person of the session, if any, for the region of the page."""
    row = page_session().row
    if row is None:
        return None
    user: User = row.user
    region.write_for(user.region)
    return user
