"""The providers, one adapter each.

HTTP, mapping, batching and what refusals mean, and nothing decided. The interface is
`base.Provider`; what else differs stands in `registry`.
"""

from . import registry
from .base import Provider
from .line import Client
from .wire import AccessToken


def open_provider(kind: str, http: Client, access_token: AccessToken, api_url: str) -> Provider:
    """The adapter for one account.

    Nothing is asked of the provider yet. Raises KeyError for a kind we do not know.
    """
    return registry.of(kind).adapter(http, access_token, api_url)


def scopes(kind: str, existing: bool = False, shared: bool = False) -> tuple[str, ...]:
    """What to ask the account's owner for: see `registry.Row.scopes`."""
    return registry.of(kind).scopes(existing, shared)
