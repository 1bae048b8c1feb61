"""The rights of applications and users, as Microsoft's sign-in has them.

Every refresh gives a new refresh token, and the old one stays valid.
"""

import base64
import json
import secrets
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from ..grants import Grants, verifies
from ..store import Store
from .calendars import open_account
from .errors import Refused

CODE_SECONDS, ACCESS_SECONDS, REFRESH_DAYS = 600, 3599, 90
IDENTITY = ("openid", "profile", "email", "offline_access")
GRAPH = "https://graph.microsoft.com/"


class OAuthError(Exception):
    """A refusal in the shape of Microsoft's token address; `number` is that of its AADSTS code."""

    def __init__(self, error: str, number: int, description: str, status: int = 400):
        self.status = status
        self.body = {
            "error": error,
            "error_description": f"AADSTS{number}: {description}",
            "error_codes": [number],
            "timestamp": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%SZ}",
            "trace_id": str(uuid.uuid4()),
            "correlation_id": str(uuid.uuid4()),
        }
        super().__init__(error)


def granted_form(scope: str) -> str:
    """The scope as answers have it: scopes of Graph come back without Graph's address."""
    return scope.removeprefix(GRAPH)


class OAuth(Grants):
    """Microsoft's sign-in. `admin_consent`: users may not consent by themselves. `refresh_error`:
    the error of each refresh, such as `interaction_required`.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime]):
        super().__init__(store, clock)
        self.admin_consent, self.refresh_error = False, None

    def allow(self, client_id: str, email: str, scopes: list[str], request: dict[str, str]) -> str:
        """The code for the application, after the user said yes to these scopes.

        `request`: the parameters of the authorization request.
        """
        open_account(self.store, email)
        scopes = [granted_form(scope) for scope in scopes]
        code = f"0.A{secrets.token_urlsafe(60)}"
        self.store.codes[code] = {
            "client": client_id,
            "email": email,
            "scopes": scopes,
            "redirect_uri": request["redirect_uri"],
            "expires": self.now() + CODE_SECONDS,
            "challenge": request.get("code_challenge"),
            "method": request.get("code_challenge_method", "plain"),
        }
        grant = self.store.grants.setdefault(
            f"{client_id} {email}", {"scopes": [], "refresh_tokens": []}
        )
        grant["scopes"] = list(dict.fromkeys([*grant["scopes"], *scopes]))
        self.store.changed()
        return code

    def token(self, form: dict[str, str], basic: tuple[str, str] | None) -> dict:
        """The answer of the token address. Raises OAuthError."""
        client = self._client(form, basic)
        if form.get("grant_type") == "authorization_code":
            return self._exchange(client, form)
        if form.get("grant_type") == "refresh_token":
            return self._refresh(client, form)
        if "grant_type" not in form:
            raise OAuthError(
                "invalid_request",
                900144,
                "The request body must contain the following parameter: 'grant_type'.",
            )
        raise OAuthError(
            "unsupported_grant_type",
            70003,
            f"The app requested an unsupported grant type '{form['grant_type']}'.",
        )

    def _client(self, form: dict, basic: tuple[str, str] | None) -> str:
        client_id, secret = basic or (form.get("client_id", ""), form.get("client_secret", ""))
        client = self.store.clients.get(client_id)
        if client is None:
            raise OAuthError(
                "unauthorized_client",
                700016,
                "Application with this identifier was not found in the directory.",
            )
        if not secrets.compare_digest(secret.encode(), client["secret"].encode()):
            raise OAuthError("invalid_client", 7000215, "Invalid client secret provided.", 401)
        return client_id

    def _exchange(self, client_id: str, form: dict) -> dict:
        for name in ("code", "redirect_uri"):
            if not form.get(name):
                raise OAuthError(
                    "invalid_request",
                    900144,
                    f"The request body must contain the following parameter: '{name}'.",
                )
        code = self.store.codes.pop(form["code"], None)
        if code is None or code["client"] != client_id:
            raise OAuthError(
                "invalid_grant", 9002313, "Invalid request. Request is malformed or invalid."
            )
        if code["expires"] <= self.now():
            raise OAuthError(
                "invalid_grant",
                70008,
                "The provided authorization code or refresh token has expired due to inactivity.",
            )
        if code["redirect_uri"] != form["redirect_uri"]:
            raise OAuthError(
                "invalid_grant",
                50011,
                "The redirect URI does not match the one of the authorization request.",
            )
        if code["challenge"] and not verifies(code, form.get("code_verifier") or ""):
            raise OAuthError(
                "invalid_grant",
                501481,
                "The Code_Verifier does not match the code_challenge supplied in the authorization"
                " request.",
            )
        return self.issue(client_id, code["email"], code["scopes"])

    def issue(self, client_id: str, email: str, scopes: list[str]) -> dict:
        """New tokens; a refresh token with `offline_access`, an id token with `openid`."""
        access_token = f"EwB{secrets.token_urlsafe(96)}"
        self.keep_access(access_token, client_id, email, scopes, ACCESS_SECONDS)
        shown = " ".join(scope for scope in scopes if scope != "offline_access")
        answer = {
            "token_type": "Bearer",
            "scope": shown,
            "expires_in": ACCESS_SECONDS,
            "access_token": access_token,
        }
        if "offline_access" in scopes:
            answer["refresh_token"] = f"M.C{secrets.token_urlsafe(96)}"
            self.store.refresh_tokens[answer["refresh_token"]] = {
                "client": client_id,
                "email": email,
                "scopes": scopes,
                "expires": self.now() + REFRESH_DAYS * 86400,
            }
            self.grant(client_id, email)["refresh_tokens"].append(answer["refresh_token"])
        if "openid" in scopes:
            answer["id_token"] = self._id_token(client_id, email)
        return answer

    def _refresh(self, client_id: str, form: dict) -> dict:
        if not form.get("refresh_token"):
            raise OAuthError(
                "invalid_request",
                900144,
                "The request body must contain the following parameter: 'refresh_token'.",
            )
        if self.refresh_error:
            raise OAuthError(
                self.refresh_error,
                50079,
                "Due to a configuration change made by your administrator, you must sign in again.",
            )
        kept = self.store.refresh_tokens.get(form["refresh_token"])
        if kept is None or kept["client"] != client_id:
            raise OAuthError(
                "invalid_grant",
                50173,
                "The provided grant has expired due to it being revoked, a fresh auth token is"
                " needed.",
            )
        if kept["expires"] <= self.now():
            raise OAuthError(
                "invalid_grant", 700082, "The refresh token has expired due to inactivity."
            )
        asked = [granted_form(scope) for scope in form.get("scope", "").split()]
        if not set(asked) <= {*self.grant(client_id, kept["email"])["scopes"], *IDENTITY}:
            raise OAuthError(
                "invalid_grant",
                65001,
                "The user or administrator has not consented to use the application.",
            )
        return self.issue(client_id, kept["email"], asked or kept["scopes"])

    def bearer(self, authorization: str) -> dict:
        """The caller by an access token: `client`, `email`, `scopes` and `expires`.

        Raises Refused (401).
        """
        if not authorization:
            raise Refused(401, "InvalidAuthenticationToken", "Access token is empty.")
        kept = self.living(authorization)
        if kept is None:
            raise Refused(
                401,
                "InvalidAuthenticationToken",
                "Lifetime validation failed, the token is expired.",
                headers={"WWW-Authenticate": 'Bearer realm="", error="invalid_token"'},
            )
        return kept

    def _id_token(self, client_id: str, email: str) -> str:
        account = self.store.accounts[email]
        claims = {
            "aud": client_id,
            "iss": f"https://login.microsoftonline.com/{account['tenant']}/v2.0",
            "tid": account["tenant"],
            "oid": account["id"],
            "sub": account["id"],
            "name": account["name"],
            "preferred_username": email,
            "iat": int(self.now()),
            "exp": int(self.now()) + ACCESS_SECONDS,
        }
        parts = (json.dumps({"alg": "none", "typ": "JWT"}), json.dumps(claims), "unsigned")
        return ".".join(
            base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts
        )
