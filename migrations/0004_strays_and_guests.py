"""Events of ours in other calendars than ours, and guests whom somebody added to one, frozen as it
was in its first release.
"""

from peewee import BigIntegerField, CharField, ForeignKeyField, IntegerField, Model


def up(migrator, db):
    class Account(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "account"

    class Stray(Model):
        account = ForeignKeyField(Account, on_delete="CASCADE")
        calendar_id = CharField(max_length=1200)
        name = CharField(max_length=300)
        remote_id = CharField(max_length=1200)
        uid = CharField(max_length=36)
        fingerprint = CharField(max_length=120)
        problem = CharField(max_length=60)

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "stray"

    db.create_tables([Stray])
    migrator.migrate(
        migrator.add_column("account", "searched_at", BigIntegerField(null=True)),
        migrator.add_column("link", "guests", IntegerField(null=True)),
        migrator.add_column("link", "guests_told", IntegerField(null=True)),
    )


def down(migrator, db):
    migrator.migrate(migrator.drop_column("link", "guests_told"))
    migrator.migrate(migrator.drop_column("link", "guests"))
    migrator.migrate(migrator.drop_column("account", "searched_at"))
    migrator.migrate(migrator.drop_table("stray"))
