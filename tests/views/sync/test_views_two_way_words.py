"""Words of two-way sync that must agree with what happens: ending, notices at the right place,
names, counts.
"""

import html
from datetime import timedelta

import pytest
from sync_world import SyncWorld

from base.tables.outside import ExternalEvent
from models import Booking, Feed, User
from sync.tables import controls, ending, sources
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.notices import Notice

HTMX = {"HX-Request": "true"}


@pytest.fixture
def world(linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return SyncWorld(linden, clock)


@pytest.fixture
def account(world):
    for day in range(1, 6):
        world.book(days=day)
    return world.start(sources=[world.source()])


@pytest.fixture
def pat(signed_in, linden):
    return signed_in(linden.pat)


def page(browser, path="/sync/", **headers) -> str:
    answer = browser.get(path, headers=headers)
    assert answer.status_code == 200, path
    return " ".join(html.unescape(answer.get_data(as_text=True)).split())


def row(account) -> Account:
    return Account.get_by_id(account.id)


# ---- ways out ----


def test_keeping_everything_inside_says_what_stops_and_never_that_links_go_on(pat, account, linden):
    for name in ("Phone", "Tablet"):
        Feed.generate(linden.pat, name, linden.pat, practitioner=linden.calendar)
    asked = page(pat, pat.post("/sync/opt-in", data={}).headers["Location"])
    for said in (
        "Keep all bookings inside Kalends?",
        "Your 2 private links stop at once",
        "Keep everything inside</button>",
    ):
        assert said in asked, said
    assert "Go one way?" not in asked and "your private links go on" not in asked
    pat.post("/sync/accounts/one-way", data={"removes": "yes", "opt_out": "yes"})
    assert not User.get_by_id(linden.pat.id).sync_allowed
    assert "your private links stopped answering" in page(pat)


def test_changing_the_account_ends_where_the_other_one_can_be_connected(pat, world, account):
    asked = page(pat, f"/sync/accounts/{account.id}/disconnection?change=1")
    assert "Disconnect and choose another</button>" in asked
    answer = pat.post(
        f"/sync/accounts/{account.id}/disconnection", data={"removes": "yes", "change": "yes"}
    )
    assert "mode=google" in answer.headers["Location"]
    assert "Google is being disconnected" in page(pat, "/sync/?mode=google")
    world.run()
    look = pat.get("/sync/accounts/status?key=old&mode=google", headers=HTMX)
    assert look.headers["HX-Retarget"] == "#two-way" and "Connect with Google" in look.get_data(
        as_text=True
    )


@pytest.mark.parametrize("path", ["/sync/accounts/one-way", "/sync/notices/{}/cancellation"])
def test_a_question_that_takes_something_away_has_its_focus_on_the_safe_answer(pat, account, path):
    notice = Notice.give(
        account,
        "deleted",
        "edit x",
        booking=Booking.select().order_by(Booking.id).first(),
        detail={"is_put_back": True},
    )
    dialog = page(pat, path.format(notice.id)).split("<dialog")[1]
    assert dialog.count("autofocus") == 1 and 'data-kind="quiet" autofocus' in dialog


# ---- trouble is seen from elsewhere ----


def test_what_waits_is_counted_in_the_menu_of_every_page_and_what_only_tells_is_not(
    pat, signed_in, linden, account
):
    assert ' for you"' not in page(pat, "/services/")
    Notice.give(
        account,
        "edited",
        "edit x",
        booking=Booking.select().order_by(Booking.id).first(),
        detail={"is_put_back": True},
    )
    assert ' for you"' not in page(pat, "/services/")
    assert (
        "had its text changed there" in page(pat)
        and "All right</button>" in page(pat)
        and "needs you" not in page(pat)
    )
    Notice.give(
        account,
        "deleted",
        "edit y",
        booking=Booking.select().order_by(Booking.id).first(),
        detail={"is_put_back": True},
    )
    assert '"1 for you"' in page(pat, "/services/") and "One thing needs you" in page(pat)
    assert ' for you"' not in page(signed_in(linden.olive), "/services/")


@pytest.mark.parametrize("view", ["week", "day", "agenda"])
def test_the_calendar_says_that_an_account_needs_its_person(pat, signed_in, linden, account, view):
    path = f"/calendar?view={view}"
    assert "Reconnect Google" not in page(pat, path)
    Account.update(health="reconnect").execute()
    assert "Access to Google has ended" in page(pat, path) and "Reconnect Google" in page(pat, path)
    assert "Reconnect Google" not in page(signed_in(linden.olive), path)
    Account.update(health="calendar_gone").execute()
    assert "Our calendar in Google was deleted" in page(pat, path) and "/sync/#notices" in page(
        pat, path
    )
    controls.pause(account, linden.pat)
    assert "was deleted" not in page(pat, path)


# ---- what was put back ----


def test_many_changes_that_were_put_back_are_one_notice_with_one_button(pat, world, account):
    def tell(kind, topics, is_put_back=True):
        base = {"clinic": account.clinic, "account": account, "kind": kind}
        for topic in topics:
            Notice.create(**base, topic=f"{topic}", detail={"is_put_back": is_put_back})

    tell("deleted", range(3))
    text = page(pat)
    assert text.count("Removed in Google, put back") == 3 and "changes in Google" not in text
    assert "3 for you" in page(pat, "/services/")
    tell("deleted", range(3, 116))
    text = page(pat)
    assert "116 changes in Google were put back" in text and "The first 20 are shown" in text
    assert text.count("Removed in Google, put back") == 20
    assert "1 for you" in page(pat, "/services/")
    tell("moved", ["asked"], is_put_back=False)
    ids = [row.id for row in Notice.select()]
    to = f"/sync/notices/accounts/{account.id}/leave"
    assert pat.post(to, data={"notice": ids}, headers=HTMX).status_code == 200
    (left,) = Notice.select().where(Notice.settled_at.is_null())
    assert left.topic == "asked"


# ---- double bookings ----


class TestDoubles:
    def family(self) -> RemoteCalendar:
        return RemoteCalendar.get(RemoteCalendar.name == "Family")

    def clash(self, world, days, calendar=None):
        booking = Booking.select().order_by(Booking.starts_at)[days - 1]
        return world.robin.add(
            f"Clash {days}",
            booking.starts_at,
            booking.ends_at,
            calendar or self.family().calendar_id,
        )

    def read(self, world, account, calendar=None):
        sources.turn_on(calendar or self.family(), world.user)
        world.run(account)

    def test_a_first_reading_lists_the_bookings_and_ends_with_the_last(self, pat, world, account):
        for days in (1, 2):
            self.clash(world, days)
        self.read(world, account)
        first, second = Booking.select().order_by(Booking.starts_at).limit(2)
        text = page(pat)
        assert (
            "Busy times in “Family” overlap 2 bookings" in text
            and f'href="/bookings/{first.id}"' in text.split("overlap 2")[1]
        )
        first.cancel(world.user)
        assert "overlap one booking" in page(pat)
        second.cancel(world.user)
        assert "overlap" not in page(pat)
        world.run(account)
        assert "double" not in world.notices(account)

    def test_many_of_one_calendar_are_one_notice_and_a_few_are_told_each(self, pat, world, account):
        self.read(world, account)
        for days in (1, 2, 3):
            self.clash(world, days)
        world.poll(account)
        assert page(pat).count("Double: a busy time") == 3 and "3 for you" in page(
            pat, "/services/"
        )
        self.clash(world, 4)
        world.poll(account)
        text = page(pat)
        assert (
            "overlap 4 bookings" in text
            and "Double: a busy time" not in text
            and "1 for you" in page(pat, "/services/")
        )

    def test_what_was_left_is_not_told_again_by_a_later_reading(self, pat, world, account):
        for days in (1, 2):
            self.clash(world, days)
        self.read(world, account)
        ids = [notice.id for notice in Notice.select()]
        answer = pat.post(
            f"/sync/notices/calendars/{self.family().id}/leave", data={"notice": ids}, headers=HTMX
        )
        assert 'id="sync-summary" hx-swap-oob="true"' in answer.get_data(
            as_text=True
        ) and "needs you" not in answer.get_data(as_text=True)
        self.clash(world, 3)
        self.read_anew(pat, world, account)
        (told,) = Notice.select().where(Notice.settled_at.is_null())
        assert told.booking == Booking.select().order_by(Booking.starts_at)[2]
        pat.post(f"/sync/notices/{told.id}/leave")
        self.read_anew(pat, world, account)
        assert world.notices(account) == []

    def read_anew(self, pat, world, account):
        pat.post(f"/sync/calendars/{self.family().id}/stop")
        assert ExternalEvent.select().where(ExternalEvent.calendar == self.family()).count() == 0
        self.read(world, account)

    def test_only_their_person_leaves_them_and_only_those_that_were_seen(
        self, pat, signed_in, linden, stranger, world, account
    ):
        for days in (1, 2):
            self.clash(world, days)
        self.read(world, account)
        path, ids = f"/sync/notices/calendars/{self.family().id}/leave", [Notice.get().id]
        for other in (linden.olive, stranger):
            assert signed_in(other).post(path, data={"notice": ids}).status_code == 404
        pat.post(path, data={})
        assert world.notices(account) == ["double"]


# ---- being asked ----


def test_who_asks_is_named_and_it_is_over_once_all_is_well(pat, signed_in, linden, world, account):
    world.revoke()
    world.poll(account)
    signed_in(linden.olive).post(f"/health/accounts/{account.id}/nudges")
    assert "Olive Linden asks you to look" in page(pat) and page(pat).count("Reconnect Google") == 3
    world.connect()
    assert "asks you to look" in page(pat)  # not before a run says that it works
    world.run(account)
    assert world.notices(account) == []
    assert "Up to date." in page(pat) and "asks you to look" not in page(pat)


# ---- names ----


def test_the_main_calendar_has_one_name_for_its_owner_wherever_it_shows(
    pat, world, account, linden
):
    at = world.clock.now + timedelta(days=2)
    world.robin.add("Dentist", at, at + timedelta(hours=1))
    world.poll(account)
    event, day = ExternalEvent.get(), f"{at:%Y-%m-%d}"
    typed = (
        f"calendar={linden.calendar.id}&day={day}&starts={at:%H:%M}"
        f"&ends={at + timedelta(minutes=50):%H:%M}&status=confirmed&repeat=once"
    )
    assert "in your main calendar." in page(pat, f"/bookings/check?{typed}", **HTMX)
    shown = (
        f"/calendar?day={day}",
        f"/calendar?view=agenda&day={day}",
        f"/calendar/outside/{event.id}",
    )
    for path in (*shown, "/sync/", f"/sync/calendars/{event.calendar_id}"):
        text = page(pat, path).split("<main")[1]
        assert "Your main calendar" in text, path


# ---- sentences ----


def test_one_way_again_is_a_quiet_line_beside_the_private_links(pat, world, account):
    ending.begin_departure(account, world.user, "off")
    world.run(account)
    text = page(pat)
    assert (
        "Google: not syncing." in text
        and "One way, by private link" in text.split('id="two-way"')[1]
    )
    assert (
        'class="steps"' not in text
        and "Sync again</summary>" in text
        and f"/sync/accounts/{account.id}/disconnection" in text
    )
    assert "<details open>" not in text and "<details open>" in page(pat, "/sync/?mode=google")
    look = pat.get("/sync/accounts/status?key=old", headers=HTMX).get_data(as_text=True)
    assert "One way, by private link" in look and "not syncing" in look
    answer = pat.post(f"/sync/accounts/{account.id}/start", data={"name": " "}, headers=HTMX)
    assert answer.status_code == 422 and "<details open>" in answer.get_data(as_text=True)


def test_what_is_being_looked_at_does_not_contradict_its_numbers(pat, world, account):
    Account.update(leased_until=world.clock.now + timedelta(minutes=1)).execute()
    assert "Looking for changes.</strong> 5 of 5 bookings are up to date." in page(pat)
    world.book(days=9)
    assert "5 of 6 bookings are up to date; the rest is on its way." in page(pat)


def test_with_both_connected_each_says_so_and_the_history_names_the_account(
    pat, linden, world, account
):
    assert "Google is connected; see above." in page(pat)
    other = Account.create(
        clinic=linden.clinic,
        user=linden.pat,
        kind="microsoft",
        email="p@outlook.example",
        sealed="",
        phase="active",
    )
    for path in ("/sync/", "/sync/accounts/history"):
        assert "<td>Google</td>" in page(pat, path), path
    text = page(pat)
    assert "Google and Outlook are connected; see above." in text and "starts afresh" not in text
    assert text.split('id="mode"')[1].count("Connected</span>") == 2
    third = Account.create(
        clinic=linden.clinic,
        user=linden.pat,
        kind="caldav-nextcloud",
        email="p@cloud.example",
        sealed="",
        phase="active",
    )
    assert "Google, Outlook and Nextcloud are connected; see above." in page(pat)
    third.delete_instance(recursive=True)
    other.delete_instance(recursive=True)
    assert "<td>Google</td>" not in page(pat)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"phase": "paused"}, "none while paused"),
        ({"health": "reconnect"}, "none while disconnected"),
    ],
)
def test_live_messages_are_none_where_nothing_moves(pat, account, columns, says):
    assert "none while" not in page(pat)
    Account.update(**columns).execute()
    assert says in page(pat)


def test_saving_the_identifier_says_beforehand_how_many_events_it_rewrites(pat, world, account):
    assert (
        "Saving rewrites 5 events in Google, in place. Private links show it when they are next"
        " read." in page(pat)
    )
    controls.pause(account, world.user)
    assert "Saving rewrites" not in page(pat)


class TestTiles:
    def test_several_that_cannot_sync_are_folded_and_say_only_why(self, pat, account):
        text = page(pat)
        assert (
            "2 that cannot sync" in text
            and "Shared with you to read; your clinic syncs calendars you own." in text
        )
        RemoteCalendar.update(access="writer").where(RemoteCalendar.access != "owner").execute()
        RemoteCalendar.get(RemoteCalendar.access == "writer").delete_instance()
        text = page(pat)
        assert (
            "that cannot sync" not in text
            and "ask its owner for “make changes and manage sharing”" in text
        )

    def test_a_calendar_that_is_gone_says_since_when_and_can_free_its_times(
        self, pat, world, account
    ):
        main = RemoteCalendar.get(RemoteCalendar.role == "source")
        RemoteCalendar.update(gone_since=world.clock.now).where(
            RemoteCalendar.id == main.id
        ).execute()
        text = page(pat)
        assert (
            "Since 20 November 2026, 11:40 we cannot read it" in text
            and "Free the times</button>" in text
        )
        pat.post(f"/sync/calendars/{main.id}/stop")
        assert "Free the times" not in page(pat)

    def test_what_blocks_is_told_with_weekday_and_end_and_a_series_once(self, pat, world, account):
        main = RemoteCalendar.get(RemoteCalendar.role == "source")
        at = world.clock.now + timedelta(days=1)
        world.add_repeating("Choir", at, main.calendar_id, times=4)
        world.poll(account)
        text = page(pat, f"/sync/calendars/{main.id}")
        assert (
            text.count("Choir") == 1
            and "and 3 more of the series" in text
            and f"{at:%A} {at.day} {at:%B}, {at:%H:%M}–" in text
        )


def test_saved_settings_say_what_happens_next(pat, account):
    pat.post(f"/sync/accounts/{account.id}/settings", data={"edits": "ask", "window": "30 183"})
    assert "Saved. Google is brought up to date now." in page(pat)


def test_a_held_removal_says_which_are_bookings_and_which_are_copies_made_there(pat, account):
    uids = [str(booking.uuid) for booking in Booking.select().limit(2)]
    notice = Notice.give(
        account,
        "deletes",
        Notice.SAFETY_STOP,
        detail={"count": 3, "total": 5, "uids": uids, "copies": ["one"]},
    )
    said = page(pat)
    for words in (
        "The bookings of 2 were cancelled",
        "One is a copy of our events that somebody made in Google",
        "See the 2 bookings",
    ):
        assert words in said, words
    assert "fifth" not in said  # three are few: the plan stopped for another reason
    Notice.update(detail={"count": 6, "total": 9, "uids": [], "copies": list("abcdef")}).where(
        Notice.id == notice.id
    ).execute()
    said = page(pat)
    assert (
        "6 are copies of our events" in said
        and "That is more than a fifth" in said
        and "were cancelled" not in said
        and "See the" not in said
    )
    ended = {"count": 2, "total": 9, "uids": [], "copies": ["one", "two"], "ended": uids}
    Notice.update(detail=ended).where(Notice.id == notice.id).execute()
    said = page(pat)
    assert "Their bookings were cancelled" in said and "See the 2 bookings" in said
    assert "copies of our events" not in said and "copy of our events" not in said
    Notice.update(
        detail={"count": 1, "total": 9, "uids": [], "copies": ["one"], "strange": 1}
    ).where(Notice.id == notice.id).execute()
    said = page(pat)
    assert "One is of a booking that is not in Kalends." in said and "are copies" not in said
    assert "Remove this event</button>" in said and "fifth" not in said
