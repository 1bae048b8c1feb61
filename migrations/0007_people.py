"""What notes said before, and history entries of each row that a change of several touched, frozen
as in the first release that had them.
"""

from peewee import BigIntegerField, CharField, ForeignKeyField, IntegerField, Model, TextField


def up(migrator, db):
    class Clinic(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "clinic"

    class User(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "user"

    class NoteVersion(Model):
        clinic = ForeignKeyField(Clinic)
        user = ForeignKeyField(User, null=True)
        kind = CharField(max_length=20)
        subject = IntegerField()
        text = TextField()
        at = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "note_version"
            indexes = ((("kind", "subject"), False),)

    db.create_tables([NoteVersion])
    migrator.migrate(
        migrator.add_column("audit_entry", "part_of", IntegerField(null=True, index=True))
    )


def down(migrator, db):
    migrator.migrate(migrator.drop_column("audit_entry", "part_of"))
    migrator.migrate(migrator.drop_table("note_version"))
