"""The waiting list: who waits for an earlier time, what was offered, and how each clinic does it."""

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

MODES = ("hand", "turn", "all")
ENTRY_PHASES = ("waiting", "ended")
OFFER_PHASES = ("open", "taken", "declined", "lapsed", "gone", "unsent")


def up(migrator, db):
    class Rows(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Clinic(Rows):
        class Meta:
            table_name = "clinic"

    class User(Rows):
        class Meta:
            table_name = "user"

    class Venue(Rows):
        class Meta:
            table_name = "venue"

    class Practitioner(Rows):
        class Meta:
            table_name = "practitioner"

    class Patient(Rows):
        class Meta:
            table_name = "patient"

    class Service(Rows):
        class Meta:
            table_name = "service"

    class Booking(Rows):
        class Meta:
            table_name = "booking"

    class EarlierSettings(Rows):
        clinic = ForeignKeyField(Clinic, unique=True, on_delete="CASCADE")
        visitors_ask = BooleanField(default=False)
        mode = CharField(max_length=10, default="hand", constraints=[Check(f"mode IN {MODES}")])
        minutes = IntegerField(default=60)
        looked_rev = BigIntegerField(default=0)
        looked_at = BigIntegerField(null=True)

        class Meta:
            table_name = "earlier_settings"

    class WaitingEntry(Rows):
        clinic = ForeignKeyField(Clinic)
        uuid = UUIDField(unique=True)
        booking = ForeignKeyField(Booking, null=True, on_delete="CASCADE")
        patient = ForeignKeyField(Patient, null=True, on_delete="CASCADE")
        sealed = TextField(default="")
        service = ForeignKeyField(Service, on_delete="CASCADE")
        calendars = TextField(default="[]")
        venue = ForeignKeyField(Venue, null=True, on_delete="SET NULL")
        weekdays = TextField(default="[]")
        from_wall = CharField(max_length=5, default="")
        to_wall = CharField(max_length=5, default="")
        until = DateField(null=True)
        known = TextField(default="{}")
        sequence = IntegerField(null=True)
        by_team = BooleanField(default=False)
        phase = CharField(
            max_length=10, default="waiting", constraints=[Check(f"phase IN {ENTRY_PHASES}")]
        )
        ended_because = CharField(max_length=10, default="")
        created_at = BigIntegerField()
        ended_at = BigIntegerField(null=True)

        class Meta:
            table_name = "waiting_entry"
            indexes = ((("clinic", "phase"), False), (("booking", "phase"), False))

    class EarlierOffer(Rows):
        clinic = ForeignKeyField(Clinic)
        entry = ForeignKeyField(WaitingEntry, on_delete="CASCADE")
        uuid = UUIDField(unique=True)
        practitioner = ForeignKeyField(Practitioner, on_delete="CASCADE")
        starts_at = BigIntegerField()
        ends_at = BigIntegerField()
        sequence = IntegerField(null=True)
        visit = CharField(max_length=64)
        phase = CharField(
            max_length=10, default="open", constraints=[Check(f"phase IN {OFFER_PHASES}")]
        )
        made_at = BigIntegerField()
        expires_at = BigIntegerField()
        pressed_at = BigIntegerField(null=True)
        ended_at = BigIntegerField(null=True)
        user = ForeignKeyField(User, null=True, on_delete="SET NULL")

        class Meta:
            table_name = "earlier_offer"
            indexes = ((("clinic", "phase"), False), (("entry", "phase"), False))

    db.create_tables([EarlierSettings, WaitingEntry, EarlierOffer], safe=False)


def down(migrator, db):
    for table in ("earlier_offer", "waiting_entry", "earlier_settings"):
        migrator.migrate(migrator.drop_table(table))
