"""Where an account is, so that a person may have several of one kind, and how often its server's
pace was halved. Accounts of before keep one row each; their places are told at their next run.
"""

from peewee import BigIntegerField, CharField, IntegerField


def up(migrator, db):
    migrator.migrate(
        migrator.add_column("pace", "halvings", IntegerField(default=0)),
        migrator.add_column("pace", "halved_at", BigIntegerField(null=True)),
        migrator.add_column("account", "place", CharField(260, default="")),
        migrator.drop_index("account", "account_user_id_kind"),
        migrator.add_index("account", ("user_id", "kind", "place", "email"), True),
    )


def down(migrator, db):
    migrator.migrate(
        migrator.drop_index("account", "account_user_id_kind_place_email"),
        migrator.add_index("account", ("user_id", "kind"), True),
        migrator.drop_column("account", "place"),
        migrator.drop_column("pace", "halved_at"),
        migrator.drop_column("pace", "halvings"),
    )
