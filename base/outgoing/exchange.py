"""One request to an address that somebody entered, within limits, and its possible results.

Errors contain nothing of the address but its host: the rest may contain a password.
"""

import logging
import re
import ssl
import time
import zlib
from collections.abc import Iterator, Mapping
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from base.catalogue import _, lazy

from .addresses import Allowed
from .line import HttpClient, until
from .resolver import Private, PublicOnly, Resolver, UnknownName, system

HEADERS = {"User-Agent": "Kalends (gzip)", "Accept-Encoding": "gzip"}
TIMEOUT = httpx.Timeout(30, connect=10)  # seconds for each step
LONGEST_SECONDS = 30  # seconds for one whole exchange with its redirects
LARGEST_OCTETS = 10_000_000  # octets of an answer, unpacked
LONGEST_ADDRESS = 2000
MOST_REDIRECTS = 5
MOVED = (301, 302, 303, 307, 308)
_HOST = re.compile(r"[\w.-]{1,253}|[\da-f:.]{2,45}", re.ASCII)  # octets of an address as it is sent
_UNPACKED = 65_536  # octets that are unpacked at a time

NamePassword = tuple[str, str]


class RequestFailed(Exception):
    """The request has no usable answer.

    `word`: a key of SENTENCES, for rows and logs. `host`: the host that was asked.
    `may_have_arrived`: the other side may have acted on the request. `status`: of an answer that is
    too large, else 0.
    """

    def __init__(self, word: str, host: str = "", may_have_arrived: bool = False, status: int = 0):
        super().__init__(word)
        self.word, self.host, self.may_have_arrived = word, host, may_have_arrived
        self.status = status

    @property
    def sentence(self) -> str:
        """The meaning, and what to do."""
        return str(SENTENCES[self.word])


SENTENCES = {
    "address": lazy("This is no complete address. Copy it once more, from https:// to its end."),
    "plain": lazy(
        "Kalends only uses addresses that begin with https://. Ask the other side for one."
    ),
    "unknown": lazy("No server has this name. Check the address for typing mistakes."),
    "private": lazy(
        "This address leads into a private network. If that is right, ask the person who runs this"
        " server to allow it: the setting is KALENDS_PRIVATE_HOSTS."
    ),
    "certificate": lazy(
        "The server cannot prove who it is: its certificate is expired, or was made for another"
        " name. Check the address, or tell the person who runs that server."
    ),
    "unreachable": lazy("The server does not answer. Kalends tries again later."),
    "slow": lazy("The server takes too long to answer. Kalends tries again later."),
    "broken": lazy("The server’s answer cannot be read. Kalends tries again later."),
    "large": lazy("The server’s answer is too large."),
    "moved": lazy(
        "The address leads to other addresses without an end. Ask the other side for the new one."
    ),
}

_allowed = Allowed()


def set_up(allowed: Allowed) -> None:
    """Set the addresses that may be reached besides public ones, from now on."""
    global _allowed
    _allowed = allowed


def set_up_as() -> Allowed:
    """The addresses that were last given to `set_up`."""
    return _allowed


def http_client(
    longest_seconds: float = LONGEST_SECONDS,
    resolver: Resolver = system,
    transport: httpx.BaseTransport | None = None,
) -> HttpClient:
    """An HTTP client for addresses that people entered, to be used by `exchange`.

    It keeps connections but no cookies, follows no redirects itself, and uses no proxy of the
    environment: a proxy would look names up again. A `transport` given here connects by its own
    rules.
    """
    logging.getLogger("httpx").setLevel(logging.WARNING)  # its other log lines contain addresses
    return HttpClient(
        longest_seconds,
        backend=PublicOnly(_allowed, resolver),
        transport=transport,
        headers=HEADERS,
        timeout=TIMEOUT,
        verify=_certificates(),
        trust_env=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )


@cache
def _certificates() -> ssl.SSLContext:
    """The trusted certificates: those of all other clients (also SSL_CERT_FILE), and the system's
    store.
    """
    context = httpx.create_ssl_context()
    context.load_default_certs()
    return context


def _same_place(old: httpx.URL, new: httpx.URL) -> bool:
    """Whether two addresses have the same scheme, host and port, so that a password for one may go
    to the other.
    """
    return (old.scheme, old.host, _port(old)) == (new.scheme, new.host, _port(new))


def exchange(
    http: HttpClient,
    method: str,
    url: str,
    *,
    login: NamePassword | None = None,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    largest_octets: int = LARGEST_OCTETS,
    redirects: int = MOST_REDIRECTS,
) -> httpx.Response:
    """Ask, and return the answer with any status; its `url` is the address that answered.

    `login`, or a name and password in the address, goes as Basic only to the scheme, host and port
    of that address. Redirects keep method and content, whatever their code, and each new address is
    checked as the first was; with `redirects` 0 their answer is returned. Raises RequestFailed.
    """
    ends_at = time.monotonic() + http.longest_seconds
    here = judged(url)
    if login is None and here.username:
        login = here.username, here.password
    for _turn in range(redirects + 1):
        here = here.copy_with(userinfo=b"", fragment=None)
        answer = _asked(http, method, here, login, headers, content, largest_octets, ends_at)
        target = answer.headers.get("Location", "")
        if answer.status_code not in MOVED or not target or not redirects:
            return answer
        there = judged(target, here)
        login = login if _same_place(here, there) else None
        here = there
    raise RequestFailed("moved", here.host)


def judged(url: str, base: httpx.URL | None = None) -> httpx.URL:
    """The address if it may be asked; a relative one is resolved by `base`.

    Raises RequestFailed.
    """
    try:
        found = httpx.URL(url.strip())
        found = base.join(found) if base is not None else found
    except (httpx.InvalidURL, ValueError):
        raise RequestFailed("address") from None
    is_host = _HOST.fullmatch(found.raw_host.decode())
    if not is_host or (found.port or 1) > 65_535 or len(str(found)) > LONGEST_ADDRESS:
        raise RequestFailed("address")
    if found.scheme == "https" or (found.scheme == "http" and _allowed.is_plain(found.host)):
        return found
    raise RequestFailed("plain" if found.scheme == "http" else "address", found.host)


def shown(url: str) -> str:
    """The part of an address that may be shown: its host, without anything that could be secret."""
    try:
        found = httpx.URL(url.strip())
    except (httpx.InvalidURL, ValueError):
        return ""
    return _("{address}/…", address=f"{found.scheme}://{found.netloc.decode()}")


def _port(url: httpx.URL) -> int | None:
    return url.port or {"https": 443, "http": 80}.get(url.scheme)


def _asked(
    http: HttpClient,
    method: str,
    url: httpx.URL,
    login: NamePassword | None,
    headers: Mapping[str, str] | None,
    content: bytes | None,
    largest_octets: int,
    ends_at: float,
) -> httpx.Response:
    """One answer from one address. Raises RequestFailed."""
    auth = httpx.BasicAuth(*login) if login else None
    try:
        with (
            until(ends_at),
            http.stream(method, url, headers=headers, content=content, auth=auth) as answer,
        ):
            is_moved = answer.status_code in MOVED and "Location" in answer.headers
            body = b"" if is_moved else _body(answer, largest_octets, ends_at)
            kept = [
                pair
                for pair in answer.headers.multi_items()
                if pair[0] not in ("content-encoding", "content-length", "transfer-encoding")
            ]
            return httpx.Response(
                answer.status_code, headers=kept, content=body, request=answer.request
            )
    except Private:
        raise RequestFailed("private", url.host) from None
    except UnknownName:
        raise RequestFailed("unknown", url.host) from None
    except RequestFailed as refused:
        raise RequestFailed(refused.word, url.host, True, refused.status) from None
    except httpx.ConnectError as error:
        raise RequestFailed(_why(error), url.host) from None
    except (httpx.ConnectTimeout, httpx.PoolTimeout):
        raise RequestFailed("slow", url.host) from None
    except httpx.TimeoutException:
        raise RequestFailed("slow", url.host, True) from None
    except httpx.RemoteProtocolError:
        raise RequestFailed("broken", url.host, True) from None
    except (httpx.HTTPError, ValueError):
        raise RequestFailed("unreachable", url.host, True) from None


def _why(error: Exception) -> str:
    """The word for a failed connection."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "certificate"
        cause = cause.__cause__ or cause.__context__
    return "unreachable"


def _body(answer: httpx.Response, largest_octets: int, ends_at: float) -> bytes:
    """The content of an answer, unpacked and counted piece by piece. Raises RequestFailed."""
    received = bytearray()
    for piece in _unpacked(answer):
        received += piece
        if len(received) > largest_octets:
            raise RequestFailed("large", status=answer.status_code)
        if time.monotonic() > ends_at:
            raise RequestFailed("slow")
    return bytes(received)


def _unpacked(answer: httpx.Response) -> Iterator[bytes]:
    """The pieces of an answer; each is hardly larger than what arrived, however well it was
    compressed.
    """
    packed = answer.headers.get("Content-Encoding", "").strip().lower()
    if packed in ("", "identity"):
        yield from answer.iter_raw()
        return
    if packed not in ("gzip", "x-gzip", "deflate"):
        raise RequestFailed("broken")
    opener = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        for raw in answer.iter_raw():
            while raw:
                yield opener.decompress(raw, _UNPACKED)
                raw = opener.unconsumed_tail
        yield opener.flush()
    except zlib.error:
        raise RequestFailed("broken") from None
    if not opener.eof:
        raise RequestFailed("broken")
