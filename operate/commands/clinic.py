"""Commands for a clinic: people, plans, private links, running two-way sync."""

import re
import uuid

import click

import models
from base import scheduling
from base.catalogue import _, lazy
from base.database import AlreadyUsed
from models import Clinic, Feed, User, Venue
from people import founding
from sync.feeds import feed as feeds
from sync.providers import registry
from sync.tables.accounts import Account
from sync.two_way import report

from .kit import (
    ask_password,
    email_of,
    find_clinic,
    find_user,
    line_of,
    one_time_address,
    opened_database,
    own_settings,
    welcome,
    with_key,
    zone_of,
)


@click.group()
def clinic() -> None:
    """Clinics."""


@clinic.command("create")
@click.argument("name", callback=line_of(120))
@click.option(
    "--zone",
    required=True,
    callback=zone_of,
    help=lazy("A city, or an IANA time zone such as Europe/London."),
)
@click.option("--owner-email", required=True, callback=email_of)
@click.option("--owner-name", required=True, callback=line_of(120))
@click.option(
    "--password-stdin", is_flag=True, help=lazy("Read the owner's password from standard input.")
)
@with_key
def create_clinic(
    name: str, zone: str, owner_email: str, owner_name: str, password_stdin: bool
) -> None:
    """Make a clinic with one venue and its owner.

    Prints a link with which the owner chooses a password.
    """
    with opened_database():
        if User.select().where(User.email == owner_email).exists():
            raise click.ClickException(
                _("{owner_email} signs in already.", owner_email=owner_email)
            )
        password = ask_password(owner_name, owner_email, name) if password_stdin else None
        welcome(founding.found(name, zone, owner_name, owner_email), password)


@click.group()
def user() -> None:
    """People who sign in."""


@user.command("create")
@click.argument("email", callback=email_of)
@click.option("--name", required=True, callback=line_of(120))
@click.option("--role", type=click.Choice(models.ROLES), default="practitioner", show_default=True)
@click.option("--clinic", "clinic_name", help=lazy("Needed where there are several clinics."))
@click.option(
    "--venue",
    "venue_names",
    multiple=True,
    help=lazy("Where they have a calendar; may be repeated. Practitioners: the only venue."),
)
@click.option("--password-stdin", is_flag=True, help=lazy("Read the password from standard input."))
@with_key
def create_user(
    email: str,
    name: str,
    role: str,
    clinic_name: str | None,
    venue_names: tuple[str, ...],
    password_stdin: bool,
) -> None:
    """Add a person; prints a link with which they choose a password."""
    with opened_database():
        there = find_clinic(clinic_name)
        venues = [_find_venue(there, venue_name) for venue_name in venue_names]
        if not venues and role == "practitioner":
            venues = [_find_venue(there, None)]
        password = ask_password(name, email, there.name) if password_stdin else None
        try:
            person = User.invite(there, None, venues, name=name, email=email, role=role)
        except AlreadyUsed:
            raise click.ClickException(_("{email} signs in already.", email=email)) from None
        welcome(person, password)


def _find_venue(there: Clinic, name: str | None) -> Venue:
    """The clinic's open venue of this name, or its only one."""
    rows = [venue for venue in Venue.listed(there) if name in (None, venue.name)]
    if len(rows) != 1:
        names = ", ".join(venue.name for venue in Venue.listed(there))
        raise click.ClickException(
            _("Name a venue of {clinic} with --venue: {names}.", clinic=there.name, names=names)
        )
    return rows[0]


@user.command("password")
@click.argument("email")
@click.option("--password-stdin", is_flag=True, help=lazy("Read the password from standard input."))
@click.option("--link", is_flag=True, help=lazy("Print a link under which the person chooses one."))
@with_key
def change_password(email: str, password_stdin: bool, link: bool) -> None:
    """Set a person's password and sign them out everywhere.

    The command asks for it, unless an option says otherwise.
    """
    with opened_database():
        person = find_user(email)
        if link:
            click.echo(one_time_address(person, "reset"))
            return
        person.set_password(ask_password(*person.own_words), None)
        click.echo(
            _(
                "The password of {email} is changed, and every session of theirs has ended.",
                email=person.email,
            )
        )


@click.command()
@click.argument("clinic_name", metavar="CLINIC")
@click.argument("name", type=click.Choice(tuple(models.PLANS)))
@with_key
def plan(clinic_name: str, name: str) -> None:
    """Move CLINIC to the plan NAME. A plan without feeds stops every private link for good."""
    with opened_database():
        there = find_clinic(clinic_name)
        there.change_plan(name, None)
        click.echo(
            _(
                "{clinic} is on the plan {plan}: {places}.",
                clinic=there.name,
                plan=name,
                places=", ".join(registry.sold_in(models.PLANS[name])),
            )
        )


@click.group()
def feed() -> None:
    """Private links."""


@feed.command("create")
@click.argument("email")
@click.option("--name", default="Command line", show_default=True, callback=line_of(80))
@click.option(
    "--venue",
    "venue_name",
    help=lazy("Only the person's calendar at this venue. Default: all of theirs."),
)
@click.option(
    "--all",
    "whole_clinic",
    is_flag=True,
    help=lazy("Every calendar of the clinic; for owners and managers."),
)
@with_key
def create_feed(email: str, name: str, venue_name: str | None, whole_clinic: bool) -> None:
    """Make a private link for a person and print its URL.

    Lets their bookings leave Kalends where they had not yet.
    """
    with opened_database():
        person = find_user(email)
        scope = {"scope": "clinic"} if whole_clinic else _own_scope(person, venue_name)
        if not person.is_active:
            raise click.ClickException(_("{email} has left the clinic.", email=email))
        try:
            with models.database.atomic():
                if not person.sync_allowed:
                    person.change_sync(sync_allowed=True)
                    click.echo(
                        _(
                            "From now on bookings of {person} may leave Kalends through private"
                            " links.",
                            person=person.name,
                        ),
                        err=True,
                    )
                made = Feed.generate(person, name, None, **scope)
        except models.NotYours:
            raise click.ClickException(
                _("Only owners and managers may link every calendar of the clinic.")
            ) from None
        except models.NoFeeds as refusal:
            many = _(
                "{person} has {most_feeds} links already. Stop one.",
                person=person.name,
                most_feeds=models.MOST_FEEDS,
            )
            raise click.ClickException(
                _("The plan of {clinic} has no feeds.", clinic=person.clinic.name)
                if refusal.why == "plan"
                else many
            ) from None
        click.echo(
            _("Link {made} can be stopped with: flask --app app feed revoke {made}", made=made.id),
            err=True,
        )
        click.echo(own_settings().base_url + feeds.path(own_settings().secret_keys[0], made))


def _own_scope(person: User, venue_name: str | None) -> dict:
    """The values for a feed of the person's own calendars: of one calendar, or of all if there are
    several.
    """
    calendars = [
        row
        for row in models.Practitioner.listed(person.clinic)
        if row.user_id == person.id and venue_name in (None, row.venue.name)
    ]
    if not calendars:
        where = (
            _(" at {venue}", venue=venue_name)
            if venue_name
            else _("; owners and managers may use --all")
        )
        raise click.ClickException(
            _("{person} has no calendar{where}.", person=person.name, where=where)
        )
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
    with opened_database():
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
            raise click.ClickException(_("There is no private link {feed_id}.", feed_id=feed_id))
        if found.revoked_at is None:
            found.revoke(None)
        click.echo(
            _(
                "The private link {found} of {email} is stopped.",
                found=found.name,
                email=found.user.email,
            )
        )


@click.group()
def sync() -> None:
    """Two-way sync."""


@sync.command("run")
@click.option(
    "--account",
    "account_id",
    type=int,
    help=lazy("Only this account; the health page names it. Default: every account that is due."),
)
@click.option("--dry-run", is_flag=True, help=lazy("Only print what would be done outside."))
@with_key
def run_sync(account_id: int | None, dry_run: bool) -> None:
    """Sync accounts in the foreground, and print what was done."""
    with opened_database():
        rows = list(
            Account.select().where(Account.id == account_id)
            if account_id
            else Account.free(scheduling.utc_now())
        )
        if account_id and not rows:
            raise click.ClickException(
                _("There is no account {account_id}.", account_id=account_id)
            )
        for row in rows:
            for line in report.planned(row) if dry_run else report.carried_out(row):
                click.echo(
                    _("Account {row} ({kind}): {line}", row=row.id, kind=row.kind, line=line)
                )
        if not rows:
            click.echo(_("Nothing is due."))
