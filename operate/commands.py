"""The command line: `flask --app app …`. Commands parse, call one method, and answer in
sentences.
"""

import functools
import os
import re
import secrets
import socket
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from peewee import PeeweeException

import letters
import models
from base import scheduling, text, vault
from base.outbox import Letter
from base.settings import Settings, SettingsError, sandbox_port
from models import Clinic, Feed, User, Venue
from operate import intake
from people import password_rules
from people.credentials import OneTimeLink
from sync.feeds import feed as feeds
from sync.tables.accounts import Account
from sync.two_way import look

from . import backups, keys, processes
from . import doctor as checks
from . import migrate as migrations
from . import sample as sample_clinic
from . import web as web_server
from .intake.values import ORDERS


def register(app: Flask) -> None:
    for command in (
        migrate,
        start,
        web,
        worker,
        clock,
        clinic,
        user,
        plan,
        feed,
        sync,
        reseal,
        key,
        sample,
        imports,
        backup,
        restore,
        doctor,
    ):
        app.cli.add_command(command)


def _settings():
    return current_app.config["SETTINGS"]


def with_key(function: Callable) -> Callable:
    """A command that runs beside what is installed. Without a secret key nothing is, and it makes
    neither a key nor a database.
    """

    @with_appcontext
    @functools.wraps(function)
    def checked(*arguments, **options):
        if not _settings().secret_keys:
            raise click.ClickException(keys.MISSING)
        return function(*arguments, **options)

    return checked


@contextmanager
def _database(with_any_key: bool = False) -> Iterator[None]:
    """The database open, with this program's tables; its faults as sentences. Refuses a secret key
    that is not its own: what is printed or sent
    under that one is dead."""
    try:
        models.database.connect(reuse_if_open=True)
        if migrations.state() != "current":
            raise click.ClickException(
                f"The database is {migrations.state()}. Run: flask --app app migrate"
            )
        if not with_any_key and keys.state(_settings().secret_keys) == "foreign":
            raise click.ClickException(keys.FOREIGN)
        yield
    except PeeweeException as error:
        raise click.ClickException(str(migrations.unusable(error))) from None
    finally:
        if not models.database.is_closed():
            models.database.close()


def _line(limit: int):
    """A callback that cleans an argument, and refuses an empty or longer one."""

    def check(context, parameter, value):
        try:
            cleaned = text.line(value, limit)
        except text.TooLong as error:
            raise click.BadParameter(f"use at most {error.limit} characters") from None
        except text.NotOneLine as error:
            raise click.BadParameter(str(error)) from None
        if value is not None and not cleaned:
            raise click.BadParameter("write something")
        return cleaned or None

    return check


def _email(context, parameter, value: str) -> str:
    try:
        return text.email(value)
    except text.NoAddress:
        raise click.BadParameter("write an address such as name@example.org") from None


def _zone(context, parameter, value: str) -> str:
    if not scheduling.is_zone(value):
        raise click.BadParameter("write an IANA time zone such as Europe/London")
    return value


def _find_clinic(name: str | None) -> Clinic:
    """The clinic of this name, or the only one."""
    rows = list(Clinic.select().where(Clinic.name == name) if name else Clinic.select().limit(2))
    if len(rows) == 1:
        return rows[0]
    if name:
        raise click.ClickException(f"{len(rows) or 'No'} clinics are called {name}.")
    raise click.ClickException(
        "There are several clinics. Name one with --clinic."
        if rows
        else "There is no clinic yet. Run: clinic create"
    )


def _find_user(email: str) -> User:
    user = User.get_or_none(User.email == email.strip().lower())
    if user is None:
        raise click.ClickException(f"Nobody signs in as {email}.")
    return user


def _password(*own: str) -> str:
    """A new password, from standard input, or asked for twice; `own`: what it should not consist
    of.
    """
    value = (
        click.prompt("New password", hide_input=True, confirmation_prompt=True)
        if sys.stdin.isatty()
        else sys.stdin.readline().rstrip("\r\n")
    )
    if fault := password_rules.fault(value, own):
        raise click.ClickException(f"{fault}.")
    return value


def _one_time_link(person: User, purpose: str) -> str:
    """The address under which the person chooses a password."""
    secret = OneTimeLink.issue(person, purpose, None, days=7)
    with current_app.test_request_context():
        return letters.one_time_address(secret)


def _welcome(person: User, password: str | None) -> None:
    """Give a new person the password, or print a link under which they choose one."""
    if password:
        person.set_password(password, None)
        click.echo(f"{person.email} can sign in at {_settings().base_url}.")
    else:
        click.echo(f"{person.name} chooses a password here, once, within 7 days:", err=True)
        click.echo(_one_time_link(person, "invite"))


# ---- running ----


def _bring_up_to_date(keep: bool = False) -> list[str]:
    """Migrate, in a folder that only we can read; with `keep` after a backup of what is there.
    Gives the names applied. Refuses a secret key
    that is not this database's."""
    os.umask(0o077)  # what we and our children write holds clients' records
    try:
        _settings().instance.mkdir(mode=0o700, parents=True, exist_ok=True)
        if keep:
            _keep_before_update()
        applied = migrations.migrate()
        _check_key()
        backups.finish_restore(_settings())
    except (migrations.CannotMigrate, OSError) as error:
        raise click.ClickException(str(error)) from None
    return applied


def _keep_before_update() -> None:
    try:
        models.database.connect(reuse_if_open=True)
        kept = (
            backups.before_update(_settings())
            if migrations.applied() and migrations.state() == "behind"
            else None
        )
    except PeeweeException as error:
        raise migrations.unusable(error) from None
    except backups.Refused as refusal:
        raise click.ClickException(
            f"The update needs a backup first, and none could be made. {refusal} Or make one your"
            " own way, then run: flask --app app migrate"
        ) from None
    if kept:
        click.echo(f"The database is brought up to date. A backup of what was there is in {kept}.")


def _check_key() -> None:
    """Refuse to go on with a secret key that is not this database's."""
    models.database.connect(reuse_if_open=True)
    if keys.check(_settings().secret_keys) == "foreign":
        raise click.ClickException(keys.FOREIGN)


def _check_part() -> None:
    """What one part that runs alone makes sure of first. It may begin before the database does,
    unless a restore was killed: what that left to do comes before any page or job.
    """
    for attempt in range(1_000_000):
        try:
            with _alone() if backups.is_unfinished(_settings()) else nullcontext():
                _check_database()
            return
        except PeeweeException:
            if not backups.is_unfinished(_settings()):
                return
            why = "the database does not answer. Check DATABASE_URL"
        except processes.AlreadyRuns:
            why = "it is still at work, or another part finishes it"
        finally:
            if not models.database.is_closed():
                models.database.close()
        if attempt == 0:
            processes.say(f"A restore is not finished, and {why}. Waiting for it.")
        time.sleep(1)


def _alone() -> AbstractContextManager:
    """Whoever restores holds the folder, too."""
    return processes.only_one(_settings().instance)


def _check_database() -> None:
    """Refuse a key that is not this database's, and finish a restore that was killed."""
    models.database.connect(reuse_if_open=True)
    if migrations.state() != "current":
        if backups.is_unfinished(_settings()):
            raise click.ClickException(
                "A restore is not finished, and the database is behind this program. Run: flask"
                " --app app migrate"
            )
        return
    if keys.state(_settings().secret_keys) == "foreign":
        raise click.ClickException(keys.FOREIGN)
    backups.finish_restore(_settings())


@click.command()
@with_key
def migrate() -> None:
    """Bring the database up to date."""
    applied = _bring_up_to_date()
    click.echo(f"Applied {', '.join(applied)}." if applied else "The database is up to date.")


_FIRST = (
    "This is a new installation: its secret key was made now, and is kept in {}. If you meant one"
    " that exists already, stop this and set KALENDS_SETTINGS_FILE to the file of its settings."
)


@click.command()
@with_appcontext
def start() -> None:
    """Run everything until Ctrl-C: web, workers, clock, and Redis where REDIS_URL names none. What
    ends by itself is started again.
    """
    settings = _settings()
    os.umask(0o077)  # what we and our children write holds clients' records
    is_first = not settings.secret_keys
    try:
        with (
            processes.only_one(settings.instance),
            web_server.listen(settings.host, settings.port) as listening,
        ):
            if settings.sandbox:
                web_server.listen("127.0.0.1", sandbox_port(settings.port)).close()
            if is_first:  # only now: nothing that runs already is beside us
                settings = settings.with_first_key()
                keys.put_in_force(current_app, settings)
            _bring_up_to_date(keep=True)
            sign_ins = _load_sample_if_empty()
            if welcome := keys.welcome_path(settings.secret_keys):
                sign_ins = [f"Create your clinic here, once: {settings.base_url}{welcome}"]
            models.database.close()
            imitations = [
                f"Imitations of Google and Outlook: http://localhost:{sandbox_port(settings.port)}/"
            ] * any(endpoints.is_sandbox for endpoints in settings.providers.values())
            words = [
                "",
                *[_FIRST.format(settings.instance)] * is_first,
                f"Kalends is ready: {settings.base_url}",
                *imitations,
                *sign_ins,
                "Stop it with Ctrl-C.",
                "",
            ]
            status = processes.start(settings, listening, "\n".join(words))
    except (web_server.CannotStart, SettingsError) as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        status = 0
    sys.exit(status)


def _load_sample_if_empty() -> list[str]:
    """Load the sample clinic where there is none, except in production. Gives the lines that tell
    its sign-ins.
    """
    if _settings().production or Clinic.select().exists():
        return []
    return ["", *_sample_sign_ins(*_load_sample()), ""]


def _load_sample() -> tuple[list[tuple[str, str]], str]:
    password = _settings().sample_password or secrets.token_urlsafe(9)
    return sample_clinic.load(password), password


def _sample_sign_ins(people: list[tuple[str, str]], password: str) -> list[str]:
    return [
        "The sample clinic is loaded. Sign in as",
        *(f"  {role:14}{email}" for role, email in people),
        f"with the password {password}",
    ]


def _socket(context, parameter, value: int | None) -> socket.socket | None:
    """A socket that `start` opened, and that this process has inherited."""
    return None if value is None else socket.socket(fileno=value)


_ready = click.option("--ready-fd", "ready", type=int, callback=_socket, hidden=True)


@click.command()
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=max(2, min(6, os.cpu_count() or 1)),
    show_default="one a core, 2 to 6",
    help="Processes.",
)
@click.option("--listen-fd", "listening", type=int, callback=_socket, hidden=True)
@_ready
@with_key
def web(workers: int, listening: socket.socket | None, ready: socket.socket | None) -> None:
    """Run the web server alone."""
    _check_part()
    # no connection may be shared with the processes that are forked now
    models.database.obj.close_all()
    try:
        status = web_server.serve(
            listening or web_server.listen(_settings().host, _settings().port),
            workers,
            ready,
            _settings().frozen_seconds,
        )
    except web_server.CannotStart as error:
        raise click.ClickException(str(error)) from None
    sys.exit(status)


@click.command()
@click.argument("queues", nargs=-1, type=click.Choice(tuple(processes.jobs.LIMITS)))
@click.option("--burst", is_flag=True, help="Stop when the queues are empty.")
@_ready
@with_key
def worker(queues: tuple[str, ...], burst: bool, ready: socket.socket | None) -> None:
    """Run a worker alone, for QUEUES (default: all), the first one first."""
    _check_part()
    names = list(queues or processes.jobs.LIMITS)
    processes.work(_settings().redis_url, names, burst, ready, _settings().frozen_seconds)


@click.command()
@_ready
@with_key
def clock(ready: socket.socket | None) -> None:
    """Run the clock alone: it enqueues the periodic jobs."""
    _check_part()
    processes.tick(_settings().redis_url, ready)


# ---- clinics, people, links ----


@click.group()
def clinic() -> None:
    """Clinics."""


@clinic.command("create")
@click.argument("name", callback=_line(120))
@click.option(
    "--zone", required=True, callback=_zone, help="IANA time zone, such as Europe/London."
)
@click.option("--owner-email", required=True, callback=_email)
@click.option("--owner-name", required=True, callback=_line(120))
@click.option(
    "--password-stdin", is_flag=True, help="Read the owner's password from standard input."
)
@with_key
def create_clinic(
    name: str, zone: str, owner_email: str, owner_name: str, password_stdin: bool
) -> None:
    """Make a clinic with one venue and its owner; prints a link under which the owner chooses a
    password.
    """
    with _database():
        if User.select().where(User.email == owner_email).exists():
            raise click.ClickException(f"{owner_email} signs in already.")
        password = _password(owner_name, owner_email, name) if password_stdin else None
        _welcome(Clinic.found(name, zone, owner_name, owner_email), password)


@click.group()
def user() -> None:
    """People who sign in."""


@user.command("create")
@click.argument("email", callback=_email)
@click.option("--name", required=True, callback=_line(120))
@click.option("--role", type=click.Choice(models.ROLES), default="practitioner", show_default=True)
@click.option("--clinic", "clinic_name", help="Needed where there are several clinics.")
@click.option(
    "--venue",
    "venue_names",
    multiple=True,
    help="Where they have a calendar; may be repeated. Practitioners: the only venue.",
)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@with_key
def create_user(
    email: str,
    name: str,
    role: str,
    clinic_name: str | None,
    venue_names: tuple[str, ...],
    password_stdin: bool,
) -> None:
    """Add a person; prints a link under which they choose a password."""
    with _database():
        there = _find_clinic(clinic_name)
        venues = [_find_venue(there, venue_name) for venue_name in venue_names]
        if not venues and role == "practitioner":
            venues = [_find_venue(there, None)]
        password = _password(name, email, there.name) if password_stdin else None
        try:
            person = User.invite(there, None, venues, name=name, email=email, role=role)
        except models.Taken:
            raise click.ClickException(f"{email} signs in already.") from None
        _welcome(person, password)


def _find_venue(there: Clinic, name: str | None) -> Venue:
    """The clinic's open venue of this name, or its only one."""
    rows = [venue for venue in Venue.listed(there) if name in (None, venue.name)]
    if len(rows) != 1:
        names = ", ".join(venue.name for venue in Venue.listed(there))
        raise click.ClickException(f"Name a venue of {there.name} with --venue: {names}.")
    return rows[0]


@user.command("password")
@click.argument("email")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--link", is_flag=True, help="Print a link under which the person chooses one.")
@with_key
def change_password(email: str, password_stdin: bool, link: bool) -> None:
    """Set a person's password (asked for, unless an option says otherwise), and sign them out
    everywhere.
    """
    with _database():
        person = _find_user(email)
        if link:
            click.echo(_one_time_link(person, "reset"))
            return
        person.set_password(_password(*person.own_words), None)
        click.echo(
            f"The password of {person.email} is changed, and every session of theirs has ended."
        )


@click.command()
@click.argument("clinic_name", metavar="CLINIC")
@click.argument("name", type=click.Choice(tuple(models.PLANS)))
@with_key
def plan(clinic_name: str, name: str) -> None:
    """Move CLINIC to the plan NAME. Without feeds in it, every private link stops for good."""
    with _database():
        there = _find_clinic(clinic_name)
        there.change_plan(name, None)
        click.echo(
            f"{there.name} is on the plan {name}:"
            f" {', '.join(models.PLANS[name]) or 'no calendars outside'}."
        )


@click.group()
def feed() -> None:
    """Private links."""


@feed.command("create")
@click.argument("email")
@click.option("--name", default="Command line", show_default=True, callback=_line(80))
@click.option(
    "--venue",
    "venue_name",
    help="Only the person's calendar at this venue. Default: all of theirs.",
)
@click.option(
    "--all",
    "whole_clinic",
    is_flag=True,
    help="Every calendar of the clinic; for owners and managers.",
)
@with_key
def create_feed(email: str, name: str, venue_name: str | None, whole_clinic: bool) -> None:
    """Make a private link for a person and print its URL. Lets their bookings leave Kalends where
    they had not yet.
    """
    with _database():
        person = _find_user(email)
        scope = {"scope": "clinic"} if whole_clinic else _own_scope(person, venue_name)
        if not person.is_active:
            raise click.ClickException(f"{email} has left the clinic.")
        try:
            with models.database.atomic():
                if not person.sync_allowed:
                    person.change_sync(sync_allowed=True)
                    click.echo(
                        f"From now on bookings of {person.name} may leave Kalends through private"
                        " links.",
                        err=True,
                    )
                made = Feed.generate(person, name, None, **scope)
        except models.NotYours:
            raise click.ClickException(
                "Only owners and managers may link every calendar of the clinic."
            ) from None
        except models.NoLinks as refusal:
            many = f"{person.name} has {models.MOST_LINKS} links already. Stop one."
            raise click.ClickException(
                f"The plan of {person.clinic.name} has no feeds." if refusal.why == "plan" else many
            ) from None
        click.echo(
            f"Link {made.id} can be stopped with: flask --app app feed revoke {made.id}", err=True
        )
        click.echo(_settings().base_url + feeds.path(_settings().secret_keys[0], made))


def _own_scope(person: User, venue_name: str | None) -> dict:
    """What a link of the person's own calendars is made of: one of them, or all where there are
    several.
    """
    calendars = [
        row
        for row in models.Practitioner.listed(person.clinic)
        if row.user_id == person.id and venue_name in (None, row.venue.name)
    ]
    if not calendars:
        where = f" at {venue_name}" if venue_name else "; owners and managers may use --all"
        raise click.ClickException(f"{person.name} has no calendar{where}.")
    return (
        {"scope": "practitioner", "practitioner": calendars[0]}
        if len(calendars) == 1
        else {"scope": "person"}
    )


@feed.command("revoke")
@click.argument("feed_id", metavar="ID")
@with_key
def revoke_feed(feed_id: str) -> None:
    """Stop the private link with this number or UUID for good."""
    with _database():
        try:
            same = (
                Feed.id == int(feed_id)
                if re.fullmatch(r"[0-9]{1,9}", feed_id)
                else Feed.uuid == uuid.UUID(feed_id)
            )
            found = Feed.get_or_none(same)
        except ValueError:
            found = None
        if found is None:
            raise click.ClickException(f"There is no private link {feed_id}.")
        if found.revoked_at is None:
            found.revoke(None)
        click.echo(f"The private link {found.name} of {found.user.email} is stopped.")


# ---- two-way sync ----


@click.group()
def sync() -> None:
    """Two-way sync."""


@sync.command("run")
@click.option(
    "--account",
    "account_id",
    type=int,
    help="Only this account; the health page names it. Default: every account that is due.",
)
@click.option("--dry-run", is_flag=True, help="Only print what would be done outside.")
@with_key
def run_sync(account_id: int | None, dry_run: bool) -> None:
    """Bring accounts in step, in the foreground, and print what was done."""
    with _database():
        rows = list(
            Account.select().where(Account.id == account_id)
            if account_id
            else Account.free(scheduling.utc_now())
        )
        if account_id and not rows:
            raise click.ClickException(f"There is no account {account_id}.")
        for row in rows:
            for line in look.planned(row) if dry_run else look.carried_out(row):
                click.echo(f"Account {row.id} ({row.kind}): {line}")
        if not rows:
            click.echo("Nothing is due.")


@click.command()
@with_key
def reseal() -> None:
    """Encrypt credentials of connected accounts and addresses of letters anew under the newest key
    of KALENDS_SECRET_KEY, so that older ones
    may go."""
    with _database():
        done, lost = _reseal(Account, Account.sealed)
        _reseal(Letter, Letter.sealed_to)
        click.echo(
            f"{done} accounts are sealed under the newest key."
            + (f" {lost} can be opened by no key: they ask to reconnect." if lost else "")
        )


@click.group()
def key() -> None:
    """The secret key."""


@key.command("accept")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_key
def accept_key(yes: bool) -> None:
    """Say that the secret key that is set now is this database's from now on: after the old one was
    lost, or got out.
    """
    with _database(with_any_key=True):
        if keys.state(_settings().secret_keys) == "foreign" and not yes:
            click.confirm(
                "Every private link gets a new address, everybody signs in again, and connected"
                " accounts must be connected again. Go on?",
                abort=True,
            )
        keys.accept(_settings().secret_keys)
        click.echo("This key is the database's from now on.")


def _reseal(table: type[models.Base], column) -> tuple[int, int]:
    """How many rows of the table were sealed anew in this column, and how many no key opens."""
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


# ---- data ----


@click.command()
@with_key
def sample() -> None:
    """Load the sample clinic into an empty database, and print its sign-ins."""
    with _database():
        try:
            people, password = _load_sample()
        except sample_clinic.NotEmpty:
            raise click.ClickException(
                "There is a clinic in this database already. Name an empty database in"
                " DATABASE_URL."
            ) from None
    click.echo("\n".join(_sample_sign_ins(people, password)))


@click.command("import")
@click.argument("kind", type=click.Choice(["clients", "bookings"]))
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Only look; change nothing.")
@click.option(
    "--good-ones", is_flag=True, help="Take the good lines in, even where others are bad."
)
@click.option(
    "--dates",
    type=click.Choice(ORDERS),
    help="How dates such as 03/04/2027 are meant, where the file does not tell.",
)
@click.option(
    "--map",
    "meanings",
    multiple=True,
    metavar="HEADING=COLUMN",
    help="What a column means; empty after = leaves it out. Repeat it.",
)
@click.option(
    "--calendar",
    "whose",
    metavar="EMAIL",
    help="Whose bookings they are, where the file does not say.",
)
@click.option("--overlaps", is_flag=True, help="Take overlapping bookings as they are.")
@click.option(
    "--clinic",
    "clinic_name",
    callback=_line(120),
    help="Name of the clinic, where there are several.",
)
@with_key
def imports(
    kind: str,
    file,
    dry_run: bool,
    good_ones: bool,
    dates: str | None,
    meanings: tuple[str, ...],
    whose: str | None,
    overlaps: bool,
    clinic_name: str | None,
) -> None:
    """Take in clients or bookings from the CSV file FILE. Ends with 1 where lines are bad."""
    with _database():
        there = _find_clinic(clinic_name)
        calendar = next(
            (
                row.id
                for row in models.Practitioner.listed(there)
                if whose and row.user.email == whose.strip().lower()
            ),
            None,
        )
        if whose and calendar is None:
            raise click.ClickException(f"Nobody with a calendar signs in as {whose}.")
        try:
            text, guessed = intake.decode(file.read(intake.MOST_BYTES + 1))
            choices = {
                "dates": dates,
                "calendar": calendar,
                "overlaps": overlaps,
                "columns": intake.meanings(kind, there, text, meanings),
            }
            sheet = intake.open_sheet(kind, text, guessed, choices)
            report = intake.store(
                sheet, there, None, lambda found: not dry_run and (good_ones or not found.bad)
            )
        except intake.Unreadable as error:
            raise click.ClickException(
                f"{error} Options that answer it: --dates, --map, --calendar."
            ) from None
    for entry in report.entries():
        click.echo(
            f"Line {entry['line']}{', ' * bool(entry['column'])}{entry['column']}:"
            f" {entry['sentence']}"
        )
    stored = report.rows if report.taken else ()
    click.echo(
        f"{sheet.total:,} lines, {len(report.bad):,} of them bad. Imported: {len(stored):,} {kind}."
    )
    sys.exit(1 if report.bad else 0)


# ---- care ----


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@with_key
def backup(file: Path) -> None:
    """Write database and secret key into FILE, while Kalends runs. Keep it as safe as the clients'
    records.
    """
    os.umask(0o077)
    try:
        click.echo(backups.write(_settings(), file))
    except (backups.Refused, OSError) as error:
        raise click.ClickException(str(error)) from None
    except PeeweeException as error:
        raise click.ClickException(str(migrations.unusable(error))) from None


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--as-it-was",
    is_flag=True,
    help="Leave an older backup's tables as they are, to go back to the version that made it.",
)
@with_appcontext
def restore(file: Path, yes: bool, as_it_was: bool) -> None:
    """Put the backup FILE in the place of the present database, which is kept aside."""
    os.umask(0o077)
    try:
        made_at = backups.inspect(file)
        if not yes:
            click.confirm(
                f"Replace the present database with the backup of {made_at:%d %B %Y, %H:%M} UTC?",
                abort=True,
            )
        click.echo(backups.restore(_settings(), file))
    except (backups.Refused, OSError, PeeweeException) as error:
        raise click.ClickException(str(error)) from None
    if as_it_was and migrations.state() != "current":
        backups.finish_restore(_settings())
        click.echo("It is as it was. Start it with the version of Kalends that made the backup.")
        return
    try:
        migrations.migrate()
    except migrations.CannotMigrate as error:
        raise click.ClickException(str(error)) from None
    backups.finish_restore(_settings())
    try:  # the backup's own key is in force from here on
        keys.put_in_force(current_app, Settings.from_env())
    except SettingsError as error:
        click.echo(f"Before you start it: {error}")
        return
    with _database(with_any_key=True):
        if keys.state(_settings().secret_keys) == "foreign":
            click.echo(f"Before you start it: {keys.FOREIGN}")


@click.command()
@click.option(
    "--mail-to",
    metavar="ADDRESS",
    help="Send a trial letter there, and say what the mail server answers.",
)
@with_appcontext
def doctor(mail_to: str | None) -> None:
    """Check settings, clock, database, Redis, base URL, mail and two-way sync, and say what to
    fix.
    """
    found = list(checks.examine(_settings(), mail_to))
    for is_well, sentence in found:
        click.echo(f"{'ok  ' if is_well else 'FIX '} {sentence}")
    sys.exit(0 if all(is_well for is_well, _ in found) else 1)
