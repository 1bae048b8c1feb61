"""Requests of visitors: confirmed, declined, moved to another time, lapsed and forgotten."""

import re
from datetime import timedelta

import pytest
from online_world import TYPED, book, only_form, switch_on, text_of, times_of

from base.scheduling import Span
from base.tables.notes import NoteVersion
from base.tables.outside import ExternalEvent
from free_times.online import newcomers, requests
from free_times.online.made_online import OnlineBooking
from free_times.rules import OnlineSettings
from models import AuditEntry, Booking, Patient
from operate import chores
from sync.tables.accounts import Account, RemoteCalendar
from tests.pages import Filled, forms_of
from views.kit import display


@pytest.fixture
def page(linden, clock):
    return switch_on(linden, needs_approval=True, note_allowed=True)


@pytest.fixture
def visitor(app, page):
    return app.test_client(use_cookies=False)


@pytest.fixture
def made(visitor, page):
    answer = book(visitor, page.path, TYPED | {"note": "Please call"}, at=20)
    row = OnlineBooking.get()
    row.link = answer.location
    return row


@pytest.fixture
def maya(signed_in, linden):
    return signed_in(linden.maya)


def day(made) -> str:
    return f"view=team&shown={made.booking.starts_at.date()}"


def of(made) -> Booking:
    return Booking.get_by_id(made.booking_id)


def test_a_request_stands_on_top_of_the_day_and_in_the_menu(made, maya, linden):
    shown = text_of(maya.get("/calendar/team"))
    assert "1 request to answer" in shown and "Nora Visitor" in shown and "Please call" in shown
    assert "Client to check" in shown and linden.service.name in shown
    assert 'aria-label="1 to answer"' in maya.get("/clients/").text


def test_only_people_who_may_answer_see_a_request(made, signed_in, linden, stranger):
    whose = of(made).practitioner.user
    own, colleague, sam = map(signed_in, (whose, linden.quinn, stranger))
    assert whose != linden.quinn
    assert "1 request to answer" in text_of(own.get("/calendar/team"))
    assert "request to answer" not in text_of(colleague.get("/calendar/team"))
    for path in ("decline", "offer"):
        assert colleague.post(f"/requests/{made.booking_id}/{path}").status_code == 403
        assert sam.post(f"/requests/{made.booking_id}/{path}").status_code == 404
    assert of(made).status == "pending"


def test_confirming_asks_once_more_whether_the_time_is_free(made, maya, visitor, linden):
    confirm = f"/bookings/{made.booking_id}/status?{day(made)}"
    said = {"status": "confirmed", "was": "pending"}
    booking = of(made)
    event = ExternalEvent.create(
        clinic=linden.clinic,
        user=booking.practitioner.user,
        calendar=_calendar(linden, booking.practitioner.user),
        remote_id="e",
        title="Dentist",
        busy="busy",
        blocks=True,
        starts_at=booking.starts_at,
        ends_at=booking.ends_at,
    )
    refused = maya.post(confirm, data=said)
    assert refused.status_code == 422 and "The time is taken now" in text_of(refused)
    assert of(made).status == "pending"
    event.delete_instance()
    assert maya.post(confirm, data=said).status_code == 303
    assert of(made).status == "confirmed" and requests.request_of(of(made)) is None
    assert "You are booked" in text_of(visitor.get(made.link))
    assert "to answer" not in text_of(maya.get("/calendar/team")).replace(
        "0 requests to answer", ""
    )


def _calendar(linden, user):
    account = Account.create(
        clinic=linden.clinic, user=user, kind="google", email="x@x.test", sealed=""
    )
    return RemoteCalendar.create(
        clinic=linden.clinic, account=account, calendar_id="c", role="source", name="Private"
    )


def test_declining_frees_the_time_and_can_be_undone(made, maya, visitor):
    assert maya.post(f"/requests/{made.booking_id}/decline?{day(made)}").status_code == 303
    assert of(made).status == "cancelled" and OnlineBooking.get().outcome == "declined"
    assert "cannot offer this time" in text_of(visitor.get(made.link))
    page = maya.get("/calendar/team").text
    assert "Declined: " in page and f"/bookings/{made.booking_id}/undo" in page
    assert maya.post(f"/bookings/{made.booking_id}/undo").status_code == 303
    assert of(made).status == "pending" and requests.request_of(of(made))
    assert "Request sent" in text_of(visitor.get(made.link))
    # and a second press of a page that is old
    maya.post(f"/bookings/{made.booking_id}/status", data={"status": "confirmed", "was": "pending"})
    maya.post(f"/requests/{made.booking_id}/decline")
    assert of(made).status == "confirmed"


def test_another_time_is_offered_and_the_client_takes_it(made, maya, visitor):
    was = of(made).starts_at
    listed = maya.get(f"/requests/{made.booking_id}/offer?{day(made)}")
    at = _first_time(listed)
    assert at != int(was.timestamp())
    answer = maya.post(f"/requests/{made.booking_id}/offer?{day(made)}", data={"time": str(at)})
    assert answer.status_code == 303
    assert (int(of(made).starts_at.timestamp()), of(made).status) == (at, "pending")
    row = OnlineBooking.get()
    assert row.answer == "offered"
    shown = text_of(maya.get("/calendar/team"))
    assert "Waiting for the client" in shown and "You offered this time" in shown
    there = visitor.get(made.link)
    assert "offers you another time" in text_of(there)
    form = only_form(there, "/accept")
    assert form.send(visitor).status_code == 303 and of(made).status == "confirmed"
    assert form.send(visitor).status_code == 303
    assert "You are booked" in text_of(visitor.get(made.link))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_offered_time_can_be_refused_until_it_begins(made, maya, visitor):
    OnlineSettings.get().change(None, change_hours=720, cancellation="Later it costs 20.")
    assert visitor.get(f"{made.link}/cancel").text.count("/cancel") == 0  # the client's own request
    times = f"/requests/{made.booking_id}/offer"
    maya.post(times, data={"time": str(_first_time(maya.get(times)))})
    asked = visitor.get(f"{made.link}/cancel")
    assert "Later it costs" not in asked.text  # nothing was agreed
    assert only_form(asked, "/cancel").send(visitor).status_code == 303
    assert of(made).status == "cancelled"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_moving_an_offered_time_makes_a_new_request_with_full_time_to_answer(
    made, maya, visitor, clock
):
    OnlineSettings.get().change(None, needs_approval=False, change_hours=0)
    times = f"/requests/{made.booking_id}/offer"
    last = re.findall(r'name="time" value="(\d+)"', maya.get(times).text)[-1]
    maya.post(times, data={"time": last})
    offered = OnlineBooking.get()
    clock.now = offered.lapses_at - timedelta(minutes=1)
    other = visitor.get(f"{made.link}/move")
    assert "has to confirm" in text_of(other)
    moved = only_form(other, "/move").put(time=times_of(other)[-1]).send(visitor)
    assert "Request sent" in text_of(visitor.get(moved.location))
    asked = OnlineBooking.get()
    assert (of(made).status, asked.answer) == ("pending", "")
    assert asked.lapses_at - clock.now >= timedelta(hours=23)


def test_an_offer_that_was_taken_back_is_a_request_again(made, maya, visitor):
    was = of(made).starts_at
    at = _first_time(maya.get(f"/requests/{made.booking_id}/offer"))
    maya.post(f"/requests/{made.booking_id}/offer", data={"time": str(at)})
    change = AuditEntry.about(of(made)).first().id
    maya.post(f"/bookings/{made.booking_id}/move/undo", data={"change": str(change)})
    assert of(made).starts_at == was
    assert OnlineBooking.get().answer == ""
    visitor.post(f"{made.link}/accept", data={"time": str(at)})
    assert of(made).status == "pending"


def test_an_old_page_declines_nothing_that_was_moved_meanwhile(made, maya):
    opened = {"seen": str(of(made).sequence)}
    at = _first_time(maya.get(f"/requests/{made.booking_id}/offer"))
    maya.post(f"/requests/{made.booking_id}/offer", data={"time": str(at)})
    maya.post(f"/requests/{made.booking_id}/decline", data=opened)
    assert of(made).status == "pending"
    assert "It was moved meanwhile" in maya.get("/calendar/team").text
    maya.post(f"/requests/{made.booking_id}/offer", data={"time": str(at + 3600), **opened})
    assert int(of(made).starts_at.timestamp()) == at


def test_only_the_offer_that_the_page_shows_is_taken(made, maya, visitor):
    times = f"/requests/{made.booking_id}/offer"
    at = _first_time(maya.get(times))
    maya.post(times, data={"time": str(at)})
    shown = only_form(visitor.get(made.link), "/accept")
    maya.post(times, data={"time": str(at + 3600)})
    for form in (shown, shown.put(time=""), shown.put(time="x")):
        answer = form.send(visitor)
        assert answer.status_code == 409 and "not offered any more" in text_of(answer)
    assert of(made).status == "pending"
    assert only_form(visitor.get(made.link), "/accept").send(visitor).status_code == 303
    assert (int(of(made).starts_at.timestamp()), of(made).status) == (at + 3600, "confirmed")


def test_an_old_page_confirms_no_time_that_it_did_not_show(made, maya, visitor):
    confirm = _confirm(maya.get(f"/calendar/team?{day(made)}"))
    ask = visitor.get(f"{made.link}/move")
    moved = only_form(ask, "/move").put(time=times_of(ask)[-1]).send(visitor)
    assert moved.status_code == 303
    confirm.put(status="confirmed").send(maya)
    assert of(made).status == "pending"
    page = maya.get("/calendar/team")
    assert "It was moved meanwhile" in page.text
    _confirm(page).put(status="confirmed").send(maya)
    assert of(made).status == "confirmed"


@pytest.mark.parametrize("does", ["cancel", "move"])
def test_an_old_page_of_the_client_changes_no_time_that_it_did_not_show(made, maya, visitor, does):
    opened = visitor.get(f"{made.link}/{does}")
    form = only_form(opened, f"/{does}")
    if does == "move":
        form = form.put(time=times_of(opened)[-1])
    times = f"/requests/{made.booking_id}/offer"
    at = _first_time(maya.get(times)) + 4 * 86_400  # early enough for the client to change it
    maya.post(times, data={"time": str(at)})
    answer = form.send(visitor)
    assert answer.status_code == 409 and "Someone else changed" in text_of(answer)
    assert (int(of(made).starts_at.timestamp()), of(made).status) == (at, "pending")
    again = visitor.get(f"{made.link}/{does}")
    form = only_form(again, f"/{does}")
    form = form.put(time=times_of(again)[-1]) if does == "move" else form
    assert form.send(visitor).status_code == form.send(visitor).status_code == 303  # also twice
    assert (of(made).status == "cancelled") == (does == "cancel")
    assert form.put(shown="x").send(visitor).status_code in (303, 404)


@pytest.mark.parametrize("leaves", [False, True])
def test_an_offer_of_a_calendar_that_is_closed_is_none(made, maya, visitor, linden, leaves):
    times = f"/requests/{made.booking_id}/offer"
    maya.post(times, data={"time": str(_first_time(maya.get(times)))})
    form = only_form(visitor.get(made.link), "/accept")
    calendar = of(made).practitioner
    calendar.user.leave(linden.olive) if leaves else calendar.set_archived(True, None)
    answer = form.send(visitor)
    assert answer.status_code == 409 and "not offered any more" in text_of(answer)
    assert of(made).status == "pending"


def _confirm(page) -> Filled:
    return Filled(next(one for one in forms_of(page) if "/status" in one["action"]))


@pytest.mark.parametrize("time", ["", "x", "99999999999", "-1", "1"])
def test_times_that_are_none_are_not_offered(made, maya, time):
    answer = maya.post(f"/requests/{made.booking_id}/offer", data={"time": time})
    assert answer.status_code in (404, 422)
    assert OnlineBooking.get().answered_sequence is None


def test_a_time_that_is_over_or_with_who_has_left_is_not_offered(made, maya, clock, linden):
    at = _first_time(maya.get(f"/requests/{made.booking_id}/offer"))
    clock.now += timedelta(hours=1)
    answer = maya.post(f"/requests/{made.booking_id}/offer", data={"time": str(at)})
    assert answer.status_code == 422 and "just taken" in text_of(answer)
    of(made).practitioner.user.leave(linden.olive)
    shown = maya.get(f"/requests/{made.booking_id}/offer")
    assert "No time of this length is free" in text_of(shown) and 'name="time"' not in shown.text
    assert of(made).status == "pending"


def _first_time(answer) -> int:
    return int(re.search(r'name="time" value="(\d+)"', answer.text)[1])


def test_a_request_lapses_and_never_past_its_start(made, clock, visitor, page, linden):
    chores.sweep()
    assert of(made).status == "pending"
    clock.now += timedelta(hours=24)
    chores.sweep()
    assert of(made).status == "cancelled" and OnlineBooking.get().outcome == "lapsed"
    assert "did not answer in time" in text_of(visitor.get(made.link))
    chores.sweep()
    OnlineBooking.update(approve_by=clock.now + timedelta(days=1)).execute()
    Booking.update(
        status="pending", starts_at=clock.now, ends_at=clock.now + timedelta(hours=1)
    ).execute()
    requests.lapse()
    assert of(made).status == "cancelled"


def test_the_client_is_told_how_long_the_time_is_kept(made, maya, visitor):
    assert "kept for you until 21 November 2026, 11:40 (London time)" in text_of(
        visitor.get(made.link)
    )
    times = f"/requests/{made.booking_id}/offer"
    maya.post(times, data={"time": str(_first_time(maya.get(times)))})
    said = text_of(visitor.get(made.link))
    assert "kept for you until" in said and "(London time). If you don’t answer by then" in said


def test_moved_to_an_earlier_time_it_is_kept_until_then_for_all_to_read(
    made, maya, visitor, linden, clock
):
    starts = clock.now + timedelta(hours=3, minutes=20)
    of(made).change(linden.maya, Span(starts, starts + of(made).span.duration), allow_overlap=True)
    assert "kept for you until 20 November 2026, 15:00 (London time)" in text_of(
        visitor.get(made.link)
    )
    until = display.moment(starts, of(made).practitioner.zone)
    assert f"Without an answer it ends {until}." in text_of(maya.get("/calendar/team"))
    clock.now = starts
    requests.lapse()
    assert of(made).status == "cancelled"


def test_what_was_answered_does_not_lapse(made, maya, clock):
    maya.post(f"/bookings/{made.booking_id}/status", data={"status": "confirmed", "was": "pending"})
    clock.now += timedelta(hours=25)
    requests.lapse()
    assert of(made).status == "confirmed" and OnlineBooking.get().approve_by is None


def test_what_was_said_is_forgotten_after_30_days(made, maya, clock):
    client = of(made).patient
    NoteVersion.keep(of(made), None)
    maya.post(f"/requests/{made.booking_id}/decline")
    clock.now += timedelta(days=29)
    chores.clean_up()
    assert Patient.get_or_none(Patient.id == client.id) and of(made).notes == "Please call"
    clock.now += timedelta(days=2)
    chores.clean_up()
    assert Patient.get_or_none(Patient.id == client.id) is None
    assert (of(made).patient_id, of(made).notes, of(made).status) == (None, "", "cancelled")
    assert OnlineBooking.select().count() == 0 and NoteVersion.select().count() == 0


@pytest.mark.parametrize(
    "written",
    [
        ("Please call\n\nCalled on Monday: no answer", "Called on Monday: no answer"),
        ("Please call. Called: no answer", ". Called: no answer"),
        ("Wants the morning", "Wants the morning"),
        ("Please call", ""),
    ],
)
def test_what_the_team_wrote_in_the_note_stays(made, maya, clock, linden, written):
    text, left = written
    for notes in ("Please call back", text):  # the first is changed once more
        booking = of(made)
        booking.change(linden.maya, booking.span, notes=notes)
    maya.post(f"/requests/{made.booking_id}/decline")
    clock.now += timedelta(days=31)
    chores.clean_up()
    assert of(made).notes == left
    assert [version.text for version in NoteVersion.of(of(made))] == ["back", ""]


@pytest.mark.parametrize("use", ["another booking", "checked", "notes", "taken up again"])
def test_a_client_that_is_used_stays(made, maya, clock, linden, use):
    client = of(made).patient
    maya.post(f"/requests/{made.booking_id}/decline")
    if use == "another booking":
        other = Booking(**{k: v for k, v in of(made).__data__.items() if k not in ("id", "uuid")})
        other.save(force_insert=True)
    elif use == "checked":
        OnlineBooking.update(is_to_check=False).execute()
    elif use == "notes":
        Patient.update(notes="allergic").where(Patient.id == client.id).execute()
    else:
        maya.post(f"/bookings/{made.booking_id}/undo")
        maya.post(
            f"/bookings/{made.booking_id}/status", data={"status": "confirmed", "was": "pending"}
        )
    clock.now += timedelta(days=31)
    chores.clean_up()
    assert Patient.get_or_none(Patient.id == client.id)


def test_the_client_whom_the_team_put_in_is_no_newcomer(made, maya, clock, linden):
    """A record without a booking or a note of its own, such as one that was imported."""
    came, known = of(made).patient, Patient.add(linden.clinic, None, first_name="Known")
    assert newcomers.waiting(linden.clinic) == [came]
    assert "Client to check" in maya.get(f"/calendar/team?{day(made)}").text
    of(made).change(linden.maya, of(made).span, patient=known)
    assert newcomers.waiting(linden.clinic) == [] and not newcomers.is_to_check(known)
    assert "Client to check" not in maya.get(f"/calendar/team?{day(made)}").text
    maya.post(f"/requests/{made.booking_id}/decline")
    clock.now += timedelta(days=31)
    chores.clean_up()
    assert Patient.get_or_none(Patient.id == known.id) and of(made).patient == known
    assert Patient.get_or_none(Patient.id == came.id) is None
    assert (of(made).notes, OnlineBooking.select().count()) == ("", 0)


@pytest.mark.parametrize("swept", [False, True])
@pytest.mark.parametrize("how", ["undo", "card", "form"])
def test_a_confirmation_taken_back_after_the_end_is_a_request_with_an_end(
    made, maya, clock, linden, signed_in, how, swept
):
    way = f"/bookings/{made.booking_id}"
    maya.post(f"{way}/status", data={"status": "confirmed", "was": "pending"})
    clock.now += timedelta(hours=24, seconds=1)
    maya = signed_in(linden.maya)
    if swept:
        requests.lapse()
    if how == "undo":
        change = AuditEntry.about(of(made)).first().id
        maya.post(f"{way}/undo", data={"change": str(change)})
    elif how == "card":
        maya.post(f"{way}/status", data={"status": "pending", "was": "confirmed"})
    else:
        of(made).change(None, of(made).span, status="pending")
    chores.sweep()
    row = OnlineBooking.get()
    assert of(made).status == "pending" and requests.request_of(of(made))
    assert row.approve_by == clock.now + timedelta(hours=24)
    assert "1 request to answer" in text_of(maya.get("/calendar/team"))
    clock.now += timedelta(hours=24)
    chores.sweep()
    assert of(made).status == "cancelled" and OnlineBooking.get().answer == "lapsed"


def test_a_confirmation_taken_back_at_once_leaves_the_end_as_it_was(made, maya, clock):
    until = OnlineBooking.get().approve_by
    clock.now += timedelta(hours=5)
    maya.post(f"/bookings/{made.booking_id}/status", data={"status": "confirmed", "was": "pending"})
    maya.post(f"/bookings/{made.booking_id}/undo")
    assert OnlineBooking.get().approve_by == until and of(made).status == "pending"


def test_what_took_place_is_no_request_again(made, maya, clock, linden, signed_in):
    maya.post(f"/bookings/{made.booking_id}/status", data={"status": "confirmed", "was": "pending"})
    clock.now = of(made).starts_at + timedelta(minutes=1)
    chores.sweep()
    signed_in(linden.maya).post(f"/bookings/{made.booking_id}/undo")
    chores.sweep()
    assert of(made).status == "pending" and requests.request_of(of(made)) is None


@pytest.mark.parametrize(
    "answer", ["confirm", "decline", "offer", "decline too late", "confirm too late"]
)
def test_the_desk_stays_on_its_day_and_is_shown_the_way(made, maya, clock, answer):
    here = "view=team&shown=2026-11-20"
    assert of(made).starts_at.date().isoformat() != "2026-11-20"
    way = f"/requests/{made.booking_id}"
    seen = str(of(made).sequence)
    if is_late := answer.endswith("too late"):
        of(made).cancel(None)
    if answer.startswith("confirm"):
        said = {"status": "confirmed", "was": "pending", "seen": seen}
        done = maya.post(f"/bookings/{made.booking_id}/status?{here}", data=said)
    elif answer == "offer":
        at = _first_time(maya.get(f"{way}/offer?{here}&from=2026-11-26"))
        done = maya.post(f"{way}/offer?{here}", data={"time": str(at)})
    else:
        done = maya.post(f"{way}/decline?{here}")
    assert done.location.endswith("/calendar/team?day=2026-11-20")
    shown = maya.get(done.location)
    assert f'<a href="/calendar/team?day={of(made).starts_at.date()}">Show it</a>' in shown.text
    undo = [one for one in forms_of(shown) if "/undo" in one["action"]]
    assert len(undo) == (not is_late) and ("answered meanwhile" in shown.text) == is_late
    for form in undo:
        back = Filled(form).send(maya)
        assert back.location.endswith("/calendar/team?day=2026-11-20")
        assert of(made).status == "pending"
