"""Every way in which a request ends without an appointment: its outcome is kept, and the visitor's
details are deleted 30 days later. If the request is taken up again, all details are kept.
"""

from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from online_world import TYPED, book, only_form, switch_on

from base.scheduling import Span
from base.tables.audit import AuditEntry
from base.tables.notes import NoteVersion
from free_times.earlier.entries import WaitingEntry
from free_times.online import by_letter, newcomers, requests
from free_times.online.made_online import OnlineBooking
from free_times.rules import OnlineSettings
from models import Booking, Patient
from operate import chores
from people import leftover, merges
from sync.tables.accounts import Account
from sync.tables.runs import Notice
from sync.two_way.standing import decisions
from tests.pages import Filled, forms_of

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def world(app, linden, clock, signed_in):
    """A request of Nora's that waits, with a note, and everybody who may end it."""
    page = switch_on(linden, needs_approval=True, note_allowed=True)
    visitor = app.test_client(use_cookies=False)
    answer = book(visitor, page.path, TYPED | {"note": "Please call"}, at=20)
    return SimpleNamespace(
        linden=linden,
        clock=clock,
        page=page,
        visitor=visitor,
        link=answer.location,
        maya=signed_in(linden.maya),
        again=lambda: signed_in(linden.maya),
        way=f"/bookings/{Booking.get().id}",
    )


def the_booking() -> Booking:
    return Booking.get(Booking.online == True)  # noqa: E712


def press(browser, path, end, **typed):
    """The form of a page with this end of its address."""
    form = next(one for one in forms_of(browser.get(path)) if one["action"].endswith(end))
    answer = Filled(form).put(**typed).send(browser)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return answer


# ---- the ways to an end ----


def declined(world):
    world.maya.post(f"/requests/{the_booking().id}/decline")


def lapsed(world):
    world.clock.now += timedelta(hours=24)
    chores.sweep()


def cancelled_on_its_card(world):
    press(world.maya, f"{world.way}/cancellation", "/cancellation")


def cancelled_by_a_button(world):
    world.maya.post(f"{world.way}/status", data={"status": "cancelled", "was": "pending"})


def cancelled_in_its_form(world):
    of = the_booking()
    of.change(world.linden.maya, of.span, status="cancelled")


def cancelled_with_its_series(world):
    made, series = the_booking(), uuid4()
    other = Booking(**{k: v for k, v in made.__data__.items() if k not in ("id", "uuid")})
    week = timedelta(days=7)
    other.place(Span(made.starts_at + week, made.ends_at + week))
    other.patient, other.notes, other.online = world.linden.patient, "", None
    other.save(force_insert=True)
    Booking.update(series=series).execute()
    press(world.maya, f"{world.way}/cancellation", "/cancellation", which="all")


def cancelled_by_the_client(world):
    only_form(world.visitor.get(f"{world.link}/cancel"), "/cancel").send(world.visitor)


def cancelled_by_a_letter(world):
    by_letter.cancel(the_booking())


def cancelled_where_somebody_left(world):
    calendar = the_booking().practitioner
    calendar.user.leave(world.linden.olive)
    row = str(the_booking().id)
    said = {"booking": row, "to": "cancel", "confirmed": "yes"}
    world.maya.post(f"/team/hand-over/{calendar.id}", data=said)


def cancelled_as_it_was_outside(world):
    booking, linden = the_booking(), world.linden
    whose = {"clinic": linden.clinic, "user": booking.practitioner.user}
    account = Account.create(**whose, kind="google", email="x@x.test", sealed="")
    notice = Notice.create(
        clinic=linden.clinic, account=account, kind="deleted", booking=booking, topic="t"
    )
    decisions.cancel_booking(notice, linden.maya)


def cancelled_after_it_was_only_offered(world):
    world.maya.post(f"{world.way}/status", data={"status": "offered", "was": "pending"})
    cancelled_on_its_card(world)


def cancelled_while_another_time_is_offered(world):
    made = requests.request_of(the_booking())
    later = made.booking.starts_at + timedelta(days=1)
    at = next(requests.other_times(made, later, later + timedelta(days=7))).starts_at
    requests.propose_time(made, at, world.linden.maya)
    cancelled_by_the_client(world)


def lapsed_with_the_page_switched_off(world):
    OnlineSettings.get().change(None, is_on=False)
    lapsed(world)


def lapsed_in_a_closed_calendar(world):
    the_booking().practitioner.set_archived(True, None)
    lapsed(world)


def lapsed_in_other_hands(world):
    to = world.linden.colleague_calendar
    if the_booking().practitioner_id == to.id:
        to = world.linden.calendar
    leftover.hand_over([the_booking()], to, world.linden.maya)
    lapsed(world)


def declined_and_then_handed_over(world):
    declined(world)
    made, to = the_booking(), world.linden.colleague_calendar
    to = world.linden.calendar if made.practitioner_id == to.id else to
    made.change(world.linden.maya, made.span, practitioner=to)


def declined_again(world):
    declined(world)
    world.maya.post(f"{world.way}/undo")
    assert the_booking().status == "pending"
    world.clock.now += timedelta(hours=1)
    declined(world)


def cancelled_once_the_confirmation_was_taken_back(world):
    world.maya.post(f"{world.way}/status", data={"status": "confirmed", "was": "pending"})
    world.maya.post(f"{world.way}/undo")
    cancelled_on_its_card(world)


def lapsed_with_a_merge_taken_back(world):
    known = Patient.add(world.linden.clinic, None, first_name="Nora", last_name="Visitor")
    done = merges.merge(known, the_booking().patient, world.linden.maya, ())
    done.keep(unchecked=newcomers.mark_checked(known, world.linden.maya))
    merges.undo(done, world.linden.maya)
    newcomers.uncheck(world.linden.clinic, done.facts["unchecked"])
    lapsed(world)


WAYS = [
    declined,
    lapsed,
    cancelled_on_its_card,
    cancelled_by_a_button,
    cancelled_in_its_form,
    cancelled_with_its_series,
    cancelled_by_the_client,
    cancelled_by_a_letter,
    cancelled_where_somebody_left,
    cancelled_as_it_was_outside,
    cancelled_after_it_was_only_offered,
    cancelled_while_another_time_is_offered,
    lapsed_with_the_page_switched_off,
    lapsed_in_a_closed_calendar,
    lapsed_in_other_hands,
    declined_and_then_handed_over,
    declined_again,
    cancelled_once_the_confirmation_was_taken_back,
    lapsed_with_a_merge_taken_back,
]


@pytest.mark.parametrize("end", WAYS, ids=lambda way: way.__name__)
def test_what_a_visitor_said_is_deleted_30_days_after_any_end(world, end):
    client = the_booking().patient
    end(world)
    made = OnlineBooking.get()
    assert the_booking().status == "cancelled"
    assert made.outcome == end.__name__.partition("_")[0]
    world.clock.now = made.decided_at + timedelta(days=30)
    chores.clean_up()
    assert the_booking().patient == client and the_booking().notes == "Please call"
    world.clock.now += timedelta(minutes=1)
    chores.clean_up()
    assert Patient.get_or_none(Patient.id == client.id) is None
    assert (the_booking().patient_id, the_booking().notes) == (None, "")
    assert OnlineBooking.select().count() == NoteVersion.select().count() == 0


TAKEN_BACK = [
    declined,
    lapsed,
    cancelled_with_its_series,
    cancelled_by_the_client,
    cancelled_as_it_was_outside,
]


@pytest.mark.parametrize("end", TAKEN_BACK, ids=lambda way: way.__name__)
def test_what_is_taken_up_again_is_kept(world, end):
    end(world)
    browser, client = world.again(), the_booking().patient
    latest = AuditEntry.about(the_booking()).first()
    if latest.action == "booking.cancelled":
        browser.post(f"{world.way}/undo", data={"change": str(latest.id)})
    if the_booking().status != "confirmed":
        the_booking().set_status("confirmed", world.linden.maya)
    assert OnlineBooking.get().outcome == ""
    the_booking().set_status("cancelled", world.linden.maya)  # an appointment, not a request
    world.clock.now += timedelta(days=40)
    chores.clean_up()
    assert the_booking().patient == client and the_booking().notes == "Please call"


def test_a_visitor_with_two_requests_is_forgotten_with_the_last(world):
    client = the_booking().patient
    book(world.visitor, world.page.path, TYPED, at=5)
    first, second = Booking.select().where(Booking.patient == client).order_by(Booking.id)
    assert [row.newcomer for row in OnlineBooking.select()] == [client.id, client.id]
    first.cancel(world.linden.maya)
    assert newcomers.waiting(world.linden.clinic) == [client]
    world.clock.now += timedelta(days=1)
    second.cancel(None)
    world.clock.now += timedelta(days=29, hours=1)
    chores.clean_up()
    assert Patient.get_or_none(Patient.id == client.id) and OnlineBooking.select().count() == 1
    world.clock.now += timedelta(days=1)
    chores.clean_up()
    assert Patient.get_or_none(Patient.id == client.id) is None
    assert OnlineBooking.select().count() == 0


def test_who_waits_for_an_earlier_time_is_forgotten_once_they_do_not(world):
    linden, client = world.linden, the_booking().patient
    wants = {"clinic": linden.clinic, "patient": client, "service": linden.service}
    entry = WaitingEntry.create(**wants)
    declined(world)
    world.clock.now += timedelta(days=31)
    chores.clean_up()
    assert the_booking().patient == client and WaitingEntry.get().patient == client
    ended = {"phase": "ended", "ended_at": world.clock.now}
    WaitingEntry.update(**ended).where(WaitingEntry.id == entry.id).execute()
    world.clock.now += timedelta(minutes=1)
    chores.clean_up()
    assert Patient.get_or_none(Patient.id == client.id) is None
    assert (the_booking().patient_id, OnlineBooking.select().count()) == (None, 0)


def test_whose_second_request_is_confirmed_is_kept(world):
    client = the_booking().patient
    declined(world)
    book(world.visitor, world.page.path, TYPED, at=5)
    second = Booking.select().order_by(Booking.id.desc()).get()
    second.set_status("confirmed", world.linden.maya)
    world.clock.now += timedelta(days=31)
    chores.clean_up()
    assert second.patient == client and Patient.get_or_none(Patient.id == client.id)
