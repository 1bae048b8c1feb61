"""The providers, one adapter each.

An adapter knows HTTP, the shapes of data, batches and the meaning of refusals, and decides nothing.
The interface is `base.Provider`; `registry` has all other differences.
"""

from base.outgoing.line import HttpClient

from . import registry
from .base import Provider
from .wire import AccessToken


def open_provider(kind: str, http: HttpClient, access_token: AccessToken, api_url: str) -> Provider:
    """The adapter for one account.

    Sends no request yet. Raises KeyError for a kind we do not know.
    """
    return registry.row_of(kind).adapter(http, access_token, api_url)


def scopes(kind: str, existing: bool = False, shared: bool = False) -> tuple[str, ...]:
    """The scopes to ask the account's owner for: see `registry.ProviderRow.scopes`."""
    return registry.row_of(kind).scopes(existing, shared)
