"""Letters to clients: which ones a clinic sends, and who wants no reminders."""

from peewee import BigIntegerField, BooleanField, CharField, ForeignKeyField, Model, TextField


def up(migrator, db):
    class Clinic(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "clinic"

    class LetterSettings(Model):
        clinic = ForeignKeyField(Clinic, unique=True, on_delete="CASCADE")
        to_clients = CharField(max_length=10, default="online")
        method = CharField(max_length=10, default="REQUEST")
        names_service = BooleanField(default=False)
        reply_to = CharField(max_length=254, default="")
        reminders = TextField(default='[{"at": "10:00", "days": 1}]')
        wordings = TextField(default="{}")
        names_clients = BooleanField(default=False)

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "letter_settings"

    db.create_tables([LetterSettings], safe=False)
    migrator.migrate(
        migrator.add_column("patient", "language", CharField(max_length=10, default="en")),
        migrator.add_column("patient", "unreminded_at", BigIntegerField(null=True)),
    )


def down(migrator, db):
    migrator.migrate(
        migrator.drop_column("patient", "unreminded_at"),
        migrator.drop_column("patient", "language"),
        migrator.drop_table("letter_settings"),
    )
