"""What a person decided about an event of ours in another calendar whose booking is not known here.
Nobody was asked about any so far.
"""

from peewee import CharField


def up(migrator, db):
    migrator.migrate(migrator.add_column("stray", "decided", CharField(max_length=8, default="")))


def down(migrator, db):
    migrator.migrate(migrator.drop_column("stray", "decided"))
