"""Whether the present secret key belongs to this database.

Tokens of feeds are derived from the key, and it encrypts the credentials of accounts.

The database has a fingerprint of each key with which it was certainly used. A key is certain once
it has decrypted an account's credentials, once a clinic was founded under it, or once an owner has
confirmed it (`key accept`).
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import timedelta

from peewee import CharField, OperationalError

from base import vault
from base.catalogue import lazy
from base.database import Base, InstantField, database, now
from models import Clinic, User
from sync.tables.accounts import Account

from .keeper import print_line

OF_ANOTHER = lazy(
    "This database was used with another secret key. With this one every private link and every"
    " connected account would stop. Set KALENDS_SECRET_KEY as before, or put the file secret_key"
    " back. If the old key is lost, or must not be used any more, run: flask --app app key accept"
)

ONE_START = timedelta(minutes=1)  # keys that were stored within it came together

MISSING = lazy(
    "There is no secret key here: nothing is installed with these settings. If Kalends is installed"
    " already, run this with the service's own settings, as the service's user:"
    " KALENDS_SETTINGS_FILE names the file with them. To install it here, run: flask --app"
    " app start"
)


class ServerKey(Base):
    """A secret key that belongs to this database, by its fingerprint."""

    fingerprint = CharField(64, unique=True)
    since = InstantField(default=now)


def put_in_force(app, settings) -> None:
    """Let this process use these settings and their keys, the newest first."""
    app.config.update(
        SETTINGS=settings,
        SECRET_KEY=next(iter(settings.secret_keys), None),
        SECRET_KEY_FALLBACKS=list(settings.secret_keys[1:]),
    )
    vault.open_vault(settings.secret_keys)


def fingerprint(key: str) -> str:
    """The fingerprint of a key, for storing. It is derived only for this purpose."""
    return hashlib.sha256(b"kalends key fingerprint|" + key.encode()).hexdigest()


def state(keys: Sequence[str]) -> str:
    """The state of the keys, as one word: "ours" (the newest key of this database is one of them),
    "another" (it is not), "unproved" (unknown), or "new" (there is no clinic yet).
    """
    if not (Clinic.table_exists() and Clinic.select().exists()):
        return "new"
    # a database of an earlier version lacks some of the tables
    newest = _newest() if ServerKey.table_exists() else set()
    if newest:
        return "ours" if newest & {fingerprint(key) for key in keys} else "another"
    accounts = Account.select(Account.sealed).where(Account.sealed != "")
    sealed = [row.sealed for row in accounts] if Account.table_exists() else []
    if not sealed:
        return "unproved"
    return "ours" if any(map(vault.opens, sealed)) else "another"


def _newest() -> set[str]:
    """The fingerprint of the key that was stored last. What was made since it came opens under no
    earlier one. Those that were stored by the same start count alike: their order was not kept
    before.
    """
    rows = list(ServerKey.select().order_by(ServerKey.id))
    return {row.fingerprint for row in rows if abs(row.since - rows[-1].since) < ONE_START}


class WrongKey(OperationalError):
    """The database is not opened under this key. Callers treat the database as away."""


def guard(keys: Sequence[str]) -> None:
    """Let this process open no connection under keys that do not belong to the database.

    A process may start before its database answers; the key can only be compared once it does.
    """
    has_warned = False

    def compare() -> bool:
        nonlocal has_warned
        found = state(keys)
        if found != "another":
            return found != "new"  # another machine may bring a clinic, and its key, later
        if not has_warned:
            has_warned = True
            print_line(OF_ANOTHER)
        raise WrongKey("unable to open database: it was used with another secret key")

    database.obj.guard = compare


def check_keys(keys: Sequence[str]) -> str:
    """The state of the keys. If they certainly belong to this database, their fingerprints are
    stored.
    """
    found = state(keys)
    if found in ("ours", "new"):
        _remember(keys, forget=found == "new")
    return found


def welcome_path(keys: Sequence[str]) -> str | None:
    """The path of the page that makes the first clinic, for the person who reads the server's
    output. None once there is a clinic.

    The path is derived from the key, so that nothing is stored. Strangers who reach the server
    before its owner does cannot guess it.
    """
    if User.select(User.id).exists():
        return None
    token = hmac.digest(keys[0].encode(), b"kalends welcome", hashlib.sha256)[:24]
    return f"/welcome/{base64.urlsafe_b64encode(token).decode()}"


@database.atomic()
def accept(keys: Sequence[str]) -> None:
    """Store that these keys belong to this database from now on, and no others."""
    _remember(keys, forget=True)


@database.atomic()
def _remember(keys: Sequence[str], forget: bool) -> None:
    if forget:
        ServerKey.delete().where(
            ServerKey.fingerprint.not_in([fingerprint(key) for key in keys])
        ).execute()
    for key in reversed(keys):  # the newest last
        ServerKey.insert(fingerprint=fingerprint(key), since=now()).on_conflict_ignore().execute()
