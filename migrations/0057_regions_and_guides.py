"""How each person reads dates and times, what a clinic prints on, and what people say of guides."""

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
    papers = Check("paper IN ('a4', 'letter')")
    migrator.migrate(
        migrator.add_column("user", "own_week_start", IntegerField(null=True)),
        migrator.add_column("user", "own_twelve_hours", BooleanField(null=True)),
        migrator.add_column("user", "own_date_order", CharField(max_length=3, null=True)),
        migrator.add_column(
            "clinic", "paper", CharField(max_length=6, default="a4", constraints=[papers])
        ),
    )

    class Rows(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Clinic(Rows):
        class Meta:
            table_name = "clinic"

    class User(Rows):
        class Meta:
            table_name = "user"

    class GuideNote(Rows):
        clinic = ForeignKeyField(Clinic, on_delete="CASCADE")
        user = ForeignKeyField(User, null=True, on_delete="SET NULL")
        page = CharField(max_length=40)
        is_helpful = BooleanField()
        note = TextField(default="")
        created_at = BigIntegerField()

        class Meta:
            table_name = "guide_note"

    db.create_tables([GuideNote], safe=False)


def down(migrator, db):
    migrator.migrate(
        migrator.drop_table("guide_note"),
        migrator.drop_column("clinic", "paper"),
        migrator.drop_column("user", "own_date_order"),
        migrator.drop_column("user", "own_twelve_hours"),
        migrator.drop_column("user", "own_week_start"),
    )
