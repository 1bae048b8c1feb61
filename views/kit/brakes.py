"""The limits on guessing, one for each form: what is counted, and the number of free tries.
`credentials.Throttle` counts.
"""

import hashlib
import hmac
import ipaddress
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from flask import abort, current_app, make_response, render_template, request

from base.catalogue import _
from models import User
from people import email_addresses
from people.credentials import Throttle

from . import devices, display, htmx

# Free tries: for one account from one network; for one account from all networks; from one network.
PAIR, ACCOUNT, ADDRESS = (
    5,
    50,
    30,
)
# From one network: made-up one-time tokens, requests for a new password, clinics.
TOKENS, RESETS, SIGN_UPS = (
    20,
    5,
    5,
)
_TURNS, _PATIENCE_SECONDS = [threading.Lock() for __ in range(64)], 5
BOOKINGS, CONTACT = 40, 20  # presses to book: from one network, for one address or number
INVITATIONS = 60  # invitations and one-time links that one person makes


@contextmanager
def turn(email: str) -> Iterator[bool]:
    """Let only one try for an account run at a time in this process, so that people who sign in at
    the same moment do not count as guessing. False: too many are waiting.
    """
    lock = _TURNS[zlib.crc32(email.encode()) % len(_TURNS)]
    has_turn = lock.acquire(timeout=_PATIENCE_SECONDS)
    try:
        yield has_turn
    finally:
        if has_turn:
            lock.release()


class SignInBrake:
    """The limit for one try to sign in.

    A browser in which this person signed in before has its own count, so that other people's
    guesses never lock the person out. Tries from elsewhere are counted three times: by account and
    network together, by account, and by network.
    """

    def __init__(self, email: str, user: User | None) -> None:
        if user and devices.knows(user):
            self._own, self._shared = {key("known", f"{devices.number()}|{user.id}"): PAIR}, {}
        else:
            self._own = {key("pair", f"{email}|{network()}"): PAIR}
            self._shared = {key("account", email): ACCOUNT, key("address", network()): ADDRESS}

    def wait_seconds(self) -> int:
        """Count a try and return 0; if the person must wait, count nothing and
        return the seconds.
        """
        return Throttle.admit({**self._own, **self._shared})

    def succeeded(self) -> None:
        """Note that the password was right: delete the person's failed tries from this browser or
        network, and take back this one try in the counts that everybody shares.

        Other people's tries stay counted.
        """
        Throttle.forget(*self._own)
        Throttle.count_one_less(self._shared)


def slow_down(door: str, who: str, free: int) -> None:
    """Count one try by `who` at a form; 429 with the seconds to wait if there were too many."""
    if wait := Throttle.admit({key(door, who): free}):
        sentence = _("Wait {minutes}, then try again.", minutes=display.minutes(wait))
        if htmx.is_partial():
            abort(htmx.warn_on_page(_("Too many tries. {sentence}", sentence=sentence), 429))
        page = render_template(
            "error.html", status=429, heading=_("Too many tries"), advice=sentence
        )
        abort(make_response(page, 429, {"Retry-After": str(wait)}))


def key(kind: str, value: str) -> str:
    """A keyed hash: addresses and e-mails are stored only in this form."""
    return hmac.new(
        current_app.config["SECRET_KEY"].encode(),
        f"throttle|{kind}|{value}".encode(),
        hashlib.sha256,
    ).hexdigest()


def network() -> str:
    """The network of the request: an IPv4 address, or the /64 of an IPv6 address, which belongs to
    one customer.
    """
    try:
        address = ipaddress.ip_address((request.remote_addr or "").partition("%")[0])
    except ValueError:
        return request.remote_addr or ""
    if address.version == 4:
        return str(address)
    return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))


def origin(email: str) -> tuple[str, bool]:
    """The origin of a request for this person, as a keyed hash. If they signed in before with this
    browser: the browser, and True. Otherwise the network, and False. The work is the same whether
    or not the person exists.
    """
    user = email_addresses.person_at(email)
    if user and devices.knows(user):
        return key("origin of", devices.number()), True
    return key("origin of", network()), False


def source() -> str:
    """The network as security events contain it: enough to tell two networks apart, and no more."""
    return key("source", network())[:12]
