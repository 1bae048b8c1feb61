"""The store of every imitated sign-in: applications, the grants of users, and valid tokens."""

import base64
import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime

from .store import Store


class Grants:
    """All grants. Hold the store's lock while calling."""

    def __init__(self, store: Store, clock: Callable[[], datetime]):
        self.store, self.clock = store, clock

    def register(
        self, client_id: str, secret: str, *redirect_uris: str, name: str = "Kalends"
    ) -> None:
        """Make an application known. Its redirect addresses must be sent in exactly this form."""
        self.store.clients[client_id] = {
            "id": client_id,
            "secret": secret,
            "redirect_uris": list(redirect_uris),
            "name": name,
        }
        self.store.changed()

    def grant(self, client_id: str, email: str) -> dict | None:
        """The grant of a user to an application: `scopes`, and the valid `refresh_tokens`, oldest
        first.
        """
        return self.store.grants.get(f"{client_id} {email}")

    def forget(self, client_id: str, email: str) -> None:
        """Withdraw a user's grant, so that all of its tokens become invalid."""
        self.store.grants.pop(f"{client_id} {email}", None)
        for tokens in (self.store.access_tokens, self.store.refresh_tokens, self.store.codes):
            for token in [
                token
                for token, kept in tokens.items()
                if (kept["client"], kept["email"]) == (client_id, email)
            ]:
                del tokens[token]
        self.store.changed()

    def expire_access_tokens(self, email: str | None = None) -> None:
        """Make access tokens invalid early. Refreshing still works."""
        for kept in self.store.access_tokens.values():
            if email in (None, kept["email"]):
                kept["expires"] = 0
        self.store.changed()

    def keep_access(
        self, access_token: str, client_id: str, email: str, scopes: list[str], seconds: int
    ) -> None:
        """Store a new access token. Invalid ones are deleted."""
        self.store.access_tokens = {
            token: kept
            for token, kept in self.store.access_tokens.items()
            if kept["expires"] > self.now()
        }
        self.store.access_tokens[access_token] = {
            "client": client_id,
            "email": email,
            "scopes": scopes,
            "expires": self.now() + seconds,
        }
        self.store.changed()

    def living(self, authorization: str) -> dict | None:
        """The access token in a header; None if it is unknown or invalid.

        It has `client`, `email`, `scopes` and `expires`.
        """
        kind, _, token = authorization.partition(" ")
        kept = self.store.access_tokens.get(token.strip()) if kind.lower() == "bearer" else None
        return kept if kept and kept["expires"] > self.now() else None

    def now(self) -> float:
        return self.clock().timestamp()


def verifies(code: dict, verifier: str) -> bool:
    """Whether a PKCE verifier belongs to the `challenge` and `method` of a code."""
    digest = (
        base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    )
    return secrets.compare_digest(
        digest if code["method"] == "S256" else verifier, code["challenge"]
    )
