"""How often an event was created in a row without a reading that has reported it."""

from peewee import IntegerField


def up(migrator, db):
    migrator.migrate(migrator.add_column("mapping", "unseen", IntegerField(default=0)))


def down(migrator, db):
    migrator.migrate(migrator.drop_column("mapping", "unseen"))
