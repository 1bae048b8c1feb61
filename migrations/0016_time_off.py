"""Time off, other hours on a date, and the country whose holidays close a venue."""

from peewee import (
    BigIntegerField,
    BooleanField,
    CharField,
    Check,
    DateField,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
    UUIDField,
)

_COLUMNS = {
    "venue": {
        "country": lambda default: CharField(max_length=2, default=""),
        "region": lambda default: CharField(max_length=40, default=""),
    },
    "user": {"away_rev": BigIntegerField, "outside_rev": BigIntegerField},
}


def up(migrator, db):
    class Clinic(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "clinic"

    class User(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "user"

    class Venue(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "venue"

    class Practitioner(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "practitioner"

    class TimeOff(Model):
        clinic = ForeignKeyField(Clinic)
        user = ForeignKeyField(User)
        uuid = UUIDField(unique=True)
        kind = CharField(
            max_length=10,
            constraints=[Check("kind IN ('leave', 'sick', 'training', 'lunch', 'other')")],
        )
        note = TextField()
        first_on = DateField()
        last_on = DateField()
        starts = CharField(null=True, max_length=5)
        ends = CharField(null=True, max_length=5)
        zone_name = CharField(null=True, max_length=60)
        weekly = BooleanField()
        until = DateField(null=True)
        skipped = TextField()
        sequence = IntegerField()
        created_at = BigIntegerField()
        updated_at = BigIntegerField()
        removed_at = BigIntegerField(null=True)

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "time_off"
            indexes = ((("user", "first_on"), False),)

    class DatedHours(Model):
        clinic = ForeignKeyField(Clinic)
        venue = ForeignKeyField(Venue, null=True)
        practitioner = ForeignKeyField(Practitioner, null=True)
        day = DateField()
        hours = TextField()
        name = CharField(max_length=120)
        is_holiday = BooleanField()
        counts = BooleanField()

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "dated_hours"
            indexes = (
                (("venue", "day", "is_holiday"), True),
                (("practitioner", "day"), True),
            )

    db.create_tables([TimeOff, DatedHours])
    for table, columns in _COLUMNS.items():
        for name, kind in columns.items():
            migrator.migrate(migrator.add_column(table, name, kind(default=0)))


def down(migrator, db):
    for table, columns in _COLUMNS.items():
        for name in columns:
            migrator.migrate(migrator.drop_column(table, name))
    migrator.migrate(migrator.drop_table("dated_hours"))
    migrator.migrate(migrator.drop_table("time_off"))
