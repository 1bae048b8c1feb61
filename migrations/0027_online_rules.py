"""By which rules clients book online.

Nobody's page is switched on. Everyone takes online bookings of the services that are bookable
online, as soon as the clinic switches its page on.
"""

from peewee import BooleanField, CharField, ForeignKeyField, IntegerField, Model, TextField

_COLUMNS = {
    "service": {
        "online_choice": lambda: CharField(max_length=10, default="either"),
        "online_approval": lambda: CharField(max_length=10, default="clinic"),
        "online_notice_hours": lambda: IntegerField(null=True),
        "online_horizon_days": lambda: IntegerField(null=True),
    },
    "practitioner": {
        "takes_online": lambda: BooleanField(default=True),
        "takes_new_online": lambda: BooleanField(default=True),
        "online_most": lambda: IntegerField(null=True),
    },
    "booking": {"online": lambda: BooleanField(null=True)},
}


def up(migrator, db):
    for table, columns in _COLUMNS.items():
        for name, kind in columns.items():
            migrator.migrate(migrator.add_column(table, name, kind()))

    class Clinic(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "clinic"

    class OnlineSettings(Model):
        clinic = ForeignKeyField(Clinic, unique=True)
        is_on = BooleanField()
        needs_approval = BooleanField()
        lapse_hours = IntegerField()
        change_hours = IntegerField()
        notice_hours = IntegerField()
        horizon_days = IntegerField()
        outside_blocks = BooleanField(null=True)
        when_stale = CharField(max_length=10)
        stale_minutes = IntegerField(null=True)
        asks = CharField(max_length=10)
        note_allowed = BooleanField()
        consent = TextField()
        welcome = TextField()
        cancellation = TextField()
        phone = CharField(max_length=40)
        colour = CharField(max_length=20)
        embed_origins = TextField()

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "online_settings"

    db.create_tables([OnlineSettings])


def down(migrator, db):
    migrator.migrate(migrator.drop_table("online_settings"))
    for table, columns in _COLUMNS.items():
        for name in columns:
            migrator.migrate(migrator.drop_column(table, name))
