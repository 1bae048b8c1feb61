"""Letters to clients about their bookings: which are sent, when, and their content."""

import html
import re
from datetime import UTC, date, datetime, timedelta
from urllib.parse import quote_plus

import pytest
from client_world import booked, ends, event, parts, team_is_told_nothing
from online_world import book, only_form, switch_on, text_of, times_of, to_check

from base import scheduling
from base.bookings.client_letters import LetterSettings
from base.scheduling import Span
from base.tables.outbox import Letter
from free_times.online import answering, requests
from free_times.online.made_online import OnlineBooking
from free_times.rules import OnlineSettings
from letters import visits
from models import Booking, Clinic, Patient, Service, User, Venue


@pytest.fixture
def page(linden, clock, letters):
    team_is_told_nothing(linden)
    return switch_on(linden)


@pytest.fixture
def visitor(app, page):
    return app.test_client(use_cookies=False)


@pytest.fixture
def to_all(linden, letters):
    """Every client gets letters, and Małgorzata has an address."""
    LetterSettings.stored(linden.clinic).change(None, to_clients="all")
    linden.patient.change(None, email="malgorzata@client.test")


def test_a_visitor_who_books_gets_one_confirmation(visitor, page, letters, linden):
    done = book(visitor, page.path)
    assert "on its way to n•••@…" in text_of(visitor.get(done.location))
    (letter,) = letters.send()
    assert letters.send() == []
    assert letter["To"] == "nora@visitor.test"
    assert letter["Subject"] == "Appointment, Linden Physiotherapy"
    assert letter["From"] == "Linden Physiotherapy <kalends@linden.test>"
    assert letter["Auto-Submitted"] == "auto-generated"
    found, entry = event(letter)
    row = Booking.get()
    assert found.method == "REQUEST" and entry["DTSTART"].dt == row.starts_at
    assert entry["ORGANIZER"] == "mailto:kalends@linden.test"
    assert entry["ATTENDEE"] == "mailto:nora@visitor.test"
    assert entry["ATTENDEE"].params["PARTSTAT"] == "ACCEPTED"
    assert entry["ATTENDEE"].params["RSVP"] == "FALSE"
    assert int(entry["SEQUENCE"]) == row.sequence and entry["STATUS"] == "CONFIRMED"
    assert str(entry["UID"]) != str(row.uuid)
    for said in (found.text, found.html):
        assert "You are booked" in said and "London time" in said and "Pat Linden" in said
        assert done.location in said.replace("&amp;", "&")
        assert "Shoulder" not in said and "Nora" not in said
    assert b"book/linden" not in found.ics and b"Shoulder" not in found.ics
    assert "sent an e-mail to n•••@…" in text_of(visitor.get(done.location))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("names_service", [False, True])
def test_every_entry_for_a_calendar_has_one_title(visitor, page, letters, linden, names_service):
    """The attached one, those of the addresses for Google and Outlook, and those of the page."""
    LetterSettings.stored(linden.clinic).change(None, names_service=names_service)
    done = book(visitor, page.path)
    (letter,) = letters.send()
    found, entry = event(letter)
    title = ("Shoulder" if names_service else "Appointment") + ", Linden Physiotherapy"
    assert str(entry["SUMMARY"]) == title
    for said in (found.text, html.unescape(visitor.get(done.location).get_data(as_text=True))):
        assert set(re.findall(r"[?&](?:text|subject)=([^&\s\"]*)", said)) == {quote_plus(title)}
    file = visitor.get(f"{done.location}/appointment.ics").get_data(as_text=True)
    assert f"SUMMARY:{title.replace(',', chr(92) + ',')}" in file


def test_moving_sends_the_same_entry_with_a_higher_sequence_and_cancelling_ends_it(
    visitor, page, letters, clock
):
    done = book(visitor, page.path, at=20)
    (first,) = letters.send()
    move = visitor.get(f"{done.location}/move")
    at = times_of(move)[-1]
    clock.now += timedelta(minutes=1)
    moved = only_form(move, "/move").put(time=at).send(visitor)
    (second,) = letters.send()
    clock.now += timedelta(minutes=1)
    ask = visitor.get(f"{moved.location}/cancel")
    only_form(ask, "/cancel").send(visitor)
    (third,) = letters.send()
    entries = [event(one)[1] for one in (first, second, third)]
    assert [event(one)[0].method for one in (first, second, third)] == [
        "REQUEST",
        "REQUEST",
        "CANCEL",
    ]
    assert len({str(one["UID"]) for one in entries}) == 1
    sequences = [int(one["SEQUENCE"]) for one in entries]
    assert sequences == sorted(set(sequences))
    assert entries[2]["STATUS"] == "CANCELLED"
    assert "has changed" in event(second)[0].text and "Before:" in event(second)[0].text
    assert "You cancelled it yourself" in event(third)[0].text
    assert moved.location in event(second)[0].text


def test_a_request_is_told_and_so_is_its_answer(visitor, page, letters, linden, clock):
    switch_on(linden, needs_approval=True)
    book(visitor, page.path, at=30)
    (asked,) = letters.send()
    found, entry = event(asked)
    assert "We have your request" in found.text and entry["STATUS"] == "TENTATIVE"
    clock.now += timedelta(minutes=1)
    made = OnlineBooking.get()
    free = next(requests.other_times(made, clock.now, clock.now + timedelta(days=3)))
    requests.propose_time(made, free.starts_at, linden.olive)
    (offered,) = letters.send()
    assert "We offer you another time" in event(offered)[0].text
    assert "kept for you until" in event(offered)[0].text
    clock.now += timedelta(minutes=1)
    answering.accept(OnlineBooking.get(), free.starts_at)
    (approved,) = letters.send()
    assert "is confirmed" in event(approved)[0].text
    assert event(approved)[1]["STATUS"] == "CONFIRMED"


@pytest.mark.parametrize("end", ["declined", "lapsed"])
def test_a_request_that_came_to_nothing_is_told_by_its_name(
    visitor, page, letters, linden, clock, end
):
    switch_on(linden, needs_approval=True)
    book(visitor, page.path, at=30)
    letters.send()
    clock.now += timedelta(minutes=1)
    if end == "declined":
        requests.decline(OnlineBooking.get(), linden.olive)
    else:
        clock.now += timedelta(hours=24)
        requests.lapse()
    (letter,) = letters.send()
    words = {"declined": "is declined", "lapsed": "has ended"}[end]
    assert words in event(letter)[0].text and event(letter)[0].method == "CANCEL"


def test_by_itself_the_team_writes_to_nobody(linden, clock, letters):
    linden.patient.change(None, email="malgorzata@client.test")
    made = booked(linden, clock)
    made.cancel(linden.olive)
    assert letters.send() == []


def test_what_the_team_changes_is_told_where_the_clinic_wants_it(linden, clock, letters, to_all):
    made = booked(linden, clock)
    (first,) = letters.send()
    assert "You are booked" in event(first)[0].text
    span = Span(made.starts_at + timedelta(hours=1), made.ends_at + timedelta(hours=1))
    clock.now += timedelta(minutes=1)
    made.change(linden.olive, span)
    (second,) = letters.send()
    assert "has changed" in event(second)[0].text
    clock.now += timedelta(minutes=1)
    made.change(linden.olive, made.span, notes="not for clients")
    assert letters.send() == []
    made.change(linden.olive, made.span, practitioner=linden.colleague_calendar)
    (third,) = (one for one in letters.send() if one["To"] == "malgorzata@client.test")
    said = event(third)[0].text
    assert "With: Quinn Linden" in said and "Before: with Pat Linden\n" in said.replace("\r", "")
    clock.now += timedelta(minutes=1)
    made.cancel(linden.olive)
    (fourth,) = letters.send()
    assert "Linden Physiotherapy cancelled it" in event(fourth)[0].text
    assert event(fourth)[1]["ATTENDEE"] == "mailto:malgorzata@client.test"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_whole_day_that_moves_is_told_without_a_time(app, linden, clock, letters, to_all):
    friday, monday = date(2026, 11, 27), date(2026, 11, 30)
    first, second = (scheduling.whole_days(at, at, linden.street.zone) for at in (friday, monday))
    made = Booking.book(linden.calendar, [first], linden.olive, patient=linden.patient)[0]
    letters.send()
    clock.now += timedelta(minutes=1)
    made.change(linden.olive, second)
    (letter,) = letters.send()
    text = parts(letter).text
    assert "Monday 30 November 2026, all day\n" in text.replace("\r", "")
    assert "dates=20261130%2F20261201&" in text and "enddt=2026-12-01&" in text
    assert "allday=true" in text
    way = next(line for line in text.splitlines() if "/appointment/" in line)
    page = app.test_client(use_cookies=False).get(way.removeprefix("http://localhost"))
    assert "Monday 30 November, all day" in text_of(page) and "00:00–" not in text_of(page)
    assert "Before: Friday 27 November 2026\n" in text.replace("\r", "")


def test_what_is_undone_before_it_is_told_is_not_told(linden, clock, letters, to_all):
    made = booked(linden, clock)
    letters.send()
    changed = made.cancel(linden.olive)
    made.undo_status(linden.olive, changed.entry)
    assert letters.send() == []
    assert {one.phase for one in Letter.select().where(Letter.tries > 0)} == {"sent", "dropped"}


def test_a_booking_that_is_gone_before_its_letter_left_is_not_told(linden, clock, letters, to_all):
    booked(linden, clock).cancel(linden.olive)
    assert letters.send() == []


def test_what_moves_before_it_is_told_is_told_as_it_is(linden, clock, letters, to_all):
    made = booked(linden, clock)
    later = timedelta(hours=1)
    made.change(linden.olive, Span(made.starts_at + later, made.ends_at + later))
    (letter,) = letters.send()
    assert "You are booked" in event(letter)[0].text
    assert event(letter)[1]["DTSTART"].dt == made.starts_at


def test_a_series_is_one_letter(linden, clock, letters, to_all):
    made = booked(linden, clock, count=4)
    (letter,) = letters.send()
    found = parts(letter)
    assert found.method == "PUBLISH" and len(found.entry.walk("VEVENT")) == 4
    assert not [one for one in found.entry.walk("VEVENT") if "ATTENDEE" in one]
    assert found.text.count("With: Pat Linden") == 4
    for said in (found.text, found.html):  # each has its own link and its own entry
        assert len(set(re.findall(r"http://localhost/appointment/[^/]+/", said))) == 4
        assert said.count("calendar.google.com") == said.count("outlook.live.com") == 4
    clock.now += timedelta(minutes=1)
    made.in_series("all")[2].cancel(linden.olive)
    (one,) = letters.send()
    assert event(one)[0].method == "CANCEL"
    made.cancel(linden.olive, which="all")
    (rest,) = letters.send()
    assert len(ends(rest).entries) == 3
    assert "Your appointments are cancelled" in ends(rest).text
    assert "Linden Physiotherapy cancelled them." in ends(rest).html


def test_in_the_hour_that_comes_twice_a_letter_says_which(linden, clock, letters, to_all):
    start = datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    for hour in (0, 1):
        span = Span(start + timedelta(hours=hour), start + timedelta(hours=hour, minutes=20))
        Booking.book(linden.calendar, [span], linden.olive, patient=linden.patient)
    first, second = (parts(letter).text for letter in letters.send())
    assert "Sunday 31 October 2027, 01:30 BST–01:50 BST (London time)" in first
    assert "Sunday 31 October 2027, 01:30 GMT–01:50 GMT (London time)" in second


def test_the_past_is_not_told(linden, clock, letters, to_all):
    made = booked(linden, clock, days=-7)
    made.set_status("no_show", linden.olive)
    made.cancel(linden.olive)
    assert letters.send() == []


def test_another_client_is_told_and_so_is_the_one_before(linden, clock, letters, to_all):
    other = Patient.named(linden.clinic, None, "Otto Other", email="otto@client.test")
    made = booked(linden, clock)
    letters.send()
    clock.now += timedelta(minutes=1)
    made.change(linden.olive, made.span, patient=other)
    told = {letter["To"]: event(letter)[0] for letter in letters.send()}
    assert "is cancelled" in told["malgorzata@client.test"].text
    assert "You are booked" in told["otto@client.test"].text


def _lost(made, linden, **fields):
    """The team gives a booking to Otto, with other changes in the same save."""
    other = Patient.get(Patient.email == "otto@client.test")
    span = fields.pop("span", made.span)
    Booking.get_by_id(made.id).change(linden.olive, span, patient=other, **fields)


HOUR, WEEK = timedelta(hours=1), timedelta(days=7)
LOST_WITH = {
    "another time": lambda made, linden: {"span": Span(made.ends_at, made.ends_at + HOUR)},
    "a time before": lambda made, linden: {
        "span": Span(made.starts_at - 2 * WEEK, made.ends_at - 2 * WEEK)
    },
    "whole days": lambda made, linden: {
        "span": scheduling.whole_days(date(2026, 11, 30), date(2026, 12, 1), linden.street.zone)
    },
    "another practitioner": lambda made, linden: {"practitioner": linden.colleague_calendar},
    "another venue": lambda made, linden: {"practitioner": linden.abroad},
    "another service": lambda made, linden: {
        "service": Service.create(
            clinic=linden.clinic, name="Pelvic floor", duration_minutes=50, price_cents=0
        )
    },
    "all of it": lambda made, linden: {
        "span": Span(made.starts_at + WEEK, made.ends_at + WEEK),
        "practitioner": linden.abroad,
        "service": Service.create(
            clinic=linden.clinic, name="Pelvic floor", duration_minutes=50, price_cents=0
        ),
    },
}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("known", ["told", "moved meanwhile", "whole days"])
@pytest.mark.parametrize("with_", LOST_WITH)
def test_a_former_client_learns_nothing_of_the_bookings_later_state(
    linden, clock, letters, to_all, known, with_
):
    """Its cancellation shows the appointment as they knew it, whatever else the save changed."""
    LetterSettings.stored(linden.clinic).change(None, names_service=True)
    Patient.named(linden.clinic, None, "Otto Other", email="otto@client.test")
    made = booked(linden, clock)
    if known == "whole days":
        first = scheduling.whole_days(date(2026, 11, 27), date(2026, 11, 27), linden.street.zone)
        made.change(linden.olive, first)
    (before,) = letters.send()
    clock.now += timedelta(minutes=1)
    if known == "moved meanwhile":  # and not told: the clinic changed its mind before
        made.change(linden.olive, Span(made.starts_at + 2 * HOUR, made.ends_at + 2 * HOUR))
    _lost(made, linden, **LOST_WITH[with_](made, linden))
    told = {letter["To"]: event(letter)[0] for letter in letters.send()}
    lost, shown = told["malgorzata@client.test"], event(before)[0]
    assert "is cancelled" in lost.text and lost.method == "CANCEL"
    for name in ("DTSTART", "DTEND", "LOCATION", "UID"):
        assert lost.entry.walk("VEVENT")[0].get(name) == shown.entry.walk("VEVENT")[0].get(name)
    for line in re.findall(r"^(?:With|Where|Length): .*$|^\w+day .*$", shown.text, re.M):
        assert line in lost.text, line
    for said in (lost.text, lost.html, lost.ics.decode()):
        assert "Pelvic" not in said and "Shoulder" not in said and "Otto" not in said
        assert len({name for name in ("Pat Linden", "Quinn") if name in said}) <= 1


def test_a_clinic_may_publish_instead_of_inviting(linden, clock, letters, to_all):
    LetterSettings.stored(linden.clinic).change(None, method="PUBLISH")
    made = booked(linden, clock)
    (letter,) = letters.send()
    found, entry = event(letter)
    assert found.method == "PUBLISH" and "ATTENDEE" not in entry and "ORGANIZER" in entry
    clock.now += timedelta(minutes=1)
    made.cancel(linden.olive)
    found, entry = event(*letters.send())
    assert found.method == "CANCEL" and "ATTENDEE" not in entry


def test_without_mail_nothing_is_queued_and_the_page_says_so(linden, app, clock):
    page = switch_on(linden)
    visitor = app.test_client(use_cookies=False)
    done = book(visitor, page.path)
    assert "It is not sent by e-mail" in text_of(visitor.get(done.location))
    assert Letter.select().count() == 0


HOSTILE = "Lin\r\nBcc: evil@attacker.test\r\n\r\nden\x01 \u202e\u2028 <b>&amp;\"',;:\\n"


@pytest.mark.parametrize(
    "field", ["clinic", "venue", "address", "service", "person", "phone", "rule", "words"]
)
def test_no_field_of_the_clinic_reaches_the_header_or_breaks_a_part(
    linden, clock, letters, to_all, field
):
    settings = LetterSettings.stored(linden.clinic)
    settings.change(None, names_service=True)
    if field == "words":
        settings.change(None, wordings={"booked": HOSTILE})
    elif field in ("phone", "rule"):
        column = {"phone": "phone", "rule": "cancellation"}[field]
        said = HOSTILE[-38:] if field == "phone" else HOSTILE
        OnlineSettings.stored(linden.clinic).change(None, **{column: said})
    else:
        table, column = {
            "clinic": (Clinic, "name"),
            "venue": (Venue, "name"),
            "address": (Venue, "address"),
            "service": (Service, "name"),
            "person": (User, "name"),
        }[field]
        ours = [linden.clinic, linden.street, linden.service, linden.pat]
        (row,) = (one for one in ours if type(one) is table)
        table.update(**{column: HOSTILE}).where(table.id == row.id).execute()
    booked(linden, clock)
    (letter,) = letters.send()
    assert letter["Bcc"] is None and letter.defects == []
    found, entry = event(letter)
    assert "<b>&amp;" not in found.html and "&lt;b&gt;" in found.html
    assert set(entry) <= {
        *("UID", "DTSTAMP", "DTSTART", "DTEND", "SEQUENCE", "CREATED", "LAST-MODIFIED", "STATUS"),
        *("TRANSP", "X-MICROSOFT-CDO-BUSYSTATUS", "SUMMARY", "LOCATION", "ORGANIZER", "ATTENDEE"),
    }


@pytest.mark.parametrize(
    "address", ["a@b.test\r\nBcc: c@d.test", "a@b.test, c@d.test", "a b@c.test", "<a@b.test>"]
)
def test_an_address_that_is_none_gets_nothing(linden, clock, letters, to_all, address):
    Patient.update(email=address).where(Patient.id == linden.patient.id).execute()
    booked(linden, clock)
    assert letters.send() == []
    assert Letter.get().phase == "failed"


def test_a_client_whose_address_is_gone_gets_nothing(linden, clock, letters, to_all):
    booked(linden, clock)
    linden.patient.change(None, email="")
    assert letters.send() == []
    assert Letter.get().phase == "dropped"


def test_letters_go_to_the_corrected_address(linden, clock, letters, to_all):
    booked(linden, clock)
    linden.patient.change(None, email="right@client.test")
    assert [letter["To"] for letter in letters.send()] == ["right@client.test"]


def test_pages_say_before_the_booking_what_is_checked(visitor, page):
    assert "Is this right?" in text_of(to_check(visitor, page.path))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("domain", "known_as"),
    [
        ("müller.example", "xn--mller-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("例え.example", "xn--r8jz45g.example"),
        ("a_b.example", "a_b.example"),  # no name of a host; some have it all the same
    ],
)
def test_a_domain_in_any_script_is_reached(linden, clock, letters, to_all, domain, known_as):
    linden.patient.change(None, email=f"malgorzata@{domain}")
    booked(linden, clock)
    (letter,) = letters.send()
    assert letters.server.envelopes[-1][1] == [f"malgorzata@{known_as}"]
    assert letter["To"].addresses[0].addr_spec == f"malgorzata@{known_as}"
    assert event(letter)[1]["ATTENDEE"] == f"mailto:malgorzata@{known_as}"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_whole_days_say_what_was_before_also_after_another_zone(
    linden, clock, letters, to_all, zone
):
    friday, monday = date(2026, 11, 27), date(2026, 11, 30)
    first, second = (scheduling.whole_days(at, at, linden.street.zone) for at in (friday, monday))
    made = Booking.book(linden.calendar, [first], linden.olive, patient=linden.patient)[0]
    letters.send()
    clock.now += timedelta(minutes=1)
    made.change(linden.olive, second)
    fields = {"name": "Linden Street", "address": "", "hours": {}, "zone_name": zone}
    Venue.get_by_id(linden.street.id).change(linden.olive, **fields)
    (letter,) = letters.send()
    text = parts(letter).text.replace("\r", "")
    assert "Monday 30 November 2026, all day" in text
    assert "Before: Friday 27 November 2026\n" in text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_that_dies_leaves_nobody_untold(linden, clock, letters, to_all):
    made = booked(linden, clock)
    Letter.claim(clock.now, 60)  # and nothing more of this worker is heard of
    hour = timedelta(hours=1)
    clock.now += timedelta(minutes=1)
    there = made.span
    made.change(linden.olive, Span(there.starts_at + hour, there.ends_at + hour))
    clock.now += timedelta(minutes=1)
    made.change(linden.olive, there)  # as it was when that letter was written
    clock.now += timedelta(minutes=5)
    (letter,) = letters.send()
    assert "You are booked" in event(letter)[0].text
    assert event(letter)[1]["DTSTART"].dt == there.starts_at
    assert letters.send() == []


@pytest.mark.parametrize(("count", "is_addable"), [(2, True), (12, True), (13, False)])
def test_each_appointment_of_a_short_letter_can_be_put_into_a_calendar(count, is_addable):
    words = ("day", "clock", "zone", "where", "map_url", "length", "person", "service", "was")
    one = visits.Visit(*words, google_url="g", outlook_url="o")
    shown = visits.several([one] * count, ["m"] * count)
    assert [each.is_addable for each in shown] == [is_addable] * count
    assert not visits.several([one, one], ["", "m"])[0].is_addable
