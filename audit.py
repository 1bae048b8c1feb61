"""Who did what to what, when."""

from peewee import CharField, DeferredForeignKey, IntegerField

from database import Base, InstantField, JSONText, now


class AuditEntry(Base):
    """Who did what to what, when. `detail` holds counts, times and settings; never a client's name, a token or a URL."""

    clinic = DeferredForeignKey("Clinic", backref="audit")
    user = DeferredForeignKey("User", null=True)
    action = CharField(40)
    kind = CharField(20)
    subject = IntegerField()
    detail = JSONText(default=dict)
    at = InstantField(default=now)

    class Meta:
        indexes = ((("clinic", "at"), False), (("kind", "subject"), False))

    @classmethod
    def note(cls, clinic: Base, actor: Base | None, action: str, row: Base, **detail) -> None:
        """Add an entry, in the transaction of what it tells of. `actor` None: the command line or the program itself."""
        cls.create(clinic=clinic, user=actor, action=action, kind=row._meta.table_name, subject=row.id, detail=detail)

    @classmethod
    def listed(cls, clinic: Base, user_id: int | None = None):
        """The clinic's history, newest first, with who did it; of one person where asked."""
        of_one = [cls.user == user_id] if user_id else []
        return cls._with_actor().where(cls.clinic == clinic, *of_one).order_by(cls.id.desc())

    @classmethod
    def about(cls, row: Base):
        """The history of one row, newest first, with who did it."""
        return (
            cls._with_actor()
            .where(cls.kind == row._meta.table_name, cls.subject == row.id, cls.clinic == row.clinic).order_by(cls.id.desc())
        )

    @classmethod
    def _with_actor(cls):
        return cls.select(cls, cls.user.rel_model).left_outer_join(cls.user.rel_model)
