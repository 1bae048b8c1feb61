"""When a new calendar was asked for outside: until it is listed no second one is asked for."""

from peewee import BigIntegerField


def up(migrator, db):
    migrator.migrate(
        migrator.add_column("remote_calendar", "asked_for_at", BigIntegerField(null=True))
    )


def down(migrator, db):
    migrator.migrate(migrator.drop_column("remote_calendar", "asked_for_at"))
