"""The rights of applications and users: clients, grants, codes and tokens, as Google's web-server
flow has them.

The pages are in `consent.py`.
"""

import secrets
from collections.abc import Callable
from datetime import datetime

from .calendars import open_account
from .errors import Refused
from .grants import Grants, verifies
from .spec import PREFIX
from .store import Store

CODE_SECONDS, ACCESS_SECONDS = 600, 3599
MOST_REFRESH_TOKENS = 100
LONG_FORMS = {"email": f"{PREFIX}userinfo.email", "profile": f"{PREFIX}userinfo.profile"}


class OAuthError(Exception):
    """A refusal in OAuth's shape."""

    def __init__(self, error: str, description: str, status: int = 400):
        self.status, self.body = status, {"error": error, "error_description": description}
        super().__init__(error)


def granted_form(scope: str) -> str:
    """The scope as answers have it: `email` comes back as the long scope of the same meaning."""
    return LONG_FORMS.get(scope, scope)


class OAuth(Grants):
    """Google's sign-in. `testing_days`: refresh tokens become invalid after so many days, as those
    of projects in Testing do after 7.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime]):
        super().__init__(store, clock)
        self.testing_days = None

    def allow(self, client_id: str, email: str, scopes: list[str], request: dict[str, str]) -> str:
        """The code for the application, after the user said yes to these scopes.

        `request`: the parameters of the authorization request.
        """
        open_account(self.store, email)
        earlier = self.grant(client_id, email)
        scopes = [granted_form(scope) for scope in scopes]
        if earlier and request.get("include_granted_scopes") == "true":
            scopes = list(dict.fromkeys([*earlier["scopes"], *scopes]))
        asked_again = "consent" in request.get("prompt", "").split()
        code = f"4/0A{secrets.token_urlsafe(40)}"
        self.store.codes[code] = {
            "client": client_id,
            "email": email,
            "scopes": scopes,
            "redirect_uri": request["redirect_uri"],
            "expires": self.now() + CODE_SECONDS,
            "challenge": request.get("code_challenge"),
            "method": request.get("code_challenge_method", "plain"),
            "refreshable": request.get("access_type") == "offline"
            and (asked_again or not (earlier and earlier["refresh_tokens"])),
        }
        self.store.grants.setdefault(f"{client_id} {email}", {"scopes": [], "refresh_tokens": []})[
            "scopes"
        ] = scopes
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
            raise OAuthError("invalid_request", "Missing required parameter: grant_type")
        raise OAuthError("unsupported_grant_type", f"Invalid grant_type: {form['grant_type']}")

    def _client(self, form: dict, basic: tuple[str, str] | None) -> str:
        client_id, secret = basic or (form.get("client_id", ""), form.get("client_secret", ""))
        client = self.store.clients.get(client_id)
        if client is None:
            raise OAuthError("invalid_client", "The OAuth client was not found.", 401)
        if not secrets.compare_digest(secret.encode(), client["secret"].encode()):
            raise OAuthError("invalid_client", "Unauthorized", 401)
        return client_id

    def _exchange(self, client_id: str, form: dict) -> dict:
        for name in ("code", "redirect_uri"):
            if not form.get(name):
                raise OAuthError("invalid_request", f"Missing required parameter: {name}")
        code = self.store.codes.pop(form["code"], None)
        if code is None or code["client"] != client_id or code["expires"] <= self.now():
            raise OAuthError("invalid_grant", "Malformed auth code.")
        if code["redirect_uri"] != form["redirect_uri"]:
            raise OAuthError("redirect_uri_mismatch", "Bad Request")
        _check_verifier(code, form.get("code_verifier"))
        return self.issue(client_id, code["email"], code["scopes"], code["refreshable"])

    def issue(self, client_id: str, email: str, scopes: list[str], refreshable: bool) -> dict:
        """New tokens.

        At most 100 refresh tokens are valid; the next one makes the oldest invalid without a word.
        """
        answer = self._access(client_id, email, scopes)
        if refreshable:
            refresh_token = f"1//0{secrets.token_urlsafe(48)}"
            self.store.refresh_tokens[refresh_token] = {
                "client": client_id,
                "email": email,
                "scopes": scopes,
                "made": self.now(),
            }
            living = self.store.grants[f"{client_id} {email}"]["refresh_tokens"]
            living.append(refresh_token)
            while len(living) > MOST_REFRESH_TOKENS:
                self.store.refresh_tokens.pop(living.pop(0), None)
            answer["refresh_token"] = refresh_token
            if self.testing_days:
                answer["refresh_token_expires_in"] = int(self.testing_days * 86400)
        self.store.changed()
        return answer

    def _refresh(self, client_id: str, form: dict) -> dict:
        if not form.get("refresh_token"):
            raise OAuthError("invalid_request", "Missing required parameter: refresh_token")
        kept = self.store.refresh_tokens.get(form["refresh_token"])
        too_old = (
            kept and self.testing_days and kept["made"] + self.testing_days * 86400 <= self.now()
        )
        if kept is None or kept["client"] != client_id or too_old:
            raise OAuthError("invalid_grant", "Token has been expired or revoked.")
        return self._access(client_id, kept["email"], kept["scopes"])

    def _access(self, client_id: str, email: str, scopes: list[str]) -> dict:
        access_token = f"ya29.{secrets.token_urlsafe(64)}"
        self.keep_access(access_token, client_id, email, scopes, ACCESS_SECONDS)
        return {
            "access_token": access_token,
            "expires_in": ACCESS_SECONDS,
            "scope": " ".join(scopes),
            "token_type": "Bearer",
        }

    def revoke(self, token: str) -> None:
        """End the whole grant of an access or refresh token. Raises OAuthError."""
        kept = self.store.access_tokens.get(token) or self.store.refresh_tokens.get(token)
        if kept is None:
            raise OAuthError("invalid_token", "Token expired or revoked")
        self.forget(kept["client"], kept["email"])

    def bearer(self, authorization: str) -> dict:
        """The caller by an access token: `client`, `email` and `scopes`. Raises Refused (401)."""
        kept = self.living(authorization)
        if kept is None:
            raise Refused(401, "authError", "Invalid Credentials", ("header", "Authorization"))
        return kept

    def user_info(self, authorization: str) -> dict:
        """The e-mail address behind an access token that was granted `email`."""
        kept = self.bearer(authorization)
        if not {"openid", LONG_FORMS["email"], LONG_FORMS["profile"]} & set(kept["scopes"]):
            raise Refused(
                403, "insufficientPermissions", "Request had insufficient authentication scopes."
            )
        account = self.store.accounts[kept["email"]]
        info = {"sub": account["sub"]}
        if LONG_FORMS["email"] in kept["scopes"]:
            info |= {"email": account["email"], "email_verified": True}
        return info | ({"name": account["name"]} if LONG_FORMS["profile"] in kept["scopes"] else {})


def _check_verifier(code: dict, verifier: str | None) -> None:
    if not code["challenge"]:
        return
    if not verifier:
        raise OAuthError("invalid_grant", "Missing code verifier.")
    if not verifies(code, verifier):
        raise OAuthError("invalid_grant", "Invalid code verifier.")
