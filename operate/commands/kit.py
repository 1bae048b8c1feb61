"""Shared parts of commands: cleaned arguments, the open database, look-ups of people."""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from flask import current_app
from flask.cli import with_appcontext
from peewee import PeeweeException

import letters
import models
from base import text, zones
from base.catalogue import _
from base.config.settings import Settings
from models import Clinic, User
from operate import files, keys
from operate import migrate as migrations
from operate.backup import restores
from people import email_addresses, password_rules
from people.credentials import OneTimeToken


def own_settings():
    """The settings of the running application."""
    return current_app.config["SETTINGS"]


def with_key(function: Callable) -> Callable:
    """A decorator for commands that run beside an existing installation. Without a secret key there
    is no installation: the command stops, and makes neither a key nor a database.
    """

    @with_appcontext
    @functools.wraps(function)
    def checked(*arguments, **options):
        check_key()
        try:
            with files.used(own_settings().instance):
                settle_key()
                return function(*arguments, **options)
        except files.InUse:
            raise click.ClickException(
                _("A restore is at work here. Try again after it.")
            ) from None

    return checked


def check_key() -> None:
    """Refuse to go on without a secret key, unless a restore has brought one that is not in its
    place yet.
    """
    settings = own_settings()
    if settings.secret_keys or restores.is_unfinished(settings):
        return
    refusal = click.ClickException(settings.key_fault or keys.MISSING)
    refusal.exit_code = 2 if settings.key_fault else 1
    raise refusal


def settle_key() -> None:
    """Put the key of a restore into its place, if the restore was killed after it replaced the
    database and before it replaced the key.
    """
    if restores.settle_key(own_settings()):
        keys.put_in_force(current_app, Settings.from_env())
    if not own_settings().secret_keys:
        raise click.ClickException(own_settings().key_fault or keys.MISSING)


def has_key_of_another() -> bool:
    """Whether the secret key belongs to another database than this one."""
    return keys.state(own_settings().secret_keys) == "another"


@contextmanager
def opened_database(with_any_key: bool = False) -> Iterator[None]:
    """Open the database with this program's tables. Its faults become sentences.

    Refuses a secret key that does not belong to the database: feeds and letters that were made with
    the database's own key would not work.
    """
    try:
        models.database.connect(reuse_if_open=True)
        if fault := migrations.unfit():
            raise click.ClickException(fault)
        if not with_any_key and has_key_of_another():
            raise click.ClickException(keys.OF_ANOTHER)
        yield
    except PeeweeException as error:
        raise click.ClickException(str(migrations.unusable(error))) from None
    finally:
        if not models.database.is_closed():
            models.database.close()


def line_of(limit: int):
    """A callback that cleans an argument, and refuses an empty or too long one."""

    def check(context, parameter, value):
        try:
            cleaned = text.line(value, limit)
        except text.TooLong as error:
            raise click.BadParameter(
                _("use at most {limit} characters", limit=error.limit)
            ) from None
        except text.NotOneLine as error:
            raise click.BadParameter(str(error)) from None
        if value is not None and not cleaned:
            raise click.BadParameter(_("write something"))
        return cleaned or None

    return check


def email_of(context, parameter, value: str) -> str:
    """For click: a clean address, or a refusal that says what is wrong."""
    try:
        return text.email(value)
    except text.NoAddress:
        raise click.BadParameter(_("write an address such as name@example.org")) from None


def zone_of(context, parameter, value: str) -> str:
    """For click: the IANA zone of this name, city or short name, or a refusal."""
    zone = zones.find_zone(value)
    if zone is None:
        raise click.BadParameter(_("write a city, such as London, or an IANA time zone"))
    return zone


def find_clinic(name: str | None) -> Clinic:
    """The clinic of this name, or the only one."""
    rows = list(Clinic.select().where(Clinic.name == name) if name else Clinic.select().limit(2))
    if len(rows) == 1:
        return rows[0]
    if name:
        raise click.ClickException(
            _("{count} clinics are called {name}.", count=len(rows) or _("No"), name=name)
        )
    raise click.ClickException(
        _("There are several clinics. Name one with --clinic.")
        if rows
        else _("There is no clinic yet. Run: clinic create")
    )


def find_user(email: str) -> User:
    """The person with this address, or a refusal."""
    user = email_addresses.person_at(email.strip().lower())
    if user is None:
        raise click.ClickException(_("Nobody signs in as {email}.", email=email))
    return user


def ask_password(*own: str) -> str:
    """A new password, from standard input, or typed twice. `own`: words that must not be
    all of it.
    """
    value = (
        click.prompt(_("New password"), hide_input=True, confirmation_prompt=True)
        if sys.stdin.isatty()
        else sys.stdin.readline().rstrip("\r\n")
    )
    if fault := password_rules.fault(value, own):
        raise click.ClickException(f"{fault}.")
    return value


def one_time_address(person: User, purpose: str) -> str:
    """The address with which the person chooses a password."""
    secret = OneTimeToken.issue(person, purpose, None, days=7)
    with current_app.test_request_context():
        return letters.one_time_address(secret)


def welcome(person: User, password: str | None) -> None:
    """Give a new person the password, or print a link with which they choose one."""
    if password:
        person.set_password(password, None)
        click.echo(
            _(
                "{email} can sign in at {base_url}.",
                email=person.email,
                base_url=own_settings().base_url,
            )
        )
    else:
        click.echo(
            _("{person} chooses a password here, once, within 7 days:", person=person.name),
            err=True,
        )
        click.echo(one_time_address(person, "invite"))
