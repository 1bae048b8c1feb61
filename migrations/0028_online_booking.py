"""Online booking: the address of a clinic's page, times that are held, and bookings made there."""

from peewee import (
    BigIntegerField,
    BooleanField,
    CharField,
    ForeignKeyField,
    Model,
    TextField,
)


def up(migrator, db):
    class Rows(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Clinic(Rows):
        class Meta:
            table_name = "clinic"

    class Practitioner(Rows):
        class Meta:
            table_name = "practitioner"

    class Service(Rows):
        class Meta:
            table_name = "service"

    class Booking(Rows):
        class Meta:
            table_name = "booking"

    class PageName(Rows):
        clinic = ForeignKeyField(Clinic)
        name = CharField(max_length=40, unique=True)
        since = BigIntegerField()
        until = BigIntegerField(null=True)

        class Meta:
            table_name = "page_name"

    class Hold(Rows):
        clinic = ForeignKeyField(Clinic)
        practitioner = ForeignKeyField(Practitioner, on_delete="CASCADE")
        service = ForeignKeyField(Service, on_delete="CASCADE")
        visitor = CharField(max_length=64, unique=True)
        origin = CharField(max_length=64)
        starts_at = BigIntegerField()
        ends_at = BigIntegerField()
        expires_at = BigIntegerField(index=True)
        sealed = TextField(default="")
        asked_at = BigIntegerField(null=True)

        class Meta:
            table_name = "hold"
            indexes = ((("practitioner", "starts_at"), False),)

    class OnlineBooking(Rows):
        clinic = ForeignKeyField(Clinic)
        booking = ForeignKeyField(Booking, unique=True, on_delete="CASCADE")
        form = CharField(max_length=64, unique=True)
        salt = CharField(max_length=40)
        salt_before = CharField(max_length=40, default="")
        moved_at = BigIntegerField(null=True)
        made_at = BigIntegerField()
        approve_by = BigIntegerField(null=True)
        outcome = CharField(max_length=12, default="")
        decided_at = BigIntegerField(null=True)
        looked = CharField(max_length=12, default="")
        consent = TextField(default="")
        consented_at = BigIntegerField(null=True)
        zone_name = CharField(max_length=60, default="")
        is_to_check = BooleanField(default=False)

        class Meta:
            table_name = "online_booking"
            indexes = ((("clinic", "made_at"), False),)

    db.create_tables([PageName, Hold, OnlineBooking])


def down(migrator, db):
    for table in ("online_booking", "hold", "page_name"):
        migrator.migrate(migrator.drop_table(table))
