"""The overlaps that somebody agreed to: a row for each booking and each item that it overlapped.

The nightly check reports overlaps that nobody agreed to.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from peewee import CharField, DeferredForeignKey

from base.database import Base, InstantField, now
from base.tables.bulk import tuples

KEY_LENGTH = 80


class Agreement(Base):
    """A booking may overlap the item that the key names, while both stay where they are.

    The keys are those of `clashes.Clash`. The agreement ends when either moves.

    `how`: "person" (somebody saw it and agreed), "import" (somebody imported a file and chose to
    allow overlaps), or "earlier" (from before agreements were stored). `by` None: the person is
    unknown.
    """

    booking = DeferredForeignKey("Booking", backref="agreements", on_delete="CASCADE")
    key = CharField(KEY_LENGTH)
    by = DeferredForeignKey("User", null=True, on_delete="SET NULL")
    agreed_at = InstantField(default=now)
    how = CharField(10, default="person")

    class Meta:
        indexes = ((("booking", "key"), True),)

    @classmethod
    def keep(cls, pairs: Iterable[tuple[int, str]], by: Base | None, how: str = "person") -> None:
        """Store agreements, pairs of a booking (id) and a key, in the transaction that takes the
        time.
        """
        rows = [{"booking": booking, "key": key, "by": by, "how": how} for booking, key in pairs]
        for some in (rows[at : at + 200] for at in range(0, len(rows), 200)):
            cls.insert_many(some).on_conflict_ignore().execute()

    @classmethod
    def void(cls, bookings: Collection[int]) -> None:
        """Delete the agreements of these bookings: they get another time."""
        if bookings:
            cls.delete().where(cls.booking.in_(list(bookings))).execute()

    @classmethod
    def of(cls, bookings: Sequence[int]) -> dict[int, set[str]]:
        """The keys that were agreed to, by booking (id)."""
        found: dict[int, set[str]] = defaultdict(set)
        if bookings:
            rows = cls.select(cls.booking, cls.key).where(cls.booking.in_(list(bookings)))
            for booking, key in tuples(rows):
                found[booking].add(key)
        return found
