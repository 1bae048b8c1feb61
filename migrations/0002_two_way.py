"""Two-way sync: connected accounts, their calendars and events, what both sides last agreed on,
frozen as it was in its first release.
"""

import secrets

from peewee import (
    BigIntegerField,
    BooleanField,
    CharField,
    Check,
    DateField,
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

    class Booking(Model):
        class Meta:
            database = db
            legacy_table_names = False
            table_name = "booking"

    add_columns(migrator, db)

    class Account(Model):
        clinic = ForeignKeyField(Clinic)
        user = ForeignKeyField(User)
        kind = CharField(max_length=20, constraints=[Check("kind IN ('google', 'microsoft')")])
        email = CharField(max_length=254)
        sealed = TextField()
        scopes = TextField()
        phase = CharField(
            max_length=10,
            constraints=[Check("phase IN ('naming', 'active', 'paused', 'leaving', 'off')")],
        )
        goal = CharField(max_length=10)
        removes = BooleanField()
        edits = CharField(
            max_length=10, constraints=[Check("edits IN ('put_back', 'ask', 'follow')")]
        )
        lock_sign = BooleanField()
        covers = TextField(null=True)
        past_days = IntegerField()
        future_days = IntegerField()
        generation = IntegerField()
        approved = TextField(null=True)
        kept_copies = TextField()
        shown_as = CharField(max_length=200)
        health = CharField(
            max_length=16,
            constraints=[
                Check("health IN ('ok', 'waiting', 'reconnect', 'operator', 'calendar_gone')")
            ],
        )
        health_word = CharField(max_length=60)
        failing_since = BigIntegerField(null=True)
        failures = IntegerField()
        told = IntegerField()
        wait_until = BigIntegerField(null=True)
        due_at = BigIntegerField(null=True)
        because = CharField(max_length=10)
        synced_rev = BigIntegerField()
        synced_on = DateField(null=True)
        lease = CharField(null=True, max_length=40)
        leased_until = BigIntegerField(null=True)
        consented_at = BigIntegerField()
        refresh_expires_at = BigIntegerField(null=True)
        checked_at = BigIntegerField(null=True)
        listed_at = BigIntegerField(null=True)
        imported_at = BigIntegerField(null=True)
        created_at = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "account"
            indexes = ((("user", "kind"), True), (("clinic", "phase"), False))

    db.create_tables([Account])

    class RemoteCalendar(Model):
        clinic = ForeignKeyField(Clinic)
        account = ForeignKeyField(Account, on_delete="CASCADE")
        calendar_id = CharField(null=True, max_length=1200)
        role = CharField(
            max_length=12, constraints=[Check("role IN ('destination', 'source', 'listed')")]
        )
        name = CharField(max_length=300)
        access = CharField(max_length=10)
        is_primary = BooleanField()
        is_ours = BooleanField()
        zone_name = CharField(max_length=60)
        sync_token = TextField(null=True)
        window_from = BigIntegerField(null=True)
        window_to = BigIntegerField(null=True)
        rules = TextField()
        due_at = BigIntegerField(null=True)
        read_at = BigIntegerField(null=True)
        gone_since = BigIntegerField(null=True)
        may_empty = BooleanField()
        has_repeats = BooleanField()

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "remote_calendar"
            indexes = ((("account", "calendar_id"), True),)

    db.create_tables([RemoteCalendar])

    class ExternalEvent(Model):
        clinic = ForeignKeyField(Clinic)
        user = ForeignKeyField(User)
        calendar = ForeignKeyField(RemoteCalendar, on_delete="CASCADE")
        remote_id = CharField(max_length=1200)
        series_id = CharField(null=True, max_length=1200)
        title = CharField(max_length=300)
        busy = CharField(max_length=10)
        blocks = BooleanField()
        starts_at = BigIntegerField()
        ends_at = BigIntegerField()
        starts_on = DateField(null=True)
        ends_on = DateField(null=True)

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "external_event"
            indexes = (
                (("calendar", "remote_id"), True),
                (("calendar", "series_id"), False),
                (("user", "ends_at"), False),
            )

    db.create_tables([ExternalEvent])

    class Link(Model):
        account = ForeignKeyField(Account, on_delete="CASCADE")
        uid = CharField(max_length=36)
        booking = ForeignKeyField(Booking, null=True, on_delete="SET NULL")
        remote_id = CharField(max_length=1200)
        etag = CharField(max_length=300)
        sequence = IntegerField()
        fingerprint = CharField(max_length=120)
        wanted = CharField(max_length=120)
        phase = CharField(max_length=10)
        generation = IntegerField()
        updated_at = BigIntegerField(null=True)
        problem = CharField(max_length=60)
        tries = IntegerField()
        retry_at = BigIntegerField(null=True)
        writes = IntegerField()
        counted_at = BigIntegerField(null=True)

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "link"
            indexes = ((("account", "uid"), True), (("account", "phase"), False))

    db.create_tables([Link])

    class Channel(Model):
        clinic = ForeignKeyField(Clinic)
        account = ForeignKeyField(Account, on_delete="CASCADE")
        calendar = ForeignKeyField(RemoteCalendar, on_delete="CASCADE")
        uuid = CharField(unique=True, max_length=36)
        channel_id = CharField(max_length=200)
        resource_id = CharField(max_length=300)
        secret_hash = CharField(max_length=64)
        opened_at = BigIntegerField()
        expires_at = BigIntegerField()
        called_at = BigIntegerField(null=True)
        is_open = BooleanField()
        wants = CharField(max_length=10)

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "channel"
            indexes = ((("channel_id",), False),)

    db.create_tables([Channel])

    class SyncRun(Model):
        clinic = ForeignKeyField(Clinic)
        account = ForeignKeyField(Account, on_delete="CASCADE")
        because = CharField(max_length=10)
        total = IntegerField()
        done = IntegerField()
        counts = TextField()
        error = CharField(max_length=20)
        word = CharField(max_length=60)
        wait_until = BigIntegerField(null=True)
        started_at = BigIntegerField()
        ended_at = BigIntegerField(null=True)
        repeated = IntegerField()

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "sync_run"
            indexes = ((("account", "started_at"), False),)

    db.create_tables([SyncRun])

    class Notice(Model):
        clinic = ForeignKeyField(Clinic)
        account = ForeignKeyField(Account, on_delete="CASCADE")
        kind = CharField(max_length=16)
        topic = CharField(max_length=80)
        booking = ForeignKeyField(Booking, null=True, on_delete="CASCADE")
        calendar = ForeignKeyField(RemoteCalendar, null=True, on_delete="CASCADE")
        event = ForeignKeyField(ExternalEvent, null=True, on_delete="CASCADE")
        detail = TextField()
        created_at = BigIntegerField()
        settled_at = BigIntegerField(null=True)
        settled_as = CharField(max_length=16)

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "notice"
            indexes = ((("account", "topic"), False), (("account", "settled_at"), False))

    db.create_tables([Notice])


def add_columns(migrator, db):
    """The clinic's switches, and its mark on events outside, another for each clinic."""
    migrator.migrate(
        migrator.add_column("clinic", "sync_shared", BooleanField(default=False)),
        migrator.add_column("clinic", "sync_existing", BooleanField(default=False)),
        migrator.add_column("clinic", "installation", CharField(max_length=32, default="")),
    )
    for (clinic_id,) in db.execute_sql("SELECT id FROM clinic").fetchall():
        db.execute_sql(
            f"UPDATE clinic SET installation = '{secrets.token_hex(8)}' WHERE id = {int(clinic_id)}"
        )


def down(migrator, db):
    migrator.migrate(migrator.drop_table("notice"))
    migrator.migrate(migrator.drop_table("sync_run"))
    migrator.migrate(migrator.drop_table("channel"))
    migrator.migrate(migrator.drop_table("link"))
    migrator.migrate(migrator.drop_table("external_event"))
    migrator.migrate(migrator.drop_table("remote_calendar"))
    migrator.migrate(migrator.drop_table("account"))
    for column in ("installation", "sync_existing", "sync_shared"):
        migrator.migrate(migrator.drop_column("clinic", column))
