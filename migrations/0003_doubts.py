"""What is in doubt about events outside, what no reading has told yet, and when our calendars were
last compared as a whole.
"""

from peewee import BigIntegerField

COLUMNS = (("link", "doubted_at"), ("link", "written_at"), ("remote_calendar", "compared_at"))


def up(migrator, db):
    migrator.migrate(
        *(
            migrator.add_column(table, column, BigIntegerField(null=True))
            for table, column in COLUMNS
        )
    )


def down(migrator, db):
    migrator.migrate(*(migrator.drop_column(table, column) for table, column in reversed(COLUMNS)))
