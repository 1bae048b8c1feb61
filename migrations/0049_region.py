"""How a clinic writes dates and times of day, and on which day its weeks begin: as before."""

from peewee import BooleanField, CharField, Check, IntegerField


def up(migrator, db):
    starts = Check("week_start IN (0, 5, 6)")
    orders = Check("date_order IN ('dmy', 'mdy', 'ymd')")
    migrator.migrate(
        migrator.add_column("clinic", "week_start", IntegerField(default=0, constraints=[starts])),
        migrator.add_column("clinic", "twelve_hours", BooleanField(default=False)),
        migrator.add_column(
            "clinic", "date_order", CharField(3, default="dmy", constraints=[orders])
        ),
    )


def down(migrator, db):
    for column in ("date_order", "twelve_hours", "week_start"):
        migrator.migrate(migrator.drop_column("clinic", column))
