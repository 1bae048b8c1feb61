"""Text messages: by which service a clinic sends them, who asked for them, and their queue."""

from peewee import BooleanField, CharField, ForeignKeyField, Model, TextField


def up(migrator, db):
    class Clinic(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "clinic"

    class TextSettings(Model):
        clinic = ForeignKeyField(Clinic, unique=True, on_delete="CASCADE")
        sealed_url = TextField(default="")
        sealed_secret = TextField(default="")
        kinds = TextField(default='["moved", "cancelled", "reminder"]')
        is_on = BooleanField(default=False)

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "text_settings"

    db.create_tables([TextSettings], safe=False)
    migrator.migrate(
        migrator.add_column("patient", "texts", BooleanField(default=False)),
        migrator.add_column("letter", "queue", CharField(max_length=30, default="mail")),
    )


def down(migrator, db):
    migrator.migrate(
        migrator.drop_column("letter", "queue"),
        migrator.drop_column("patient", "texts"),
        migrator.drop_table("text_settings"),
    )
