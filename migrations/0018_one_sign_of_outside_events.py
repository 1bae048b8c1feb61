"""One sign that external events changed: `user.outside_rev`, which exists since 0016."""


def up(migrator, db):
    db.execute_sql("ALTER TABLE account DROP COLUMN imported_at")
