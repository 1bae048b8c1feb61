"""Kalends as registered at Google: the names of its settings, and addresses."""

from base.config.endpoints import ReadSetting, Registration


def _addresses(read: ReadSetting, sandbox: str) -> tuple[str, str, str, str]:
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


REGISTRATION = Registration("google", "Google", "GOOGLE", _addresses)
