"""The calendars that a feed shows, by their people, and whether it may show them."""

from typing import Any

from base.database import Base


class FeedScope(Base):
    """A feed, by its owner and the calendars that it shows."""

    # Columns of the feed.
    scope: Any
    practitioner: Any
    user_id: Any
    revoked_at: Any
    suspended_at: Any

    @property
    def shows_others(self) -> bool:
        """Whether the feed shows calendars of people other than its owner."""
        one_of_another = (
            self.scope == "practitioner"
            and self.practitioner
            and self.practitioner.user_id != self.user_id
        )
        return self.scope == "clinic" or bool(one_of_another)

    def lacks_role(self, owner: Any) -> bool:
        """Whether the feed shows calendars of others and its owner is no manager. Such a feed is
        not answered; `sync/feeds/feed.py` finds that out by its one query.
        """
        return self.shows_others and not owner.is_manager

    @property
    def lacks_consent(self) -> bool:
        """Whether the feed is empty because the colleague whose calendar it shows allows no
        bookings outside.
        """
        is_of_another = self.scope == "practitioner" and self.shows_others
        return is_of_another and not self.practitioner.user.sync_allowed

    @property
    def is_stopped(self) -> bool:
        """Whether the feed shows no bookings now, for good or for a while."""
        return self.revoked_at is not None or self.suspended_at is not None
