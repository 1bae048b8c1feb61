"""That external events changed stands with the person alone: `user.outside_rev`, since 0016."""


def up(migrator, db):
    db.execute_sql("ALTER TABLE account DROP COLUMN imported_at")
