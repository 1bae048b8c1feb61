"""Input that no page of ours would send, and changes while somebody is typing."""

from datetime import timedelta

import pytest
from online_world import (
    TYPED,
    book,
    links,
    only_form,
    switch_on,
    text_of,
    times_of,
    to_check,
    to_details,
)

from base.scheduling import Span
from free_times.online import managing, names
from free_times.online.holds import Hold
from free_times.online.made_online import OnlineBooking
from free_times.online.tickets import Ticket
from free_times.rules import OnlineSettings
from models import Booking, Patient, Service

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def page(linden, clock):
    return switch_on(linden, change_hours=0)


@pytest.fixture
def visitor(app, page):
    return app.test_client(use_cookies=False)


def choose(visitor, page, at, **said):
    """Send a time that the list may not have had."""
    data = {"service": "shoulder", "venue": "linden-street", "time": at, **said}
    return visitor.post(f"{page.path}/hold", data=data)


def nothing_came_of_it():
    return not Booking.select().exists() and not Hold.select().exists()


@pytest.mark.parametrize("days", [-1, -4000, 70, 20_000, 500_000])
def test_times_in_the_past_and_beyond_the_horizon(visitor, page, clock, days):
    at = clock.now.replace(hour=10, minute=0) + timedelta(days=3)
    assert choose(visitor, page, int(at.timestamp())).status_code == 303
    Hold.delete().execute()
    answer = choose(visitor, page, int(at.timestamp()) + 86_400 * days)
    assert answer.status_code == 409 and nothing_came_of_it()


@ON_SQLITE
@pytest.mark.parametrize("minutes", [7, -700, 500])
def test_times_that_are_no_slot(visitor, page, clock, minutes):
    at = clock.now.replace(hour=10, minute=0) + timedelta(days=3, minutes=minutes)
    assert choose(visitor, page, int(at.timestamp())).status_code == 409 and nothing_came_of_it()


@pytest.mark.parametrize("at", ["", "0", "-1", "soon", "1e9", "9" * 11, "9" * 400, "١٢٣", "\x00"])
def test_times_that_are_none(visitor, page, at):
    assert choose(visitor, page, at).status_code == 409 and nothing_came_of_it()


def test_services_and_people_that_are_not_offered(visitor, page, linden, clock):
    hidden = Service.add(linden.clinic, None, name="Hidden")
    at = int((clock.now.replace(hour=10, minute=0) + timedelta(days=3)).timestamp())
    for service in ("hidden", str(hidden.id), "", "shoulder' OR 1=1"):
        assert choose(visitor, page, at, service=service).status_code == 404
    for calendar in (linden.calendar, linden.colleague_calendar, linden.abroad):
        calendar.set_online(None, takes_online=False, takes_new_online=True, online_most=None)
    assert choose(visitor, page, at).status_code == 404 and nothing_came_of_it()


def test_a_visitor_who_chose_a_person_gets_that_person(visitor, page, linden, clock):
    asked = {"service": "shoulder", "venue": "linden-street", "with": "pat-linden"}
    listed = visitor.get(f"{page.path}/times", query_string=asked)
    form = only_form(listed, "/hold").put(time=times_of(listed)[4])
    linden.pat.leave(linden.olive)
    assert form.send(visitor).status_code == 404 and nothing_came_of_it()
    for said in (asked, {**asked, "with": "", "venue": "somewhere-else"}):
        answer = visitor.get(f"{page.path}/times", query_string=said)
        assert answer.status_code == 404 and "Choose again below" in text_of(answer)
        assert (
            choose(visitor, page, times_of(listed)[4], **said).status_code == 404
            and nothing_came_of_it()
        )


@ON_SQLITE
def test_an_older_form_of_a_visit_does_not_escape_the_notice(visitor, page, linden, clock):
    OnlineSettings.get().change(None, notice_hours=4)
    old = to_details(visitor, page.path).request.args["form"]
    early = Ticket.read(old, linden.clinic.id).starts_at
    clock.now = early - timedelta(minutes=30)
    asked = {"service": "shoulder", "venue": "linden-street", "form": old}
    listed = visitor.get(f"{page.path}/times", query_string=asked)
    form = only_form(listed, "/hold").put(time=times_of(listed)[3])
    assert form.send(visitor).status_code == 303 and Hold.get().starts_at > early
    answer = visitor.post(f"{page.path}/details", data={"form": old, **TYPED})
    assert answer.status_code == 409 and not Booking.select().exists()


def test_what_is_taken_is_not_given(visitor, page, linden, clock):
    at = clock.now.replace(hour=10, minute=0) + timedelta(days=3)
    span = Span(at - timedelta(minutes=10), at + timedelta(minutes=5))
    for calendar in (linden.calendar, linden.colleague_calendar):
        Booking.book(calendar, [span], None)
    assert choose(visitor, page, int(at.timestamp())).status_code == 409
    assert not Hold.select().exists()


@ON_SQLITE
@pytest.mark.parametrize("change", ["start", "calendar", "clinic", "nonce", "signature", "none"])
def test_tampered_tickets_are_no_tickets(visitor, page, change):
    checked = to_check(visitor, page.path)
    form = only_form(checked, "/book")
    parts = form["form"].split(".")
    place = {"clinic": 0, "calendar": 2, "start": 6, "nonce": 8, "signature": 9}
    if change == "none":
        form.put(form="")
    else:
        one = parts[place[change]]
        parts[place[change]] = str(int(one) + 3600) if one.isdigit() else "a" + one[1:-1] + "bc"
        form.put(form=".".join(parts))
    for answer in (form.send(visitor), visitor.get(f"{page.path}/details?form={form['form']}")):
        assert answer.status_code == 404
        assert len(answer.data) < 6_000
    assert not Booking.select().exists()


@pytest.mark.parametrize(
    "text", ["", ".", "........", "a" * 5000, "%00", "1.1.1.1.1.1.1.1.x.y", "é"]
)
def test_texts_that_are_no_tickets(visitor, page, text):
    answer = visitor.post(f"{page.path}/details", data={"form": text, **TYPED})
    assert answer.status_code == 404
    assert visitor.get(f"{page.path}/details", query_string={"form": text}).status_code == 404


def test_a_ticket_of_another_clinic(visitor, page, linden, stranger):
    names.rename(stranger.clinic, None, "elsewhere")
    OnlineSettings.stored(stranger.clinic).change(None, is_on=True)
    ticket = only_form(to_check(visitor, page.path), "/book")["form"]
    answer = visitor.post("/book/elsewhere/book", data={"form": ticket, **TYPED})
    assert answer.status_code == 404 and not Booking.select().exists()


@ON_SQLITE
def test_a_form_that_is_a_day_old_is_looked_at_once_more(visitor, page, clock):
    form = only_form(to_check(visitor, page.path, at=60), "/book")
    clock.now += timedelta(hours=24, seconds=1)
    answer = form.send(visitor)
    assert "Is this right?" in text_of(answer) and TYPED["email"] in text_of(answer)
    assert not Booking.select().exists()
    assert only_form(answer, "/book").send(visitor).status_code == 303
    assert Booking.select().count() == 1


def test_a_used_form_brings_its_own_booking_and_no_other(visitor, page):
    form = only_form(to_check(visitor, page.path), "/book")
    first = form.send(visitor).location
    form.put(name="Somebody Else", email="other@visitor.test")
    assert form.send(visitor).location == first
    assert Booking.select().count() == 1 and not Patient.select().where(
        Patient.first_name == "Somebody"
    )
    shown = visitor.get(first)
    only_form(visitor.get(f"{first}/cancel"), "/cancel").send(visitor)
    assert form.send(visitor).location == first and Booking.get().status == "cancelled"
    assert "You are booked" in text_of(shown)


@ON_SQLITE
@pytest.mark.parametrize(
    "typed",
    [
        {"name": "", "email": "a@b.test"},
        {"name": "Nora\nVisitor", "email": "a@b.test"},
        {"name": "Nora\u2028Visitor", "email": "a@b.test"},
        {"name": "Nora \u202egnp.exe", "email": "a@b.test"},
        {"name": "Nora\x00", "email": "a@b.test"},
        {"name": "\u200b", "email": "a@b.test"},
        {"name": "N" * 81, "email": "a@b.test"},
        {"name": "Nora " * 40, "email": "a@b.test"},
        {"name": "Nora", "email": "not an address"},
        {"name": "Nora", "email": "a@b"},
        {"name": "Nora", "email": "a@b.test\r\nBcc: c@d.test"},
        {"name": "Nora", "email": "a@b.test,c@d.test"},
        {"name": "Nora", "email": "x" * 300 + "@b.test"},
        {"name": "Nora", "email": "", "phone": "call me"},
        {"name": "Nora", "email": "", "phone": "12"},
        {"name": "Nora", "email": "", "phone": "+44 7700 900123" + "0" * 40},
        {"name": "Nora", "email": "", "phone": ""},
    ],
    ids=str,
)
def test_what_is_no_name_and_no_address_is_said_and_kept(visitor, page, typed):
    answer = to_check(visitor, page.path, typed)
    assert answer.status_code == 422 and "to fix" in text_of(answer)
    assert not Booking.select().exists()
    kept = only_form(answer, "/details")
    assert kept["form"] and (not typed.get("phone", "call me")[:3] or kept["phone"] is not None)


@ON_SQLITE
@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "{{ 7*7 }}", "Robert'); DROP", "%s%n"]
)
def test_markup_is_text(visitor, page, linden, signed_in, name):
    done = book(visitor, page.path, {"name": name, "email": "nora@visitor.test"})
    row = Booking.get()
    assert row.patient.name == name and name not in done.location
    shown = signed_in(linden.olive).get(f"/clients/{row.patient_id}").get_data(as_text=True)
    assert "<script>alert" not in shown


def test_names_of_all_scripts_are_names(visitor, page):
    for n, name in enumerate(
        ("محمد عبد الله", "נועה לוי", "Nguyễn Thị Minh Khai", "王 小明", "O’Brien")
    ):
        typed = {"name": name, "email": f"v{n}@visitor.test"}
        assert book(visitor, page.path, typed, at=8 * n).status_code == 303
    assert Patient.select().where(Patient.first_name == "נועה").exists()


@ON_SQLITE
def test_the_form_asks_for_what_the_clinic_says(visitor, page):
    settings = OnlineSettings.get()
    settings.change(None, asks="phone", note_allowed=True, consent="I agree to all of it.")
    details = to_details(visitor, page.path)
    assert 'name="email"' not in details.get_data(as_text=True)
    form = only_form(details, "/details").put(name="Nora", email="a@b.test")
    refused = form.send(visitor)
    assert "Write your phone number" in text_of(refused) and "Tick the box" in text_of(refused)
    form = only_form(refused, "/details")
    ticked = form.choices["agrees"][0]
    form.put(phone="+44 7700 900123", agrees=ticked, note="I use\na wheelchair \u202e")
    settings.change(None, consent="I agree to more.")
    changed = form.send(visitor)
    assert changed.status_code == 422 and "sentence has changed" in text_of(changed)
    settings.change(None, consent="I agree to all of it.")
    done = only_form(form.send(visitor), "/book").send(visitor)
    row, made = Booking.get(), OnlineBooking.get()
    assert row.notes == "I use\na wheelchair" and row.patient.email == ""
    assert made.consent == "I agree to all of it." and made.consented_at
    assert "wheelchair" not in text_of(visitor.get(done.location))


# ---- while somebody is typing: see also test_meanwhile ----


@ON_SQLITE
def test_another_price_or_length_is_shown_before_it_is_booked(visitor, page, linden):
    form = only_form(to_check(visitor, page.path), "/book")
    linden.service.change(None, price_cents=9900, duration_minutes=40)
    answer = form.send(visitor)
    assert answer.status_code == 409 and "£99" in text_of(answer)
    assert "changed length or price" in text_of(answer) and not Booking.select().exists()
    assert only_form(answer, "/book").send(visitor).status_code == 303
    assert Booking.get().span.duration == timedelta(minutes=40)


@ON_SQLITE
def test_only_the_empty_form_may_be_kept_by_a_browser(visitor, page):
    details = to_details(visitor, page.path)  # so that going back finds what was typed
    assert details.headers["Cache-Control"] == "private, no-cache"
    checked = only_form(details, "/details").put(**TYPED).send(visitor)
    refused = only_form(details, "/details").put(name="").send(visitor)
    done = visitor.get(only_form(checked, "/book").send(visitor).location)
    assert {one.headers["Cache-Control"] for one in (checked, refused, done)} == {"no-store"}


@ON_SQLITE
def test_a_form_that_was_sent_says_so(visitor, page, clock):
    details = to_details(visitor, page.path)
    checked = only_form(details, "/details").put(**TYPED).send(visitor)
    done = only_form(checked, "/book").send(visitor)
    way = f"{page.path}/details?form={only_form(details, '/details')['form']}"
    assert visitor.get(way).location == done.location
    clock.now += timedelta(minutes=3)
    later = visitor.get(way)
    assert "already booked" in text_of(later) and "taken" not in text_of(later)
    assert done.location not in later.get_data(as_text=True)
    again = only_form(details, "/details").put(**TYPED, extend="check").send(visitor)
    assert "already booked" in text_of(again)
    chosen = only_form(later, "/hold").put(time=times_of(later)[-1]).send(visitor)
    second = only_form(visitor.get(chosen.location), "/details").put(**TYPED).send(visitor)
    assert only_form(second, "/book").send(visitor).status_code == 303
    assert Booking.select().count() == 2


# ---- the link to a booking ----


@ON_SQLITE
def test_a_scanner_that_follows_every_link_changes_nothing(visitor, page):
    done = book(visitor, page.path, at=10)
    before = Booking.get().__data__
    seen, left = set(), [done.location] * 10
    while left:
        way = left.pop()
        answer = visitor.get(way)
        assert answer.status_code < 500
        visitor.head(way)
        if way not in seen and answer.mimetype == "text/html":
            left += [one for one in links(answer) if one.startswith("/book/") and one not in seen]
        seen.add(way)
    assert Booking.get().__data__ == before and len(seen) > 5


def test_links_of_another_clinic_and_made_up_ones_say_the_same(visitor, page, linden, stranger):
    done = book(visitor, page.path)
    names.rename(stranger.clinic, None, "elsewhere")
    OnlineSettings.stored(stranger.clinic).change(None, is_on=True)
    uuid, token = done.location.rsplit("/", 2)[1:]
    ways = [
        f"/book/elsewhere/booking/{uuid}/{token}",
        f"/book/elsewhere/booking/{uuid}/{'x' * 43}",
        f"/book/elsewhere/booking/{'0' * 32}/{token}",
    ]
    assert len({visitor.get(way).data for way in ways}) == 1
    own = [
        f"{page.path}/booking/{uuid}/{'x' * 43}",
        f"{page.path}/booking/{uuid}/é",
        f"{page.path}/booking/not-a-uuid/{token}",
    ]
    assert {visitor.get(way).status_code for way in own} == {404}
    assert len({visitor.get(way).data for way in own}) == 1
    for way in (*ways, *own):
        assert visitor.post(f"{way}/cancel").status_code == 404
        assert visitor.post(f"{way}/move", data={"time": "1"}).status_code == 404
    assert Booking.get().status == "confirmed"


@ON_SQLITE
def test_staff_bookings_have_no_such_link(visitor, page, linden, clock):
    at = clock.now + timedelta(days=2)
    row = Booking.book(linden.calendar, [Span(at, at + timedelta(hours=1))], None)[0]
    made = OnlineBooking(booking=row, salt="")
    way = f"{page.path}/booking/{row.uuid}/{managing.token(made)}"
    assert visitor.get(way).status_code == 404


def test_it_ends_30_days_after_the_appointment(visitor, page, clock):
    done = book(visitor, page.path)
    clock.now = Booking.get().ends_at + timedelta(days=30, seconds=-1)
    over = visitor.get(done.location)
    assert "is over" in text_of(over) and "/cancel" not in over.get_data(as_text=True)
    assert visitor.post(f"{done.location}/cancel").status_code == 409
    clock.now += timedelta(seconds=1)
    assert visitor.get(done.location).status_code == 404
    assert visitor.post(f"{done.location}/cancel").status_code == 404
    assert Booking.get().status == "confirmed"


def test_a_link_outlives_the_address_and_the_page(visitor, page, linden, stranger, clock):
    OnlineSettings.get().change(None, horizon_days=200, notice_hours=24 * 150)
    done = book(visitor, page.path)
    names.rename(linden.clinic, None, "linden-physio")
    clock.now += timedelta(days=100)
    led = visitor.get(f"{done.location}/cancel")
    assert led.status_code == 307 and led.location.startswith("/book/linden-physio/booking/")
    wrong = visitor.get(done.location[:-3] + "abc")
    assert wrong.status_code == 404 and wrong.data == visitor.get("/book/nobody/").data
    OnlineSettings.get().change(None, is_on=False)
    shown = visitor.get(led.location.removesuffix("/cancel"))
    assert "You are booked" in text_of(shown) and "/move" not in shown.get_data(as_text=True)
    gone = only_form(visitor.get(led.location), "/cancel").send(visitor)
    assert "Cancelled" in text_of(visitor.get(gone.location))
    assert Booking.get().status == "cancelled"
    assert visitor.get("/book/linden-physio/").status_code == 404


def test_the_clinics_rule_ends_changes(visitor, page, clock):
    OnlineSettings.get().change(None, change_hours=24, phone="+44 20 7946 0000")
    done = book(visitor, page.path, at=60)
    shown = visitor.get(done.location)
    ask = visitor.get(f"{done.location}/move")
    cancel = only_form(visitor.get(f"{done.location}/cancel"), "/cancel")
    assert "Change or cancel" in text_of(shown)
    clock.now = Booking.get().starts_at - timedelta(hours=24)
    for answer in (
        cancel.send(visitor),
        only_form(ask, "/move").put(time=times_of(ask)[-1]).send(visitor),
    ):
        assert answer.status_code == 409 and "too late" in text_of(answer)
        assert "+44 20 7946 0000" in text_of(answer)
    assert Booking.get().status == "confirmed"


def test_a_move_to_a_time_that_is_no_other(visitor, page, linden, clock):
    done = book(visitor, page.path, at=10, **{"with": "pat-linden"})
    row = Booking.get()
    at = row.starts_at + timedelta(days=3)
    Booking.book(linden.calendar, [Span(at, at + timedelta(hours=1))], None)
    odd = [at, clock.now - timedelta(days=1), row.starts_at + timedelta(minutes=7)]
    for time in (*[str(int(one.timestamp())) for one in odd], "", "soon"):
        answer = visitor.post(f"{done.location}/move", data={"time": time})
        assert answer.status_code in (200, 409)
    assert Booking.get_by_id(row.id).starts_at == row.starts_at
    assert visitor.get(done.location).status_code == 200


def test_a_move_keeps_the_length_that_the_team_gave_it(visitor, page, linden):
    done = book(visitor, page.path, at=10)
    row = Booking.get()
    longer = row.span.duration + timedelta(minutes=20)
    row.change(linden.olive, Span(row.starts_at, row.starts_at + longer))
    ask = visitor.get(f"{done.location}/move")
    moved = only_form(ask, "/move").put(time=times_of(ask)[-1]).send(visitor)
    assert moved.status_code == 303
    assert Booking.get().starts_at != row.starts_at and Booking.get().span.duration == longer


@ON_SQLITE
def test_what_staff_did_is_seen_by_the_link(visitor, page, linden):
    done = book(visitor, page.path, at=10)
    row = Booking.get()
    row.change(
        linden.olive, Span(row.starts_at + timedelta(days=1), row.ends_at + timedelta(days=1))
    )
    assert f"{row.starts_at:%H:%M}" in text_of(visitor.get(done.location))
    row.cancel(linden.olive)
    assert "Cancelled" in text_of(visitor.get(done.location))
    assert visitor.post(f"{done.location}/cancel").status_code == 303
    assert visitor.get(f"{done.location}/move").status_code == 200
    linden.service.set_archived(True, None)
    assert visitor.get(done.location).status_code == 200


@ON_SQLITE
def test_a_time_that_is_not_held_is_not_called_booked(visitor, page, linden):
    done = book(visitor, page.path)
    Booking.get().set_status("offered", linden.olive)
    shown = text_of(visitor.get(done.location))
    assert "not kept for you" in shown and "You are booked" not in shown
    assert "STATUS:TENTATIVE" in visitor.get(f"{done.location}/appointment.ics").text


@ON_SQLITE
def test_the_calendar_entry_says_nothing_of_the_reason(visitor, page, linden):
    done = book(visitor, page.path, at=10)
    entry = visitor.get(f"{done.location}/appointment.ics")
    text = entry.get_data(as_text=True)
    assert entry.mimetype == "text/calendar"
    assert "SUMMARY:Appointment\\, Linden Physiotherapy" in text
    assert "Shoulder" not in text and "Nora" not in text and "ATTENDEE" not in text
    assert str(Booking.get().uuid) not in text
    shown = visitor.get(done.location).get_data(as_text=True)
    outside = [one for one in links(visitor.get(done.location)) if one.startswith("https://")]
    assert len(outside) == 2 and "Shoulder" not in "".join(outside)
    assert "Nora" not in shown


def test_a_known_client_is_recognised_and_nobody_is_told(visitor, page, linden):
    linden.patient.change(None, email="nora@visitor.test", first_name="Nóra", last_name="Visitor")
    known = book(visitor, page.path, {"name": "nora  VISITOR", "email": "Nora@visitor.test"})
    assert Booking.get().patient_id == linden.patient.id
    assert not OnlineBooking.get().is_to_check
    new = book(visitor, page.path, {"name": "Other Person", "email": "nora@visitor.test"}, at=9)
    assert OnlineBooking.select().where(OnlineBooking.is_to_check).count() == 1
    shown = [text_of(visitor.get(one.location)) for one in (known, new)]
    assert "client" not in "".join(shown).lower()


@ON_SQLITE
def test_who_takes_no_new_clients_takes_requests_from_all_alike(visitor, page, linden):
    linden.calendar.set_online(None, takes_online=True, takes_new_online=False, online_most=None)
    linden.patient.change(None, email="nora@visitor.test", first_name="Nora", last_name="Visitor")
    for n, typed in enumerate((TYPED, {"name": "New Person", "email": "new@visitor.test"})):
        checked = to_check(visitor, page.path, typed, at=9 * n, **{"with": "pat-linden"})
        assert "confirms each booking" in text_of(checked)
        done = only_form(checked, "/book").send(visitor)
        assert "Request sent" in text_of(visitor.get(done.location))
    assert [row.status for row in Booking.select()] == ["pending", "pending"]


@ON_SQLITE
def test_a_ticket_says_nothing_of_a_person(visitor, page):
    ticket = only_form(to_check(visitor, page.path), "/book")["form"]
    assert "Nora" not in ticket and Ticket.read(ticket, Booking.clinic.rel_model.get().id)
    assert len(ticket) <= 170


def test_a_page_that_is_sent_nothing_or_too_much(visitor, page):
    for way in ("hold", "details", "book"):
        assert visitor.post(f"{page.path}/{way}").status_code == 404
        assert visitor.post(f"{page.path}/{way}", data=b"\xff" * 500).status_code == 404
        long = visitor.post(
            f"{page.path}/{way}", data={"form": "x" * 300_000, "name": "y" * 300_000}
        )
        assert long.status_code in (404, 413)
    assert nothing_came_of_it()
