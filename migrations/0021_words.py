"""The glossary's words for two tables and four stored words. What was derived from the old ones
(secrets of one-time links, the Message-IDs of letters) stays as it is.
"""

TABLES = (("link", "mapping"), ("one_time_link", "one_time_token"))
WORDS = (  # table, column, old, new
    ("notice", "kind", "nudge", "sync_reminder"),
    ("notice", "topic", "nudge", "sync_reminder"),
    ("notice", "topic", "hold", "safety stop"),
    ("letter", "kind", "nudge", "sync_reminder"),
    ("audit_entry", "action", "account.nudged", "account.reminded"),
    ("audit_entry", "kind", "link", "mapping"),
    ("audit_entry", "kind", "one_time_link", "one_time_token"),
)


def up(migrator, db):
    for old, new in TABLES:
        rename(db, old, new)
    for table, column, old, new in WORDS:
        db.execute_sql(f"UPDATE {table} SET {column} = '{new}' WHERE {column} = '{old}'")
    found = db.execute_sql(
        "SELECT name FROM pragma_table_info('import') WHERE name = 'finished_at'"
        if _is_sqlite(db)
        else "SELECT 1 FROM pg_attribute WHERE attrelid = '\"import\"'::regclass"
        " AND attname = 'finished_at'"
    )
    if found.fetchone():  # nothing read it
        db.execute_sql('ALTER TABLE "import" DROP COLUMN finished_at')


def down(migrator, db):
    db.execute_sql('ALTER TABLE "import" ADD COLUMN finished_at BIGINT')
    for table, column, old, new in WORDS:
        db.execute_sql(f"UPDATE {table} SET {column} = '{old}' WHERE {column} = '{new}'")
    for old, new in TABLES:
        rename(db, new, old)


def rename(db, old, new):
    """The table, and what is named after it: indexes, and on PostgreSQL constraints and the
    sequence of its ids. Does nothing where that was done.
    """
    is_sqlite = _is_sqlite(db)
    found = (
        f"SELECT name FROM sqlite_master WHERE type = 'table' AND name = '{old}'"
        if is_sqlite
        else f"SELECT 1 WHERE to_regclass('{old}') IS NOT NULL"
    )
    if not db.execute_sql(found).fetchone():
        return
    db.execute_sql(f'ALTER TABLE "{old}" RENAME TO "{new}"')
    (_rename_rest_sqlite if is_sqlite else _rename_rest_postgres)(db, old, new)


def _rename_rest_sqlite(db, old, new):
    """SQLite knows no other way than making an index anew."""
    rows = db.execute_sql(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ?"
        " AND sql IS NOT NULL",
        (new,),
    ).fetchall()
    for name, sql in rows:
        if name.startswith(f"{old}_"):
            db.execute_sql(f'DROP INDEX "{name}"')
            db.execute_sql(sql.replace(f'"{name}"', f'"{_renamed(name, old, new)}"', 1))


def _rename_rest_postgres(db, old, new):
    constraints = db.execute_sql(
        "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass", (f'"{new}"',)
    ).fetchall()
    for (name,) in constraints:  # an index that belongs to one goes along
        if name.startswith(f"{old}_"):
            db.execute_sql(
                f'ALTER TABLE "{new}" RENAME CONSTRAINT "{name}" TO "{_renamed(name, old, new)}"'
            )
    others = db.execute_sql(
        "SELECT kind.relname, kind.relkind FROM pg_class kind JOIN pg_depend ON objid = kind.oid"
        " AND classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass"
        " WHERE refobjid = %s::regclass AND kind.relkind IN ('i', 'S')",
        (f'"{new}"',),
    ).fetchall()
    for name, kind in set(others):
        if name.startswith(f"{old}_"):
            what = "SEQUENCE" if kind in ("S", b"S") else "INDEX"
            db.execute_sql(f'ALTER {what} "{name}" RENAME TO "{_renamed(name, old, new)}"')


def _is_sqlite(db):
    return "Sqlite" in type(db).__name__


def _renamed(name, old, new):
    return new + name.removeprefix(old)
