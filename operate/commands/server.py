"""Commands for the operator: keys, backups, the doctor."""

import os
import sys
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext
from peewee import PeeweeException

import models
from base import day_names, vault
from base.catalogue import _, lazy, ngettext, paragraph
from base.config.environment import SettingsError
from base.config.settings import Settings
from base.config.version import VERSION
from base.tables.outbox import Letter
from base.tables.texts import TextSettings
from operate import doctor as checks
from operate import files, keys
from operate import migrate as migrations
from operate.backup import backups, restores
from sync.tables.accounts import Account

from .kit import has_key_of_another, opened_database, own_settings, with_key


@click.command()
def version() -> None:
    """Print the version of Kalends."""
    click.echo(f"Kalends {VERSION}")


@click.command()
@with_key
def reseal() -> None:
    """Encrypt credentials and addresses of letters again under the newest key.

    That is the first one in KALENDS_SECRET_KEY; the older ones can then be removed.
    """
    with opened_database():
        done, lost = _reseal(Account, Account.sealed)
        _reseal(Letter, Letter.sealed_to)
        _reseal(TextSettings, TextSettings.sealed_url)
        _reseal(TextSettings, TextSettings.sealed_secret)
        click.echo(
            paragraph(
                ngettext(
                    "{count} account is sealed under the newest key.",
                    "{count} accounts are sealed under the newest key.",
                    done,
                    count=done,
                ),
                _("{lost} can be opened by no key: they ask to reconnect.", lost=lost)
                if lost
                else "",
            )
        )


@click.group()
def key() -> None:
    """The secret key."""


@key.command("accept")
@click.option("--yes", is_flag=True, help=lazy("Do not ask."))
@with_key
def accept_key(yes: bool) -> None:
    """Confirm that the present secret key belongs to this database from now on.

    For cases in which the old one was lost, or became known to others.
    """
    with opened_database(with_any_key=True):
        if has_key_of_another() and not yes:
            click.confirm(
                _(
                    "Every private link gets a new address, everybody signs in again, and connected"
                    " accounts must be connected again. Go on?"
                ),
                abort=True,
            )
        keys.accept(own_settings().secret_keys)
        click.echo(_("This key is the database's from now on."))


def _reseal(table: type[models.Base], column) -> tuple[int, int]:
    """Two values: the number of rows of the table whose column was encrypted again, and the number
    of rows that no key decrypts.
    """
    done = lost = 0
    for row_id, sealed in list(table.select(table.id, column).tuples()):
        try:
            table.update({column: vault.reseal(sealed)}).where(
                table.id == row_id, column == sealed
            ).execute()
            done += 1
        except vault.CannotOpen:
            lost += 1
    return done, lost


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--may-be-early",
    is_flag=True,
    help=lazy("Write nothing, and succeed, until there is a first clinic to back up."),
)
@with_key
def backup(file: Path, may_be_early: bool) -> None:
    """Write database and secret key into FILE, while Kalends runs.

    Keep it as safe as the clients' records.
    """
    os.umask(0o077)
    try:
        click.echo(
            _("There is no clinic yet, so nothing was written.")
            if may_be_early and backups.is_too_early(own_settings(), file)
            else backups.write(own_settings(), file)
        )
    except backups.BackupRefused as refusal:
        raise click.ClickException(str(refusal)) from None
    except OSError as error:
        raise click.ClickException(
            _("The backup was not written. {sentence}", sentence=files.sentence(error))
        ) from None
    except PeeweeException as error:
        raise click.ClickException(str(migrations.unusable(error))) from None


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--yes", is_flag=True, help=lazy("Do not ask."))
@click.option(
    "--as-it-was",
    is_flag=True,
    help=lazy(
        "Leave an older backup's tables as they are, to go back to the version that made it."
    ),
)
@with_appcontext
def restore(file: Path, yes: bool, as_it_was: bool) -> None:
    """Replace the present database by the backup FILE. The present one is kept aside."""
    os.umask(0o077)
    try:
        made_at = backups.inspect(file)
        if not yes:
            click.confirm(
                _(
                    "Replace the present database with the backup of {made_at} UTC?",
                    made_at=day_names.moment(made_at),
                ),
                abort=True,
            )
        click.echo(restores.restore(own_settings(), file))
    except (backups.BackupRefused, OSError, PeeweeException) as error:
        raise click.ClickException(files.sentence(error)) from None
    if as_it_was and migrations.state() != "current":
        restores.finish_restore(own_settings())
        click.echo(_("It is as it was. Start it with the version of Kalends that made the backup."))
        return
    try:
        migrations.migrate()
    except migrations.CannotMigrate as error:
        raise click.ClickException(str(error)) from None
    restores.finish_restore(own_settings())
    try:  # the backup's own key is used from here on
        keys.put_in_force(current_app, Settings.from_env())
    except SettingsError as error:
        click.echo(_("Before you start it: {error}", error=error))
        return
    if fault := own_settings().key_fault:
        click.echo(_("Before you start it: {fault}", fault=fault))
        return
    with opened_database(with_any_key=True):
        if has_key_of_another():
            click.echo(_("Before you start it: {foreign}", foreign=keys.OF_ANOTHER))


@click.command()
@click.option(
    "--mail-to",
    metavar="ADDRESS",
    help=lazy("Send a trial letter there, and say what the mail server answers."),
)
@with_appcontext
def doctor(mail_to: str | None) -> None:
    """Check settings, clock, database, Redis, mail and two-way sync, and say what to fix."""
    found = list(checks.examine(own_settings(), mail_to))
    for is_well, sentence in found:
        click.echo(f"{'ok  ' if is_well else 'FIX '} {sentence}")
    sys.exit(0 if all(is_well for is_well, __ in found) else 1)
