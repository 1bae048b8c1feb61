"""Letters as rows, requests for a new password, and one-time links whose secret follows from a
salt; frozen as it was in its first release.
"""

from peewee import (
    BigIntegerField,
    BooleanField,
    CharField,
    Check,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)


def up(migrator, db):
    class Clinic(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "clinic"

    migrator.migrate(
        migrator.add_column("one_time_link", "salt", CharField(max_length=32, default=""))
    )

    class Letter(Model):
        clinic = ForeignKeyField(Clinic, null=True, on_delete="CASCADE")
        kind = CharField(max_length=20)
        about = IntegerField()
        sequence = CharField(max_length=80)
        sealed_to = TextField()
        language = CharField(max_length=10)
        detail = TextField()
        phase = CharField(
            max_length=10, constraints=[Check("phase IN ('waiting', 'sent', 'dropped', 'failed')")]
        )
        word = CharField(max_length=40)
        due_at = BigIntegerField()
        tries = IntegerField()
        tried_at = BigIntegerField(null=True)
        failing_since = BigIntegerField(null=True)
        is_held = BooleanField()
        lease = CharField(null=True, max_length=40)
        leased_until = BigIntegerField(null=True)
        created_at = BigIntegerField()
        ended_at = BigIntegerField(null=True)

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "letter"
            indexes = (
                (("kind", "about", "sequence"), True),
                (("phase", "due_at"), False),
                (("clinic", "phase"), False),
            )

    db.create_tables([Letter])

    class ResetRequest(Model):
        key = CharField(max_length=64)
        sealed = TextField()
        created_at = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "reset_request"
            indexes = ((("key", "created_at"), False),)

    db.create_tables([ResetRequest])


def down(migrator, db):
    migrator.migrate(migrator.drop_table("reset_request"))
    migrator.migrate(migrator.drop_table("letter"))
    migrator.migrate(migrator.drop_column("one_time_link", "salt"))
