"""Who asked for a link to set a password, as a keyed hash; "" for requests of earlier versions."""

from peewee import CharField


def up(migrator, db):
    migrator.migrate(migrator.add_column("reset_request", "origin", CharField(64, default="")))


def down(migrator, db):
    migrator.migrate(migrator.drop_column("reset_request", "origin"))
