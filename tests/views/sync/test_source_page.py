"""The page of one calendar that blocks time: the age of our copy, and what clients can book
over.
"""

import pytest
from sync_world import WORLDS

from free_times.rules import OnlineSettings
from sync.tables import controls
from sync.tables.accounts import RemoteCalendar
from sync.tables.channels import Channel


@pytest.fixture
def world(linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return WORLDS["google"](linden, clock)


@pytest.fixture
def page(world, signed_in, linden):
    account = world.start(sources=[world.source()])
    row = RemoteCalendar.get(RemoteCalendar.role == "source")
    pat = signed_in(linden.pat)
    said = lambda: " ".join(pat.get(f"/sync/calendars/{row.id}").text.split())  # noqa: E731
    said.account = account
    return said


def test_the_page_says_when_the_calendar_was_read_and_how_soon_changes_arrive(world, page):
    assert "Last read just now. It is checked every 5 minutes." in page()
    Channel.update(called_at=world.clock.now).execute()
    world.later(minutes=3)
    assert "Last read 3 minutes ago. Instant updates are on." in page()
    controls.pause(page.account, world.user)
    assert "Last read 3 minutes ago. It cannot be read at the moment, see Calendar sync." in page()


def test_the_page_says_what_clients_can_book_over(world, page, linden):
    over, not_over = "Your clinic lets clients book online over", "Clients cannot book online while"
    assert over not in page() and not_over not in page()
    OnlineSettings.create(clinic=linden.clinic, is_on=True)
    assert not_over in page() and over not in page()
    OnlineSettings.update(outside_blocks=False).execute()
    assert over in page() and not_over not in page()
