"""How often the deletion of a stray was refused in a row: one refusal is not believed."""

from peewee import IntegerField


def up(migrator, db):
    migrator.migrate(migrator.add_column("stray", "tries", IntegerField(default=0)))


def down(migrator, db):
    migrator.migrate(migrator.drop_column("stray", "tries"))
