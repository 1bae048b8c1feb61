"""The app as its handlers see it: the store, the time, and the switches."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from ..store import Store


class Service:
    """Microsoft's side, with the switches of a test. The app puts the subscriptions in
    `channels`.
    """

    channels: Any

    def __init__(self, store: Store, clock: Callable[[], datetime]):
        self.store, self.clock = store, clock
        self.latency_ms = 0  # added to every answer, to a batch once
        self.item_ms = (
            0  # what one call takes; those of a batch are worked four at a time, a chain one by one
        )
        # refuse bodies that the schema does not allow, unknown parameters, a Prefer that changes in
        # a round
        self.strict = False
        self.page_cap = None  # the most items on a page, whatever was asked for
        self.empty_pages = False  # every other page of a delta is empty, with a next one
        # a transactionId seen before: the first event, 409, or None: forgotten, a second event is
        # made
        self.repeated_transaction = 201
        self.subscription_minutes = 10_080  # or 4230
        self.filter_per_calendar = True  # filters on extended properties work in one calendar too
        self.calendar_properties = True  # calendars may carry extended properties
        # a subscription to /me/events hears of every calendar, not only of the default one
        self.me_events_everywhere = False
        self.only_listed_zones = False  # IANA names outside Microsoft's list are refused
        self.deleted_again = 404  # or 400: deleting what was deleted before
        # GET still finds what lies among the deleted items, because its immutable id stays
        self.deleted_items_found = False
        self.false_conflicts = 0  # so many conditional writes answer 412 without a reason
        self.original_start_missing = False  # exceptions do not tell when they were due
        self.delta_select = True  # deltas take $select
        self.delta_lag_seconds = 0  # how long changes take until deltas tell them
        self.list_lag_seconds = 0  # how long new events take until lists hold them
        # deltas tell masters and little of occurrences; False: whole occurrences and no masters
        self.stubs = True
        self.removals_told_by_master = (
            False  # a removed occurrence shows only as its changed master
        )
        self.removed_series_alone = (
            True  # a removed series is one @removed, without its occurrences
        )
        self.tells_outside_window = True  # changes outside the window come as @removed
        self.replays = False  # deltas come in any order, twice, with some that did not change
        self.lost_sync_state = "location"  # or one of `delta.SPELLINGS`
        self.oldest_sync = 0  # delta tokens from before this revision are dead
