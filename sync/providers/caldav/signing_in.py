"""Signing in at a CalDAV server with a name and a password. The login is one text, to be encrypted:
the typed values, and after discovery its results.
"""

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

from base.outgoing import exchange, srv
from base.outgoing.line import HttpClient
from sync.providers.errors import OtherServer

from . import discovery, hrefs, known_servers, login
from .known_servers import CalDavService
from .login import Login


class CalDavSignIn:
    """The sign-in of one service; see `registry.PasswordSignIn`."""

    def __init__(self, service: CalDavService):
        self.service = service
        self.asks_address = not service.url
        self.passwords, self.steps, self.lacks = service.passwords, service.steps, service.lacks
        self.asked = service.asked

    def written(self, address: str, user: str, secret: str, zone_name: str) -> str:
        known_servers.beginnings(self.service, address or user)
        new = Login(
            "",
            user.strip(),
            secret.strip(),
            zone_name=zone_name,
            is_hosted=self.service.is_hosted,
            typed=address.strip(),
        )
        return new.written()

    def with_secret(self, text: str, secret: str) -> str:
        return replace(login.read_login(text), secret=secret.strip(), homes=()).written()

    def user_of(self, text: str) -> tuple[str, str]:
        opened = login.read_login(text)
        return opened.typed, opened.user

    def at_pace(self, text: str, halvings: int) -> str:
        return replace(login.read_login(text), halvings=halvings).written()

    def place_of(self, text: str) -> str:
        opened = login.read_login(text)
        begin = opened.url or known_servers.beginnings(self.service, opened.typed or opened.user)[0]
        return hrefs.origin(begin)[:260]

    def is_complete(self, text: str) -> bool:
        return bool(login.read_login(text).homes)

    def completed(self, http: HttpClient, text: str) -> tuple[str, str]:
        opened = login.read_login(text)
        typed = "" if self.service.url and not opened.typed else opened.typed or opened.user
        begin = known_servers.beginnings(self.service, typed)
        found = discovery.discover(http, opened, _searched(begin, known_servers.domain_of(typed)))
        if exchange.set_up_as().knows(urlsplit(found.url).hostname or ""):
            found = replace(found, is_hosted=False)  # a server of the clinic's own
        return found.written(), found.email


def _searched(begin: list[str], domain: str) -> Iterator[str]:
    """Addresses to try: if the first is no calendar server, those that the domain names in DNS.
    Raises OtherServer if it names one outside the domain and outside our table: DNS answers may
    be forged.
    """
    yield begin[0]
    for url in (
        srv.located(domain, known_servers.SERVICE, known_servers.WELL_KNOWN) if domain else ()
    ):
        is_known = known_servers.is_known(urlsplit(url).hostname or "")
        if not is_known and not hrefs.may_carry(f"https://{domain}/", url):
            raise OtherServer("other_host")
        yield url
    yield from begin[1:]
