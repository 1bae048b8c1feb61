"""Two people with one form open: no typed text of either is lost, on every page that changes stored
values.
"""

import html
import importlib
import pkgutil
import re
import threading
from datetime import UTC, datetime, timedelta

import external
import pytest

import views
from base.bookings.client_letters import LetterSettings
from base.scheduling import Span
from base.tables.texts import TextSettings
from base.tables.time_off import DatedHours, TimeOff
from free_times.earlier.entries import EarlierSettings
from free_times.rules import OnlineSettings
from models import Booking, Clinic, Feed, Patient, Practitioner, User
from tests.pages import form_of
from views.kit.forms import Form
from views.kit.merging import Merging

NINE = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
PARTIAL = {"HX-Request": "true"}
ON_SQLITE = pytest.mark.parametrize(
    "database_url", ["sqlite"], indirect=True
)  # what is compared is the same on both; who comes first is not


def text(answer) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", answer.get_data(as_text=True))).split())


class Place:
    """A page with a form, the row behind it, and what two people type: different fields, and the
    same one.
    """

    def __init__(self, path, form, row, one, two, both, column=None, who="maya"):
        self.path, self.form, self.one, self.two, self.both, self.who = (
            path,
            form,
            one,
            two,
            both,
            who,
        )
        self.row = type(row).get_by_id(row.id)
        self.column = column or next(iter(both[0]))

    def fresh(self):
        return type(self.row).get_by_id(self.row.id)


def booking(linden):
    row = Booking.book(
        linden.calendar,
        [Span(NINE, NINE + timedelta(minutes=50))],
        linden.pat,
        patient=linden.patient,
        notes="left shoulder",
    )[0]
    return Place(
        f"/bookings/{row.id}/edit",
        "booking-form",
        row,
        {"notes": "allergic to latex"},
        {"rate": "70"},
        ({"notes": "allergic to latex"}, {"notes": "bring the scan"}),
    )


def booking_status(linden):
    place = booking(linden)
    place.one, place.two, place.both = (
        {"status": "arrived"},
        {"notes": "late"},
        ({"status": "arrived"}, {"status": "no_show"}),
    )
    place.column = "status"
    return place


def booking_time(linden):
    place = booking(linden)
    place.one, place.two = {"starts": "11:00", "ends": "11:50"}, {"notes": "late"}
    place.both, place.column = (
        ({"starts": "11:00", "ends": "11:50"}, {"day": "2026-11-27"}),
        "starts_at",
    )
    return place


def client(linden):
    return Place(
        f"/clients/{linden.patient.id}/edit",
        "client-form",
        linden.patient,
        {"notes": "allergic to latex"},
        {"phone": "01 555 0123"},
        ({"notes": "allergic to latex"}, {"notes": "prefers mornings"}),
    )


def service(linden):
    return Place(
        f"/services/{linden.service.id}",
        "service-form",
        linden.service,
        {"duration_minutes": "45"},
        {"price_cents": "80"},
        ({"name": "Knee"}, {"name": "Hip"}),
    )


def venue(linden):
    return Place(
        f"/settings/venues/{linden.street.id}",
        "venue-form",
        linden.street,
        {"address": "5 Linden Street"},
        {"name": "Linden House"},
        ({"address": "5 Linden Street"}, {"address": "6 Linden Street"}),
    )


def clinic(linden):
    return Place(
        "/settings/",
        "settings-form",
        linden.clinic,
        {"contact": "Maya, 01 555 0100"},
        {"privacy_ceiling": "initials"},
        ({"contact": "Maya"}, {"contact": "Olive"}),
    )


def clinic_one_card(linden):
    return Place(
        "/settings/",
        "settings-form",
        linden.clinic,
        {"privacy_ceiling": "initials"},
        {"notes_may_leave": "y"},
        ({"privacy_ceiling": "initials"}, {"privacy_ceiling": "first_name"}),
    )


def person(linden):
    return Place(
        f"/team/{linden.pat.id}",
        "person-form",
        linden.pat,
        {"name": "Pat Other"},
        {"email": "other@linden.test"},
        ({"name": "Pat Other"}, {"name": "Pat Else"}),
    )


def hours(linden):
    name = f"c{linden.calendar.id}-hours"
    early, late = ([start, "17:00", "", ""] * 5 + [""] * 8 for start in ("07:00", "10:00"))
    return Place(
        f"/team/{linden.pat.id}",
        "person-form",
        linden.calendar,
        {name: early},
        {"email": "other@linden.test"},
        ({name: early}, {name: late}),
        "hours",
    )


def online(linden):
    return Place(
        "/settings/online-booking/",
        "online-form",
        OnlineSettings.stored(linden.clinic),
        {"welcome": "Hello"},
        {"notice_hours": "5"},
        ({"welcome": "Hello"}, {"welcome": "Good day"}),
    )


def letters(linden):
    return Place(
        "/settings/letters/",
        "letters-form",
        LetterSettings.stored(linden.clinic),
        {"reply_to": "desk@linden.test"},
        {"names_service": "y"},
        ({"reply_to": "desk@linden.test"}, {"reply_to": "front@linden.test"}),
    )


def earlier(linden):
    return Place(
        "/settings/waiting-list/",
        "earlier-form",
        EarlierSettings.stored(linden.clinic),
        {"minutes": "30"},
        {"visitors_ask": "y"},
        ({"minutes": "30"}, {"minutes": "120"}),
    )


def link(linden):
    row = Feed.generate(linden.pat, "phone", linden.pat, practitioner=linden.calendar)
    return Place(
        f"/sync/links/{row.id}",
        "link-settings",
        row,
        {"name": "tablet"},
        {"hide_sensitive": "y"},
        ({"name": "tablet"}, {"name": "laptop"}),
        who="pat",
    )


def account(linden):
    row = external.source(linden.pat).account
    return Place(
        f"/sync/accounts/{row.id}/settings",
        "account-settings",
        row,
        {"edits": "ask"},
        {"lock_sign": "y"},
        ({"edits": "ask"}, {"edits": "follow"}),
        who="pat",
    )


def source(linden):
    row = external.source(linden.pat)
    return Place(
        f"/sync/calendars/{row.id}",
        "rules",
        row,
        {"tentative": "y"},
        {"elsewhere": "y"},
        None,
        "rules",
        who="pat",
    )


def appearance(linden):
    linden.pat.change_sync(identifier="initials")
    return Place(
        "/sync/",
        "identifier",
        linden.pat,
        {"identifier": "none"},
        {},
        ({"identifier": "none"}, {"identifier": "internal_id"}),
        who="pat",
    )


def off(linden):
    day = NINE.date()
    row = TimeOff.add(linden.pat, linden.pat, kind="leave", first_on=day, last_on=day)
    return Place(
        f"/time-off/{row.id}",
        "off-form",
        row,
        {"note": "by the sea"},
        {"kind": "training"},
        ({"note": "by the sea"}, {"note": "in the hills"}),
    )


def dated(linden):
    row = DatedHours.add(linden.street, NINE.date(), [["09:00", "12:00"]], linden.maya)
    return Place(
        f"/dates/{row.id}",
        "date-form",
        row,
        {"name": "Open day"},
        {"day": "2026-11-27"},
        ({"name": "Open day"}, {"name": "Stocktaking"}),
    )


def may_leave(linden):
    return Place("/sync/", "opt-in", linden.pat, {"allow": None}, {}, None, "sync_allowed", "pat")


def hidden(linden):
    return Place(
        "/sync/links/",
        "hide",
        linden.pat,
        {"hide_sensitive": "y"},
        {},
        None,
        "hide_sensitive",
        "pat",
    )


def titles(linden):
    return Place(
        "/sync/titles",
        "titles",
        linden.pat,
        {"titles_for": "managers"},
        {},
        ({"titles_for": "managers"}, {"titles_for": "everyone"}),
        "titles_for",
        "pat",
    )


def texts(linden):
    return Place(
        "/settings/text-messages/",
        "texts-form",
        TextSettings.stored(linden.clinic),
        {"waits": "y"},
        {},
        None,
        "kinds",
        "olive",
    )


PLACES = [
    appearance,
    booking,
    booking_status,
    booking_time,
    client,
    service,
    venue,
    clinic,
    titles,
    clinic_one_card,
    person,
    hours,
    letters,
    online,
    earlier,
    link,
    account,
    off,
    dated,
]

SINGLE = [
    may_leave,
    hidden,
    source,
    texts,
]  # of two states, so that two people never want two others

# Every address that takes a form and changes a row with it: the place above that stands for it.
EDITS = {
    "bookings.update": booking,
    "dates.update": dated,
    "time_off.update": off,
    "letters.update": letters,
    "earlier_settings.update": earlier,
    "feeds.hide": hidden,
    "feeds.update": link,
    "online_booking.update": online,
    "patients.update": client,
    "services.update": service,
    "settings.update": clinic,
    "settings.update_venue": venue,
    "sources.update": source,
    "sync_settings.allow": may_leave,
    "sync_settings.choose": appearance,
    "sync_settings.set_titles": titles,
    "team.set_hours": hours,
    "text_messages.update": texts,
    "team.update": person,
    "two_way.update": account,
}
STEPS = "one step with a state of its own: a second press finds it done"
NEW = "makes something new"
APART = {
    "auth": "about whoever signs in, not about a shared row",
    "imports": "steps of a file, each good in one phase alone",
    "webhooks": "of programs",
    "choosing": "a visitor's questions: what is pressed leads to the next, and changes no row",
    "details": "a visitor's form makes one booking, whoever else changes what",
    "managed": "a visitor's own booking: each press says the time it wants",
    "joining": "a visitor's form makes one entry",
    "ask_earlier": "what suits one client: theirs alone, the newest wish counts",
    "earlier": "a client with the link of an offer: each press sets one thing",
    "waiting_list": "each press names a time or an end",
    "waiting_entry": "the newest wish of one client counts",
    "by_letter": "a client with the link of a letter: each press sets one thing",
}
NO_EDITS = {
    **dict.fromkeys(("bookings.create", "feeds.create", "patients.create"), NEW),
    **dict.fromkeys(("services.create", "settings.create_venue", "team.invite"), NEW),
    **dict.fromkeys(("team.issue_token", "team.open_calendar", "sync_together.act"), NEW),
    **dict.fromkeys(("text_messages.make_secret", "text_messages.send_trial"), NEW),
    "text_messages.remove": STEPS,
    "connect.sign_in": "connects an account, or the same one once more",
    **dict.fromkeys(("bookings.clients", "patients.matches", "sync_settings.preview"), "asks"),
    **dict.fromkeys(("time_off.create", "dates.add"), NEW),
    **dict.fromkeys(
        ("time_off.delete", "time_off.bring_back", "dates.remove", "dates.bring_back"), STEPS
    ),
    "dates.choose_country": "country and region are merged, as the ticks are: test_views_dates",
    "dates.tick": "all of its boxes are one field, asked as a whole: test_views_dates",
    "booking_status.set_status": "says the status it wants and the one it showed",
    "booking_status.cancel": "says the status it showed",
    **dict.fromkeys(("requests.decline", "requests.offer"), "say the version they showed"),
    "page_name.update": "says the name that the page showed, and is refused where it is another",
    "moves.move": "says where the booking lay, and is refused where it lies elsewhere now",
    "handover.decide": "each booking is moved only as it was read",
    "services.set_people": "about rows of calendars: two people try it in test_views_own_terms",
    "settings.change_plan": "says the plan it wants, and asks where something ends",
    **dict.fromkeys(("booking_status.undo", "feeds.rotate", "feeds.revoke", "feeds.clear"), STEPS),
    **dict.fromkeys(
        ("patients.archive", "patients.bring_back", "patients.check", "merges.undo", "moves.undo"),
        STEPS,
    ),
    "merges.matches": "asks",
    "letters.show_wording": "shows what was typed, and saves nothing",
    "letters.send_again": STEPS,
    "guide_answers.answer": NEW,
    "guide_answers.remove": STEPS,
    "own_region.update": "how one person reads dates: theirs alone",
    "own_letters.update": "what one person wants to be told: theirs alone",
    "letters.update_wording": "all words are one column: two people try it in test_views_letters",
    "team_day.choose": "what one person wants to see: theirs alone, each choice as it is pressed",
    "merges.merge": "says what both records said, and asks where they say something else now",
    **dict.fromkeys(("patients.put_away_id_changes", "services.archive"), STEPS),
    **dict.fromkeys(("services.bring_back", "settings.archive_venue"), STEPS),
    **dict.fromkeys(
        (
            "feeds.rotate_all",
            "stop_feeds.stop",
            "settings.bring_back_venue",
            "team.close_calendar",
            "team.leave",
        ),
        STEPS,
    ),
    **dict.fromkeys(
        (
            "team.come_back",
            "two_way.act",
            "two_way.ask_for_run",
            "sync_together.act",
            "two_way.start",
        ),
        STEPS,
    ),
    **dict.fromkeys(("two_way.departure", "two_way.end", "sources.start", "sources.stop"), STEPS),
    "sources.rename": "one field, and theirs alone: tried in test_own_names",
    **dict.fromkeys(("two_way.put_right", "two_way.list_anew"), STEPS),
    **dict.fromkeys(("notices.decide", "notices.leave_all", "notices.leave_changes"), STEPS),
    "health.resync": STEPS,
    **dict.fromkeys(("health.ask", "health.end", "health.resync_all"), STEPS),
}


def test_every_address_that_changes_a_row_is_tried_or_named_with_a_reason(app):
    there = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "POST" in rule.methods and rule.endpoint.partition(".")[0] not in APART
    }
    assert there == {*EDITS, *NO_EDITS}
    assert {*EDITS.values()} <= {*PLACES, *SINGLE}


@ON_SQLITE
@pytest.mark.parametrize("make", [*PLACES, *SINGLE], ids=lambda place: place.__name__)
def test_a_page_of_an_earlier_version_saves_nothing_unasked(signed_in, linden, clock, make):
    place = make(linden)
    browser = signed_in(getattr(linden, place.who))
    opened = form_of(browser.get(place.path), place.form)
    marks = {name: None for name, _ in opened.fields if name.endswith("seen")}
    assert marks
    form_of(browser.get(place.path), place.form).put(**place.one).send(browser)
    stored = columns(place.fresh())
    answer = opened.put(**dict.fromkeys(marks, "")).send(browser)
    assert answer.status_code == 422 and columns(place.fresh()) == stored
    assert "This page was out of date. Nothing is saved yet" in text(answer)
    # a switch has no button: choosing saves
    assert ("then save again" in text(answer)) == (make not in (may_leave, hidden))
    again = form_of(answer, place.form)
    theirs = {name: "theirs" for name in again.choices if "keep-" in name}
    assert theirs and again.put(**theirs).send(browser).status_code == 303
    assert columns(place.fresh()) == stored


@ON_SQLITE
@pytest.mark.parametrize("make", SINGLE, ids=lambda place: place.__name__)
def test_a_switch_that_was_left_alone_takes_nothing_back(signed_in, linden, clock, make):
    place = make(linden)
    browser = signed_in(getattr(linden, place.who))
    opened = form_of(browser.get(place.path), place.form)
    before = columns(place.fresh())
    for _ in range(2):  # and pressing twice is as once
        pressed = form_of(browser.get(place.path), place.form).put(**place.one)
        assert pressed.send(browser).status_code == pressed.send(browser).status_code == 303
    stored = columns(place.fresh())
    assert stored != before and opened.send(browser).status_code == 303
    assert columns(place.fresh()) == stored


@pytest.fixture(params=PLACES, ids=lambda place: place.__name__)
def place(request, linden, clock):
    return request.param(linden)


@pytest.fixture
def two(signed_in, linden, place):
    """Two windows with the same form open."""
    browsers = [signed_in(getattr(linden, place.who)) for _ in range(2)]
    return [(browser, form_of(browser.get(place.path), place.form)) for browser in browsers]


def columns(row) -> dict:
    kept = (
        "updated_at",
        "sequence",
        "rev",
        "latest_rev",
        "faces_rev",
        "void_rev",
        "before",
        "label_changes",
        "search",
    )  # by the rows themselves
    return {name: value for name, value in row.__data__.items() if name not in kept}


@ON_SQLITE
def test_what_only_one_of_two_changed_is_kept_of_both(two, place):
    (first, opened), (second, opened_too) = two
    assert opened.put(**place.one).send(first).status_code == 303
    after_one = columns(place.fresh())
    assert after_one != columns(place.row)
    answer = opened_too.put(**place.two).send(second, headers=PARTIAL)
    assert answer.status_code in (200, 204)
    said = text(answer) + text(second.get(place.path))
    assert "Kept from someone else, who changed it while you had it open" in said
    after_two = columns(place.fresh())
    changed = {name for name, value in after_one.items() if value != columns(place.row)[name]}
    assert changed and all(after_two[name] == after_one[name] for name in changed)


@ON_SQLITE
def test_what_both_changed_is_shown_side_by_side_and_neither_is_lost(two, place):
    (first, opened), (second, opened_too) = two
    mine, theirs = place.both[1], place.both[0]
    opened.put(**theirs).send(first)
    stored = columns(place.fresh())
    answer = opened_too.put(**mine).send(second)
    assert answer.status_code == 422
    assert "Someone else changed this while you had it open. Nothing is saved yet" in text(answer)
    assert columns(place.fresh()) == stored
    again = form_of(answer, place.form)
    (question,) = [name for name in again.choices if "keep-" in name]
    assert set(again.choices[question]) >= {"theirs", "yours"}
    for name, value in mine.items():  # what was typed is still there
        assert [was for key, was in again.fields if key == name] == (
            value if isinstance(value, list) else [value]
        )
    refused = again.send(second)
    assert refused.status_code == 422 and "Choose one for each" in text(refused)
    assert columns(place.fresh()) == stored


@ON_SQLITE
def test_theirs_can_be_kept(two, place):
    (first, opened), (second, opened_too) = two
    opened.put(**place.both[0]).send(first)
    stored = columns(place.fresh())
    again = form_of(opened_too.put(**place.both[1]).send(second), place.form)
    (question,) = [name for name in again.choices if "keep-" in name]
    assert again.put(**{question: "theirs"}).send(second).status_code == 303
    assert columns(place.fresh()) == stored


@ON_SQLITE
def test_one_s_own_can_be_kept(two, place):
    (first, opened), (second, opened_too) = two
    opened.put(**place.both[0]).send(first)
    stored = columns(place.fresh())[place.column]
    again = form_of(opened_too.put(**place.both[1]).send(second), place.form)
    (question,) = [name for name in again.choices if "keep-" in name]
    assert again.put(**{question: "yours"}).send(second).status_code == 303
    assert columns(place.fresh())[place.column] != stored
    reopened = form_of(second.get(place.path), place.form)
    for name, value in place.both[1].items():
        assert [was for key, was in reopened.fields if key == name] == (
            value if isinstance(value, list) else [value]
        )


@ON_SQLITE
def test_a_third_change_while_one_decides_asks_again(two, place):
    (first, opened), (second, opened_too) = two
    opened.put(**place.both[0]).send(first)
    again = form_of(opened_too.put(**place.both[1]).send(second), place.form)
    (question,) = [name for name in again.choices if "keep-" in name]
    third = form_of(first.get(place.path), place.form)
    assert (
        third.put(**{name: another(name, value) for name, value in place.both[0].items()})
        .send(first)
        .status_code
        == 303
    )
    stored = columns(place.fresh())
    answer = again.put(**{question: "yours"}).send(second)
    assert answer.status_code == 422
    assert columns(place.fresh()) == stored


def another(name, value):
    """A third value for the field."""
    thirds = {
        "status": "delivered",
        "minutes": "240",
        "starts": "12:00",
        "ends": "12:50",
        "privacy_ceiling": "none",
        "identifier": "first_name",
        "edits": "put_back",
        "titles_for": "nobody",
        "reply_to": "third@linden.test",
    }
    if isinstance(value, list):
        return ["08:30", "17:00", "", ""] * 5 + [""] * 8
    return thirds.get(name, f"{value} third")


@ON_SQLITE
def test_an_untouched_form_saved_late_changes_nothing(two, place):
    (first, opened), (second, opened_too) = two
    opened.put(**place.one).send(first)
    stored = columns(place.fresh())
    assert opened_too.send(second).status_code == 303
    assert columns(place.fresh()) == stored


def test_a_form_that_came_back_with_a_fault_still_knows_what_it_saw(signed_in, linden):
    first, second = signed_in(linden.maya), signed_in(linden.olive)
    path = f"/clients/{linden.patient.id}/edit"
    opened = form_of(second.get(path), "client-form").put(first_name="", phone="1")
    form_of(first.get(path), "client-form").put(notes="allergic to latex").send(first)
    again = form_of(opened.send(second), "client-form")
    assert again.put(first_name="Małgorzata").send(second).status_code == 303
    row = Patient.get_by_id(linden.patient.id)
    assert (row.notes, row.phone) == ("allergic to latex", "1")


def test_two_people_who_save_different_fields_at_once_are_both_kept(app, signed_in, linden):
    path = f"/clients/{linden.patient.id}/edit"
    browsers = [signed_in(linden.maya), signed_in(linden.olive)]
    forms = [form_of(browser.get(path), "client-form") for browser in browsers]
    forms[0].put(notes="allergic to latex"), forms[1].put(phone="1")
    answers = []
    crowd = [
        threading.Thread(
            target=lambda form=form, browser=browser: answers.append(form.send(browser).status_code)
        )
        for form, browser in zip(forms, browsers, strict=True)
    ]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    row = Patient.get_by_id(linden.patient.id)
    assert (answers, row.notes, row.phone) == ([303, 303], "allergic to latex", "1")


def test_a_field_that_was_not_on_the_page_is_left_alone(signed_in, linden):
    browser = signed_in(linden.maya)
    linden.clinic.change(None, internal_ids=False)
    form = form_of(browser.get(f"/clients/{linden.patient.id}/edit"), "client-form").put(phone="1")
    linden.clinic.change(None, internal_ids=True)
    assert form.send(browser).status_code == 303
    assert Patient.get_by_id(linden.patient.id).internal_id == "K-2041"


def test_who_loses_the_booking_while_writing_gets_the_words_back(signed_in, linden, clock):
    place, browser = booking(linden), signed_in(linden.pat)
    form = form_of(browser.get(place.path), place.form).put(notes="allergic to <latex>")
    place.fresh().change(linden.maya, place.row.span, practitioner=linden.colleague_calendar)
    answer = form.send(browser)
    assert answer.status_code == 403
    assert "It belongs to Quinn Linden. Nothing was saved." in text(answer)
    assert "allergic to &lt;latex&gt;" in answer.get_data(as_text=True)
    assert place.fresh().notes == "left shoulder"


@ON_SQLITE
def test_what_two_changed_may_be_no_time_together(signed_in, linden):
    """One leaves the end to the service, the other takes the service away."""
    place = booking(linden)
    Booking.update(service=linden.service).execute()
    maya = signed_in(linden.maya)
    page = maya.get(place.path)
    Booking.update(service=None).execute()
    answer = form_of(page, place.form).put(ends="").send(maya)
    assert answer.status_code == 422
    assert "Say when it ends, or choose a service" in text(answer)
    assert place.fresh().ends_at == place.row.ends_at


def test_both_notes_can_be_kept(signed_in, linden):
    first, second = signed_in(linden.maya), signed_in(linden.olive)
    path = f"/clients/{linden.patient.id}/edit"
    opened = form_of(second.get(path), "client-form").put(notes="prefers mornings")
    form_of(first.get(path), "client-form").put(notes="allergic to latex").send(first)
    answer = opened.send(second)
    assert "Last changed by: Maya Linden" in text(answer)
    form_of(answer, "client-form").put(keep__notes="both").send(second)
    assert Patient.get_by_id(linden.patient.id).notes == "allergic to latex\nprefers mornings"


@ON_SQLITE
@pytest.mark.parametrize(
    "seen", ["", "x", "e30=", "W10=", "W3t9LDFd", "A" * 200_000, "W1tb" * 50_000]
)
def test_a_record_of_what_was_seen_that_we_did_not_write_saves_nothing_unasked(
    signed_in, linden, seen
):
    browser = signed_in(linden.maya)
    opened = form_of(browser.get(f"/clients/{linden.patient.id}/edit"), "client-form")
    linden.patient.change(linden.pat, notes="allergic to latex")
    answer = opened.put(seen=seen, notes="new").send(browser)
    assert answer.status_code == 422
    assert "This page was out of date. Nothing is saved yet" in text(answer)
    assert Patient.get_by_id(linden.patient.id).notes == "allergic to latex"
    form_of(answer, "client-form").put(**{"keep-notes": "both"}).send(browser)
    assert Patient.get_by_id(linden.patient.id).notes == "allergic to latex\nnew"


def test_saving_one_card_keeps_what_was_typed_in_the_others(signed_in, linden):
    browser = signed_in(linden.maya)
    opened = form_of(browser.get("/settings/"), "settings-form")
    opened.put(
        contact="Maya", privacy_ceiling="initials", feed_preset="locum", sync_shared="y"
    ).send(browser)
    row = Clinic.get_by_id(linden.clinic.id)
    assert (row.contact, row.privacy_ceiling, row.feed_preset, row.sync_shared) == (
        "Maya",
        "initials",
        "locum",
        True,
    )
    opened = form_of(browser.get(f"/team/{linden.pat.id}"), "person-form")
    week = ["07:00", "12:00", "", ""] * 5 + [""] * 8
    opened.put(**{"name": "Pat Other", f"c{linden.calendar.id}-hours": week}).send(browser)
    assert User.get_by_id(linden.pat.id).name == "Pat Other"
    assert Practitioner.get_by_id(linden.calendar.id).hours["mon"] == [["07:00", "12:00"]]


def test_a_fault_in_one_card_saves_none_and_loses_nothing(signed_in, linden):
    browser = signed_in(linden.maya)
    answer = (
        form_of(browser.get("/settings/"), "settings-form")
        .put(name="", feed_preset="locum")
        .send(browser)
    )
    assert answer.status_code == 422
    assert form_of(answer, "settings-form")["feed_preset"] == "locum"
    assert Clinic.get_by_id(linden.clinic.id).feed_preset == "clinic"


def test_the_rules_of_a_calendar_outside_are_merged(signed_in, linden):
    place = source(linden)
    browsers = [signed_in(linden.pat) for _ in range(2)]
    opened = [form_of(browser.get(place.path), place.form) for browser in browsers]
    for browser, form, typed in zip(browsers, opened, (place.one, place.two), strict=True):
        assert form.put(**typed).send(browser).status_code == 303
    assert {name for name, on in place.fresh().rules.items() if on} >= {"tentative", "elsewhere"}


# Forms that need not know what was there: they make something, find something, or are one decision
# whose last press is meant.
OTHERS = {
    "views.doors.auth": None,
    "views.kit.signing_in": None,
    "views.clinic.imports": None,  # signing in and files: nothing that two people edit
    "views.calendar.booking_status": {"StatusForm", "CancelForm", "ButtonForm"},
    "views.calendar.next_free": {"WishForm"},  # asks only
    "views.calendar.merges": {"MergeForm"},  # says what both records said
    "views.calendar.why": {"WhyForm"},  # asks only
    "views.doors.own_letters": {"OwnLettersForm"},  # theirs alone
    "views.doors.own_region": {"OwnRegionForm"},  # theirs alone
    "views.doors.guide_answers": {"AnswerForm"},  # each is a new row
    "views.sync.new_feed": {"NewFeed"},
    "views.sync.panels": {"Naming"},
    "views.sync.password": {"Password"},  # a name and a password, which no page shows again
    "views.sync.by_address": {"PublishedForm"},  # an address, which no page shows again
    "views.clinic.page_name": {"NameForm"},  # says the name that it showed
    "views.clinic.settings": {"PlanForm"},
    "views.clinic.text_messages": {"TrialForm"},  # sends one message
    "views.clinic.team_forms": {"InviteForm", "CalendarForm"},
    "views.visitor.details_form": {"DetailsForm"},  # makes something new
    "views.kit.waiting_wishes": {"WantedForm"},  # the newest wish of one client counts
    "views.calendar.waiting_entry": {"EntryForm"},
}


def test_every_form_that_changes_a_row_knows_what_it_saw():
    for module in pkgutil.walk_packages(views.__path__, "views."):
        importlib.import_module(module.name)

    def below(kind):
        return {kind, *(one for child in kind.__subclasses__() for one in below(child))}

    own = {kind for kind in below(Form) - {Form, Merging} if kind.__module__.startswith("views.")}
    assert sum(issubclass(kind, Merging) for kind in own) >= 13
    lost = [
        kind
        for kind in own
        if not issubclass(kind, Merging)
        and (
            kind.__module__ not in OTHERS
            or (
                OTHERS[kind.__module__] is not None and kind.__name__ not in OTHERS[kind.__module__]
            )
        )
    ]
    assert [
        f"{kind.__module__}.{kind.__name__}: make it a Merging form, or say here why it need not be"
        for kind in lost
    ] == []
