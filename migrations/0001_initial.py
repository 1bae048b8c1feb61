"""The tables of the first release, frozen as they were."""

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
    UUIDField,
)


def up(migrator, db):
    class Clinic(Model):
        name = CharField(max_length=120)
        plan = CharField(
            max_length=20, constraints=[Check("plan IN ('self-hosted', 'pro', 'plus', 'basic')")]
        )
        privacy_ceiling = CharField(
            max_length=30,
            constraints=[
                Check(
                    "privacy_ceiling IN ('none', 'internal_id', 'initials', 'first_name', 'first_name_last_initial', 'full_name')"
                )
            ],
        )
        feed_preset = CharField(max_length=10)
        notes_may_leave = BooleanField()
        internal_ids = BooleanField()
        empty_when_stopped = BooleanField()
        contact = CharField(max_length=200)
        currency = CharField(max_length=3)
        latest_rev = BigIntegerField()
        faces_rev = BigIntegerField()
        created_at = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "clinic"

    db.create_tables([Clinic])

    class User(Model):
        clinic = ForeignKeyField(Clinic)
        email = CharField(unique=True, max_length=254)
        name = CharField(max_length=120)
        role = CharField(
            max_length=20, constraints=[Check("role IN ('practitioner', 'manager', 'owner')")]
        )
        password_hash = CharField(null=True, max_length=200)
        left_at = BigIntegerField(null=True)
        epoch = IntegerField()
        sync_allowed = BooleanField()
        identifier = CharField(null=True, max_length=30)
        mode = CharField(max_length=20)
        hide_sensitive = BooleanField()
        rev = BigIntegerField()
        created_at = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "user"

    db.create_tables([User])

    class AuditEntry(Model):
        clinic = ForeignKeyField(Clinic)
        user = ForeignKeyField(User, null=True)
        action = CharField(max_length=40)
        kind = CharField(max_length=20)
        subject = IntegerField()
        detail = TextField()
        at = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "audit_entry"
            indexes = ((("clinic", "at"), False), (("kind", "subject"), False))

    db.create_tables([AuditEntry])

    class Venue(Model):
        clinic = ForeignKeyField(Clinic)
        name = CharField(max_length=120)
        address = CharField(max_length=300)
        zone_name = CharField(max_length=60)
        hours = TextField()
        archived = BooleanField()

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "venue"
            indexes = ((("clinic", "name"), True),)

    db.create_tables([Venue])

    class Practitioner(Model):
        clinic = ForeignKeyField(Clinic)
        user = ForeignKeyField(User)
        venue = ForeignKeyField(Venue)
        uuid = UUIDField(unique=True)
        colour = CharField(max_length=20)
        hours = TextField()
        calendar_rev = BigIntegerField()
        archived = BooleanField()

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "practitioner"
            indexes = ((("user", "venue"), True),)

    db.create_tables([Practitioner])

    class Patient(Model):
        clinic = ForeignKeyField(Clinic)
        internal_id = CharField(null=True, max_length=20)
        first_name = CharField(max_length=80)
        last_name = CharField(max_length=80)
        email = CharField(max_length=254)
        phone = CharField(max_length=40)
        notes = TextField()
        search = CharField(index=True, max_length=600)
        archived = BooleanField()
        rev = BigIntegerField()
        created_at = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "patient"
            indexes = (
                (("clinic", "internal_id"), True),
                (("clinic", "last_name", "first_name"), False),
            )

    db.create_tables([Patient])

    class Service(Model):
        clinic = ForeignKeyField(Clinic)
        name = CharField(max_length=120)
        duration_minutes = IntegerField()
        buffer_minutes = IntegerField()
        price_cents = IntegerField()
        colour = CharField(max_length=20)
        bookable_online = BooleanField()
        archived = BooleanField()

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "service"
            indexes = ((("clinic", "name"), True),)

    db.create_tables([Service])

    class Booking(Model):
        clinic = ForeignKeyField(Clinic)
        practitioner = ForeignKeyField(Practitioner)
        patient = ForeignKeyField(Patient, null=True)
        service = ForeignKeyField(Service, null=True)
        uuid = UUIDField(unique=True)
        status = CharField(
            max_length=12,
            constraints=[
                Check(
                    "status IN ('offered', 'pending', 'confirmed', 'arrived', 'delivered', 'invoiced', 'paid', 'cancelled', 'no_show')"
                )
            ],
        )
        starts_at = BigIntegerField()
        ends_at = BigIntegerField()
        starts_on = DateField(null=True)
        ends_on = DateField(null=True)
        rate_cents = IntegerField(null=True)
        notes = TextField()
        series = UUIDField(index=True, null=True)
        sequence = IntegerField()
        created_at = BigIntegerField()
        updated_at = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "booking"
            constraints = [Check("ends_at > starts_at")]
            indexes = (
                (("practitioner", "starts_at"), False),
                (("patient", "starts_at"), False),
                (("clinic", "starts_at"), False),
            )

    db.create_tables([Booking])

    class Feed(Model):
        clinic = ForeignKeyField(Clinic)
        user = ForeignKeyField(User)
        practitioner = ForeignKeyField(Practitioner, null=True)
        uuid = UUIDField(unique=True)
        name = CharField(max_length=80)
        kind = CharField(max_length=12, constraints=[Check("kind IN ('bookings', 'availability')")])
        scope = CharField(
            max_length=12, constraints=[Check("scope IN ('practitioner', 'person', 'clinic')")]
        )
        identifier = CharField(null=True, max_length=30)
        title = CharField(max_length=60)
        details = CharField(max_length=60)
        statuses = TextField()
        past_days = IntegerField(null=True)
        future_days = IntegerField(null=True)
        hide_sensitive = BooleanField()
        salt = CharField(max_length=40)
        rev = BigIntegerField()
        created_at = BigIntegerField()
        rotated_at = BigIntegerField(null=True)
        suspended_at = BigIntegerField(null=True)
        revoked_at = BigIntegerField(null=True)
        revoked_because = CharField(max_length=12)

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "feed"

    db.create_tables([Feed])

    class FeedRead(Model):
        feed = ForeignKeyField(Feed, on_delete="CASCADE")
        family = CharField(max_length=40)
        first_at = BigIntegerField()
        last_at = BigIntegerField()
        count = IntegerField()
        interval_seconds = IntegerField(null=True)

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "feed_read"
            indexes = ((("feed", "family"), True),)

    db.create_tables([FeedRead])

    class Import(Model):
        clinic = ForeignKeyField(Clinic)
        user = ForeignKeyField(User, null=True)
        kind = CharField(max_length=10, constraints=[Check("kind IN ('clients', 'bookings')")])
        phase = CharField(max_length=10)
        content = TextField()
        total = IntegerField()
        done = IntegerField()
        good = IntegerField()
        problems = TextField()
        created_at = BigIntegerField()
        finished_at = BigIntegerField(null=True)

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "import"

    db.create_tables([Import])

    class OneTimeLink(Model):
        user = ForeignKeyField(User, on_delete="CASCADE")
        purpose = CharField(max_length=10, constraints=[Check("purpose IN ('invite', 'reset')")])
        secret_hash = CharField(unique=True, max_length=64)
        expires_at = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "one_time_link"

    db.create_tables([OneTimeLink])

    class Throttle(Model):
        key = CharField(primary_key=True, max_length=64)
        failures = IntegerField()
        blocked_until = BigIntegerField(null=True)
        updated_at = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "throttle"

    db.create_tables([Throttle])


def down(migrator, db):
    migrator.migrate(migrator.drop_table("throttle"))
    migrator.migrate(migrator.drop_table("one_time_link"))
    migrator.migrate(migrator.drop_table("import"))
    migrator.migrate(migrator.drop_table("feed_read"))
    migrator.migrate(migrator.drop_table("feed"))
    migrator.migrate(migrator.drop_table("booking"))
    migrator.migrate(migrator.drop_table("service"))
    migrator.migrate(migrator.drop_table("patient"))
    migrator.migrate(migrator.drop_table("practitioner"))
    migrator.migrate(migrator.drop_table("venue"))
    migrator.migrate(migrator.drop_table("audit_entry"))
    migrator.migrate(migrator.drop_table("user"))
    migrator.migrate(migrator.drop_table("clinic"))
