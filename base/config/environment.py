"""The settings as they are given: the process’s environment over the service’s file."""

import os
from collections.abc import Mapping
from pathlib import Path

from base.catalogue import _

# What the unit in the README reads; commands typed in a shell read it, too.
SERVICE_FILE = Path("/etc/kalends.env")


OURS = ("KALENDS_", "DATABASE_URL", "REDIS_URL", "SMTP_URL", "MAIL_FROM", "GOOGLE_", "MICROSOFT_")


class SettingsError(Exception):
    """The environment is wrong; `faults` says all of it at once, a sentence each.

    `status`: what a command ends with, 1 where it is not the environment's fault but the
    database's.
    """

    def __init__(self, faults: list[str], status: int = 2):
        super().__init__("\n".join(faults))
        self.faults, self.status = faults, status


def environment() -> Mapping[str, str]:
    """The process's environment over what the service's file says.

    So a command in a shell sees what the service sees.

    The file is the one that KALENDS_SETTINGS_FILE names ("" for none), else `SERVICE_FILE` where it
    exists. Its form is that of systemd's EnvironmentFile. Raises SettingsError where it cannot be
    read.
    """
    named = os.environ.get("KALENDS_SETTINGS_FILE")
    path = Path(named) if named else SERVICE_FILE
    if named == "":
        return os.environ
    try:
        if not named and not path.exists():
            return os.environ
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        raise SettingsError(
            [
                _(
                    "{path} cannot be read. It holds the service's settings: run this as the"
                    " service's user (sudo -u), let that user read the file, or correct"
                    " KALENDS_SETTINGS_FILE.",
                    path=path,
                )
            ]
        ) from None
    pairs = [
        line.strip().split("=", 1)
        for line in lines
        if "=" in line and not line.lstrip().startswith(("#", ";"))
    ]
    said = {
        name.strip(): _unquoted(value.strip())
        for name, value in pairs
        if name.strip().startswith(OURS)
    }
    # what is typed wins in either form: NAME over the file's NAME_FILE, and the other way round
    typed = {name.removesuffix("_FILE") for name in os.environ}
    said = {name: value for name, value in said.items() if name.removesuffix("_FILE") not in typed}
    return {**said, **os.environ}


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value
