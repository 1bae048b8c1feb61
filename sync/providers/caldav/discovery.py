"""The search for an account's calendars from a typed address (RFC 6764, RFC 5397, RFC
4791 6.2.1).
"""

from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import urlsplit

import httpx

from base.outgoing.line import HttpClient
from sync.providers.errors import (
    AuthExpired,
    Forbidden,
    Misaddressed,
    NoMailbox,
    NoServer,
    OtherServer,
    PrivateServer,
    ProviderError,
    RateLimited,
    Unavailable,
    UnsafeServer,
    WrongPassword,
)

from . import hrefs, xml
from .http import Dav
from .login import Login
from .refusals import error_of

MOST_REDIRECTS = 5
PRINCIPAL = ("d:current-user-principal", "d:principal-URL", "d:resourcetype", "c:calendar-home-set")
ACCOUNT = ("c:calendar-home-set", "c:calendar-user-address-set", "d:displayname")
# words of `base.outgoing.exchange` that need another address
OF_THE_ADDRESS = {
    "address": NoServer,
    "unknown": NoServer,
    "not_caldav": NoServer,
    "private": PrivateServer,
    "plain": UnsafeServer,
    "certificate": UnsafeServer,
}
NOT_HERE = "not_caldav"  # no calendar server was found at the address


def discover(http: HttpClient, wanted: Login, beginnings: Iterable[str]) -> Login:
    """The login completed with the account's details. The password is tried at the first address
    that asks for one; after a refusal it is sent nowhere else. Raises WrongPassword (also for a
    right password that is not one for programs, which iCloud says by 403), Misaddressed, NoMailbox
    (no calendars), and other errors.
    """
    trouble: ProviderError = Unavailable(NOT_HERE)
    for url in beginnings:
        login = replace(wanted, url=url)
        try:
            found = _at(http, login)
        except (AuthExpired, Misaddressed, NoMailbox, RateLimited):
            raise
        except ProviderError as error:  # also 403: the resource may be somebody else's
            trouble = trouble if isinstance(trouble, Forbidden) else error
            continue
        if found:
            return found
    raise _meant(trouble)


def _meant(trouble: ProviderError) -> ProviderError:
    """The error to report for the typed address, from the last trouble in the search."""
    if trouble.status in (400, 404, 405, 410, 501):
        return NoServer(NOT_HERE)
    if isinstance(trouble, Forbidden):
        return WrongPassword("not_for_programs", trouble.status)
    kind = OF_THE_ADDRESS.get(trouble.reason)
    return kind(trouble.reason) if kind else trouble


def _at(http: HttpClient, login: Login) -> Login | None:
    """The login as found from one address; None if there is no server."""
    dav = Dav(http, lambda _stale: login.written())
    url, answer = _followed(dav, login.url)
    if answer is None:
        return None
    item = answer.items[0] if answer.items else xml.DavItem("")
    login = replace(login, url=url, takes_digest=dav.takes_digest)
    if item.has(f"{xml.DAV}resourcetype", f"{xml.CAL}calendar"):
        return _completed(login, url, (url,), ())
    if item.has(f"{xml.DAV}current-user-principal", f"{xml.DAV}unauthenticated"):
        raise WrongPassword("unauthenticated")
    principals = item.hrefs(f"{xml.DAV}current-user-principal") or item.hrefs(
        f"{xml.DAV}principal-URL"
    )
    principal = hrefs.absolute(url, principals[0]) if principals and principals[0] else ""
    if not principal:
        homes = item.hrefs(f"{xml.CAL}calendar-home-set")
        return (
            _completed(login, url, [hrefs.absolute(url, one) for one in homes], ())
            if homes
            else None
        )
    if not hrefs.may_carry(url, principal):
        raise OtherServer("other_host")
    dav = Dav(http, lambda _stale: replace(login, url=principal).written())
    found = dav.multistatus("PROPFIND", principal, xml.propfind(ACCOUNT))
    account = found.items[0] if found.items else xml.DavItem("")
    homes = [hrefs.absolute(principal, one) for one in account.hrefs(f"{xml.CAL}calendar-home-set")]
    homes = [home for home in homes if home and hrefs.may_carry(principal, home)]
    if not homes:
        raise NoMailbox("no_calendars")
    return _completed(login, principal, homes, _addresses(account))


def _followed(dav: Dav, url: str) -> tuple[str, xml.Multistatus | None]:
    """The address at the end of redirects, and the answer there; None: no calendar server. Method
    and body stay the same at each step.
    """
    body = xml.propfind(PRINCIPAL)
    for _ in range(MOST_REDIRECTS + 1):
        answer = dav.sent("PROPFIND", url, body, {"Depth": "0"}, follows=False)
        if answer.status_code == 401:  # each try counts: some servers lock an account after a few
            raise WrongPassword("refused")
        if answer.status_code == 207:
            return url, xml.multistatus(answer.content)
        if answer.status_code not in (301, 302, 303, 307, 308):
            _no_server(answer)
            return url, None
        there = hrefs.absolute(url, answer.headers.get("Location", ""))
        if not there or not hrefs.may_carry(dav.login.url, there):
            raise OtherServer("other_host")
        url = there
    raise Unavailable("redirects")


def _no_server(answer: httpx.Response) -> None:
    """Return for an answer without a calendar server. Raises the meaning of any other answer."""
    status = answer.status_code
    if status < 300 or status in (400, 404, 405, 410, 501):
        return
    raise error_of(answer)


def _addresses(account: xml.DavItem) -> list[str]:
    """The e-mail addresses of the account's owner, the preferred one first."""
    listed = account.props.get(f"{xml.CAL}calendar-user-address-set")
    found = [] if listed is None else list(listed.iter(f"{xml.DAV}href"))
    found.sort(key=lambda one: one.get("preferred") != "1")
    texts = ((one.text or "").strip().lower() for one in found)
    return [text.removeprefix("mailto:") for text in texts if text.startswith("mailto:")]


def _completed(login: Login, url: str, homes: Iterable[str], addresses: Iterable[str]) -> Login:
    emails, user = list(addresses), login.user.strip().lower()
    is_address = "@" in user and "." in user.rpartition("@")[2]
    host = urlsplit(url).hostname or ""
    email = emails[0] if emails else user if is_address else f"{user}@{host}"
    mine = dict.fromkeys([*emails, *([user] if is_address else [])])
    return login.found(url, list(homes), list(mine), email[:254])
