"""What a person says of a file before it is checked, and what a clinic's columns mean."""

from peewee import CharField, ForeignKeyField, Model, TextField


def up(migrator, db):
    migrator.migrate(migrator.add_column("import", "choices", TextField(default="{}")))

    class Clinic(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "clinic"

    class ColumnMeaning(Model):
        clinic = ForeignKeyField(Clinic)
        kind = CharField(max_length=10)
        heading = CharField(max_length=90)
        meaning = CharField(max_length=20)

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "column_meaning"
            indexes = ((("clinic", "kind", "heading"), True),)

    db.create_tables([ColumnMeaning])


def down(migrator, db):
    migrator.migrate(migrator.drop_table("column_meaning"))
    migrator.migrate(migrator.drop_column("import", "choices"))
