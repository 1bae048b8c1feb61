"""How many events of ours stayed outside when sync of an account was ended without removing them.
Of accounts that ended before, the number is not known: 0.
"""

from peewee import IntegerField


def up(migrator, db):
    migrator.migrate(migrator.add_column("account", "stayed", IntegerField(default=0)))


def down(migrator, db):
    migrator.migrate(migrator.drop_column("account", "stayed"))
