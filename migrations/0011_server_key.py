"""The secret keys that the database belongs to, by fingerprint."""

from peewee import BigIntegerField, CharField, Model


def up(migrator, db):
    class ServerKey(Model):
        fingerprint = CharField(unique=True, max_length=64)
        since = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "server_key"

    db.create_tables([ServerKey])


def down(migrator, db):
    migrator.migrate(migrator.drop_table("server_key"))
