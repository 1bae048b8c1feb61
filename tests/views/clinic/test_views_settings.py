"""The clinic's settings over HTTP: text outside, venues, plan, history, first steps."""

import html
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import icalendar
import pytest
from flask import g, render_template

from base import scheduling
from base.scheduling import Span, whole_days
from models import AuditEntry, Booking, Clinic, Feed, Patient, Practitioner, Service, User, Venue
from people import clients
from sync.feeds import feed as feeds
from sync.tables import ending, sources, starting
from sync.tables.accounts import RemoteCalendar
from views.calendar.first_steps import first_steps

PARTIAL = {"HX-Request": "true"}
KEY = "a key of the tests"
CLINIC = {"name": "Linden Two", "contact": "Olive, 020 555", "currency": "EUR"}
PRIVACY = {"privacy_ceiling": "initials", "internal_ids": "y"}
LINKS = {"feed_preset": "locum", "empty_when_stopped": "yes"}
VENUE = {
    "name": "Park",
    "address": "1 Park Row",
    "zone_name": "Europe/Paris",
    "hours": ["08:00", "12:00", *[""] * 26],
}


def text_of(answer) -> str:
    return answer.get_data(as_text=True)


def fresh(linden) -> Clinic:
    return Clinic.get_by_id(linden.clinic.id)


@pytest.fixture
def owner(signed_in, linden):
    return signed_in(linden.olive)


@pytest.fixture
def manager(signed_in, linden):
    return signed_in(linden.maya)


@pytest.fixture
def booking(linden, clock):
    start = clock.now + timedelta(days=3)
    return Booking.book(
        linden.calendar,
        [Span(start, start + timedelta(minutes=50))],
        linden.pat,
        patient=linden.patient,
        service=linden.service,
        notes="bring the scan",
    )[0]


@pytest.fixture
def link(linden, clock):
    linden.pat.change_sync(identifier="full_name")
    return Feed.generate(
        linden.pat, "my phone", linden.pat, practitioner=linden.calendar, details="notes"
    )


def event(app, link):
    answer = app.test_client().get(feeds.path(KEY, link))
    assert answer.status_code == 200
    (found,) = icalendar.Calendar.from_ical(answer.data).walk("VEVENT")
    return found


# ---- clinic, privacy, links ----


def test_the_clinic_is_changed(manager, linden):
    assert manager.post("/settings/clinic", data=CLINIC).status_code == 303
    kept = fresh(linden)
    assert (kept.name, kept.contact, kept.currency) == ("Linden Two", "Olive, 020 555", "EUR")


def test_htmx_loads_the_page_again_after_saving(manager):
    answer = manager.post("/settings/links", data=LINKS, headers=PARTIAL)
    assert answer.status_code == 204 and answer.headers["HX-Redirect"] == "/settings/"


@pytest.mark.parametrize(
    ("part", "bad", "said"),
    [
        ("clinic", {**CLINIC, "name": ""}, "Write the clinic"),
        ("clinic", {**CLINIC, "currency": "XYZ"}, "Choose one from the list"),
        ("clinic", {**CLINIC, "contact": "x" * 201}, "Use at most 200 characters"),
        ("privacy", {**PRIVACY, "privacy_ceiling": "everything"}, "Choose one from the list"),
        ("links", {**LINKS, "feed_preset": "other"}, "Choose one from the list"),
    ],
)
def test_bad_settings_come_back_and_store_nothing(manager, linden, part, bad, said):
    before = fresh(linden).__data__
    answer = manager.post(f"/settings/{part}", data=bad, headers=PARTIAL)
    assert answer.status_code == 422 and text_of(answer).startswith('<form id="settings-form"')
    assert said in text_of(answer)
    assert "<html" in text_of(manager.post(f"/settings/{part}", data=bad))
    assert fresh(linden).__data__ == before


def test_a_lower_ceiling_cuts_links_that_are_out_at_once(app, manager, linden, link, booking):
    assert event(app, link)["SUMMARY"] == "Shoulder · Małgorzata Wójcik"
    manager.post("/settings/privacy", data=PRIVACY)
    assert event(app, link)["SUMMARY"] == "Shoulder · M. W."


def test_notes_leave_only_when_the_clinic_says_so(app, manager, link, booking):
    assert "DESCRIPTION" not in event(app, link)
    manager.post("/settings/privacy", data={**PRIVACY, "notes_may_leave": "y"})
    assert event(app, link)["DESCRIPTION"] == "bring the scan"
    manager.post("/settings/privacy", data=PRIVACY)
    assert "DESCRIPTION" not in event(app, link)


def test_the_card_shows_an_example_of_each_step_from_the_safest(manager):
    page = text_of(manager.get("/settings/"))
    examples = [
        "The service alone",
        "“Shoulder · K-2041”",
        "“Shoulder · M. W.”",
        "“Shoulder · Małgorzata”",
        "“Shoulder · Małgorzata W.”",
        "“Shoulder · Małgorzata Wójcik”",
    ]
    places = [page.index(example) for example in examples]
    assert places == sorted(places)


def test_switching_internal_ids_on_gives_one_to_everybody(manager, linden):
    manager.post("/settings/privacy", data={"privacy_ceiling": "full_name"})
    assert not fresh(linden).internal_ids
    Patient.create(clinic=linden.clinic, first_name="One")
    Patient.create(clinic=linden.clinic, first_name="Two")
    manager.post("/settings/privacy", data=PRIVACY)
    assert [p.internal_id for p in Patient.select().order_by(Patient.id)] == [
        "K-2041",
        "K-2042",
        "K-2043",
    ]
    assert list(clients.matching(linden.clinic, "k-2043"))


def test_the_preset_shapes_new_links(manager, linden):
    manager.post("/settings/links", data=LINKS)
    made = Feed.generate(User.get_by_id(linden.pat.id), "my phone", linden.pat)
    assert made.title == "{organisation}" and fresh(linden).empty_when_stopped


def test_what_sync_both_ways_may_do_is_off_until_switched_on(manager, linden):
    assert not linden.clinic.sync_shared and not linden.clinic.sync_existing
    assert manager.post("/settings/calendars", data={"sync_shared": "y"}).status_code == 303
    clinic = Clinic.get_by_id(linden.clinic.id)
    assert clinic.sync_shared and not clinic.sync_existing
    manager.post("/settings/calendars", data={"sync_existing": "y"})
    clinic = Clinic.get_by_id(linden.clinic.id)
    assert not clinic.sync_shared and clinic.sync_existing


def test_saving_without_a_change_moves_nothing(manager, linden):
    manager.post("/settings/links", data=LINKS)
    rev, entries = fresh(linden).faces_rev, AuditEntry.select().count()
    manager.post("/settings/links", data=LINKS)
    assert fresh(linden).faces_rev == rev and AuditEntry.select().count() == entries


# ---- venues ----


def test_a_venue_is_added_and_changed(manager, linden):
    assert manager.post("/settings/venues", data=VENUE).status_code == 303
    made = Venue.get(Venue.name == "Park")
    assert (made.clinic, made.zone_name, made.hours) == (
        linden.clinic,
        "Europe/Paris",
        {"mon": [["08:00", "12:00"]]},
    )
    rev = fresh(linden).faces_rev
    assert (
        manager.post(f"/settings/venues/{made.id}", data={**VENUE, "name": "Lake"}).status_code
        == 303
    )
    assert Venue.get_by_id(made.id).name == "Lake" and fresh(linden).faces_rev > rev


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"name": ""}, "Write a name"),
        ({"name": "Harbour House"}, "There is a venue called Harbour House already"),
        (
            {"zone_name": "Mars/Olympus"},
            "Write a city, such as London, and choose one from the list",
        ),
        ({"zone_name": ""}, "Choose a time zone"),
        ({"address": "x" * 301}, "Use at most 300 characters"),
        ({"hours": ["12:00", "08:00", *[""] * 26]}, "Monday: write a start and a later end"),
    ],
)
def test_a_bad_venue_comes_back_and_stores_nothing(manager, linden, bad, said):
    for path in ("/settings/venues", f"/settings/venues/{linden.street.id}"):
        answer = manager.post(path, data={**VENUE, **bad}, headers=PARTIAL)
        assert answer.status_code == 422 and text_of(answer).startswith('<form id="venue-form"')
        assert said in text_of(answer) and "One thing to fix" in text_of(answer)
    assert {v.name for v in Venue.select()} == {"Linden Street", "Harbour House"}


def test_another_zone_keeps_instants_and_moves_whole_days(manager, linden, booking):
    day = date(2026, 11, 30)
    whole = Booking.book(
        linden.calendar, [scheduling.whole_days(day, day, ZoneInfo("Europe/London"))], linden.pat
    )[0]
    page = text_of(manager.get(f"/settings/venues/{linden.street.id}"))
    assert "whole-day bookings move to the midnights of the new zone" in page
    manager.post(
        f"/settings/venues/{linden.street.id}", data={**VENUE, "zone_name": "America/New_York"}
    )
    assert Booking.get_by_id(booking.id).starts_at == booking.starts_at
    kept = Booking.get_by_id(whole.id)
    assert kept.starts_on == day and kept.starts_at == scheduling.midnight(
        day, ZoneInfo("America/New_York")
    )


def test_archiving_a_venue_asks_in_numbers_and_closes_its_calendars(manager, linden, booking):
    path = f"/settings/venues/{linden.street.id}"
    asked = text_of(manager.get(f"{path}/archival", headers=PARTIAL))
    assert (
        asked.startswith('<dialog id="archival"')
        and "2 calendars close" in asked
        and "1 booking to come stay" in asked
    )
    assert manager.post(f"{path}/archival").status_code == 303
    assert {p.venue for p in Practitioner.listed(linden.clinic)} == {linden.harbour}
    assert Booking.get_by_id(booking.id).status == "confirmed"
    assert manager.post(f"{path}/return").status_code == 303
    assert Practitioner.listed(linden.clinic).count() == 3


def test_the_last_venue_stays(manager, linden):
    manager.post(f"/settings/venues/{linden.harbour.id}/archival")
    answer = manager.post(f"/settings/venues/{linden.street.id}/archival", follow_redirects=True)
    assert "A clinic keeps at least one venue" in text_of(answer)
    assert not Venue.get_by_id(linden.street.id).archived


# ---- plan ----


def test_losing_links_asks_first_in_numbers(app, owner, linden, link):
    page = text_of(owner.post("/settings/plan", data={"plan": "basic"}, headers=PARTIAL))
    assert (
        page.startswith('<section id="plan"')
        and "Stop 1 link and move" in page
        and "and stop 1 private link?" in page
        and "<strong>for good</strong>" in page
    )
    assert fresh(linden).plan == "self-hosted"
    assert "<html" in text_of(owner.post("/settings/plan", data={"plan": "basic"}))
    assert app.test_client().get(feeds.path(KEY, link)).status_code == 200


def test_a_downgrade_stops_links_and_coming_back_asks_for_new_addresses(app, owner, linden, link):
    old = feeds.path(KEY, link)
    assert (
        owner.post("/settings/plan", data={"plan": "basic", "confirmed": "yes"}).status_code == 303
    )
    assert fresh(linden).plan == "basic"
    assert app.test_client().get(old).status_code == 404
    owner.post("/settings/plan", data={"plan": "plus"})
    assert app.test_client().get(old).status_code == 404
    again = Feed.get_by_id(link.id)
    again.rotate(linden.pat)
    assert app.test_client().get(feeds.path(KEY, again)).status_code == 200
    assert app.test_client().get(old).status_code == 404


def test_a_plan_with_links_needs_no_question(owner, linden, link):
    assert owner.post("/settings/plan", data={"plan": "plus"}).status_code == 303
    assert fresh(linden).plan == "plus"


def test_an_unknown_plan_changes_nothing(owner, linden):
    answer = owner.post("/settings/plan", data={"plan": "gold"}, headers=PARTIAL)
    assert answer.status_code == 422 and "Choose one from the list" in text_of(answer)
    assert fresh(linden).plan == "self-hosted"


def test_the_table_says_what_each_plan_includes(owner):
    page = text_of(owner.get("/settings/plan"))
    basic = page.partition('<th scope="row">Basic</th>')[2]
    assert "Google</td>" in basic and "Yes" not in basic and "Outlook" not in basic
    assert "Your plan" in page.partition('<th scope="row">Pro</th>')[0]


# ---- history ----


def test_the_history_says_who_did_what_and_names_no_client(owner, linden, booking, link):
    booking.cancel(linden.quinn)
    linden.patient.change(linden.pat, first_name="Gosia")
    linden.clinic.change(linden.maya, privacy_ceiling="initials")
    linden.quinn.set_password("a longer password", linden.olive)
    linden.service.change(linden.maya, name="Knee")
    linden.colleague_calendar.set_hours(linden.maya, {})
    User.invite(
        linden.clinic,
        linden.olive,
        [],
        name="Ida New",
        email="ida@linden.test",
        role="practitioner",
    )
    AuditEntry.note(linden.clinic, linden.olive, "user.password", linden.olive)
    page = text_of(owner.get("/settings/history"))
    assert "of their own" not in page
    for said in (
        "made a booking",
        "set a booking to cancelled",
        "changed a client’s record",
        "what may leave of a client’s name",
        "set the password of Quinn Linden",
        "set their password",
        "changed the service “Knee”",
        "changed the hours of the calendar of Quinn Linden at Linden Street",
        "invited Ida New",
        "made the private link “my phone”",
    ):
        assert said in page, said
    assert "Gosia" not in page and "Wójcik" not in page and "K-2041" not in page
    assert page.index("invited Ida New") < page.index("made a booking")


def test_every_kind_of_entry_is_a_sentence(owner, linden, stranger):
    names = {
        "user": linden.pat,
        "patient": linden.patient,
        "service": linden.service,
        "venue": linden.street,
        "practitioner": linden.calendar,
        "clinic": linden.clinic,
    }
    for kind, deeds in {
        "user": "returned left reset_link invite_link changed",
        "patient": "added archived returned",
        "service": "archived returned",
        "venue": "added changed archived returned",
        "practitioner": "added archived returned",
    }.items():
        for deed in deeds.split():
            AuditEntry.note(linden.clinic, None, f"{kind}.{deed}", names[kind])
    account = starting.connect(linden.pat, "google", "pat@mail.example", "sealed", [], None)
    starting.start(account, linden.pat, "Kalends", "Europe/London")
    ending.begin_departure(account, linden.pat, "restart")
    secret = RemoteCalendar.create(
        clinic=linden.clinic, account=account, role="listed", name="Chemotherapy", calendar_id="c1"
    )
    sources.turn_on(secret, linden.pat)
    AuditEntry.note(
        linden.clinic, linden.pat, "account.refused", linden.pat, kind="google", why="Declined"
    )
    AuditEntry.note(linden.clinic, None, "service.changed", Service(id=999, clinic=linden.clinic))
    page = text_of(owner.get("/settings/history"))
    assert "changed something that is gone" in page and "Kalends" in page and "Sam" not in page
    for said in (
        "began to sync with the Google account of Pat Linden",
        "stopped the Google account of Pat Linden: start over",
        "let a calendar in the Google account of Pat Linden block booking",
        "could not connect Google (Declined)",
    ):
        assert said in page, said
    assert "Chemotherapy" not in page and "pat@mail.example" not in page
    for kind in ("user", "patient", "service", "venue", "practitioner", "account", "source"):
        assert f"{kind}: " not in page


def test_the_history_tells_from_when_to_when_a_booking_moved(owner, linden, booking):
    start = booking.starts_at + timedelta(hours=2)
    booking.change(linden.pat, Span(start, start + timedelta(minutes=50)))
    assert "moved a booking from 23 November 2026, 11:40 to 23 November 2026, 13:40" in text_of(
        owner.get("/settings/history")
    )


def test_the_history_is_paged_and_can_be_of_one_person(owner, linden, stranger):
    for number in range(60):
        AuditEntry.note(
            linden.clinic,
            linden.pat if number % 2 else linden.quinn,
            "patient.added",
            linden.patient,
        )
    page = text_of(owner.get("/settings/history"))
    assert "1 to 50 of 60" in page and "Next" in page
    of_pat = text_of(owner.get(f"/settings/history?person={linden.pat.id}"))
    assert of_pat.count("<td>Pat Linden</td>") == 30 and "<td>Quinn Linden</td>" not in of_pat
    assert owner.get(f"/settings/history?person={stranger.id}").status_code == 404
    assert owner.get("/settings/history?page=x").status_code == 404


# ---- first steps ----


def test_first_steps_follow_the_data(app, signed_in, stranger):
    clinic = stranger.clinic
    assert first_steps(clinic).steps == {
        "clinic": True,
        "services": False,
        "clients": False,
        "calendar": False,
    }
    Service.add(clinic, None, name="Visit")
    Patient.add(clinic, None, first_name="Ann")
    assert first_steps(clinic).steps == {
        "clinic": True,
        "services": True,
        "clients": True,
        "calendar": False,
    }
    stranger.change_sync(sync_allowed=True)
    Feed.generate(stranger, "my phone", stranger).revoke(None)
    assert not first_steps(clinic).steps["calendar"]
    Feed.generate(stranger, "my phone", stranger)
    assert all(first_steps(clinic).steps.values())


def test_the_card_of_first_steps_points_at_the_next_one(app, stranger):
    with app.test_request_context("/"):
        g._login_user = stranger
        card = render_template("week/_first_steps.html", first_steps=first_steps(stranger.clinic))
    assert card.strip().startswith('<section id="first-steps"') and "1 of 4 done" in card
    step = card.partition('aria-current="step"')[2].partition("</li>")[0]
    assert "Opening hours and services" in step and 'href="/services/new"' in step
    assert card.count('aria-current="step"') == 1 and card.count('data-state="done"') == 1


# ---- who may ----

OF_MANAGERS = [
    ("GET", "/settings/"),
    ("POST", "/settings/clinic"),
    ("POST", "/settings/privacy"),
    ("POST", "/settings/links"),
    ("POST", "/settings/calendars"),
    ("GET", "/settings/venues/new"),
    ("POST", "/settings/venues"),
]
OF_ONE_VENUE = [
    ("GET", "/settings/venues/{}"),
    ("POST", "/settings/venues/{}"),
    ("GET", "/settings/venues/{}/archival"),
    ("POST", "/settings/venues/{}/archival"),
    ("POST", "/settings/venues/{}/return"),
]
OF_OWNERS = [("GET", "/settings/plan"), ("POST", "/settings/plan"), ("GET", "/settings/history")]
EVERYTHING = {
    **CLINIC,
    **PRIVACY,
    **LINKS,
    **VENUE,
    "sync_shared": "y",
    "plan": "basic",
    "confirmed": "yes",
}


@pytest.mark.parametrize(("method", "path"), [*OF_MANAGERS, *OF_ONE_VENUE, *OF_OWNERS])
def test_a_practitioner_changes_no_settings(signed_in, linden, method, path):
    before = fresh(linden).__data__
    assert (
        signed_in(linden.pat)
        .open(path.format(linden.street.id), method=method, data=EVERYTHING)
        .status_code
        == 403
    )
    assert fresh(linden).__data__ == before and not Venue.get_by_id(linden.street.id).archived


@pytest.mark.parametrize(("method", "path"), OF_OWNERS)
def test_plan_and_history_are_the_owners(manager, linden, method, path):
    assert manager.open(path, method=method, data=EVERYTHING).status_code == 403
    assert fresh(linden).plan == "self-hosted"
    assert "/settings/history" not in text_of(manager.get("/settings/"))


@pytest.mark.parametrize(("method", "path"), OF_ONE_VENUE)
def test_a_venue_of_another_clinic_is_not_there(owner, stranger, method, path):
    theirs = stranger.clinic.venues.first()
    assert owner.open(path.format(theirs.id), method=method, data=VENUE).status_code == 404
    assert Venue.get_by_id(theirs.id).name == "Elsewhere"


def test_the_history_names_the_values_that_settings_got(signed_in, linden):
    linden.clinic.change(linden.olive, privacy_ceiling="initials", notes_may_leave=True)
    linden.pat.change_sync(identifier="internal_id", hide_sensitive=True)
    page = html.unescape(signed_in(linden.olive).get("/settings/history").text)
    assert (
        "what may leave of a client’s name → initials" in page
        and "whether notes may leave → on" in page
    )
    assert "clients appear as → internal id" in page and "hide sensitive information → on" in page


def test_the_history_writes_large_numbers_as_other_pages_do(signed_in, linden):
    AuditEntry.note(linden.clinic, linden.olive, "bookings.added", linden.clinic, count=1120)
    page = html.unescape(signed_in(linden.olive).get("/settings/history").text)
    assert "imported 1,120 bookings" in page


def test_a_zone_in_which_whole_days_would_overlap_others_is_refused(signed_in, linden, clock):
    day, maya = date(2026, 11, 26), signed_in(linden.maya)
    Booking.book(linden.calendar, [whole_days(day, day, linden.street.zone)], linden.pat)
    night = datetime(2026, 11, 27, 1, tzinfo=UTC)  # the day before in New York
    Booking.book(linden.calendar, [Span(night, night + timedelta(hours=1))], linden.pat)
    path = f"/settings/venues/{linden.street.id}"
    answer = maya.post(path, data={**VENUE, "zone_name": "America/New_York"})
    assert answer.status_code == 422
    assert "a booking of whole days would overlap another one of Pat Linden" in answer.text
