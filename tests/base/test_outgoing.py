"""Requests to addresses that somebody typed: real sockets and TLS, and a resolver that changes its
mind.
"""

import gzip
import logging
import socket
import threading
from ipaddress import ip_address

import pytest
from dripping import DRIPS, dripping
from typed_addresses import OK, Resolving, authority, serving

from app import Settings, SettingsError
from base.outgoing import exchange
from base.outgoing.addresses import Allowed, is_public, read_allowed
from base.outgoing.exchange import SENTENCES, RequestFailed

PUBLIC = ("8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808")
PRIVATE = (
    *("0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.8.8.8", "169.254.169.254"),
    *("172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1"),
    *("198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1"),
    *("255.255.255.255", "::", "::1", "::10.0.0.1", "::ffff:10.0.0.1", "::ffff:127.0.0.1"),
    *("64:ff9b::a00:1", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:10::1"),
    *("2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "3fff::1", "5f00::1", "fc00::1"),
    *("fd12:3456::1", "fe80::1", "fec0::1", "ff02::1", "4000::1"),
)
SECRET = "hunter2"


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    return authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def trusted(chain, monkeypatch):
    """Our authority is trusted; afterwards nobody's certificates are remembered."""
    monkeypatch.setenv("SSL_CERT_FILE", str(chain.trusted))
    exchange._certificates.cache_clear()
    yield chain
    exchange._certificates.cache_clear()


@pytest.fixture
def allow():
    """Say what the operator allows, for one test."""
    before = exchange.set_up_as()
    yield lambda text: exchange.set_up(read_allowed(text))
    exchange.set_up(before)


def asked(url, resolver, seconds=10, method="GET", **parts):
    with exchange.http_client(seconds, resolver) as http:
        return exchange.exchange(http, method, url, **parts)


def refusal(url, resolver=None, **parts):
    with pytest.raises(RequestFailed) as caught:
        asked(url, resolver or Resolving(["127.0.0.1"]), **parts)
    assert caught.value.__cause__ is None and SECRET not in f"{caught.value!r}{caught.value}"
    return caught.value


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_may_be_asked(text):
    assert Allowed().reaches("feeds.example.test", ip_address(text))


@pytest.mark.parametrize("text", PRIVATE)
def test_no_other_may(text):
    assert not Allowed().reaches("feeds.example.test", ip_address(text))


@pytest.mark.parametrize("text", PRIVATE)
def test_nothing_is_asked_at_such_a_name_not_even_the_other_addresses(text):
    with serving(None) as server:
        resolver = Resolving(["127.0.0.1", text, "8.8.8.8"])
        assert refusal(f"https://feeds.example.test:{server.port}/", resolver).word == "private"
        assert (server.lines, resolver.asked) == (0, 1)


ALLOWANCES = [  # what the operator says, the host, the address, whether it is reached
    ("10.0.0.0/8", "any.test", "10.1.2.3", True),
    ("10.0.0.0/8", "any.test", "::ffff:10.1.2.3", True),
    ("10.0.0.0/8", "any.test", "192.168.0.1", False),
    ("fd00::/8", "any.test", "fd12::1", True),
    ("cloud.clinic.lan", "cloud.clinic.lan", "192.168.0.1", True),
    ("Cloud.Clinic.lan", "cloud.clinic.LAN.", "192.168.0.1", True),
    ("cloud.clinic.lan", "other.clinic.lan", "192.168.0.1", False),
    ("cloud.clinic.lan", "cloud.clinic.lan", "127.0.0.1", False),
    ("cloud.clinic.lan", "cloud.clinic.lan", "169.254.169.254", False),
    ("127.0.0.0/8", "any.test", "127.0.0.1", False),
    ("0.0.0.0/0", "any.test", "127.0.0.1", False),
    ("0.0.0.0/0", "any.test", "169.254.169.254", False),
    ("::/0", "any.test", "::1", False),
    ("127.0.0.1", "any.test", "127.0.0.1", True),
    ("127.0.0.1", "any.test", "127.0.0.2", False),
    ("169.254.1.1", "any.test", "169.254.1.1", True),
    ("[::1]", "any.test", "::1", True),
    ("0.0.0.0/0, 0.0.0.0", "any.test", "0.0.0.0", False),
    ("0.0.0.0/0", "any.test", "224.0.0.1", False),
]


@pytest.mark.parametrize(("said", "host", "address", "is_reached"), ALLOWANCES)
def test_what_the_operator_allows(said, host, address, is_reached):
    assert read_allowed(said).reaches(host, ip_address(address)) is is_reached


def test_the_setting_is_read_and_refused_in_a_sentence(tmp_path):
    read = {"KALENDS_INSTANCE": str(tmp_path)}
    said = "http://10.1.0.5, cloud.clinic.lan 10.2.0.0/16"
    allowed = Settings.from_env({**read, "KALENDS_PRIVATE_HOSTS": said}).private_hosts
    assert allowed.is_plain("10.1.0.5") and not allowed.is_plain("cloud.clinic.lan")
    assert allowed.reaches("x", ip_address("10.2.3.4"))
    for wrong in ("10.1.0.0/99", "10.1.0.5/8", "https://cloud.lan", "a/b", "1.2.3"):
        with pytest.raises(SettingsError, match=r"KALENDS_PRIVATE_HOSTS .* is none\."):
            Settings.from_env({**read, "KALENDS_PRIVATE_HOSTS": wrong})


def test_a_name_is_looked_up_once_and_connected_to_as_judged(trusted, allow):
    allow("127.0.0.1")
    with serving(trusted.chain) as server:
        resolver = Resolving(["127.0.0.1"], ["10.9.9.9"])
        url = f"https://feeds.example.test:{server.port}/x"
        with exchange.http_client(10, resolver) as http:
            assert exchange.exchange(http, "GET", url).content == b"hi"
            assert resolver.asked == 1
            assert exchange.exchange(http, "GET", url).content == b"hi"  # the same connection
            assert (resolver.asked, server.lines) == (1, 1)
        assert refusal(url, resolver).word == "private"  # its answer has changed
        assert server.names == ["feeds.example.test"]
        assert server.seen[0].header("Host") == f"feeds.example.test:{server.port}"


def test_a_certificate_must_be_of_the_name_that_was_typed(trusted, allow):
    allow("127.0.0.1")
    with serving(trusted.chain) as server:
        assert refusal(f"https://elsewhere.example.test:{server.port}/").word == "certificate"
        assert server.seen == []


def test_an_untrusted_certificate_is_refused(chain, allow):
    allow("127.0.0.1")
    with serving(chain.chain) as server:
        refused = refusal(f"https://feeds.example.test:{server.port}/")
        assert (refused.word, refused.may_have_arrived) == ("certificate", False)


def test_the_next_address_of_a_name_is_tried(trusted, allow):
    allow("127.0.0.1 127.0.0.2")
    with serving(trusted.chain) as server:
        resolver = Resolving(["127.0.0.2", "127.0.0.1"])
        url = f"https://feeds.example.test:{server.port}/"
        assert asked(url, resolver).status_code == 200


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://feeds.example.test/", "plain"),
        ("ftp://feeds.example.test/", "address"),
        ("file:///etc/passwd", "address"),
        ("feeds.example.test/x", "address"),
        ("https://", "address"),
        ("https:///x", "address"),
        ("https://a b/", "address"),
        ("https://feeds.example.test:99999/", "address"),
        ("https://feeds.example.test/\x00", "address"),
        ("https://feeds.example.test/\r\nHost: x", "address"),
        (f"https://feeds.example.test/{'x' * 2000}", "address"),
        ("", "address"),
    ],
)
def test_what_is_no_address_is_never_looked_up(url, word):
    resolver = Resolving(["127.0.0.1"])
    assert refusal(url, resolver).word == word and resolver.asked == 0


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "0", "localhost", "[::1]"])
def test_spellings_of_this_machine_are_refused_by_what_they_mean(host):
    from base.outgoing.resolver import system

    assert refusal(f"https://{host}:9/", system).word == "private"


def test_a_name_that_there_is_not():
    def nobody(host, port):
        raise socket.gaierror(socket.EAI_NONAME, "nobody")

    assert refusal("https://feeds.example.test/", nobody).word == "unknown"
    assert refusal("https://feeds.example.test/", Resolving([])).word == "unknown"


def test_a_resolver_that_never_answers_does_not_keep_anybody(allow):
    over = threading.Event()

    def silent(host, port):
        over.wait(5)
        return []

    refused = refusal("https://feeds.example.test/", silent, seconds=0.2)
    assert refused.word == "slow"
    over.set()


def test_plain_http_only_where_that_host_is_allowed(allow):
    with serving(None) as server:
        allow("http://127.0.0.1")
        assert refusal(f"http://feeds.example.test:{server.port}/").word == "plain"
        address = f"http://127.0.0.1:{server.port}/"
        assert asked(address, Resolving(["127.0.0.1"])).content == b"hi"
        allow("127.0.0.1")
        assert refusal(address).word == "plain"


# ---- redirects ----


def moved(where, code=302):
    return (
        f"HTTP/1.1 {code} Moved\r\nLocation: {where}\r\nContent-Length: 0\r\n"
        "Set-Cookie: a=b\r\n\r\n"
    ).encode()


@pytest.mark.parametrize("code", exchange.MOVED)
def test_a_redirect_keeps_method_and_content_and_the_password_stays_at_its_place(
    trusted, allow, code
):
    allow("127.0.0.1")
    with serving(trusted.chain) as one, serving(trusted.chain) as two:
        one.answers = [
            moved("/there", code),
            moved(f"https://other.example.test:{two.port}/x", code),
        ]
        answer = asked(
            f"https://pat:{SECRET}@feeds.example.test:{one.port}/here",
            Resolving(["127.0.0.1"]),
            method="REPORT",
            content=b"<a/>",
        )
        assert answer.content == b"hi" and answer.url.host == "other.example.test"
        seen = [*one.seen, *two.seen]
        assert [one.head.split()[0] for one in seen] == ["REPORT"] * 3
        assert {one.body for one in seen} == {b"<a/>"}
        assert [bool(one.header("Authorization")) for one in seen] == [True, True, False]
        assert [one.header("Cookie") for one in seen] == ["", "", ""]
        assert not any(SECRET in one.head or one.header("Referer") for one in seen)


def test_a_password_is_not_carried_to_another_port(trusted, allow):
    allow("127.0.0.1")
    with serving(trusted.chain) as one, serving(trusted.chain) as two:
        one.answers = [moved(f"https://feeds.example.test:{two.port}/x")]
        url = f"https://feeds.example.test:{one.port}/"
        asked(url, Resolving(["127.0.0.1"]), login=("pat", SECRET))
        assert two.seen[0].header("Authorization") == ""


@pytest.mark.parametrize(
    ("where", "word"),
    [
        ("http://feeds.example.test/", "plain"),
        ("https://10.0.0.1/", "private"),
        ("https://other.example.test/", "private"),
        ("//10.0.0.1/x", "private"),
        ("file:///etc/passwd", "address"),
        ("https://user:x@", "address"),
        ("/again", "moved"),
    ],
)
def test_redirects_are_judged_like_the_first_address(trusted, allow, where, word):
    allow("127.0.0.1")

    def resolver(host, port):
        return {"feeds.example.test": ["127.0.0.1"], "10.0.0.1": ["10.0.0.1"]}.get(
            host, ["169.254.169.254"]
        )

    with serving(trusted.chain) as server:
        server.answers = [moved(where)]
        refused = refusal(
            f"https://feeds.example.test:{server.port}/", resolver, login=("p", SECRET)
        )
        assert refused.word == word
        assert len(server.seen) == (1 + exchange.MOST_REDIRECTS if word == "moved" else 1)


def test_without_redirects_the_redirect_itself_is_the_answer(trusted, allow):
    allow("127.0.0.1")
    with serving(trusted.chain) as server:
        server.answers = [moved("/x")]
        url = f"https://feeds.example.test:{server.port}/"
        assert asked(url, Resolving(["127.0.0.1"]), redirects=0).status_code == 302


# ---- bounds ----


def packed(body):
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (
        len(body),
        body,
    )


LARGE = {
    "said to be long": b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n" + b"x" * 3000,
    "in chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"400\r\n%b\r\n" % (b"x" * 1024) * 3
    + b"0\r\n\r\n",
    "without a length": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 3000,
    "packed": packed(gzip.compress(b"\0" * 5_000_000)),
}


@pytest.mark.parametrize("how", LARGE)
def test_a_large_answer_is_not_read_to_its_end(trusted, allow, how):
    allow("127.0.0.1")
    with serving(trusted.chain) as server:
        server.answers = [LARGE[how]]
        url = f"https://feeds.example.test:{server.port}/"
        assert refusal(url, largest_octets=2000).word == "large"


def test_packed_answers_are_unpacked(trusted, allow):
    allow("127.0.0.1")
    text = b"BEGIN:VCALENDAR\r\n" * 20_000
    with serving(trusted.chain) as server:
        server.answers = [packed(gzip.compress(text))]
        answer = asked(f"https://feeds.example.test:{server.port}/", Resolving(["127.0.0.1"]))
        assert answer.content == text and "content-encoding" not in answer.headers


BROKEN = {
    "half of a packed body": packed(gzip.compress(b"hi" * 999)[:20]),
    "not packed at all": packed(b"hi"),
    "packed in another way": b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\nx",
    "packed twice": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\n\r\nx",
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "endless header": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    "half a body": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\nx",
}


@pytest.mark.parametrize("how", BROKEN)
def test_what_is_no_answer_is_refused_and_may_have_arrived(trusted, allow, how):
    allow("127.0.0.1")
    with serving(trusted.chain) as server:
        server.answers = [BROKEN[how]]
        url = f"https://feeds.example.test:{server.port}/"
        refused = refusal(url, largest_octets=100_000, seconds=3)
        assert refused.word in ("broken", "slow") and refused.may_have_arrived


@pytest.mark.parametrize("how", DRIPS)
def test_an_answer_in_drops_ends_in_time(allow, how):
    allow("http://127.0.0.1")
    with dripping(how) as server:
        refused = refusal(f"{server.url}/", seconds=0.15)
        assert refused.word in ("slow", "broken")


def test_nobody_there(allow):
    allow("http://127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    refused = refusal(f"http://127.0.0.1:{port}/")
    assert (refused.word, refused.may_have_arrived) == ("unreachable", False)


def test_connections_of_a_client_are_closed_with_it(trusted, allow):
    """Providers are dropped without a word at the end of a run: no connection stays behind."""
    allow("http://127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as server:
        http = exchange.http_client(5, Resolving(["127.0.0.1"]))
        answering = threading.Thread(target=_answered_once, args=[server])
        answering.start()
        port = server.getsockname()[1]
        assert exchange.exchange(http, "GET", f"http://127.0.0.1:{port}/").status_code == 200
        del http
        answering.join(5)
        assert not answering.is_alive()  # it saw the end of the connection


def _answered_once(server: socket.socket) -> None:
    line, __ = server.accept()
    with line:
        line.recv(4096)
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        line.settimeout(5)
        while line.recv(4096):
            pass


# ---- words ----


def test_an_address_is_shown_by_its_host_alone():
    address = f"https://pat:{SECRET}@feeds.example.test:8443/{SECRET}?{SECRET}"
    assert exchange.shown(address) == "https://feeds.example.test:8443/…"
    assert exchange.shown("https://x:y/") == ""


def test_nothing_of_an_address_is_logged(trusted, allow, caplog):
    allow("127.0.0.1")
    caplog.set_level(logging.INFO)
    with serving(trusted.chain) as server:
        asked(
            f"https://pat:{SECRET}@feeds.example.test:{server.port}/{SECRET}",
            Resolving(["127.0.0.1"]),
        )
    assert SECRET not in caplog.text


def test_every_refusal_says_what_to_do():
    assert all(str(said).endswith(".") for said in SENTENCES.values())
    assert is_public(ip_address("8.8.8.8")) and OK
