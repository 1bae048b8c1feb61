"""The name that the provider tells for a calendar, while its person's own name stands in `name`."""

from peewee import CharField


def up(migrator, db):
    migrator.migrate(migrator.add_column("remote_calendar", "told_name", CharField(300, null=True)))


def down(migrator, db):
    migrator.migrate(migrator.drop_column("remote_calendar", "told_name"))
