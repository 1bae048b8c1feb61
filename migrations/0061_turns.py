"""When chores that are seldom due were last done, so that one that failed is tried again soon."""

from peewee import BigIntegerField, CharField, Model


def up(migrator, db):
    class ChoreTurn(Model):
        name = CharField(max_length=120, unique=True)
        done_at = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "chore_turn"

    db.create_tables([ChoreTurn], safe=False)


def down(migrator, db):
    migrator.migrate(migrator.drop_table("chore_turn"))
