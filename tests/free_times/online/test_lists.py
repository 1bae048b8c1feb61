"""A list of times is the same whether or not somebody is proposed for each."""

from datetime import timedelta

import pytest
from online_world import switch_on

from base.scheduling import Span
from free_times.online import visitor_times
from free_times.online.page import OnlinePage
from free_times.rules import OnlineSettings
from models import Booking

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_a_list_without_proposals_has_the_same_times_and_people(linden, clock):
    page = OnlinePage.of(linden.clinic, switch_on(linden).name, OnlineSettings.of(linden.clinic))
    service = page.service(linden.service.id)
    terms = page.at(service, linden.street)
    assert len({one.calendar.user_id for one in terms}) > 1
    for day in (1, 3, 4):
        at = clock.now.replace(hour=10, minute=0) + timedelta(days=day)
        Booking.book(linden.calendar, [Span(at, at + timedelta(hours=2))], linden.pat)
    end = clock.now + timedelta(days=14)

    def listed(proposes: bool) -> list[tuple]:
        found = visitor_times.free_times(page, service, terms, clock.now, end, proposes=proposes)
        return [
            (free.starts_at, {one.calendar.id for one in (free.wish, *free.others)})
            for free in found
        ]

    assert listed(False) == listed(True) != []
    assert {len(people) for _, people in listed(True)} == {1, 2}
