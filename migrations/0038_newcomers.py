"""Which client came with an online booking: the booking may be given to another one."""

from peewee import IntegerField


def up(migrator, db):
    migrator.migrate(migrator.add_column("online_booking", "newcomer", IntegerField(null=True)))
    db.execute_sql(
        "UPDATE online_booking SET newcomer ="
        " (SELECT patient_id FROM booking WHERE booking.id = online_booking.booking_id)"
        " WHERE is_to_check"
    )


def down(migrator, db):
    migrator.migrate(migrator.drop_column("online_booking", "newcomer"))
