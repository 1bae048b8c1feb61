"""Proofs of work that visitors' forms have used up."""

from peewee import BigIntegerField, CharField, Model


def up(migrator, db):
    class SpentProof(Model):
        nonce = CharField(64, primary_key=True)
        expires_at = BigIntegerField(index=True)

        class Meta:
            database = db
            legacy_table_names = False
            table_name = "spent_proof"

    db.create_tables([SpentProof], safe=False)


def down(migrator, db):
    db.execute_sql("DROP TABLE spent_proof")
