"""Guests whom somebody invited to an event of ours outside. We never invite anyone; whoever is a
guest stays one until a person decides.
"""

from peewee import fn

from sync.tables.accounts import Link, Notice

from .errand import Errand


def tell(errand: Errand) -> None:
    """Tell the person once of guests that came to an event of ours; the notice ends by itself when
    they are gone.
    """
    account = errand.account
    stands, told = Link.phase.in_(("synced", "frozen")), fn.COALESCE(Link.guests_told, 0)
    news = stands & (fn.COALESCE(Link.guests, 0) != told) | ~stands & (told != 0)
    rows = list(Link.select().where(Link.account == account, news))
    if not rows:
        return
    with errand.writing():
        for row in rows:
            count = (row.guests or 0) if row.phase in ("synced", "frozen") else 0
            topic = f"guests {row.uid}"
            if count > (row.guests_told or 0):
                Notice.give(
                    account, "guests", topic, booking=row.booking_id, detail={"count": count}
                )
            elif count == 0:
                Notice.settle(account, topic, "over")
            Link.update(guests_told=count).where(Link.id == row.id).execute()
