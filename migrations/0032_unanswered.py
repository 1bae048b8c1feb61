"""When a calendar outside last did not answer while somebody waited for it."""

from peewee import BigIntegerField


def up(migrator, db):
    migrator.migrate(
        migrator.add_column("remote_calendar", "unanswered_at", BigIntegerField(null=True))
    )


def down(migrator, db):
    migrator.migrate(migrator.drop_column("remote_calendar", "unanswered_at"))
