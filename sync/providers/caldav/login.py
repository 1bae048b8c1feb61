"""The login of an account at a CalDAV server: its address, name and password, and the results of
discovery. It is encrypted as a whole; never shown or logged.
"""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, field, fields, replace
from urllib.parse import urlsplit

OWN_CONNECTIONS, HOSTED_CONNECTIONS = 4, 2
HOSTED_SECONDS = 0.5  # seconds between two requests to a hosted server
_ALWAYS = ("homes", "addresses")  # written also where they are empty
OWN_SECONDS = 0.125  # seconds, for the person's own server that still refused with one connection


@dataclass(frozen=True)
class Login:
    """`url`: the first address to ask; after discovery the account's principal. `homes`: the
    parents of its calendars. `addresses`: those of its owner, in lower case. `zone_name`: the
    clock for times without a zone. `is_hosted`: a service with many users, asked at a slow pace.
    `halvings`: how often the server refused lately because of too many requests.
    """

    url: str
    user: str
    secret: str = field(repr=False)
    homes: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    email: str = ""
    zone_name: str = "UTC"
    is_hosted: bool = True
    halvings: int = 0
    typed: str = ""  # the address that a person typed, until discovery finds more
    takes_digest: bool = False  # and no Basic, as discovery found: such a server never gets the
    # password itself, and each try with Basic would count there as a wrong one

    @property
    def origin(self) -> str:
        """Scheme and host of the account, without a slash at the end."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def connections(self) -> int:
        """The number of requests that may run at the same time."""
        most = HOSTED_CONNECTIONS if self.is_hosted else OWN_CONNECTIONS
        return max(1, most >> self.halvings)

    @property
    def seconds_between(self) -> float:
        """The least time between two requests."""
        if self.is_hosted:
            return HOSTED_SECONDS * 2.0**self.halvings
        beyond = self.halvings - OWN_CONNECTIONS.bit_length() + 1  # after 4, 2, 1 connections
        return OWN_SECONDS * 2.0**beyond if beyond > 0 else 0.0

    @property
    def ignores_conditions(self) -> bool:
        """Whether the server is one that writes whatever If-Match says (SOGo, by its paths)."""
        return "/SOGo/" in self.url

    def found(
        self, url: str, homes: Collection[str], addresses: Collection[str], email: str
    ) -> "Login":
        """The login with the results of discovery."""
        return replace(self, url=url, homes=tuple(homes), addresses=tuple(addresses), email=email)

    def written(self) -> str:
        """The login as JSON, to be sealed. What has its usual value is left out, so that an earlier
        version, which still runs during an update, can read it.
        """
        usual = {one.name: one.default for one in fields(self) if one.name not in _ALWAYS}
        return json.dumps(
            {name: value for name, value in asdict(self).items() if value != usual.get(name)}
        )


def read_login(text: str) -> Login:
    """The login that `written` made. Raises ValueError for anything else."""
    try:
        stored = json.loads(text)
        lists = {name: tuple(stored[name]) for name in _ALWAYS}
        known = {one.name for one in fields(Login)}  # a later version may write more
        return Login(**{name: stored[name] for name in known & {*stored}} | lists)
    except (TypeError, KeyError) as error:
        raise ValueError("no login") from error
