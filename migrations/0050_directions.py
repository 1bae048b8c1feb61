"""Which way an account syncs, what it hides, which calendars were read before, and who sees the
titles of a person's events from other calendars. Everything stays as it is.
"""

from peewee import BooleanField, CharField, Check


def up(migrator, db):
    ways = Check("direction IN ('both', 'out', 'in')")
    readers = Check("titles_for IN ('nobody', 'managers', 'everyone')")
    migrator.migrate(
        migrator.add_column(
            "account", "direction", CharField(10, default="both", constraints=[ways])
        ),
        migrator.add_column("account", "hide_sensitive", BooleanField(default=False)),
        migrator.add_column("remote_calendar", "was_source", BooleanField(default=False)),
        migrator.add_column(
            "user", "titles_for", CharField(10, default="nobody", constraints=[readers])
        ),
    )


def down(migrator, db):
    migrator.migrate(
        migrator.drop_column("user", "titles_for"),
        migrator.drop_column("remote_calendar", "was_source"),
        migrator.drop_column("account", "hide_sensitive"),
        migrator.drop_column("account", "direction"),
    )
