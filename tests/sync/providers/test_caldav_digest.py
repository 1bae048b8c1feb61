"""Servers that take no Basic, but answers to a challenge (RFC 7616), as Baïkal can be set up."""

import hashlib
import itertools
import re

import httpx
import pytest
from provider_worlds import INSTALLATION, NOW, WINDOW, event, mark
from provider_worlds import SECRET as OUR_SECRET

from base.outgoing import exchange
from sandbox.caldav import create
from sandbox.caldav.app import ROBIN, SECRET
from sync.providers.base import Create
from sync.providers.caldav import discovery, known_servers
from sync.providers.caldav.adapter import CalDav
from sync.providers.caldav.composing import new_name
from sync.providers.caldav.login import Login
from sync.providers.errors import AuthExpired, WrongPassword

BASIC = httpx.BasicAuth(ROBIN, SECRET)
PART = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')


def md5(*parts):
    return hashlib.md5(":".join(parts).encode()).hexdigest()


class Gate(httpx.WSGITransport):
    """The imitation behind a gate that knows Digest alone. `lasts`: so many requests are answered
    until a challenge is old. `requests`: the status of each.
    """

    def __init__(self, secret=SECRET, lasts=1000, challenge=None, says_stale=True):
        super().__init__(app=create("right", lambda: NOW))
        self.secret, self.lasts, self.says_stale = secret, lasts, says_stale
        self.numbers, self.nonce, self.left = itertools.count(1), "n0", 0
        self.challenge, self.requests, self.counted = challenge, [], set()
        self.schemes, self.is_basic = [], False

    def handle_request(self, request):
        why = self._refused(request)
        if why is None:
            request.headers["Authorization"] = next(BASIC.auth_flow(request)).headers[
                "Authorization"
            ]
            answer = super().handle_request(request)
        else:
            answer = httpx.Response(
                401, headers={"WWW-Authenticate": self._asked(why)}, stream=httpx.ByteStream(b"")
            )
        self.requests.append(answer.status_code)
        return answer

    def _basic(self):
        request = httpx.Request("GET", "https://dav.test/")
        return next(httpx.BasicAuth(ROBIN, self.secret).auth_flow(request)).headers["Authorization"]

    def _asked(self, why):
        if self.challenge is not None:
            return self.challenge
        if self.is_basic:
            return 'Basic realm="dav"'
        self.nonce, self.left, self.counted = f"n{next(self.numbers)}", self.lasts, set()
        stale = ", stale=true" if why == "old" and self.says_stale else ""
        return f'Digest realm="dav", qop="auth", nonce="{self.nonce}", opaque="o"{stale}'

    def _refused(self, request):
        scheme, _, told = request.headers.get("Authorization", "").partition(" ")
        self.schemes.append(scheme)
        if self.is_basic:
            is_right = told and request.headers["Authorization"] == self._basic()
            return None if is_right else "wrong"
        if scheme != "Digest":
            return "no answer"
        parts = {name: quoted or bare for name, quoted, bare in PART.findall(told)}
        key = md5(ROBIN, "dav", self.secret)
        rest = (parts["nonce"], parts["nc"], parts["cnonce"], parts["qop"])
        right = md5(key, *rest, md5(request.method, parts["uri"]))
        if parts["response"] != right or parts["uri"] != request.url.raw_path.decode():
            return "wrong"
        if parts["nonce"] != self.nonce or self.left < 1 or parts["nc"] in self.counted:
            return "old"
        self.left -= 1
        self.counted.add(parts["nc"])
        return None


def found(gate, secret=SECRET):
    http = exchange.http_client(transport=gate)
    wanted = Login("", ROBIN, secret, is_hosted=False)
    begin = known_servers.beginnings(known_servers.SERVICES["other"], "https://dav.test/")
    return http, discovery.discover(http, wanted, begin)


def opened(gate):
    http, login = found(gate)
    gate.requests.clear()
    return CalDav(http, lambda stale: login.written(), clock=lambda: NOW)


def test_an_account_is_found_read_and_written():
    gate = Gate()
    provider = opened(gate)
    made = provider.create_calendar("Linden", "Europe/London", "Ours").calendar_id
    assert gate.requests.count(401) == 1  # of an unsigned one, which brings the challenge
    gate.requests.clear()
    marks = [mark(f"b{number}") for number in range(12)]
    creates = [Create(new_name(one, OUR_SECRET), event(), one) for one in marks]
    assert all(result.error is None for result in provider.write(made, creates))
    assert (len(gate.requests), 401 in gate.requests) == (12, False)
    assert len(provider.find_marked(made, INSTALLATION)) == 12


def test_the_password_itself_is_sent_once_before_the_server_is_known():
    gate = Gate()
    http, login = found(gate)
    assert gate.schemes.count("Basic") == 1 and gate.schemes[0] == "Basic"
    gate.schemes.clear()
    for _run in range(3):
        provider = CalDav(http, lambda stale: login.written(), clock=lambda: NOW)
        assert [one.name for one in provider.calendars()] == ["Robin"]
    assert set(gate.schemes) == {"", "Digest"}


def test_a_server_that_goes_over_to_basic_is_followed():
    gate = Gate()
    provider = opened(gate)
    gate.is_basic = True
    assert [one.name for one in provider.calendars()] == ["Robin"]
    gate.secret = "another"
    with pytest.raises(AuthExpired):
        provider.calendars()


@pytest.mark.parametrize("says_stale", [True, False])
def test_a_challenge_that_grows_old_is_no_lost_access(says_stale):
    gate = Gate(lasts=3, says_stale=says_stale)
    provider = opened(gate)
    for _ in range(8):
        assert [one.name for one in provider.calendars()] == ["Robin"]
        provider.pull(f"{gate.app.home}own/", None, WINDOW)
    assert 401 in gate.requests[2:]


def test_a_wrong_password_is_tried_once_with_each_scheme():
    gate = Gate()
    with pytest.raises(WrongPassword):
        found(gate, "wrong")
    assert gate.requests == [401, 401]


def test_access_taken_back_is_told():
    gate = Gate()
    provider = opened(gate)
    assert provider.calendars()
    gate.secret = "another"
    with pytest.raises(AuthExpired):
        provider.calendars()


@pytest.mark.parametrize(
    "challenge",
    [
        "Digest",
        "Digest ",
        'Digest realm="dav"',
        'Digest realm="dav", nonce="n", algorithm=WRONG',
        'Digest realm="dav", nonce="n", qop="auth-int"',
        'Digest realm="dav", nonce="n", qop="odd"',
        'Digest realm="\\"dav, nonce="' + "n" * 50_000,
        'Negotiate, Digest nonce="n", realm=""',
    ],
)
def test_a_challenge_that_cannot_be_answered_is_a_refusal(challenge):
    gate = Gate(challenge=challenge)
    with pytest.raises(WrongPassword):
        found(gate)
    assert len(gate.requests) <= 2


@pytest.mark.parametrize("challenge", ['Digest realm="dav", nonce="n", algorithm=WRONG', "Digest"])
def test_a_challenge_that_cannot_be_answered_passes(challenge):
    gate = Gate()
    provider = opened(gate)
    assert provider.calendars()
    gate.challenge, gate.left = challenge, 0
    for _ in range(2):
        with pytest.raises(AuthExpired):
            provider.calendars()
    gate.challenge = None
    assert provider.calendars()
