"""Sessions as rows, and what happened at the doors, frozen as it was in its first release. Internal
IDs are unique whatever their case.
"""

import time

from peewee import (
    BigIntegerField,
    BooleanField,
    CharField,
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

    class User(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "user"

    class Session(Model):
        user = ForeignKeyField(User, on_delete="CASCADE")
        secret_hash = CharField(unique=True, max_length=64)
        epoch = IntegerField()
        remembered = BooleanField()
        device = CharField(max_length=60)
        started_at = BigIntegerField()
        seen_at = BigIntegerField()
        held = TextField()

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "session"

    db.create_tables([Session])

    class SecurityEvent(Model):
        clinic = ForeignKeyField(Clinic, null=True, on_delete="CASCADE")
        user = ForeignKeyField(User, null=True, on_delete="CASCADE")
        kind = CharField(max_length=20)
        source = CharField(max_length=16)
        device = CharField(max_length=60)
        count = IntegerField()
        first_at = BigIntegerField()
        at = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "security_event"
            indexes = ((("clinic", "at"), False), (("kind", "at"), False))

    db.create_tables([SecurityEvent])

    class AddressProof(Model):
        clinic = ForeignKeyField(Clinic, null=True, on_delete="CASCADE")
        user = ForeignKeyField(User, null=True, on_delete="CASCADE")
        key = CharField(index=True, max_length=43)
        sealed = TextField()
        salt = CharField(max_length=32)
        secret_hash = CharField(unique=True, max_length=64)
        created_at = BigIntegerField()
        expires_at = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "address_proof"

    db.create_tables([AddressProof])

    class Patient(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "patient"

    class IdChange(Model):
        clinic = ForeignKeyField(Clinic, on_delete="CASCADE")
        patient = ForeignKeyField(Patient, on_delete="CASCADE")
        was = CharField(max_length=20)

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "id_change"

    db.create_tables([IdChange])
    part_doubles(db, IdChange)
    db.execute_sql(
        "CREATE UNIQUE INDEX patient_internal_id_folded ON patient (clinic_id, LOWER(internal_id))"
    )


def part_doubles(db, IdChange):
    """Give a suffix to internal IDs that differ in case alone, except for the oldest client, and
    list them for the clinic's owner.
    """

    class Patient(Model):
        clinic_id = IntegerField()
        internal_id = CharField(null=True, max_length=20)
        search = CharField(max_length=600)

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "patient"

    class Clinic(Model):
        latest_rev = BigIntegerField()
        faces_rev = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "clinic"

    rows = (
        Patient.select()
        .where(Patient.internal_id.is_null(False))
        .order_by(Patient.clinic_id, Patient.id)
    )
    taken, doubles = set(), []
    for row in rows:
        key = row.clinic_id, row.internal_id.lower()
        if key in taken:
            doubles.append(row)
        taken.add(key)
    for row in doubles:
        was, number = row.internal_id, 2
        while (row.clinic_id, f"{was[:16]}-{number}".lower()) in taken:
            number += 1
        row.internal_id = f"{was[:16]}-{number}"
        taken.add((row.clinic_id, row.internal_id.lower()))
        search = row.search.replace(was.lower(), row.internal_id.lower(), 1)[:600]
        Patient.update(internal_id=row.internal_id, search=search).where(
            Patient.id == row.id
        ).execute()
        IdChange.create(clinic=row.clinic_id, patient=row.id, was=was)
    for clinic_id in sorted(
        {row.clinic_id for row in doubles}
    ):  # whatever shows the ID outside is written anew
        clinic = Clinic.get_by_id(clinic_id)
        rev = max(clinic.latest_rev + 1, int(time.time()))
        Clinic.update(latest_rev=rev, faces_rev=rev).where(Clinic.id == clinic_id).execute()


def down(migrator, db):
    db.execute_sql("DROP INDEX patient_internal_id_folded")
    migrator.migrate(migrator.drop_table("address_proof"))
    migrator.migrate(migrator.drop_table("id_change"))
    migrator.migrate(migrator.drop_table("security_event"))
    migrator.migrate(migrator.drop_table("session"))
