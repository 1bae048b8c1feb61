"""Kalends as registered at Microsoft: the names of its settings, and addresses."""

from base.config.endpoints import ReadSetting, Registration


def _addresses(read: ReadSetting, sandbox: str) -> tuple[str, str, str, str]:
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


REGISTRATION = Registration("microsoft", "Microsoft", "MICROSOFT", _addresses)
