"""A fourth role, the receptionist, and what of the team's day a person wants to see.

A column's check cannot be changed on SQLite: another column takes its place.
"""

from peewee import BooleanField, CharField, Check, IntegerField


def up(migrator, db):
    roles = Check("role_of_four IN ('practitioner', 'receptionist', 'manager', 'owner')")
    migrator.migrate(
        migrator.add_column(
            "user", "role_of_four", CharField(20, default="practitioner", constraints=[roles])
        ),
        migrator.add_column("user", "day_working", BooleanField(default=False)),
        migrator.add_column("user", "day_venue", IntegerField(null=True)),
    )
    db.execute_sql('UPDATE "user" SET role_of_four = role')
    db.execute_sql('ALTER TABLE "user" DROP COLUMN role')
    db.execute_sql('ALTER TABLE "user" RENAME COLUMN role_of_four TO role')


def down(migrator, db):
    db.execute_sql("""UPDATE "user" SET role = 'practitioner' WHERE role = 'receptionist'""")
    migrator.migrate(
        migrator.drop_column("user", "day_venue"), migrator.drop_column("user", "day_working")
    )
