"""When a client took the time that the clinic offered, while calendars outside are asked for it."""

from peewee import BigIntegerField


def up(migrator, db):
    migrator.migrate(
        migrator.add_column("online_booking", "pressed_at", BigIntegerField(null=True, index=True))
    )


def down(migrator, db):
    migrator.migrate(migrator.drop_column("online_booking", "pressed_at"))
