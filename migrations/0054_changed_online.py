"""Which bookings of the team their clients changed by a link, and whether a person is told of
bookings that go to a colleague.
"""

from peewee import BooleanField


def up(migrator, db):
    migrator.migrate(
        migrator.add_column("booking", "changed_online", BooleanField(null=True)),
        migrator.add_column("team_letters", "lost", BooleanField(default=True)),
    )


def down(migrator, db):
    migrator.migrate(
        migrator.drop_column("team_letters", "lost"),
        migrator.drop_column("booking", "changed_online"),
    )
