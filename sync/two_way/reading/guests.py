"""Guests that somebody invited to an event of ours outside. We never invite anyone, and remove
guests only when a person decides so.
"""

from peewee import fn

from sync.tables.mappings import MappingRow
from sync.tables.notices import Notice
from sync.two_way.worker.context import RunContext


def give_guest_notices(context: RunContext) -> None:
    """Give one notice about new guests of an event of ours. It is settled when they are gone."""
    account = context.account
    stands = MappingRow.phase.in_(("synced", "frozen"))
    notified = fn.COALESCE(MappingRow.guests_told, 0)
    news = stands & (fn.COALESCE(MappingRow.guests, 0) != notified) | ~stands & (notified != 0)
    rows = list(MappingRow.select().where(MappingRow.account == account, news))
    if not rows:
        return
    with context.writing():
        for row in rows:
            count = (row.guests or 0) if row.phase in ("synced", "frozen") else 0
            topic = f"guests {row.uid}"
            if count > (row.guests_told or 0):
                Notice.give(
                    account, "guests", topic, booking=row.booking_id, detail={"count": count}
                )
            elif count == 0:
                Notice.settle(account, topic, "over")
            MappingRow.update(guests_told=count).where(MappingRow.id == row.id).execute()
