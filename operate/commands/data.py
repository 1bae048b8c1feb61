"""Commands that bring data in: the sample clinic, and imports from files."""

import secrets
import sys

import click

import models
from base import region
from base.catalogue import _, lazy
from operate import intake
from operate import sample as sample_clinic
from operate.intake.encoding import NAMES
from operate.intake.moments import ORDERS
from operate.intake.questions import MOST_MINUTES

from .kit import find_clinic, line_of, opened_database, own_settings, with_key


def load_sample() -> tuple[list[tuple[str, str]], str]:
    """Load the sample clinic. Returns its sign-ins and their password."""
    password = own_settings().sample_password or secrets.token_urlsafe(9)
    return sample_clinic.load(password), password


def sample_sign_ins(people: list[tuple[str, str]], password: str) -> list[str]:
    """The sign-ins of the sample as lines to print."""
    return [
        _("The sample clinic is loaded. Sign in as"),
        *(f"  {role:14}{email}" for role, email in people),
        _("with the password {password}", password=password),
    ]


@click.command()
@with_key
def sample() -> None:
    """Load the sample clinic into an empty database, and print its sign-ins."""
    with opened_database():
        try:
            people, password = load_sample()
        except sample_clinic.NotEmpty:
            raise click.ClickException(
                _(
                    "There is a clinic in this database already. Name an empty database in"
                    " DATABASE_URL."
                )
            ) from None
    click.echo("\n".join(sample_sign_ins(people, password)))


@click.command("import")
@click.argument("kind", type=click.Choice(["clients", "bookings"]))
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help=lazy("Only look; change nothing."))
@click.option(
    "--good-ones", is_flag=True, help=lazy("Take the good lines in, even where others are bad.")
)
@click.option(
    "--dates",
    type=click.Choice(ORDERS),
    help=lazy("How dates such as 03/04/2027 are meant, where the file does not tell."),
)
@click.option(
    "--map",
    "meanings",
    multiple=True,
    metavar="HEADING=COLUMN",
    help=lazy("What a column means; empty after = leaves it out. Repeat it."),
)
@click.option(
    "--calendar",
    "whose",
    metavar="EMAIL",
    help=lazy("Whose bookings they are, where the file does not say."),
)
@click.option(
    "--encoding",
    type=click.Choice(list(NAMES)),
    help=lazy("How a file that is not in UTF-8 is read, where the guess is wrong."),
)
@click.option(
    "--minutes",
    type=click.IntRange(1, MOST_MINUTES),
    help=lazy("How long a booking lasts, where the file does not tell."),
)
@click.option("--overlaps", is_flag=True, help=lazy("Take overlapping bookings as they are."))
@click.option(
    "--clinic",
    "clinic_name",
    callback=line_of(120),
    help=lazy("Name of the clinic, where there are several."),
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
    encoding: str | None,
    minutes: int | None,
    overlaps: bool,
    clinic_name: str | None,
) -> None:
    """Take in clients or bookings from the CSV file FILE. Ends with 1 where lines are bad."""
    with opened_database():
        there = find_clinic(clinic_name)
        calendar = _calendar_of(whose, there) if whose else None
        try:
            text, guessed = intake.decode(file.read(intake.MOST_BYTES + 1), encoding)
            choices = {
                "dates": dates,
                "calendar": calendar,
                "minutes": minutes,
                "overlaps": overlaps,
                "columns": intake.meanings(kind, there, text, meanings),
            }
            sheet = intake.open_sheet(kind, text, guessed, choices)
            with region.using(there.region):
                report = intake.store(
                    sheet, there, None, lambda found: not dry_run and (good_ones or not found.bad)
                )
        except intake.UnreadableFile as error:
            raise click.ClickException(
                _(
                    "{error} Options that answer it: --dates, --map, --calendar, --minutes.",
                    error=error,
                )
            ) from None
    _print_result(report, sheet.total, kind)
    sys.exit(1 if report.bad else 0)


def _calendar_of(whose: str, clinic: models.Clinic) -> int:
    """The calendar (id) of the person who signs in with this address."""
    for row in models.Practitioner.listed(clinic):
        if row.user.email == whose.strip().lower():
            return row.id
    raise click.ClickException(_("Nobody with a calendar signs in as {whose}.", whose=whose))


def _print_result(report, lines: int, kind: str) -> None:
    """Print the result of an import."""
    for entry in report.entries():
        where = f"{entry['line']}, {entry['column']}" if entry["column"] else entry["line"]
        click.echo(_("Line {where}: {sentence}", where=where, sentence=entry["sentence"]))
    stored = report.stored
    click.echo(
        _(
            "{total} lines, {bad} of them bad. Imported: {stored} {kind}.",
            total=f"{lines:,}",
            bad=f"{lines - stored if report.is_imported else len(report.bad):,}",
            stored=f"{stored:,}",
            kind=kind,
        )
    )
