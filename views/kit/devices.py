"""The mark of a browser: a signed cookie with the people who have signed in with it. The mark gives
no access.

Guesses from a browser that was used before are counted apart from other people's guesses, and forms
of people who are not signed in belong to a browser. The cookie has a random number and the ids of
people's rows, and no names.
"""

import hashlib
import re
import secrets

from flask import Response, current_app, g, request
from itsdangerous import BadData, URLSafeSerializer

from models import User

MOST = 8  # people of one browser, at most: the earliest are removed
_AGE = 400 * 86400  # as long as browsers keep a cookie
_SYSTEMS = (
    ("iPhone|iPad", "iPhone or iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X|Macintosh", "Mac"),
    ("CrOS", "Chromebook"),
    ("Linux|X11", "Linux"),
)
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR|Opera", "Opera"),
    ("Firefox|FxiOS", "Firefox"),
    ("Chrome|CriOS", "Chrome"),
    ("Safari", "Safari"),
)


def signer(salt: str) -> URLSafeSerializer:
    """Signs with the newest of the server's keys, and accepts older keys for reading."""
    keys = [*reversed(current_app.config["SECRET_KEY_FALLBACKS"]), current_app.config["SECRET_KEY"]]
    return URLSafeSerializer(
        keys, salt=salt, signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"}
    )


def number() -> str:
    """The browser's random number; a new one is sent with the answer."""
    return _device()[0]


def knows(user: User) -> bool:
    """Whether the person has signed in with this browser before."""
    return user.id in _device()[1]


def remember(user: User) -> None:
    """Note that the person has signed in with this browser."""
    own, people = _device()
    g.device = own, [*[one for one in people if one != user.id], user.id][-MOST:]
    g.device_changed = True


def label() -> str:
    """The kind of browser, in words for its owner; "" if it is unknown."""
    agent = request.headers.get("User-Agent", "")[:400]
    system, browser = (
        next((name for pattern, name in table if re.search(pattern, agent)), "")
        for table in (_SYSTEMS, _BROWSERS)
    )
    return " on ".join(word for word in (browser, system) if word)


def _device() -> tuple[str, list[int]]:
    if "device" not in g:
        try:
            own, people = signer("kalends device").loads(request.cookies.get(_name(), ""))
            g.device = str(own), list(people)
        except (BadData, TypeError, ValueError):
            g.device, g.device_changed = (secrets.token_urlsafe(16), []), True
    device: tuple[str, list[int]] = g.device
    return device


def _name() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}-device"


def save(response: Response) -> None:
    """Send the mark with the answer if it changed."""
    if g.get("device_changed"):
        response.set_cookie(
            _name(),
            signer("kalends device").dumps(g.device),
            max_age=_AGE,
            path="/",
            httponly=True,
            samesite="Lax",
            secure=current_app.config["SESSION_COOKIE_SECURE"],
        )
        response.vary.add("Cookie")
