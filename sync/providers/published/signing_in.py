"""Signing in with one address, which is the secret itself."""

import hashlib
import json

from base.outgoing import exchange
from base.outgoing.line import HttpClient
from sync.providers.errors import AuthExpired
from sync.providers.values import ASKED

from .fetching import https


class PublishedSignIn:
    """See `registry.PasswordSignIn`. There is no name, and no server to find."""

    asks_address, passwords, steps, lacks = True, "", "", ""
    asked = ASKED

    def written(self, address: str, user: str, secret: str, zone_name: str) -> str:
        """The login: the address, and the clock of times without a zone. Raises ValueError."""
        try:
            return json.dumps({"address": https(address), "zone": zone_name})
        except exchange.RequestFailed as refused:
            raise ValueError(refused.sentence) from None

    def with_secret(self, text: str, secret: str) -> str:
        """The login with another address. Raises ValueError."""
        return self.written(secret, "", "", opened(text)[1])

    def user_of(self, text: str) -> tuple[str, str]:
        """The host, the only part that may be shown."""
        return host(opened(text)[0]), ""

    def at_pace(self, text: str, halvings: int) -> str:
        """The login, unchanged: one request in a quarter of an hour needs no pace."""
        return text

    def place_of(self, text: str) -> str:
        """A hash of the address."""
        return hashlib.sha256(opened(text)[0].encode()).hexdigest()[:32]

    def is_complete(self, text: str) -> bool:
        """True: there is nothing to find."""
        return True

    def completed(self, http: HttpClient, text: str) -> tuple[str, str]:
        """The login, unchanged, and the host of its address."""
        return text, host(opened(text)[0])


def opened(text: str) -> tuple[str, str]:
    """Address and zone of a login. Raises AuthExpired for a text of another shape."""
    try:
        kept = json.loads(text)
        return str(kept["address"]), str(kept["zone"])
    except (ValueError, TypeError, KeyError):
        raise AuthExpired("unreadable_login") from None


def host(address: str) -> str:
    """The host of an address. Raises AuthExpired if it may not be asked any more."""
    try:
        return exchange.judged(address).host
    except exchange.RequestFailed as refused:
        raise AuthExpired(refused.word) from None
