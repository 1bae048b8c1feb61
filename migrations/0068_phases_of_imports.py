"""A file is imported, and only time is taken: the glossary's words for two phases."""

PHASES = (("taking", "importing"), ("taken", "imported"))


def up(migrator, db):
    for old, new in PHASES:
        db.execute_sql(f"UPDATE \"import\" SET phase = '{new}' WHERE phase = '{old}'")


def down(migrator, db):
    for old, new in PHASES:
        db.execute_sql(f"UPDATE \"import\" SET phase = '{old}' WHERE phase = '{new}'")
