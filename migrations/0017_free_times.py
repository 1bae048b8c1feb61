"""Whether whoever was free was asked for: what counts for a fair share. Earlier bookings do not say."""

from peewee import BooleanField


def up(migrator, db):
    migrator.migrate(migrator.add_column("booking", "anyone", BooleanField(null=True)))


def down(migrator, db):
    migrator.migrate(migrator.drop_column("booking", "anyone"))
