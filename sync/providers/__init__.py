"""The providers, one adapter each: HTTP, mapping, batching and what refusals mean, and nothing
decided. The interface is `base.Provider`.
"""

from .base import AccessToken, Provider
from .google.adapter import Google
from .line import Client
from .microsoft.adapter import Microsoft

ADAPTERS = {
    adapter.kind: adapter for adapter in (Google, Microsoft)
}  # a provider is one file, one line here, and one sandbox


def open_provider(kind: str, http: Client, access_token: AccessToken, api_url: str) -> Provider:
    """The adapter for one account. Nothing is asked of the provider yet. Raises KeyError for a kind
    we do not know.
    """
    return ADAPTERS[kind](http, access_token, api_url)


def scopes(kind: str, existing: bool = False, shared: bool = False) -> tuple[str, ...]:
    """What to ask the account's owner for. `existing`: also to write to calendars they have
    already; `shared`: also to read other people's.
    """
    return ADAPTERS[kind].scopes(existing, shared)
