"""Codes by e-mail for visitors of a clinic's page who cannot compute a proof of work."""

from peewee import BigIntegerField, CharField, ForeignKeyField, IntegerField, Model, TextField


def up(migrator, db):
    class Clinic(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "clinic"

    class MailedCode(Model):
        clinic = ForeignKeyField(Clinic, on_delete="CASCADE")
        visit = CharField(64, index=True)
        key = CharField(43, index=True)
        sealed = TextField()
        salt = CharField(32)
        tries = IntegerField(default=0)
        created_at = BigIntegerField()
        expires_at = BigIntegerField(index=True)

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "mailed_code"

    db.create_tables([MailedCode], safe=False)


def down(migrator, db):
    migrator.migrate(migrator.drop_table("mailed_code"))
