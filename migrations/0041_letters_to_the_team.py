"""Which letters each person of a clinic wants."""

from peewee import BooleanField, ForeignKeyField, Model


def up(migrator, db):
    class User(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "user"

    class TeamLetters(Model):
        user = ForeignKeyField(User, unique=True, on_delete="CASCADE")
        own = BooleanField(default=True)
        all = BooleanField(default=False)
        asked = BooleanField(null=True)
        morning = BooleanField(default=False)
        digest = BooleanField(default=False)

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "team_letters"

    db.create_tables([TeamLetters], safe=False)


def down(migrator, db):
    migrator.migrate(migrator.drop_table("team_letters"))
