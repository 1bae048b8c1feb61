"""How fast each account's provider takes things, what was told during a run, pages of unfinished
reads, and consents still to be given back.
"""

from peewee import BigIntegerField, CharField, ForeignKeyField, IntegerField, Model, TextField


def up(migrator, db):
    class Account(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "account"

    class RemoteCalendar(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "remote_calendar"

    class Pace(Model):
        account = ForeignKeyField(Account, unique=True, on_delete="CASCADE")
        batch = IntegerField(null=True)
        rest_seconds = IntegerField()
        limited_at = BigIntegerField(null=True)
        channels_wait_until = BigIntegerField(null=True)

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "pace"

    db.create_tables([Pace])

    class ToldChange(Model):
        account = ForeignKeyField(Account, on_delete="CASCADE")
        remote_id = CharField(max_length=1200)
        etag = CharField(max_length=300)

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "told_change"

    db.create_tables([ToldChange])

    class ReadPage(Model):
        calendar = ForeignKeyField(RemoteCalendar, on_delete="CASCADE")
        place = CharField(max_length=64)
        sealed = TextField()
        read_at = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "read_page"
            indexes = ((("calendar", "place"), True),)

    db.create_tables([ReadPage])

    class Revocation(Model):
        kind = CharField(max_length=20)
        email_hash = CharField(max_length=64)
        sealed = TextField()
        tries = IntegerField()
        retry_at = BigIntegerField()
        given_up_at = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "revocation"

    db.create_tables([Revocation])


def down(migrator, db):
    for table in ("revocation", "read_page", "told_change", "pace"):
        migrator.migrate(migrator.drop_table(table))
