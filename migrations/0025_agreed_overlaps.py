"""What somebody agreed to overlap, the result of the nightly check, the clinic's step between
offered times, and whether time off goes to a calendar outside: not from accounts that are there.

Overlaps that are there already were agreed to when nobody wrote it down.
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

_FREE = "('offered', 'cancelled', 'no_show')"
_LONGEST = 33 * 86_400 * 1_000_000  # no booking is longer: microseconds

_KEEP = f"""
WITH marked AS (
  SELECT b.id, p.user_id, b.starts_at, b.ends_at,
    MAX(b.ends_at) OVER (
      PARTITION BY p.user_id ORDER BY b.starts_at, b.id
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS reach
  FROM booking b JOIN practitioner p ON p.id = b.practitioner_id WHERE b.status NOT IN {_FREE}
)
INSERT INTO agreement (booking_id, "key", agreed_at, how)
SELECT m.id,
  'b' || CAST(o.id AS VARCHAR(20)) || '.' || CAST(o.starts_at / 1000000 AS VARCHAR(20))
    || '.' || CAST(o.ends_at / 1000000 AS VARCHAR(20)),
  %s, 'earlier'
FROM marked m
JOIN practitioner q ON q.user_id = m.user_id
JOIN booking o ON o.practitioner_id = q.id AND o.status NOT IN {_FREE}
  AND o.ends_at > m.starts_at AND o.starts_at > m.starts_at - {_LONGEST}
  AND (o.starts_at < m.starts_at OR (o.starts_at = m.starts_at AND o.id < m.id))
WHERE m.starts_at < m.reach
"""


def up(migrator, db):
    migrator.migrate(
        migrator.add_column("clinic", "overlaps_checked_at", BigIntegerField(null=True)),
        migrator.add_column("clinic", "overlaps", TextField(default="{}")),
        migrator.add_column("clinic", "step_minutes", IntegerField(default=15)),
        migrator.add_column("account", "time_off", BooleanField(default=False)),
        migrator.add_column("mapping", "is_away", BooleanField(default=False)),
    )

    class Booking(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "booking"

    class User(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "user"

    class Agreement(Model):
        booking = ForeignKeyField(Booking, on_delete="CASCADE")
        key = CharField(max_length=80)
        by = ForeignKeyField(User, null=True, on_delete="SET NULL")
        agreed_at = BigIntegerField()
        how = CharField(max_length=10)

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "agreement"
            indexes = ((("booking", "key"), True),)

    db.create_tables([Agreement])
    db.execute_sql(_KEEP.replace("%s", str(int(time.time()) * 1_000_000)))


def down(migrator, db):
    migrator.migrate(
        migrator.drop_table("agreement"),
        migrator.drop_column("mapping", "is_away"),
        migrator.drop_column("account", "time_off"),
        migrator.drop_column("clinic", "step_minutes"),
        migrator.drop_column("clinic", "overlaps"),
        migrator.drop_column("clinic", "overlaps_checked_at"),
    )
