"""Events of ours outside that show more than may be shown now, until their words are taken."""

from peewee import BigIntegerField, BooleanField, CharField, ForeignKeyField, IntegerField, Model


def up(migrator, db):
    class Rows(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Account(Rows):
        class Meta:
            table_name = "account"

    class Wordy(Rows):
        account = ForeignKeyField(Account, on_delete="CASCADE")
        calendar_id = CharField(max_length=1200)
        remote_id = CharField(max_length=1200)
        is_certain = BooleanField(default=False)
        tries = IntegerField(default=0)
        retry_at = BigIntegerField(null=True)

        class Meta:
            table_name = "wordy"
            indexes = ((("account", "calendar_id", "remote_id"), True),)

    db.create_tables([Wordy], safe=False)


def down(migrator, db):
    migrator.migrate(migrator.drop_table("wordy"))
