"""What of the calendars outside could not be read, and when each was last read as a whole, frozen
as it was in its first release.
"""

from peewee import BigIntegerField, CharField, ForeignKeyField, IntegerField, Model


def up(migrator, db):
    class Clinic(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "clinic"

    class RemoteCalendar(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "remote_calendar"

    migrator.migrate(
        migrator.add_column("remote_calendar", "whole_at", BigIntegerField(null=True)),
        migrator.add_column("remote_calendar", "turn", IntegerField(default=0)),
    )

    class UnreadEvent(Model):
        clinic = ForeignKeyField(Clinic)
        calendar = ForeignKeyField(RemoteCalendar, on_delete="CASCADE")
        remote_id = CharField(max_length=1200)
        reason = CharField(max_length=20)

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "unread_event"
            indexes = ((("calendar", "remote_id"), True),)

    class CalendarTrouble(Model):
        clinic = ForeignKeyField(Clinic)
        calendar = ForeignKeyField(RemoteCalendar, on_delete="CASCADE")
        kind = CharField(max_length=10)
        reason = CharField(max_length=20)
        word = CharField(max_length=60)
        since = BigIntegerField()
        looks = IntegerField()
        told_at = BigIntegerField(null=True)
        until = BigIntegerField(null=True)
        ended_at = BigIntegerField(null=True)

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "calendar_trouble"
            indexes = ((("calendar", "kind"), True),)

    db.create_tables([UnreadEvent, CalendarTrouble])


def down(migrator, db):
    migrator.migrate(migrator.drop_table("calendar_trouble"), migrator.drop_table("unread_event"))
    for column in ("turn", "whole_at"):
        migrator.migrate(migrator.drop_column("remote_calendar", column))
