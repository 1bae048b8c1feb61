"""The largest internal ID of a clinic's clients, and clients by e-mail address, by an index: each
online booking looked through all clients, while the clinic was locked.
"""

_GENERATED = {
    True: "internal_id GLOB '[Kk]-[0-9]*' AND LENGTH(internal_id) < 12"
    " AND internal_id NOT GLOB '??*[^0-9]*'",
    False: "internal_id ~* '^k-[0-9]{1,9}$'",
}


def up(migrator, db):
    is_generated = _GENERATED["Sqlite" in type(db).__name__]
    db.execute_sql(
        "CREATE INDEX patient_number ON patient (clinic_id, CAST(SUBSTR(internal_id, 3) AS BIGINT))"
        f" WHERE {is_generated}"
    )
    db.execute_sql("CREATE INDEX patient_email ON patient (clinic_id, email)")


def down(migrator, db):
    db.execute_sql("DROP INDEX patient_email")
    db.execute_sql("DROP INDEX patient_number")
