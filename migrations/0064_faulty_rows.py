"""Rows that a chore failed at, so that they keep no others waiting."""

from peewee import BigIntegerField, CharField, IntegerField, Model


def up(migrator, db):
    class FaultyRow(Model):
        chore = CharField(max_length=120)
        row = BigIntegerField()
        tries = IntegerField()
        retry_at = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "faulty_row"
            indexes = ((("chore", "row"), True),)

    db.create_tables([FaultyRow], safe=False)


def down(migrator, db):
    migrator.migrate(migrator.drop_table("faulty_row"))
