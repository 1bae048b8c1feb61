"""Since when readings of a calendar outside lack an event without saying that it is gone."""

from peewee import BigIntegerField


def up(migrator, db):
    migrator.migrate(
        migrator.add_column("external_event", "doubted_at", BigIntegerField(null=True))
    )


def down(migrator, db):
    migrator.migrate(migrator.drop_column("external_event", "doubted_at"))
