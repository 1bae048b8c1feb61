"""What Flask calls the session.

Of people who signed in it stands in the database, and their cookie holds a random secret alone.

Of strangers a few words are kept in an encrypted cookie until the next page. Nothing about clients
is ever in a cookie.
"""

import json
import logging

from flask import Flask, request
from flask.json.tag import TaggedJSONSerializer
from flask.sessions import SessionInterface, SessionMixin
from peewee import PeeweeException

from base import vault
from base.database import database, is_sqlite, now
from models import User
from people.sessions import REMEMBERED, SEEN_EVERY, Session

from . import devices

MESSAGES, MOST_MESSAGES = "_flashes", 10  # Flask's own name for what the next page says
SECRET_LENGTH = 43  # of `secrets.token_urlsafe(32)`; what strangers' cookies hold is longer
# What open pages ask for by themselves: nobody need sit before them.
UNATTENDED = {
    "week.changes",
    "team_day.changes",
    "health.board",
    "two_way.look",
}

log = logging.getLogger("kalends")
_tagged = TaggedJSONSerializer()


class PageSession(SessionMixin):
    """The session of one request, read when it is first asked for. `row` is None for strangers."""

    accessed = False

    def __init__(self, cookie: str):
        self._cookie, self._values, self._before, self._row, self.secret = (
            cookie,
            None,
            "",
            None,
            None,
        )

    @property
    def row(self) -> Session | None:
        """The session's row; None for strangers."""
        self._read()
        return self._row

    def _read(self) -> dict:
        if self._values is None:
            self.accessed = True
            if len(self._cookie) == SECRET_LENGTH:
                self._row = Session.find(self._cookie)
                self._before = self._row.held if self._row else ""
            else:
                self._before = self._cookie
            self._values = _open(self._before)
        return self._values

    def begin(self, user: User, remembered: bool, device: str) -> None:
        """Sign in: a fresh session in place of this one, of which nothing stays."""
        self.end()
        self._row, self.secret = Session.begin(user, remembered, device)
        self._row.user = user

    def end(self) -> None:
        """Sign out, here and on the server."""
        self.clear()
        if self.row:
            self.row.delete_instance()
        self._row, self.secret, self._before = None, None, ""

    @property
    def is_changed(self) -> bool:
        """Whether what it holds is other than before."""
        return self._values is not None and self._values != _open(self._before)

    def packed_onto(self, packed: str) -> str:
        """What `packed` holds with this request's changes, encrypted; empty for nothing.

        Of messages that no page showed the last few.
        """
        there, before, after = _open(packed), _open(self._before), self._read()
        for key in (key for key in {*before, *after} if before.get(key) != after.get(key)):
            there[key] = after.get(key)
            if key == MESSAGES:
                others = _open(packed).get(key, [])[len(before.get(key, [])) :]
                there[key] = [*others, *after.get(key, [])][-MOST_MESSAGES:]
        kept = {key: value for key, value in there.items() if value}
        return vault.seal(_tagged.dumps(kept)) if kept else ""

    @property
    def has_useless_cookie(self) -> bool:
        """Whether the browser's cookie opens nothing, or nothing is left to keep in it."""
        return bool(self._cookie) and self._values == {} and self._row is None

    def __getitem__(self, key):
        return self._read()[key]

    def __setitem__(self, key, value):
        self._read()[key] = value

    def __delitem__(self, key):
        del self._read()[key]

    def __iter__(self):
        return iter(self._read())

    def __len__(self):
        return len(self._read())


def _open(packed: str) -> dict:
    try:
        return _tagged.loads(vault.unseal(packed)) if packed else {}
    except (vault.CannotOpen, json.JSONDecodeError):
        return {}


class Sessions(SessionInterface):
    """Reads and keeps sessions for Flask."""

    def open_session(self, app: Flask, request) -> PageSession:
        return PageSession(request.cookies.get(self.get_cookie_name(app), ""))

    def save_session(self, app: Flask, session: PageSession, response) -> None:
        if session.accessed:
            response.vary.add("Cookie")
        flags = {
            "path": "/",
            "secure": self.get_cookie_secure(app),
            "httponly": True,
            "samesite": "Lax",
        }
        name = self.get_cookie_name(app)
        if session.accessed and session.row:
            _keep(session)
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


def _keep(session: PageSession) -> None:
    """Write what changed.

    The answer goes out even where the database cannot take it: a message is lost then, no more.
    """
    is_seen = now() - session.row.seen_at > SEEN_EVERY and request.endpoint not in UNATTENDED
    try:
        if session.is_changed:
            with database.atomic():
                row = _locked(session.row)
                if row:
                    Session.update(held=session.packed_onto(row.held)).where(
                        Session.id == row.id
                    ).execute()
        if is_seen:
            Session.update(seen_at=now()).where(Session.id == session.row.id).execute()
    except PeeweeException as error:
        log.warning("session not kept: %s", type(error).__name__)


def _locked(row: Session) -> Session | None:
    """The row as it is now, locked: another page of the same browser may have changed it since."""
    query = Session.select(Session.id, Session.held).where(Session.id == row.id)
    return (query if is_sqlite() else query.for_update()).get_or_none()
