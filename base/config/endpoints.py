"""The providers that this installation can reach: their addresses, and our id and secret there."""

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from base.catalogue import _

# providers that need no set-up: each account names its own server
BY_PASSWORD = (
    "caldav-apple",
    "caldav-fastmail",
    "caldav-nextcloud",
    "caldav-zoho",
    "caldav-mailbox",
    "caldav-posteo",
    "caldav",
    "published",
)


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


def imitates(wanted: bool, production: bool, read: Callable[..., str]) -> bool:
    """Whether imitations run if they are `wanted`: not in production, nor beside a real provider,
    since people would take them for real ones.
    """
    has_real = any(read(f"{name}_CLIENT_ID") for name in ("GOOGLE", "MICROSOFT"))
    return wanted and not production and not has_real


def read_endpoints(
    read: Callable[..., str], sandbox_url: str, production: bool, faults: list[str]
) -> dict[str, Endpoints]:
    """The providers that are set up: those with an id and a secret, else the imitations at
    `sandbox_url`.
    """
    found = {}
    for name, kind in (("GOOGLE", "google"), ("MICROSOFT", "microsoft")):
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
            urls = _ADDRESSES[kind](read, sandbox_url if is_sandbox else "")
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
            found[kind] = Endpoints(
                client_id or SANDBOX_CLIENT[0],
                secret or SANDBOX_CLIENT[1],
                authorize,
                token,
                revoke,
                api,
                is_sandbox,
            )
    return found


def _google(read: Callable[..., str], sandbox: str) -> tuple[str, ...]:
    """Google's addresses: to authorize, for tokens, to revoke, and of the API.

    https://developers.google.com/identity/protocols/oauth2/web-server
    """
    return (
        read(
            "GOOGLE_AUTHORIZE_URL",
            (
                f"{sandbox}/o/oauth2/v2/auth"
                if sandbox
                else "https://accounts.google.com/o/oauth2/v2/auth"
            ),
        ),
        read(
            "GOOGLE_TOKEN_URL",
            f"{sandbox}/token" if sandbox else "https://oauth2.googleapis.com/token",
        ),
        read(
            "GOOGLE_REVOKE_URL",
            f"{sandbox}/revoke" if sandbox else "https://oauth2.googleapis.com/revoke",
        ),
        read("GOOGLE_API_URL", sandbox or "https://www.googleapis.com"),
    )


def _microsoft(read: Callable[..., str], sandbox: str) -> tuple[str, ...]:
    """Microsoft's addresses. It has none that ends the access of one application."""
    login = read(
        "MICROSOFT_LOGIN_URL",
        f"{sandbox}/common" if sandbox else "https://login.microsoftonline.com/common",
    ).rstrip("/")
    return (
        f"{login}/oauth2/v2.0/authorize",
        f"{login}/oauth2/v2.0/token",
        "",
        read(
            "MICROSOFT_GRAPH_URL",
            f"{sandbox}/v1.0" if sandbox else "https://graph.microsoft.com/v1.0",
        ),
    )


_ADDRESSES = {"google": _google, "microsoft": _microsoft}


# our id and secret at the imitation providers
SANDBOX_CLIENT = ("sandbox-client", "sandbox-secret")


def sandbox_port(port: int) -> int:
    """The port of the imitation providers, beside a web that listens on `port`."""
    return port + 10 if port + 10 < 65536 else port - 10


def is_loopback(url: str) -> bool:
    """Whether the address leads to this machine itself."""
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


def is_url(value: str, *schemes: str) -> bool:
    """Whether it is an address with a host and one of these schemes."""
    try:
        url = urlsplit(value)
        return url.scheme in schemes and bool(url.hostname) and (url.port or 1) > 0
    except ValueError:
        return False


def is_webhook_url(url: str) -> bool:
    """Whether providers may call this address: https, or this machine itself for imitations."""
    return is_url(url, "https") or (is_url(url, "http") and is_loopback(url))
