"""Many requests at once in one clinic: none waits for ever, and nothing is lost."""

import threading
from datetime import timedelta

import pytest
from conftest import NOW
from races import ROUNDS, at_once

import models
from base.bookings import moving
from base.bookings.changes import ChangedMeanwhile
from base.bookings.clashes import SlotTaken
from base.scheduling import Span
from free_times import overlaps
from models import Booking, Feed, FeedStopped, NoFeeds, Practitioner, User
from sync.tables import starting
from sync.tables.accounts import RemoteCalendar
from sync.tables.starting import CalendarInUse


def test_booking_changing_a_link_and_changing_settings_at_once_never_lock_each_other_out(linden):
    feed = Feed.generate(linden.pat, "phone", linden.pat, practitioner=linden.calendar)

    def book(n):
        start = NOW + timedelta(days=1, hours=n)
        Booking.book(
            linden.calendar,
            [Span(start, start + timedelta(minutes=30))],
            linden.pat,
            patient=linden.patient,
        )

    faults = at_once(
        book,
        lambda n: Feed.get_by_id(feed.id).change(linden.pat, name=f"phone {n}"),
        lambda n: User.get_by_id(linden.pat.id).change_sync(hide_sensitive=bool(n % 2)),
        lambda n: linden.patient.change(linden.pat, first_name=f"Małgorzata {n}"),
    )
    assert faults == []
    assert Booking.select().count() == ROUNDS


def test_revisions_of_changes_made_at_once_are_all_different(linden):
    given = []
    faults = at_once(*[lambda n: given.append(_one_revision(linden.clinic.id))] * 3)
    assert faults == []
    assert len(set(given)) == len(given) == 3 * ROUNDS


def _one_revision(clinic_id):
    with models.database.atomic():
        return models.Clinic.get_by_id(clinic_id).next_rev()


@pytest.mark.parametrize("round_number", range(3))
def test_one_of_two_people_who_choose_a_calendar_gets_it(linden, round_number):
    accounts = [
        starting.connect(user, "google", "both@home.test", "sealed", [], None)
        for user in (linden.pat, linden.quinn)
    ]
    refused, barrier = [], threading.Barrier(2)

    def choose(account):
        try:
            if not refused:
                starting.start(account, account.user, "Practice", "UTC", "practice@home.test")
        except CalendarInUse:
            refused.append(account.user_id)

    faults = at_once(
        *[lambda n, one=account: (n == 0 and barrier.wait(), choose(one)) for account in accounts]
    )
    rows = RemoteCalendar.select().where(RemoteCalendar.role == "destination")
    assert (
        faults == []
        and len(set(refused)) == 1
        and [row.account.user_id for row in rows]
        == [user.id for user in (linden.pat, linden.quinn) if user.id not in refused]
    )


# ---- a row that was loaded before somebody else changed it ----


@pytest.fixture
def link(linden):
    return Feed.generate(linden.pat, "phone", linden.pat, practitioner=linden.calendar)


@pytest.fixture
def booking(linden):
    start = NOW + timedelta(days=1)
    return Booking.book(
        linden.calendar,
        [Span(start, start + timedelta(minutes=30))],
        linden.pat,
        patient=linden.patient,
    )[0]


def test_settings_saved_after_a_regeneration_do_not_bring_the_old_address_back(linden, link):
    stale = Feed.get_by_id(link.id)
    link.rotate(linden.pat)
    stale.change(linden.pat, name="tablet")
    row = Feed.get_by_id(link.id)
    assert (row.salt, row.name) == (link.salt, "tablet")


def test_nothing_wakes_a_link_that_was_stopped_meanwhile(linden, link):
    stale = Feed.get_by_id(link.id)
    link.revoke(linden.pat)
    for act in (lambda: stale.change(linden.pat, name="tablet"), lambda: stale.rotate(linden.pat)):
        with pytest.raises(FeedStopped):
            act()
    stale.revoke(linden.pat, because="left")
    assert Feed.get_by_id(link.id).revoked_because == "stopped"


def test_settings_saved_after_a_change_of_plan_leave_the_link_asleep(linden, link):
    stale = Feed.get_by_id(link.id)
    linden.clinic.change_plan("basic", linden.olive)
    linden.clinic.change_plan("plus", linden.olive)
    stale.change(linden.pat, name="tablet")
    assert Feed.get_by_id(link.id).suspended_at is not None


def test_a_link_is_not_made_for_who_may_have_none_any_more(linden):
    stale = User.get_by_id(linden.pat.id)
    assert stale.clinic.allows("feed")
    linden.clinic.change_plan("basic", linden.olive)
    with pytest.raises(NoFeeds, match="plan"):
        Feed.generate(stale, "phone", stale, practitioner=linden.calendar)
    assert not Feed.select().exists()


def test_a_note_saved_after_a_cancellation_leaves_the_booking_cancelled(linden, booking):
    stale = Booking.get_by_id(booking.id)
    booking.cancel(linden.pat)
    stale.change(linden.pat, stale.span, notes="bring the letter")
    row = Booking.get_by_id(booking.id)
    assert (row.status, row.notes, row.sequence) == ("cancelled", "bring the letter", 1)


def test_who_saw_an_earlier_state_is_told_and_changes_nothing(linden, booking):
    seen = booking.sequence
    booking.cancel(linden.pat)
    with pytest.raises(ChangedMeanwhile):
        Booking.get_by_id(booking.id).change(
            linden.pat, booking.span, seen_sequence=seen, status="confirmed"
        )
    assert Booking.get_by_id(booking.id).status == "cancelled"


def test_a_change_of_a_booking_that_moved_house_meanwhile_moves_the_right_calendar(linden, booking):
    stale = Booking.get_by_id(booking.id)
    assert stale.practitioner == linden.calendar
    booking.change(linden.maya, booking.span, practitioner=linden.colleague_calendar)
    before = Practitioner.get_by_id(linden.colleague_calendar.id).calendar_rev
    stale.change(linden.maya, stale.span, notes="knee")
    assert Booking.get_by_id(booking.id).practitioner_id == linden.colleague_calendar.id
    assert Practitioner.get_by_id(linden.colleague_calendar.id).calendar_rev > before


def test_undo_leaves_alone_what_was_decided_since(linden):
    start = NOW + timedelta(days=1)
    spans = [
        Span(start + timedelta(days=7 * n), start + timedelta(days=7 * n, minutes=30))
        for n in range(3)
    ]
    first, _, last = Booking.book(linden.calendar, spans, linden.pat)
    first.cancel(linden.pat, which="all")
    Booking.get_by_id(last.id).set_status("paid", linden.pat)
    assert first.undo_status(linden.pat) is False
    assert [row.status for row in Booking.select().order_by(Booking.starts_at)] == [
        "cancelled",
        "cancelled",
        "paid",
    ]


def test_bringing_back_opens_only_what_leaving_closed(linden):
    linden.abroad.set_archived(True, linden.olive)
    linden.quinn.come_back(linden.olive)  # never left: a second press, or a late one
    assert Practitioner.get_by_id(linden.abroad.id).archived
    linden.quinn.leave(linden.olive)
    linden.quinn.come_back(linden.olive)
    assert not Practitioner.get_by_id(linden.colleague_calendar.id).archived
    assert Practitioner.get_by_id(linden.abroad.id).archived


def test_taking_back_a_cancelled_time_asks_whether_it_is_free(linden, booking):
    stale = Booking.get_by_id(booking.id)
    booking.cancel(linden.pat)
    Booking.book(linden.calendar, [booking.span], linden.pat)
    with pytest.raises(SlotTaken):
        stale.change(linden.pat, stale.span, status="confirmed")


def test_a_move_a_booking_and_an_undo_at_once_take_each_time_once(linden):
    """A booking moves to ten and back to nine, while others want nine and ten: what comes second is
    refused, and nothing overlaps.
    """
    hour, meet, refused = timedelta(hours=1), threading.Barrier(3), []

    def span(n, hours):
        start = NOW.replace(hour=9, minute=0) + timedelta(days=3 + n) + hours * hour
        return Span(start, start + hour)

    rows = [Booking.book(linden.calendar, [span(n, 0)], linden.pat)[0] for n in range(ROUNDS)]

    def tried(take):
        try:
            return take()
        except SlotTaken:
            refused.append(take)

    def move_and_back(n):
        meet.wait()
        row = Booking.get_by_id(rows[n].id)
        moved = tried(lambda: row.change(linden.pat, span(n, 1)))
        if moved:
            tried(lambda: moving.undo_move(row, linden.pat, moved.entry))

    def want(hours):
        def book(n):
            meet.wait()
            tried(lambda: Booking.book(linden.calendar, [span(n, hours)], linden.quinn))

        return book

    assert at_once(move_and_back, want(0), want(1)) == []
    assert overlaps.pairs(linden.clinic) == []
    assert Booking.select().count() + len(refused) >= 2 * ROUNDS
    for n in range(ROUNDS):
        day = [row for row in Booking.select() if span(n, 0).starts_at <= row.starts_at]
        held = {row.starts_at for row in day if row.starts_at < span(n, 2).starts_at}
        assert held <= {span(n, 0).starts_at, span(n, 1).starts_at} and held


def test_leaving_pressed_twice_is_one_leaving_and_undone_as_one(linden):
    for _ in range(2):
        User.get_by_id(linden.quinn.id).leave(linden.olive)
    User.get_by_id(linden.quinn.id).come_back(linden.olive)
    assert not Practitioner.get_by_id(linden.colleague_calendar.id).archived
