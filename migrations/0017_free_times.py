"""Who offers what, the gap before a service, and whether whoever was free was asked for.

Everyone offers what there is; earlier bookings do not say who was asked for.
"""

from peewee import BooleanField, ForeignKeyField, IntegerField, Model


def up(migrator, db):
    migrator.migrate(
        migrator.add_column("booking", "anyone", BooleanField(null=True)),
        migrator.add_column("service", "gap_before_minutes", IntegerField(default=0)),
        migrator.add_column("service", "for_everyone", BooleanField(default=True)),
    )

    class Clinic(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "clinic"

    class Service(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "service"

    class Practitioner(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "practitioner"

    class Offer(Model):
        clinic = ForeignKeyField(Clinic)
        service = ForeignKeyField(Service, on_delete="CASCADE")
        practitioner = ForeignKeyField(Practitioner, on_delete="CASCADE")
        duration_minutes = IntegerField(null=True)
        price_cents = IntegerField(null=True)

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "offer"
            indexes = ((("service", "practitioner"), True),)

    db.create_tables([Offer])


def down(migrator, db):
    migrator.migrate(
        migrator.drop_table("offer"),
        migrator.drop_column("service", "for_everyone"),
        migrator.drop_column("service", "gap_before_minutes"),
        migrator.drop_column("booking", "anyone"),
    )
