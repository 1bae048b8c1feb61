"""Databases as earlier versions of Kalends left them.

Two of everything, written without any of today's models.
"""

from playhouse.migrations import Runner

from operate import migrate

EARLIER = ("0001_initial", "0002_two_way")
FIRST_RELEASE = "0.1.0"  # the tag: five steps were completed after it
_LACKING = {  # table → columns that they add now
    "remote_calendar": ("search_word",),
    "venue": ("country", "region"),
    "user": ("outside_rev",),
    "service": ("gap_before_minutes", "for_everyone"),
}
_AT = 1_795_000_000_000_000  # an instant in November 2026, in microseconds
UUIDS = ["6f1d5a3e-3c0b-4a51-9d0e-4f2b7d5c1a01", "6f1d5a3e-3c0b-4a51-9d0e-4f2b7d5c1a02"]
SALTS = ["c2FsdC1vbmUtb2YtdGhlLXRlc3Rz", "c2FsdC10d28tb2YtdGhlLXRlc3Rz"]
INSTALLATION = "0123456789abcdef"
RENAMED = {"link": "mapping", "one_time_link": "one_time_token"}  # table then → now

# Table → columns of its rows; a list holds a value for each of the two rows, anything else stands
# for both.
_INITIAL = {
    "clinic": {
        "name": ["Linden", "Harbour"],
        "plan": ["self-hosted", "plus"],
        "privacy_ceiling": "full_name",
        "feed_preset": "clinic",
        "notes_may_leave": False,
        "internal_ids": True,
        "empty_when_stopped": True,
        "contact": "desk@linden.test",
        "currency": "GBP",
        "latest_rev": 1_795_000_500,
        "faces_rev": 1_795_000_100,
        "created_at": _AT,
    },
    "user": {
        "clinic_id": 1,
        "email": ["olive@linden.test", "pat@linden.test"],
        "name": ["Olive", "Pat"],
        "role": ["owner", "practitioner"],
        "password_hash": "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$c29tZWhhc2g",
        "left_at": None,
        "epoch": [0, 3],
        "sync_allowed": True,
        "identifier": ["initials", None],
        "mode": ["one_way", "two_way"],
        "hide_sensitive": False,
        "rev": 1_795_000_200,
        "created_at": _AT,
    },
    "audit_entry": {
        "clinic_id": 1,
        "user_id": [1, None],
        "action": ["clinic.founded", "booking.made"],
        "kind": ["clinic", "booking"],
        "subject": 1,
        "detail": ["{}", '{"count": 1}'],
        "at": _AT,
    },
    "venue": {
        "clinic_id": 1,
        "name": ["Street", "Pier"],
        "address": "",
        "zone_name": ["Europe/London", "America/New_York"],
        "hours": '{"mon": [["09:00", "17:00"]]}',
        "archived": [False, True],
    },
    "practitioner": {
        "clinic_id": 1,
        "user_id": [1, 2],
        "venue_id": 1,
        "uuid": UUIDS,
        "colour": "teal",
        "hours": "{}",
        "calendar_rev": 1_795_000_300,
        "archived": False,
    },
    "patient": {
        "clinic_id": 1,
        "internal_id": ["K-2002", "k-2002"],
        "first_name": ["Ada", "Bo"],
        "last_name": "Test",
        "email": "",
        "phone": "+353 1 555 0100",
        "notes": ["An allergy", ""],
        "search": ["ada test", "bo test"],
        "archived": False,
        "rev": 0,
        "created_at": _AT,
    },
    "service": {
        "clinic_id": 1,
        "name": ["Shoulder", "Knee"],
        "duration_minutes": 50,
        "buffer_minutes": 10,
        "price_cents": 6500,
        "colour": "teal",
        "bookable_online": True,
        "archived": False,
    },
    "booking": {
        "clinic_id": 1,
        "practitioner_id": [1, 2],
        "patient_id": [1, None],
        "service_id": [1, None],
        "uuid": UUIDS,
        "status": ["confirmed", "cancelled"],
        "starts_at": _AT,
        "ends_at": _AT + 3_000_000_000,
        "starts_on": None,
        "ends_on": None,
        "rate_cents": None,
        "notes": ["Bring a towel", ""],
        "series": UUIDS[0],
        "sequence": [0, 2],
        "created_at": _AT,
        "updated_at": _AT,
    },
    "feed": {
        "clinic_id": 1,
        "user_id": [1, 2],
        "practitioner_id": [1, None],
        "uuid": UUIDS,
        "name": ["my phone", "old one"],
        "kind": ["bookings", "availability"],
        "scope": ["practitioner", "person"],
        "identifier": None,
        "title": "{service} {client}",
        "details": "",
        "statuses": '{"confirmed": "confirmed"}',
        "past_days": 30,
        "future_days": 365,
        "hide_sensitive": False,
        "salt": SALTS,
        "rev": 1_795_000_400,
        "created_at": _AT,
        "rotated_at": None,
        "suspended_at": None,
        "revoked_at": [None, _AT],
        "revoked_because": ["", "stopped"],
    },
    "feed_read": {
        "feed_id": [1, 2],
        "family": "Apple Calendar",
        "first_at": _AT,
        "last_at": _AT,
        "count": 5,
        "interval_seconds": 3600,
    },
    "import": {
        "clinic_id": 1,
        "user_id": 1,
        "kind": "clients",
        "phase": "checked",
        "content": ["first_name\nAda", ""],
        "total": 1,
        "done": 1,
        "good": 1,
        "problems": "[]",
        "created_at": _AT,
        "finished_at": [None, _AT],
    },
    "one_time_link": {
        "user_id": [1, 2],
        "purpose": ["invite", "reset"],
        "secret_hash": ["a" * 64, "b" * 64],
        "expires_at": _AT * 2,
    },
    "throttle": {
        "key": ["c" * 64, "d" * 64],
        "failures": 3,
        "blocked_until": None,
        "updated_at": _AT,
    },
}
_TWO_WAY = {
    "account": {
        "clinic_id": 1,
        "user_id": [1, 2],
        "kind": ["google", "microsoft"],
        "email": ["olive@gmail.test", "pat@outlook.test"],
        "sealed": "",
        "scopes": "",
        "phase": "active",
        "goal": "",
        "removes": True,
        "edits": "put_back",
        "lock_sign": False,
        "covers": [None, "[1, 2]"],
        "past_days": 30,
        "future_days": 365,
        "generation": 2,
        "approved": None,
        "kept_copies": "[]",
        "shown_as": "initials|{service}||False",
        "health": ["ok", "waiting"],
        "health_word": "",
        "failing_since": None,
        "failures": 0,
        "told": 0,
        "wait_until": None,
        "due_at": None,
        "because": "poll",
        "synced_rev": 1_795_000_500,
        "synced_on": "2026-11-20",
        "lease": None,
        "leased_until": None,
        "consented_at": _AT,
        "refresh_expires_at": None,
        "checked_at": _AT,
        "listed_at": _AT,
        "imported_at": _AT,
        "created_at": _AT,
    },
    "remote_calendar": {
        "clinic_id": 1,
        "account_id": [1, 2],
        "calendar_id": ["ours@google", "busy-at-outlook"],
        "role": ["destination", "source"],
        "name": "Clinic",
        "access": "owner",
        "is_primary": False,
        "is_ours": [True, False],
        "zone_name": "Europe/London",
        "sync_token": "token",
        "window_from": _AT,
        "window_to": _AT * 2,
        "rules": '{"busy": true, "all_day": false}',
        "due_at": _AT,
        "read_at": _AT,
        "gone_since": None,
        "may_empty": False,
        "has_repeats": False,
    },
    "external_event": {
        "clinic_id": 1,
        "user_id": 2,
        "calendar_id": 2,
        "remote_id": ["e1", "e2"],
        "series_id": [None, "s"],
        "title": ["Dentist", ""],
        "busy": "busy",
        "blocks": True,
        "starts_at": _AT,
        "ends_at": _AT + 3_000_000_000,
        "starts_on": None,
        "ends_on": None,
    },
    "link": {
        "account_id": [1, 2],
        "uid": UUIDS,
        "booking_id": [1, None],
        "remote_id": ["r1", "r2"],
        "etag": "e",
        "sequence": 0,
        "fingerprint": "f",
        "wanted": "w",
        "phase": ["synced", "gone"],
        "generation": 2,
        "updated_at": _AT,
        "problem": "",
        "tries": 0,
        "retry_at": None,
        "writes": 1,
        "counted_at": _AT,
    },
    "channel": {
        "clinic_id": 1,
        "account_id": [1, 2],
        "calendar_id": [1, 2],
        "uuid": UUIDS,
        "channel_id": ["c1", "c2"],
        "resource_id": "r",
        "secret_hash": "e" * 64,
        "opened_at": _AT,
        "expires_at": _AT * 2,
        "called_at": None,
        "is_open": True,
        "wants": "",
    },
    "sync_run": {
        "clinic_id": 1,
        "account_id": [1, 2],
        "because": "poll",
        "total": 3,
        "done": 3,
        "counts": '{"created": 3}',
        "error": "",
        "word": "",
        "wait_until": None,
        "started_at": _AT,
        "ended_at": _AT,
        "repeated": 0,
    },
    "notice": {
        "clinic_id": 1,
        "account_id": [1, 2],
        "kind": ["moved", "double"],
        "topic": ["edit 1", "double 1 1"],
        "booking_id": 1,
        "calendar_id": [None, 2],
        "event_id": [None, 1],
        "detail": "{}",
        "created_at": _AT,
        "settled_at": [None, _AT],
        "settled_as": ["", "over"],
    },
}
# Peewee keeps them as 32 digits on SQLite.
_PLAIN_UUIDS = {
    "uuid": ("practitioner", "booking", "feed"),
    "series": ("booking",),
}


def make(database, version: str) -> dict[str, int]:
    """Bring an empty database to an earlier version and fill it.

    Gives the number of rows by table.
    """
    if version == FIRST_RELEASE:
        return _make_first_release(database)
    Runner(database.obj, str(migrate.DIRECTORY)).up(version)
    is_sqlite = "Sqlite" in type(database.obj).__name__
    tables = _INITIAL if version == EARLIER[0] else _INITIAL | _TWO_WAY
    if version != EARLIER[0]:
        tables = tables | {
            "clinic": _INITIAL["clinic"]
            | {"sync_shared": False, "sync_existing": True, "installation": INSTALLATION}
        }
    for table, columns in tables.items():
        names = ", ".join(f'"{name}"' for name in columns)
        for n in (0, 1):
            values = [value[n] if isinstance(value, list) else value for value in columns.values()]
            if is_sqlite:
                values = [
                    value.replace("-", "") if table in _PLAIN_UUIDS.get(name, ()) else value
                    for name, value in zip(columns, values, strict=True)
                ]
            marks = ", ".join("?" if is_sqlite else "%s" for _ in columns)
            database.execute_sql(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', values)
        if "key" not in columns and not is_sqlite:
            database.execute_sql(f"SELECT setval(pg_get_serial_sequence('\"{table}\"', 'id'), 2)")
    return dict.fromkeys(tables, 2)


def _make_first_release(database) -> dict[str, int]:
    rows = make(database, EARLIER[1])
    Runner(database.obj, str(migrate.DIRECTORY)).up("0017_free_times")
    for table, columns in _LACKING.items():
        for column in columns:
            database.execute_sql(f'ALTER TABLE "{table}" DROP COLUMN {column}')
    database.execute_sql("ALTER TABLE patient RENAME COLUMN label_changes TO label_revs")
    database.execute_sql("DROP TABLE offer")
    return rows


def counts(database, tables) -> dict[str, int]:
    """How many rows each of these tables has, under the name that it has in this database."""
    there = tables_of(database)
    found = {table: table if table in there else RENAMED[table] for table in tables}
    return {
        table: database.execute_sql(f'SELECT COUNT(*) FROM "{name}"').fetchone()[0]
        for table, name in found.items()
    }


def tables_of(database) -> set[str]:
    """The names of all tables that are there."""
    rows = database.execute_sql(
        "SELECT name FROM sqlite_master WHERE type = 'table'"
        if "Sqlite" in type(database.obj).__name__
        else "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    )
    return {name for (name,) in rows.fetchall()}
