"""The providers that this installation can reach: their addresses, and our id and secret there."""

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from base.catalogue import _

ReadSetting = Callable[..., str]  # the value of a setting by its name, or a default


@dataclass(frozen=True)
class Registration:
    """A provider at which the server administrator registers Kalends. The provider's row
    (`sync.providers.registry`) makes one.

    `prefix`: the beginning of its settings' names (`PREFIX_CLIENT_ID`). `addresses`: by the
    settings, to authorize, for tokens, to revoke ("" if an access cannot be ended) and of the API;
    with the address of the imitation, or "" for the real provider.
    """

    kind: str
    company: str
    prefix: str
    addresses: Callable[[ReadSetting, str], tuple[str, str, str, str]]


_known: dict[str, Registration] = {}


def know(*registrations: Registration) -> None:
    """Have the settings of these providers read as well."""
    _known.update({one.kind: one for one in registrations})


def registrations() -> list[Registration]:
    """The providers whose settings are read. Raises RuntimeError before any is known."""
    if not _known:
        raise RuntimeError("import sync.providers before the settings are read")
    return list(_known.values())


@dataclass(frozen=True)
class Endpoints:
    """The addresses of one provider, and our id and secret there.

    `revoke_url` "": the provider cannot end an access. `is_sandbox`: the imitation, not the real
    one.
    """

    client_id: str
    client_secret: str = field(repr=False)
    authorize_url: str
    token_url: str
    revoke_url: str
    api_url: str
    is_sandbox: bool = False


def imitates(wanted: bool, production: bool, read: ReadSetting) -> bool:
    """Whether imitations run if they are `wanted`: not in production, nor beside a real provider,
    since people would take them for real ones.
    """
    has_real = any(read(f"{one.prefix}_CLIENT_ID") for one in registrations())
    return wanted and not production and not has_real


def read_endpoints(
    read: ReadSetting, sandbox_url: str, production: bool, faults: list[str]
) -> dict[str, Endpoints]:
    """The providers that are set up: those with an id and a secret, else the imitations at
    `sandbox_url`.
    """
    found = {}
    for one in registrations():
        name = one.prefix
        client_id, secret = read(f"{name}_CLIENT_ID"), read(f"{name}_CLIENT_SECRET")
        if bool(client_id) != bool(secret):
            faults.append(
                _(
                    "{name}_CLIENT_ID and {name}_CLIENT_SECRET belong together: set both, or"
                    " neither.",
                    name=name,
                )
            )
        is_sandbox = bool(sandbox_url) and not client_id
        if (client_id and secret) or is_sandbox:
            urls = one.addresses(read, sandbox_url if is_sandbox else "")
            wrong = [
                url
                for url in urls
                if url
                and not is_url(url, "https")
                and ((production and not is_loopback(url)) or not is_url(url, "http"))
            ]
            faults.extend(
                _("{name}: {url} must be an https:// address.", name=name, url=url) for url in wrong
            )
            authorize, token, revoke, api = urls
            found[one.kind] = Endpoints(
                client_id or SANDBOX_CLIENT[0],
                secret or SANDBOX_CLIENT[1],
                authorize,
                token,
                revoke,
                api,
                is_sandbox,
            )
    return found


# our id and secret at the imitation providers
SANDBOX_CLIENT = ("sandbox-client", "sandbox-secret")


def sandbox_port(port: int) -> int:
    """The port of the imitation providers, if the web server listens on `port`."""
    return port + 10 if port + 10 < 65536 else port - 10


def is_loopback(url: str) -> bool:
    """Whether the address leads to this machine itself."""
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


def is_url(value: str, *schemes: str) -> bool:
    """Whether the value is an address with a host and one of these schemes."""
    try:
        url = urlsplit(value)
        return url.scheme in schemes and bool(url.hostname) and (url.port or 1) > 0
    except ValueError:
        return False


def is_webhook_url(url: str) -> bool:
    """Whether providers may call this address: https, or this machine itself for imitations."""
    return is_url(url, "https") or (is_url(url, "http") and is_loopback(url))
