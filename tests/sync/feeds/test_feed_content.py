"""The content of a feed, its owner, and the numbers that grow with a change."""

import random
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from feed_changes import CHANGES, KEY, UNCHANGED
from rfc5545 import Entry, entries, parse
from werkzeug.test import Client, TestResponse

import models
from base.bookings.clashes import SlotTaken
from base.bookings.statuses import STATUSES
from base.database import AlreadyUsed
from base.feed_presets import CLINIC, LOCUM, WINDOWS
from base.scheduling import Span, timed, whole_days
from models import Booking, Feed, NotYours, Patient, Service, Venue
from sync.feeds import feed as feeds
from sync.feeds.shown import EMPTY, STOPPED
from sync.feeds.wsgi import FeedsApp

LONDON, NEW_YORK = ZoneInfo("Europe/London"), ZoneInfo("America/New_York")
TODAY = date(2026, 11, 20)
BUSY_STATUSES = {"pending", "confirmed", "arrived", "delivered", "invoiced", "paid"}


@pytest.fixture
def read(app):
    """`read(link)`: the body of a feed, made afresh."""
    return lambda link: (
        Client(FeedsApp(app, (KEY,), app.wsgi_app.reads), TestResponse)
        .get(feeds.path(KEY, link))
        .data
    )


@pytest.fixture
def shown(read):
    """`shown(link)`: its bookings' events."""
    return lambda link: [
        entry for entry in entries(read(link)) if entry.title not in (EMPTY, STOPPED)
    ]


@pytest.fixture
def only(shown):
    """`only(link)`: its one event."""

    def one(link) -> Entry:
        (entry,) = shown(link)
        return entry

    return one


@pytest.fixture
def link(linden, clock):
    return Feed.generate(linden.pat, "my phone", linden.pat, practitioner=linden.calendar)


@pytest.fixture
def book(linden, clock):
    """`book(days, hour)`: a booking of Pat's so many days from today."""

    def make(days=6, hour=14, calendar=None, **fields):
        calendar = calendar or linden.calendar
        span = timed(TODAY + timedelta(days=days), time(hour), time(hour, 50), calendar.zone)[0]
        fields = {
            "patient": linden.patient,
            "service": linden.service,
            "rate_cents": 6500,
            "notes": "Bring the scans",
            **fields,
        }
        return Booking.book(calendar, [span], calendar.user, allow_overlap=True, **fields)[0]

    return make


# ---- windows ----


def test_the_presets_are_those_of_the_requirements():
    assert WINDOWS == {"year": (30, 365), "half_year": (30, 183), "everything": (None, None)}
    assert (Feed.past_days.default, Feed.future_days.default) == (30, 365)


@pytest.mark.parametrize(
    ("preset", "days"),
    [
        ("year", [-30, -29, 0, 183, 184, 364, 365]),
        ("half_year", [-30, -29, 0, 183]),
        ("everything", [-4000, -400, -31, -30, -29, 0, 183, 184, 364, 365, 366, 400, 4000]),
    ],
)
def test_a_window_reaches_so_many_days_back_and_ahead(link, linden, book, shown, preset, days):
    past, future = WINDOWS[preset]
    link.change(linden.pat, past_days=past, future_days=future)
    for day in (-4000, -400, -31, -30, -29, 0, 183, 184, 364, 365, 366, 400, 4000):
        book(day)
    assert [(entry.starts.date() - TODAY).days for entry in shown(link)] == days


def test_what_reaches_into_the_window_is_in_it_and_what_touches_it_is_not(link, linden, shown):
    link.change(linden.pat, past_days=1, future_days=1)
    begin, end = datetime(2026, 11, 19, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC)
    hour = timedelta(hours=1)
    for start, stop in (
        (begin - 2 * hour, begin),
        (begin - hour, begin + hour),
        (end - hour, end + hour),
        (end, end + hour),
        (begin - timedelta(days=20), end + timedelta(days=5)),
    ):
        Booking.book(linden.calendar, [Span(start, stop)], linden.pat, allow_overlap=True)
    assert [(e.starts, e.ends) for e in shown(link)] == [
        (begin - timedelta(days=20), end + timedelta(days=5)),
        (begin - hour, begin + hour),
        (end - hour, end + hour),
    ]


def test_the_longest_booking_is_in_the_window_to_its_last_day(link, linden, shown, clock):
    link.change(linden.pat, past_days=0, future_days=0)
    Booking.book(
        linden.calendar, [whole_days(TODAY - timedelta(days=31), TODAY, LONDON)], linden.pat
    )
    assert len(shown(link)) == 1
    clock.now += timedelta(days=1)
    assert shown(link) == []


def test_bookings_from_before_the_link_are_in_it(linden, clock, book, shown):
    old = book(-300)
    clock.now += timedelta(days=200)
    link = Feed.generate(
        linden.pat,
        "late",
        linden.pat,
        practitioner=linden.calendar,
        past_days=None,
        future_days=None,
    )
    assert [entry.uid for entry in shown(link)] == [str(old.uuid)]


# ---- statuses ----


@pytest.fixture
def one_of_each(book):
    return {str(book(n + 1, status=status).uuid): status for n, status in enumerate(STATUSES)}


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (
            CLINIC,
            {
                "pending": "TENTATIVE",
                "confirmed": "CONFIRMED",
                "arrived": "CONFIRMED",
                "delivered": "CONFIRMED",
                "invoiced": "CONFIRMED",
                "paid": "CONFIRMED",
                "cancelled": "CANCELLED",
                "no_show": "CANCELLED",
            },
        ),
        (
            LOCUM,
            {
                "confirmed": "CONFIRMED",
                "delivered": "CONFIRMED",
                "invoiced": "CONFIRMED",
                "paid": "CONFIRMED",
            },
        ),
        (
            {"offered": "tentative", "cancelled": "confirmed"},
            {"offered": "TENTATIVE", "cancelled": "CONFIRMED"},
        ),
        ({}, {}),
    ],
)
def test_each_status_is_shown_as_chosen_or_left_out(
    link, linden, one_of_each, shown, statuses, expected
):
    link.change(linden.pat, statuses=statuses)
    found = {one_of_each[entry.uid]: entry for entry in shown(link)}
    assert {status: entry.status for status, entry in found.items()} == expected
    assert all(entry.is_free == (entry.status == "CANCELLED") for entry in found.values())


def test_cancelled_bookings_say_so_in_their_title(link, linden, one_of_each, shown):
    titles = {one_of_each[entry.uid]: entry.title for entry in shown(link)}
    assert (titles["cancelled"], titles["no_show"], titles["paid"]) == (
        "Cancelled: Shoulder",
        "No-show: Shoulder",
        "Shoulder",
    )


def test_a_clinic_of_locums_gets_locum_links(linden, book, only):
    linden.clinic.change(linden.olive, feed_preset="locum", notes_may_leave=True)
    link = Feed.generate(
        models.User.get_by_id(linden.pat.id), "agency", linden.pat, practitioner=linden.calendar
    )
    booking = book(-3000)
    for status in ("offered", "pending", "arrived", "cancelled", "no_show"):
        book(5, status=status)
    entry = only(link)
    assert (entry.uid, entry.title, entry.location) == (
        str(booking.uuid),
        "Linden Street",
        "4 Linden Street, London",
    )
    assert entry.description == "Status: Confirmed\nRate: 65.00 GBP\nBring the scans"


# ---- scopes ----


@pytest.fixture
def everyone(book, linden):
    return {
        name: str(book(calendar=calendar).uuid)
        for name, calendar in (
            ("pat", linden.calendar),
            ("quinn", linden.colleague_calendar),
            ("quinn abroad", linden.abroad),
        )
    }


def names(shown, everyone, link) -> set[str]:
    found = {uid: name for name, uid in everyone.items()}
    return {found[entry.uid] for entry in shown(link)}


def test_a_link_shows_one_calendar_one_person_or_the_clinic(linden, everyone, shown):
    def make(user, **settings):
        return Feed.generate(user, "x", user, **settings)

    assert names(shown, everyone, make(linden.pat, practitioner=linden.calendar)) == {"pat"}
    assert names(shown, everyone, make(linden.quinn, practitioner=linden.abroad)) == {
        "quinn abroad"
    }
    assert names(shown, everyone, make(linden.quinn, scope="person")) == {"quinn", "quinn abroad"}
    assert names(shown, everyone, make(linden.maya, scope="clinic")) == set(everyone)
    assert names(shown, everyone, make(linden.maya, practitioner=linden.calendar)) == {"pat"}
    assert names(shown, everyone, make(linden.maya, scope="person")) == set()


def test_only_managers_link_what_is_not_theirs(linden, clock):
    for settings in ({"scope": "clinic"}, {"practitioner": linden.colleague_calendar}):
        with pytest.raises(NotYours):
            Feed.generate(linden.pat, "x", linden.pat, **settings)
    assert Feed.select().count() == 0


def test_another_clinic_is_never_in_a_link(linden, stranger, everyone, shown):
    theirs = stranger.practitioners.get()
    stranger.change_sync(sync_allowed=True)
    Booking.book(theirs, [timed(TODAY, time(9), time(10), theirs.zone)[0]], stranger)
    assert names(
        shown, everyone, Feed.generate(linden.olive, "all", linden.olive, scope="clinic")
    ) == set(everyone)
    Feed.update(practitioner=theirs).where(
        Feed.id == (link := Feed.generate(linden.olive, "x", linden.olive, scope="person")).id
    ).execute()
    Feed.update(scope="practitioner").where(Feed.id == link.id).execute()
    assert shown(link) == []


def test_everyone_decides_for_themselves_whether_bookings_leave(linden, everyone, shown, read):
    link = Feed.generate(linden.maya, "all", linden.maya, scope="clinic")
    linden.quinn.change_sync(sync_allowed=False)
    assert names(shown, everyone, link) == {"pat"}
    linden.pat.change_sync(sync_allowed=False)
    assert shown(link) == [] and entries(read(link))
    linden.quinn.change_sync(sync_allowed=True)
    assert names(shown, everyone, link) == {"quinn", "quinn abroad"}


def test_a_link_on_another_s_calendar_waits_for_that_person(linden, book, shown):
    link = Feed.generate(linden.maya, "Pat", linden.maya, practitioner=linden.calendar)
    booking = book()
    linden.pat.change_sync(sync_allowed=False)
    assert shown(link) == []
    linden.pat.change_sync(sync_allowed=True)
    assert [entry.uid for entry in shown(link)] == [str(booking.uuid)]


def test_a_closed_calendar_keeps_its_bookings_in_the_link(linden, link, book, only):
    booking = book()
    linden.calendar.set_archived(True, linden.olive)
    assert only(link).uid == str(booking.uuid)


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"kind": "availability"},
        {"hide_sensitive": True},
        {"past_days": None, "future_days": None},
        {"scope": "person"},
    ],
)
def test_a_link_without_bookings_holds_one_free_day_so_that_apps_take_the_old_ones_away(
    linden, clock, book, read, shown, choices
):
    choices = choices if "scope" in choices else {"practitioner": linden.calendar, **choices}
    link = Feed.generate(linden.pat, "x", linden.pat, **choices)
    (event,) = entries(read(link))
    assert (event.title, event.description, event.location, event.is_free) == (EMPTY, "", "", True)
    assert (event.starts.day, event.starts.month) == (1, 11) and str(link.uuid) not in read(
        link
    ).decode()
    assert read(link) == read(link)
    booking = book()
    assert [entry.uid for entry in entries(read(link))] == [str(booking.uuid)]
    booking.change(linden.pat, booking.span, status="offered")
    (again,) = entries(read(link))
    assert again.uid == event.uid and again.sequence >= event.sequence


@pytest.mark.parametrize("choices", [{"scope": "clinic"}, {"practitioner": "colleague"}])
@pytest.mark.parametrize(
    ("owner", "colleague", "hides", "title"),
    [
        ("full_name", "initials", False, "Shoulder · M. W."),
        ("initials", "full_name", False, "Shoulder · M. W."),
        ("full_name", "none", False, "Shoulder"),
        ("full_name", None, False, "Shoulder"),
        ("full_name", "internal_id", False, "Shoulder · K-2041"),
        ("full_name", "full_name", True, "Busy"),
    ],
)
def test_a_manager_s_link_shows_no_more_than_the_colleague_allows(
    linden, clock, book, shown, choices, owner, colleague, hides, title
):
    linden.maya.change_sync(identifier=owner)
    linden.pat.change_sync(identifier=colleague, hide_sensitive=hides)
    book()
    choices = {"practitioner": linden.calendar} if "practitioner" in choices else choices
    link = Feed.generate(linden.maya, "x", linden.maya, **choices)
    assert [entry.title for entry in shown(link)] == [title]
    link.change(linden.maya, identifier="full_name")
    assert [entry.title for entry in shown(link)] == [
        title if colleague != "full_name" or hides else "Shoulder · Małgorzata Wójcik"
    ]


def test_a_colleague_s_internal_ids_stay_here_while_the_clinic_has_them_off(linden, book, shown):
    linden.pat.change_sync(identifier="internal_id")
    book()
    link = Feed.generate(linden.maya, "x", linden.maya, scope="clinic", identifier="full_name")
    assert "K-2041" in shown(link)[0].title
    linden.clinic.change(linden.olive, internal_ids=False)
    assert [entry.title for entry in shown(link)] == ["Shoulder"]


# ---- availability ----


def test_a_busy_time_is_as_old_as_its_own_last_change(linden, clock, book, read):
    link = Feed.generate(
        linden.pat, "free times", linden.pat, practitioner=linden.calendar, kind="availability"
    )
    first, second = book(1), book(2)
    before = {entry.uid: entry.changed_at for entry in entries(read(link))}
    clock.now += timedelta(hours=1)
    linden.pat.change_sync(identifier="initials")
    linden.clinic.change(linden.olive, name="Another name")
    linden.patient.change(linden.pat, first_name="Ola")
    second.set_status("arrived", linden.pat)
    after = {entry.uid: entry.changed_at for entry in entries(read(link))}
    assert (
        after[str(first.uuid)] == before[str(first.uuid)]
        and after[str(second.uuid)] > before[str(second.uuid)]
    )


def test_an_availability_link_shows_busy_blocks_and_nothing_else(linden, one_of_each, shown, read):
    linden.clinic.change(linden.olive, notes_may_leave=True)
    link = Feed.generate(
        linden.pat,
        "free times",
        linden.pat,
        practitioner=linden.calendar,
        kind="availability",
        identifier="full_name",
        title="{organisation} {service} {client}",
        details="status rate notes",
        statuses=dict(CLINIC),
    )
    found = shown(link)
    assert {one_of_each[entry.uid] for entry in found} == BUSY_STATUSES
    assert {(e.title, e.description, e.location, e.status, e.is_free) for e in found} == {
        ("Busy", "", "", "CONFIRMED", False)
    }
    body = read(link).decode()
    assert not [
        word
        for word in (
            "Małgorzata",
            "Wójcik",
            "K-2041",
            "Shoulder",
            "scans",
            "65.00",
            "Linden Street",
            "TENTATIVE",
        )
        if word in body
    ]


# ---- what a client shows ----


@pytest.mark.parametrize(
    ("person", "own", "ceiling", "title"),
    [
        (None, None, "full_name", "Shoulder"),
        ("none", None, "full_name", "Shoulder"),
        ("internal_id", None, "full_name", "Shoulder · K-2041"),
        ("initials", None, "full_name", "Shoulder · M. W."),
        ("first_name", None, "full_name", "Shoulder · Małgorzata"),
        ("first_name_last_initial", None, "full_name", "Shoulder · Małgorzata W."),
        ("full_name", None, "full_name", "Shoulder · Małgorzata Wójcik"),
        ("full_name", "internal_id", "full_name", "Shoulder · K-2041"),
        ("none", "initials", "full_name", "Shoulder · M. W."),
        ("full_name", None, "initials", "Shoulder · M. W."),
        ("none", "full_name", "internal_id", "Shoulder · K-2041"),
        ("full_name", "full_name", "none", "Shoulder"),
    ],
)
def test_the_client_shows_as_link_person_and_clinic_allow(
    linden, link, book, only, person, own, ceiling, title
):
    booking = book()
    linden.pat.change_sync(identifier=person)
    link.change(linden.pat, identifier=own)
    linden.clinic.change(linden.olive, privacy_ceiling=ceiling)
    assert (only(link).title, only(link).uid) == (title, str(booking.uuid))


@pytest.mark.parametrize(
    ("person", "ceiling"), [("internal_id", "full_name"), ("full_name", "internal_id")]
)
def test_internal_ids_stay_inside_while_the_clinic_has_them_off(
    linden, link, book, only, read, person, ceiling
):
    book()
    linden.pat.change_sync(identifier=person)
    linden.clinic.change(linden.olive, privacy_ceiling=ceiling)
    assert only(link).title == "Shoulder · K-2041"
    linden.clinic.change(linden.olive, internal_ids=False)
    assert only(link).title == "Shoulder" and b"K-2041" not in read(link)
    linden.clinic.change(linden.olive, internal_ids=True)
    assert only(link).title == "Shoulder · K-2041"


@pytest.mark.parametrize("who", ["person", "link"])
def test_hiding_leaves_busy_and_the_time(linden, link, book, only, read, who):
    booking = book()
    linden.clinic.change(linden.olive, notes_may_leave=True)
    link.change(
        linden.pat,
        identifier="full_name",
        details="status rate notes",
        title="{organisation} {service} {client}",
        hide_sensitive=who == "link",
    )
    linden.pat.change_sync(hide_sensitive=who == "person")
    entry = only(link)
    assert (entry.title, entry.description, entry.location, entry.starts) == (
        "Busy",
        "",
        "",
        booking.starts_at,
    )
    assert not [
        word
        for word in ("Małgorzata", "Wójcik", "K-2041", "Shoulder", "scans", "4 Linden")
        if word in read(link).decode()
    ]


def test_notes_leave_only_while_the_clinic_lets_them(linden, link, book, only):
    book()
    link.change(linden.pat, details="status rate notes")
    assert only(link).description == "Status: Confirmed\nRate: 65.00 GBP"
    linden.clinic.change(linden.olive, notes_may_leave=True)
    assert only(link).description == "Status: Confirmed\nRate: 65.00 GBP\nBring the scans"
    linden.clinic.change(linden.olive, notes_may_leave=False)
    assert "scans" not in only(link).description
    link.change(linden.pat, details="")
    assert only(link).description == ""


def test_a_booking_without_client_or_service_has_a_title_still(link, book, only):
    book(patient=None, service=None, rate_cents=None, notes="")
    assert only(link).title == "Linden Street"


@pytest.mark.parametrize("name", ["Bobby; DTSTART:x\n🎂", "\\, \\;", "a" * 80, "王" * 80])
def test_odd_names_come_through_whole(linden, link, book, only, name):
    linden.patient.change(linden.pat, first_name=name, last_name="")
    link.change(linden.pat, identifier="full_name", title="{client}")
    book()
    assert only(link).title == name.strip()


# ---- times ----


def test_a_daily_rate_is_whole_days_as_dates(linden, link, only):
    Booking.book(
        linden.calendar,
        [whole_days(date(2027, 3, 27), date(2027, 3, 29), LONDON)],
        linden.pat,
        rate_cents=45000,
    )
    assert (only(link).starts, only(link).ends) == (date(2027, 3, 27), date(2027, 3, 30))


def test_midnight_to_midnight_by_the_clock_is_timed(linden, link, only):
    Booking.book(
        linden.calendar, [timed(date(2027, 1, 5), time(0), time(0), LONDON)[0]], linden.pat
    )
    assert (only(link).starts, only(link).ends) == (
        datetime(2027, 1, 5, tzinfo=UTC),
        datetime(2027, 1, 6, tzinfo=UTC),
    )


def test_each_venue_s_bookings_carry_its_zone(linden, book, shown, read):
    here, abroad = book(calendar=linden.colleague_calendar), book(calendar=linden.abroad)
    link = Feed.generate(linden.quinn, "all mine", linden.quinn, scope="person")
    assert {entry.uid: entry.starts for entry in shown(link)} == {
        str(here.uuid): here.starts_at,
        str(abroad.uuid): abroad.starts_at,
    }
    body = read(link).decode()
    assert (
        "DTSTART;TZID=Europe/London:20261126T140000" in body
        and "DTSTART;TZID=America/New_York:20261126T140000" in body
    )
    assert sorted(zone.get("TZID") for zone in parse(read(link)).walk("VTIMEZONE")) == [
        "America/New_York",
        "Europe/London",
    ]


def test_a_venue_in_another_zone_keeps_instants_and_days(linden, link, book, shown):
    booking = book()
    Booking.book(
        linden.calendar, [whole_days(date(2027, 1, 5), date(2027, 1, 5), LONDON)], linden.pat
    )
    linden.street.change(
        linden.olive, name="Linden Street", address="", zone_name="America/New_York", hours={}
    )
    timed_one, day = shown(link)
    assert (timed_one.starts, day.starts, day.ends) == (
        booking.starts_at,
        date(2027, 1, 5),
        date(2027, 1, 6),
    )
    stored = Booking.get(Booking.starts_on.is_null(False))
    assert stored.span == whole_days(date(2027, 1, 5), date(2027, 1, 5), NEW_YORK)


# ---- the calendar ----


@pytest.mark.parametrize(
    ("make", "name", "zone"),
    [
        (
            lambda c: Feed.generate(c.pat, "x", c.pat, practitioner=c.calendar),
            "Linden Street",
            "Europe/London",
        ),
        (
            lambda c: Feed.generate(c.quinn, "x", c.quinn, practitioner=c.abroad),
            "Harbour House",
            "America/New_York",
        ),
        (
            lambda c: Feed.generate(c.quinn, "x", c.quinn, scope="person"),
            "Linden Physiotherapy",
            "Europe/London",
        ),
        (
            lambda c: Feed.generate(c.maya, "x", c.maya, scope="clinic"),
            "Linden Physiotherapy",
            "Europe/London",
        ),
        (
            lambda c: Feed.generate(
                c.pat, "x", c.pat, practitioner=c.calendar, kind="availability"
            ),
            "Pat Linden, busy times",
            "Europe/London",
        ),
    ],
)
def test_the_calendar_has_a_name_and_a_zone(linden, clock, read, make, name, zone):
    calendar = parse(read(make(linden)))
    assert (
        calendar.text("NAME") == calendar.text("X-WR-CALNAME") == name
        and calendar.get("X-WR-TIMEZONE") == zone
    )
    assert [child.name for child in calendar.children] == ["VEVENT"]
    assert calendar.get("URL") is calendar.get("SOURCE") is None


def test_the_address_of_the_link_is_not_in_it(link, book, read):
    book()
    assert str(link.uuid) not in read(link).decode() and link.salt not in read(link).decode()


# ---- identity and versions ----


def test_a_booking_is_the_same_in_all_links_and_after_every_change(linden, link, book, shown, only):
    booking = book()
    others = [
        Feed.generate(linden.maya, "all", linden.maya, scope="clinic"),
        Feed.generate(linden.pat, "mine", linden.pat, scope="person"),
        Feed.generate(
            linden.pat, "free", linden.pat, practitioner=linden.calendar, kind="availability"
        ),
    ]
    assert {entry.uid for each in (link, *others) for entry in shown(each)} == {str(booking.uuid)}
    booking.change(linden.pat, timed(TODAY, time(16), time(17), LONDON)[0])
    booking.set_status("arrived", linden.pat)
    link.rotate(linden.pat)
    assert only(link).uid == str(booking.uuid)


def _versions(entry: Entry) -> tuple[int, datetime]:
    return entry.sequence, entry.changed_at


GROWS = {
    "a move": ("both", lambda c, b: b.change(c.pat, timed(TODAY, time(16), time(17), LONDON)[0])),
    "a longer booking": (
        "both",
        lambda c, b: b.change(
            c.pat, timed(TODAY + timedelta(days=6), time(14), time(16), LONDON)[0]
        ),
    ),
    "a status": ("both", lambda c, b: b.set_status("arrived", c.pat)),
    "a cancellation": ("both", lambda c, b: b.cancel(c.pat)),
    "a note": ("changed", lambda c, b: b.change(c.pat, b.span, notes="Other")),
    "a rate": ("changed", lambda c, b: b.change(c.pat, b.span, rate_cents=1)),
    "a client renamed": ("changed", lambda c, b: c.patient.change(c.pat, last_name="Nowak")),
    "a service renamed": ("changed", lambda c, b: c.service.change(c.olive, name="Knee")),
    "a clinic's ceiling": (
        "changed",
        lambda c, b: c.clinic.change(c.olive, privacy_ceiling="none"),
    ),
    "a person's identifier": ("changed", lambda c, b: c.pat.change_sync(identifier="initials")),
    "a colleague's booking": (
        "nothing",
        lambda c, b: Booking.book(c.colleague_calendar, [b.span], c.quinn),
    ),
    "another booking": (
        "nothing",
        lambda c, b: Booking.book(c.calendar, [timed(TODAY, time(9), time(10), LONDON)[0]], c.pat),
    ),
    "a working hour": ("at most changed", lambda c, b: c.calendar.set_hours(c.pat, {})),
}


@pytest.mark.parametrize("what", GROWS)
def test_versions_grow_with_the_right_changes(linden, link, book, shown, clock, what):
    grows, change = GROWS[what]
    linden.pat.change_sync(identifier="full_name")
    booking = book()
    before = _versions(next(e for e in shown(link) if e.uid == str(booking.uuid)))
    clock.now += timedelta(hours=1)
    change(linden, Booking.get_by_id(booking.id))
    sequence, changed_at = _versions(next(e for e in shown(link) if e.uid == str(booking.uuid)))
    assert sequence == before[0] + (grows == "both")
    if grows != "at most changed":
        assert changed_at == (before[1] if grows == "nothing" else clock.now.replace(microsecond=0))


ALSO = {
    **CHANGES,
    **UNCHANGED,
    "somebody else's identifier": lambda c, link, b: c.quinn.change_sync(identifier="full_name"),
    "somebody else hides": lambda c, link, b: c.quinn.change_sync(hide_sensitive=True),
    "a stricter link owner": lambda c, link, b: c.maya.change_sync(identifier="first_name"),
    "the same settings again": lambda c, link, b: c.pat.change_sync(
        identifier=c.pat.identifier, hide_sensitive=False, sync_allowed=True
    ),
    "two-way sync": lambda c, link, b: c.pat.change_sync(mode="two_way"),
    "a ceiling that cuts nobody": lambda c, link, b: c.clinic.change(
        c.olive, privacy_ceiling="first_name_last_initial"
    ),
    "internal IDs off": lambda c, link, b: c.clinic.change(c.olive, internal_ids=False),
    "a venue opened": lambda c, link, b: Venue.add(
        c.clinic, c.olive, name="Annex", zone_name="Europe/London"
    ),
    "a colleague leaves": lambda c, link, b: c.quinn.leave(c.olive),
    "a new URL": lambda c, link, b: link.rotate(c.pat),
}


def _without_dates(body: bytes) -> dict[str, tuple[str, str]]:
    """Per UID: the entry's lines without its dates of change, and that date."""
    found = {}
    for text in body.decode().split("BEGIN:VEVENT\r\n")[1:]:
        lines = text.split("END:VEVENT")[0].split("\r\n")
        dated = [line for line in lines if line.startswith(("DTSTAMP:", "LAST-MODIFIED:"))]
        found[lines[0]] = "".join(line for line in lines if line not in dated), dated[0]
    return found


@pytest.mark.parametrize("what", ALSO)
def test_the_date_of_an_entry_moves_with_its_text_and_only_then(
    linden, link, book, read, what, clock
):
    """Bookings with and without client, service, rate and notes, of two people, in every kind of
    link; then a second change, and the first taken back.
    """
    linden.pat.change_sync(identifier="full_name")
    linden.quinn.change_sync(identifier="initials", sync_allowed=True)
    other = Service.add(linden.clinic, linden.olive, name="Massage")
    booking = book()
    for n, fields in enumerate(({}, {"patient": None}, {"service": other}, {"notes": ""})):
        book(2 + n, 9, **fields)
        book(2 + n, 11, linden.colleague_calendar, rate_cents=None, **fields)
    links = [
        link,
        Feed.generate(linden.maya, "all", linden.maya, scope="clinic", identifier="full_name"),
        Feed.generate(linden.maya, "as chosen", linden.maya, scope="clinic"),
        Feed.generate(linden.maya, "more", linden.maya, scope="clinic", details="rate notes"),
        Feed.generate(
            linden.pat, "free", linden.pat, practitioner=linden.calendar, kind="availability"
        ),
    ]

    def changes():
        yield lambda: ALSO[what](linden, link, booking)
        yield lambda: linden.quinn.change_sync(identifier="none")
        yield lambda: linden.pat.change_sync(identifier="full_name", hide_sensitive=False)

    before = [_without_dates(read(each)) for each in links]
    for change in changes():
        clock.now += timedelta(hours=1)
        change()
        stamp = f"DTSTAMP:{clock.now:%Y%m%dT%H%M%SZ}"
        for n, each in enumerate(links):
            entries_now = _without_dates(read(each)) if not each.revoked_at else {}
            for uid in entries_now.keys() & before[n].keys():
                (text, date_of), (old_text, old_date) = entries_now[uid], before[n][uid]
                # of a booking or a client every change counts, told or not
                own = str(booking.uuid) in uid and what in OF_BOOKINGS
                if text != old_text:
                    assert date_of >= stamp
                elif not own:
                    assert date_of == old_date, (each.name, text)
            before[n] = entries_now


OF_BOOKINGS = {"notes deleted", "a rate", "another service", "a status", "a booking given away"}


def test_no_entry_is_dated_ahead_of_the_clock(linden, link, book, read, clock):
    """Many changes in one second: revisions run ahead of the clock, dates of entries do not."""
    linden.pat.change_sync(identifier="full_name")
    book()
    for n in range(30):
        linden.clinic.change(linden.olive, currency=("EUR", "GBP")[n % 2])
        linden.service.change(linden.olive, name=f"Knee {n}")
        linden.patient.change(linden.pat, first_name=f"Ann {n}")
        link.change(linden.pat, title=("{client}", "{service} {client}")[n % 2])
    ((text, stamp),) = _without_dates(read(link)).values()
    assert "Knee 29 · Ann 29" in text and stamp == f"DTSTAMP:{clock.now:%Y%m%dT%H%M%SZ}"
    assert link.rev > clock.now.timestamp() + 100


def test_a_past_that_is_forgotten_dates_no_entry_back(linden, link, book, read, clock):
    book()
    titles = ["{service}", "{organisation}", "{client}", "{service} {client}"]
    last = ""
    for n in range(20):
        clock.now += timedelta(hours=1)
        if n < 8:
            link.change(linden.pat, title=titles[n % 4])
        elif n % 2:
            linden.clinic.change(linden.olive, currency=("EUR", "CHF", "GBP")[n % 3])
        ((_, stamp),) = _without_dates(read(link)).values()
        assert stamp >= last
        last = stamp
    assert last < f"DTSTAMP:{clock.now:%Y%m%dT%H%M%SZ}"


def test_a_series_is_separate_events(linden, link, shown):
    spans = [timed(TODAY + timedelta(weeks=n), time(9), time(10), LONDON)[0] for n in range(1, 5)]
    made = Booking.book(linden.calendar, spans, linden.pat)
    assert [entry.uid for entry in shown(link)] == [str(booking.uuid) for booking in made] and len(
        {b.uuid for b in made}
    ) == 4


def test_an_etag_names_one_body_through_any_history(app, linden, link, book, clock):
    """A hundred random changes.

    Whenever a body differs so does its ETag, and no validator ever goes back.
    """
    chance = random.Random(20261120)
    booking = book()
    links = [
        link,
        Feed.generate(linden.maya, "all", linden.maya, scope="clinic"),
        Feed.generate(linden.quinn, "q", linden.quinn, scope="person"),
        Feed.generate(
            linden.pat,
            "free",
            linden.pat,
            practitioner=linden.calendar,
            kind="availability",
            past_days=None,
            future_days=None,
        ),
    ]
    bodies, dates = {}, dict.fromkeys((each.id for each in links), datetime.min.replace(tzinfo=UTC))
    changes = [
        change
        for what, change in {**CHANGES, **UNCHANGED}.items()
        if what != "a downgrade and a new start"
    ]
    for n in range(100):
        clock.now += chance.choice(
            [
                timedelta(),
                timedelta(),
                timedelta(seconds=1),
                timedelta(minutes=5),
                timedelta(hours=9),
            ]
        )
        with suppress(SlotTaken, AlreadyUsed):
            chance.choice(changes)(linden, link, Booking.get_by_id(booking.id))
        if n % 10 == 0:
            linden.patient.change(linden.pat, first_name=f"Name {n}")
            linden.quinn.change_sync(identifier=chance.choice(["initials", "full_name"]))
        for each in links:
            answer = Client(FeedsApp(app, (KEY,), app.wsgi_app.reads), TestResponse).get(
                feeds.path(KEY, each)
            )
            assert bodies.setdefault(answer.headers["ETag"], answer.data) == answer.data
            assert answer.last_modified >= dates[each.id]
            dates[each.id] = answer.last_modified
    # many revisions lead to one body: dates of entries move with their text alone
    assert len(bodies) > 120 and len({*bodies.values()}) > 40


def test_a_thousand_bookings_are_one_valid_feed(linden, link, shown):
    patient = Patient.create(
        clinic=linden.clinic, first_name="Ann", last_name="Lee", internal_id="K-1"
    )
    now = datetime(2026, 11, 20, tzinfo=UTC)
    rows = [
        {
            "practitioner": linden.calendar.id,
            "patient": patient.id,
            "service": linden.service.id,
            "starts_at": now + timedelta(hours=7 * n),
            "ends_at": now + timedelta(hours=7 * n, minutes=50),
        }
        for n in range(1000)
    ]
    Booking.add_many(linden.clinic, rows, linden.pat)
    found = shown(link)
    assert [entry.starts for entry in found] == [row["starts_at"] for row in rows]
    assert len({entry.uid for entry in found}) == 1000


# ---- whose it is, and what hidden links leave out ----


def test_a_link_of_the_whole_clinic_says_whose_each_booking_is(linden, book, read, shown):
    linden.maya.change_sync(identifier="none", sync_allowed=True)
    linden.quinn.change_sync(identifier="none", sync_allowed=True)
    book()
    book(calendar=linden.colleague_calendar)
    link = Feed.generate(linden.maya, "all", linden.maya, scope="clinic")
    assert {entry.description for entry in shown(link)} == {"With Pat Linden", "With Quinn Linden"}
    link.change(linden.maya, title="{practitioner} {service}", details="status")
    assert {(entry.title, entry.description) for entry in shown(link)} == {
        ("Pat Linden · Shoulder", "Status: Confirmed"),
        ("Quinn Linden · Shoulder", "Status: Confirmed"),
    }
    own = Feed.generate(linden.pat, "own", linden.pat, scope="person")
    assert [entry.description for entry in shown(own)] == [""]


def test_a_manager_s_link_of_one_colleague_bears_the_colleague_s_name(linden, book, read):
    book()
    link = Feed.generate(linden.maya, "Pat", linden.maya, practitioner=linden.calendar)
    assert f"X-WR-CALNAME:Pat Linden\\, {linden.street.name}" in read(link).decode()
    own = Feed.generate(linden.pat, "own", linden.pat, practitioner=linden.calendar)
    assert f"X-WR-CALNAME:{linden.street.name}" in read(own).decode()


@pytest.mark.parametrize("who", ["link", "person"])
@pytest.mark.parametrize("status", ["cancelled", "no_show"])
def test_hidden_links_leave_cancelled_and_missed_ones_out(linden, book, shown, link, who, status):
    booking = book()
    booking.change(linden.pat, booking.span, status=status)
    assert len(shown(link)) == 1
    if who == "link":
        link.change(linden.pat, hide_sensitive=True)
    else:
        linden.pat.change_sync(hide_sensitive=True)
    assert shown(link) == []


def test_a_colleague_who_hides_leaves_them_out_of_links_of_all(linden, book, shown):
    linden.quinn.change_sync(identifier="none", sync_allowed=True, hide_sensitive=True)
    for calendar in (linden.calendar, linden.colleague_calendar):
        book(calendar=calendar).cancel(linden.maya)
    link = Feed.generate(linden.maya, "all", linden.maya, scope="clinic")
    assert [entry.description for entry in shown(link)] == ["With Pat Linden"]
