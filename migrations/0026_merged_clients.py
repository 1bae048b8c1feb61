"""Two records of one client made one: which was merged into which, and what takes it back."""

from peewee import BigIntegerField, ForeignKeyField, Model, TextField


def up(migrator, db):
    db.execute_sql(
        'ALTER TABLE "patient" ADD COLUMN "merged_into_id" INTEGER REFERENCES "patient" ("id")'
    )

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

    class Patient(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "patient"

    class ClientMerge(Model):
        clinic = ForeignKeyField(Clinic)
        kept = ForeignKeyField(Patient)
        gone = ForeignKeyField(Patient)
        user = ForeignKeyField(User, null=True, on_delete="SET NULL")
        at = BigIntegerField()
        facts = TextField()
        undone_at = BigIntegerField(null=True)

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "client_merge"

    db.create_tables([ClientMerge])


def down(migrator, db):
    migrator.migrate(
        migrator.drop_table("client_merge"), migrator.drop_column("patient", "merged_into_id")
    )
