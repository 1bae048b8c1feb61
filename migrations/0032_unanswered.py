"""When a calendar outside last did not answer while somebody waited for it; and what
a clinic last answered to a request.
"""

from peewee import BigIntegerField, IntegerField


def up(migrator, db):
    migrator.migrate(
        migrator.add_column("remote_calendar", "unanswered_at", BigIntegerField(null=True)),
        migrator.add_column("online_booking", "answered_sequence", IntegerField(null=True)),
        migrator.add_index("online_booking", ("clinic_id", "approve_by")),
        migrator.add_index("online_booking", ("approve_by",)),
    )


def down(migrator, db):
    migrator.migrate(
        migrator.drop_index("online_booking", "online_booking_approve_by"),
        migrator.drop_index("online_booking", "online_booking_clinic_id_approve_by"),
        migrator.drop_column("online_booking", "answered_sequence"),
        migrator.drop_column("remote_calendar", "unanswered_at"),
    )
