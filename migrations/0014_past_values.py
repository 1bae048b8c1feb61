"""What the rows that outside text is made of held before: unknown up to the present revision."""

from peewee import TextField

_TABLES = "clinic", "venue", "user", "service", "feed"


def up(migrator, db):
    for table in _TABLES:
        migrator.migrate(migrator.add_column(table, "before", TextField(default="[]")))
    migrator.migrate(migrator.add_column("patient", "label_changes", TextField(null=True)))
    db.execute_sql(
        """UPDATE clinic SET "before" = '[[' || (
          SELECT MAX(known.rev) FROM (
            SELECT clinic.faces_rev AS rev
            UNION ALL SELECT u.rev FROM "user" u WHERE u.clinic_id = clinic.id
          ) AS known
        ) || ', null]]'"""
    )
    db.execute_sql("""UPDATE feed SET "before" = '[[' || rev || ', null]]'""")


def down(migrator, db):
    migrator.migrate(migrator.drop_column("patient", "label_changes"))
    for table in _TABLES:
        migrator.migrate(migrator.drop_column(table, "before"))
