"""The secret key in the instance folder, which the first start makes."""

import os
import secrets
from pathlib import Path

from base.catalogue import _

from .environment import SettingsError
from .occupied import CannotAsk, has_clinic


def _key_file(instance: Path) -> Path:
    return instance / "secret_key"


def kept_keys(instance: Path) -> tuple[str, ...]:
    """The key that the first start made, or none. Raises SettingsError."""
    path = _key_file(instance)
    try:
        key = path.read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except (OSError, UnicodeError) as error:
        raise SettingsError([unusable(instance, error)]) from None
    if not key:
        raise SettingsError(
            [
                _(
                    "{path} is empty. Put the secret key back into it, from a backup or from"
                    " where you noted it down.",
                    path=path,
                )
            ]
        )
    return (key,)


def make_key(instance: Path) -> None:
    """Make the key's file. If two processes make it at once, the first wins; a half-written key is
    never seen.
    """
    instance.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = instance / f"secret_key.{secrets.token_hex(8)}"
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(48))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(fresh, _key_file(instance))
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    folder = os.open(instance, os.O_RDONLY)
    try:
        os.fsync(
            folder
        )  # a key that a power cut takes back is lost: tokens of feeds follow from it
    finally:
        os.close(folder)


def unusable(instance: Path, error: Exception) -> str:
    """The sentence about an instance folder that cannot be used."""
    why = getattr(error, "strerror", None) or type(error).__name__
    return _(
        "The folder {instance} cannot be used ({why}). Run this as the service's user (sudo -u),"
        " make the folder writable, or name another in KALENDS_INSTANCE.",
        instance=instance,
        why=why,
    )


def why_no_key(database_url: str) -> str:
    """Why no key may be made now; "" if one may.

    Beside a database with data, a new key would end every feed and every connected account.
    Raises SettingsError.
    """
    try:
        if not has_clinic(database_url):
            return ""
    except CannotAsk as error:  # it may contain data
        raise SettingsError(
            [
                _(
                    "Error: There is no secret key yet, and the database cannot be used: {error}."
                    " Check that its file or server exists and may be read. If its file is damaged,"
                    " move it elsewhere, then restore a backup.",
                    error=error,
                )
            ],
            status=1,
        ) from None
    return _(
        "There is a database, but not its secret key. Run this with the service's own settings"
        " (KALENDS_SETTINGS_FILE names the file with them), set KALENDS_SECRET_KEY to the key"
        " that was used before, or restore a backup with the key. If that key is lost, set a"
        " new one, then run: flask --app app key accept"
    )
