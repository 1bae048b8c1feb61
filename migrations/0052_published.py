"""Accounts that are an address where a calendar is published.

A check is changed in place: on SQLite as https://www.sqlite.org/lang_altertable.html describes it
for changes that do not touch what is stored (section 7).
"""

OLD = (
    "kind IN ('google', 'microsoft', 'caldav-apple', 'caldav-fastmail', 'caldav-nextcloud',"
    " 'caldav-zoho', 'caldav-mailbox', 'caldav-posteo', 'caldav')"
)
NEW = OLD.replace("'caldav')", "'caldav', 'published')")


def up(migrator, db):
    _change(db, OLD, NEW)


def down(migrator, db):
    _change(db, NEW, OLD)


def _change(db, old, new):
    if "Sqlite" not in type(db).__name__:
        db.execute_sql("ALTER TABLE account DROP CONSTRAINT account_kind_check")
        db.execute_sql(f"ALTER TABLE account ADD CONSTRAINT account_kind_check CHECK ({new})")
        return
    version = db.execute_sql("PRAGMA schema_version").fetchone()[0]
    db.execute_sql("PRAGMA writable_schema = ON")
    try:
        changed = db.execute_sql(
            "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE type = 'table'"
            " AND name = 'account' AND instr(sql, ?) > 0",
            (old, new, old),
        ).rowcount
        if changed != 1:
            raise RuntimeError("the table of accounts has another check than expected")
        db.execute_sql(f"PRAGMA schema_version = {version + 1}")
    finally:
        db.execute_sql("PRAGMA writable_schema = OFF")
