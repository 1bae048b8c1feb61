"""The command line: `flask --app app …`."""

import secrets
import sys

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

import migrate as migrations
import sample as sample_clinic


def register(app: Flask) -> None:
    app.cli.add_command(migrate)
    app.cli.add_command(sample)


@click.command()
@with_appcontext
def migrate() -> None:
    """Bring the database up to date."""
    try:
        applied = migrations.migrate()
    except migrations.CannotMigrate as error:
        sys.exit(str(error))
    click.echo(f"Applied {', '.join(applied)}." if applied else "The database is up to date.")


@click.command()
@with_appcontext
def sample() -> None:
    """Load the sample clinic into an empty database, and print its sign-ins."""
    password = current_app.config["SETTINGS"].sample_password or secrets.token_urlsafe(9)
    try:
        sign_ins = sample_clinic.load(password)
    except sample_clinic.NotEmpty:
        sys.exit("There is a clinic in this database already, so the sample clinic stays out. Name an empty one in DATABASE_URL.")
    click.echo("The sample clinic is loaded. Sign in as:")
    for role, email in sign_ins:
        click.echo(f"  {role:<13} {email}")
    click.echo(f"  Password      {password}")
