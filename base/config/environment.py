"""The environment of the process. Names that the process does not set come from the
service's file.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from base.catalogue import _

from .endpoints import registrations

# The unit in the README reads it; commands typed in a shell do too.
SERVICE_FILE = Path("/etc/kalends.env")


_OURS = ("KALENDS_", "DATABASE_URL", "REDIS_URL", "SMTP_URL", "MAIL_FROM")


def ours() -> tuple[str, ...]:
    """The prefixes of our settings' names."""
    return *_OURS, *(f"{one.prefix}_" for one in registrations())


class SettingsError(Exception):
    """The environment is wrong; `faults` has a sentence for each mistake.

    `status`: the exit code of a command; 1 if the fault is the database's, not the environment's.
    """

    def __init__(self, faults: list[str], status: int = 2):
        super().__init__("\n".join(faults))
        self.faults, self.status = faults, status


def environment() -> Mapping[str, str]:
    """The environment of the process; names that it lacks come from the service's file. So a
    command in a shell has the same settings as the service.

    The file is the one that KALENDS_SETTINGS_FILE names ("" for none), else `SERVICE_FILE` if it
    exists. Its format is that of systemd's EnvironmentFile. Raises SettingsError if it cannot be
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
                    "{path} cannot be read. It contains the service's settings: run this as the"
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
    given = {
        name.strip(): _unquoted(value.strip())
        for name, value in pairs
        if name.strip().startswith(ours())
    }
    # the process's value wins in either form: NAME over the file's NAME_FILE, and vice versa
    typed = {name.removesuffix("_FILE") for name in os.environ}
    given = {
        name: value for name, value in given.items() if name.removesuffix("_FILE") not in typed
    }
    return {**given, **os.environ}


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value
