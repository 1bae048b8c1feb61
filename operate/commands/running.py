"""Commands that run Kalends and its parts, and bring the database up to date."""

import os
import socket
import sys
import time
from contextlib import AbstractContextManager, nullcontext

import click
from flask import current_app
from flask.cli import with_appcontext
from peewee import PeeweeException

import models
from base import jobs
from base.catalogue import _, lazy, listed
from base.config.endpoints import sandbox_port
from base.config.environment import SettingsError
from base.config.settings import Settings, hand_down
from free_times.online import names
from models import Clinic
from operate import clock_ahead, files, keys, processes, workers
from operate import migrate as migrations
from operate import web as web_server
from operate.backup import backups, files_aside, restores
from operate.keeper import CannotStart, print_line
from sync.providers import registry

from .data import load_sample, sample_sign_ins
from .kit import own_settings, with_key


def _greeting(
    settings: Settings, is_first: bool, sign_ins: list[str], pages: list[str]
) -> list[str]:
    """The lines that `start` prints: the address, the pages for clients, and the sign-ins."""
    imitations = [
        _(
            "Imitations of {providers}: http://localhost:{sandbox_port}/",
            providers=listed(row.name for row in registry.PROVIDERS.values() if row.registration),
            sandbox_port=sandbox_port(settings.port),
        )
    ] * any(endpoints.is_sandbox for endpoints in settings.providers.values())
    addresses = (f"{settings.base_url}/book/{name}/" for name in pages)
    return [
        "",
        *[_FIRST.format(folder=settings.instance)] * is_first,
        _("Kalends is ready: {base_url}", base_url=settings.base_url),
        *(_("Clients book here: {address}", address=one) for one in addresses),
        *imitations,
        *sign_ins,
        _("Stop it with Ctrl-C."),
        "",
    ]


def _bring_up_to_date(keep: bool = False) -> list[str]:
    """Migrate, in a folder that only we can read. `keep`: make a backup of the present database
    before.

    Returns the names of the applied migrations. Refuses a secret key that does not belong to this
    database.
    """
    os.umask(0o077)  # files that this process and its children write contain clients' records
    try:
        own_settings().instance.mkdir(mode=0o700, parents=True, exist_ok=True)
        if keep:
            _keep_before_update()
        applied = migrations.migrate()
        _check_key()
        restores.finish_restore(own_settings())
        files_aside.clear(own_settings().instance)
    except (migrations.CannotMigrate, OSError) as error:
        raise click.ClickException(files.sentence(error)) from None
    return applied


def _keep_before_update() -> None:
    try:
        models.database.connect(reuse_if_open=True)
        kept = (
            backups.before_update(own_settings())
            if migrations.applied() and migrations.state() == "behind"
            else None
        )
    except PeeweeException as error:
        raise migrations.unusable(error) from None
    except (backups.BackupRefused, OSError) as refusal:
        raise click.ClickException(
            _(
                "The update needs a backup first, and none could be made. {refusal} Or make one"
                " your own way, then run: flask --app app migrate",
                refusal=files.sentence(refusal),
            )
        ) from None
    if kept:
        click.echo(
            _(
                "The database is brought up to date. A backup of what was there is in {kept}.",
                kept=kept,
            )
        )


def _check_key() -> None:
    """Refuse to continue with a secret key that does not belong to this database."""
    models.database.connect(reuse_if_open=True)
    if keys.check_keys(own_settings().secret_keys) == "another":
        raise click.ClickException(keys.OF_ANOTHER)


def _check_part() -> None:
    """The first checks of a part that runs alone. It opens no database that is behind."""
    _check_key_and_restore()
    migrations.guard()


def _check_part_with_jobs() -> None:
    """The first checks of a part that enqueues or does jobs. While the database is behind, only
    processes of the earlier version use Redis and the queue; while it is away, nobody can.
    """
    clock_ahead.wait_until_set(print_line)
    _check_part()
    migrations.wait_until_open(print_line)


def _refuse_behind() -> None:
    """End a command that does what there is to do and ends, if it would have to wait."""
    try:
        migrations.refuse_behind()
    except migrations.CannotMigrate as error:
        raise click.ClickException(str(error)) from None


def _check_key_and_restore() -> None:
    """Compare the key, and finish a restore.

    The part may start before the database does; then the key is compared once the database answers.
    The rest of a killed restore is done before any page or job.
    """
    keys.guard(own_settings().secret_keys)
    for attempt in range(1_000_000):
        try:
            with _while_restored():
                _check_database()
            return
        except keys.WrongKey:
            raise click.ClickException(keys.OF_ANOTHER) from None
        except PeeweeException:
            if not restores.is_unfinished(own_settings()):
                return
            why = _("the database does not answer. Check DATABASE_URL")
        except processes.AlreadyRuns:
            why = _("it is still at work, or another part finishes it")
        finally:
            # no connection may be shared with processes that are forked later: they would go on in
            # each other's transactions
            models.database.obj.close_all()
        if attempt == 0:
            print_line(_("A restore is not finished, and {why}. Waiting for it.", why=why))
        time.sleep(1)


def _while_restored() -> AbstractContextManager:
    """Lock the folder while a restore is unfinished, as the restoring command does. Raises
    AlreadyRuns.
    """
    if restores.is_unfinished(own_settings()):
        return processes.only_one(own_settings().instance)
    return nullcontext()


def _check_database() -> None:
    """Refuse a key that does not belong to this database, and finish a restore that was killed."""
    models.database.connect(reuse_if_open=True)
    if migrations.state() != "current":
        if restores.is_unfinished(own_settings()):
            raise click.ClickException(
                _(
                    "A restore is not finished, and the database is behind this program. Run: flask"
                    " --app app migrate"
                )
            )
        if fault := migrations.unfit():
            print_line(fault)
        return
    restores.finish_restore(own_settings())


@click.command()
@with_key
def migrate() -> None:
    """Bring the database up to date."""
    try:
        with _while_restored():
            applied = _bring_up_to_date()
    except CannotStart as error:
        raise click.ClickException(str(error)) from None
    click.echo(
        _("Applied {applied}.", applied=", ".join(applied))
        if applied
        else _("The database is up to date.")
    )


_FIRST = lazy(
    "This is a new installation: its secret key was made now, and is kept in {folder}. If you"
    " meant one that exists already, stop this and set KALENDS_SETTINGS_FILE to the file of its"
    " settings."
)


@click.command()
@with_appcontext
def start() -> None:
    """Run everything until Ctrl-C: web, workers, clock, and Redis if REDIS_URL is empty.

    A process that ends by itself is started again.
    """
    settings = own_settings()
    os.umask(0o077)  # files that this process and its children write contain clients' records
    try:
        with (
            processes.only_one(settings.instance),
            web_server.listen(settings.host, settings.port) as listening,
        ):
            clock_ahead.wait_until_set(print_line)
            if settings.sandbox:
                web_server.listen("127.0.0.1", sandbox_port(settings.port)).close()
            hand_down(settings)
            if restores.settle_key(settings):
                settings = Settings.from_env()
            is_first = not settings.secret_keys
            if is_first:  # only now is it certain that no older process runs
                settings = settings.with_first_key()
            keys.put_in_force(current_app, settings)
            _bring_up_to_date(keep=True)
            sign_ins = _load_sample_if_empty()
            if welcome := keys.welcome_path(settings.secret_keys):
                sign_ins = [_how_to_begin(f"{settings.base_url}{welcome}")]
            pages = names.switched_on()[:3]
            models.database.close()
            words = _greeting(settings, is_first, sign_ins, pages)
            status = processes.start(settings, listening, "\n".join(words))
    except (web_server.CannotStart, SettingsError) as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        status = 0
    sys.exit(status)


def _how_to_begin(address: str) -> str:
    """The sentence on how to make the first clinic. Anyone with the address may make it, so the
    sentence is shown to a person at a terminal, and never written to a log.
    """
    if sys.stdout.isatty():
        return _("Create your clinic here, once: {address}", address=address)
    return _(
        "There is no clinic yet. This prints the address that creates it: flask --app app doctor"
    )


def _load_sample_if_empty() -> list[str]:
    """Load the sample clinic if there is no clinic, except in production. Returns the lines about
    its sign-ins.
    """
    if own_settings().production or Clinic.select().exists():
        return []
    return ["", *sample_sign_ins(*load_sample()), ""]


def _socket(context, parameter, value: int | None) -> socket.socket | None:
    """A socket that `start` opened and this process inherited."""
    return None if value is None else socket.socket(fileno=value)


_ready = click.option("--ready-fd", "ready", type=int, callback=_socket, hidden=True)


@click.command()
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=max(2, min(6, os.cpu_count() or 1)),
    show_default=lazy("one a core, 2 to 6"),
    help=lazy("Processes."),
)
@click.option("--listen-fd", "listening", type=int, callback=_socket, hidden=True)
@_ready
@with_key
def web(workers: int, listening: socket.socket | None, ready: socket.socket | None) -> None:
    """Run the web server alone."""
    _check_part()
    try:
        status = web_server.serve(
            listening or web_server.listen(own_settings().host, own_settings().port),
            workers,
            ready,
            own_settings().frozen_seconds,
        )
    except web_server.CannotStart as error:
        raise click.ClickException(str(error)) from None
    sys.exit(status)


@click.command()
@click.argument("queues", nargs=-1, type=click.Choice(tuple(jobs.LIMITS)))
@click.option("--burst", is_flag=True, help=lazy("Stop when the queues are empty."))
@_ready
@with_key
def worker(queues: tuple[str, ...], burst: bool, ready: socket.socket | None) -> None:
    """Run a worker alone, for QUEUES (default: all), the first one first."""
    if burst:
        _refuse_behind()
    _check_part_with_jobs()
    workers.log_thread_errors()
    names = list(queues or jobs.LIMITS)
    workers.work(own_settings().redis_url, names, burst, ready, own_settings().frozen_seconds)


@click.command()
@_ready
@with_key
def clock(ready: socket.socket | None) -> None:
    """Run the clock alone: it enqueues the periodic jobs."""
    _check_part_with_jobs()
    workers.log_thread_errors()
    workers.tick(own_settings().redis_url, ready)
