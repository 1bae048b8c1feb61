"""What databases of version 0.1.0 lack: five of the steps before this one were completed after it.

Does nothing where it is there, as in every other database.
"""

from peewee import BigIntegerField, BooleanField, CharField, ForeignKeyField, IntegerField, Model

_COLUMNS = {
    "remote_calendar": {"search_word": CharField(max_length=60, default="")},
    "venue": {
        "country": CharField(max_length=2, default=""),
        "region": CharField(max_length=40, default=""),
    },
    "user": {"outside_rev": BigIntegerField(default=0)},
    "service": {
        "gap_before_minutes": IntegerField(default=0),
        "for_everyone": BooleanField(default=True),
    },
}


def up(migrator, db):
    if "label_revs" in _columns(db, "patient"):
        migrator.migrate(migrator.rename_column("patient", "label_revs", "label_changes"))
    for table, columns in _COLUMNS.items():
        present = _columns(db, table)
        for name, column in columns.items():
            if name not in present:
                migrator.migrate(migrator.add_column(table, name, column))
    if "offer" not in db.get_tables():
        db.create_tables([_offer(db)])


def down(migrator, db):
    """Nothing: what is there belongs to the steps before."""


def _columns(db, table):
    return {column.name for column in db.get_columns(table)}


def _offer(db):
    def table(name):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = name

        return type(name.capitalize(), (Model,), {"Meta": Meta})

    class Offer(Model):
        clinic = ForeignKeyField(table("clinic"))
        service = ForeignKeyField(table("service"), on_delete="CASCADE")
        practitioner = ForeignKeyField(table("practitioner"), on_delete="CASCADE")
        duration_minutes = IntegerField(null=True)
        price_cents = IntegerField(null=True)

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "offer"
            indexes = ((("service", "practitioner"), True),)

    return Offer
