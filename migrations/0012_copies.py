"""Copies of feeds that could not be voided at once."""

from peewee import BigIntegerField


def up(migrator, db):
    migrator.migrate(migrator.add_column("clinic", "void_rev", BigIntegerField(null=True)))


def down(migrator, db):
    migrator.migrate(migrator.drop_column("clinic", "void_rev"))
