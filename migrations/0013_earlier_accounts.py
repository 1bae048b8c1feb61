"""What stands outside from accounts that were disconnected; and when each calendar is searched for
strays.
"""

from peewee import BigIntegerField, CharField, ForeignKeyField, Model


def up(migrator, db):
    class User(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "user"

    class EarlierAccount(Model):
        user = ForeignKeyField(User, on_delete="CASCADE")
        kind = CharField(max_length=20)
        part = CharField(max_length=16)
        calendar_id = CharField(max_length=1200, null=True)

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "earlier_account"
            indexes = ((("user", "kind", "part"), True),)

    db.create_tables([EarlierAccount])
    migrator.migrate(
        migrator.add_column("remote_calendar", "search_at", BigIntegerField(null=True)),
        migrator.add_column("remote_calendar", "search_word", CharField(max_length=60, default="")),
        migrator.add_column("read_page", "purpose", CharField(max_length=10, default="")),
    )


def down(migrator, db):
    migrator.migrate(migrator.drop_column("read_page", "purpose"))
    for column in ("search_word", "search_at"):
        migrator.migrate(migrator.drop_column("remote_calendar", column))
    migrator.migrate(migrator.drop_table("earlier_account"))
