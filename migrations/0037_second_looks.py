"""Calendars whose first reading is yet to be confirmed, and when each was searched as a whole."""

from peewee import BigIntegerField

COLUMNS = ("unproved_since", "sought_at")


def up(migrator, db):
    migrator.migrate(
        *(
            migrator.add_column("remote_calendar", name, BigIntegerField(null=True))
            for name in COLUMNS
        )
    )


def down(migrator, db):
    migrator.migrate(*(migrator.drop_column("remote_calendar", name) for name in COLUMNS))
