"""A series of several people, states and places: which bookings a change reaches, which stay, and
that nobody is booked twice without agreeing.
"""

from datetime import UTC, date, datetime, time, timedelta
from types import SimpleNamespace

import external
import hypothesis.strategies as st
import pytest
from conftest import PASSWORD_HASH
from hypothesis import given, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

import models
from base.bookings.clashes import SlotTaken
from base.bookings.statuses import FREE_STATUSES, OPEN_STATUSES, STATUSES
from base.bookings.steps import Shift
from base.scheduling import Span, repeats, whole_days
from base.tables.notes import NoteVersion
from models import AuditEntry, Booking, Clinic, Patient, Practitioner, Service, User, Venue
from operate import migrate

NINE = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)  # a Thursday; London is on UTC then
HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)


def span(hours: float = 0, length: timedelta = HOUR) -> Span:
    start = NINE + timedelta(hours=hours)
    return Span(start, start + length)


def week(n: int, hours: float = 0) -> Span:
    return span(24 * 7 * n + hours)


@pytest.fixture
def six(linden, clock):
    """Six weekly bookings of Pat, the third given to Quinn in New York's time, the last two paid
    and cancelled.
    """
    rows = Booking.book(
        linden.calendar,
        repeats(span(), linden.street.zone, 1, count=6),
        linden.pat,
        patient=linden.patient,
        service=linden.service,
    )
    rows[2].change(linden.maya, week(2, 5), practitioner=linden.abroad)
    rows[4].set_status("paid", linden.pat)
    rows[5].set_status("cancelled", linden.pat)
    return rows


def now(rows) -> list[Booking]:
    return [Booking.get_by_id(row.id) for row in rows]


def times(rows) -> list[timedelta]:
    return [row.starts_at - NINE for row in now(rows)]


# ---- whom it reaches ----


def test_a_note_for_all_leaves_hands_times_and_states_alone(six, linden):
    before = [(row.practitioner_id, row.starts_at, row.status) for row in now(six)]
    first = Booking.get_by_id(six[0].id)
    changed = first.change(linden.maya, first.span, which="all", notes="bring the scan")
    assert len(changed) == 6
    assert [(row.practitioner_id, row.starts_at, row.status) for row in now(six)] == before
    assert {row.notes for row in now(six)} == {"bring the scan"}


@pytest.mark.parametrize("which", ["following", "all"])
def test_a_practitioner_reaches_their_own_alone(six, linden, which):
    first = Booking.get_by_id(six[0].id)
    changed = first.change(linden.pat, span(1), which=which, notes="new")
    colleague = Booking.get_by_id(six[2].id)
    assert (colleague.starts_at, colleague.notes, colleague.practitioner) == (
        week(2, 5).starts_at,
        "",
        linden.abroad,
    )
    assert changed.kept["colleague"] == 1
    assert first.cancel(linden.pat, which="all").kept["colleague"] == 1
    assert Booking.get_by_id(six[2].id).status == "confirmed"


def test_the_colleague_reaches_theirs_and_not_the_rest(six, linden):
    third = Booking.get_by_id(six[2].id)
    assert third.cancel(linden.quinn, which="all").kept == {"colleague": 5}
    assert [row.status for row in now(six)] == [
        "confirmed",
        "confirmed",
        "cancelled",
        "confirmed",
        "paid",
        "cancelled",
    ]


def test_a_manager_moves_each_in_its_own_calendar_and_zone(six, linden):
    first = Booking.get_by_id(six[0].id)
    changed = first.change(linden.maya, Span(NINE + HOUR, NINE + 3 * HOUR), which="all")
    assert times(six) == [
        HOUR,
        WEEK + HOUR,
        2 * WEEK + 6 * HOUR,
        3 * WEEK + HOUR,
        4 * WEEK,
        5 * WEEK,
    ]
    third = Booking.get_by_id(six[2].id)
    assert third.practitioner == linden.abroad
    assert third.starts_at == datetime(2026, 12, 10, 15, 0, tzinfo=UTC)  # ten o'clock in New York
    assert third.ends_at - third.starts_at == 2 * HOUR
    assert changed.kept == {"settled": 2}
    assert times([six[4], six[5]]) == [4 * WEEK, 5 * WEEK]


def test_each_is_claimed_for_its_own_practitioner(six, linden):
    in_new_york = datetime(2026, 12, 10, 15, 0, tzinfo=UTC)
    Booking.book(linden.colleague_calendar, [Span(in_new_york, in_new_york + HOUR)], linden.quinn)
    first = Booking.get_by_id(six[0].id)
    with pytest.raises(SlotTaken) as refusal:
        first.change(linden.maya, span(1), which="all")
    assert [clash.span.starts_at for clash in refusal.value.clashes] == [in_new_york]
    assert times(six[:2]) == [timedelta(0), WEEK]
    # Pat's own time there does not matter: that one is Quinn's.
    Booking.book(linden.calendar, [week(2, 1)], linden.pat)
    changed = first.change(linden.maya, span(1), which="all", skip_taken=True)
    assert [clash.span.starts_at for clash in changed.skipped] == [in_new_york]
    assert times(six) == [
        HOUR,
        WEEK + HOUR,
        2 * WEEK + 5 * HOUR,
        3 * WEEK + HOUR,
        4 * WEEK,
        5 * WEEK,
    ]


def test_handing_over_takes_those_of_the_same_calendar_at_their_own_wall_time(linden, clock):
    rows = Booking.book(
        linden.calendar, repeats(span(), linden.street.zone, 1, count=4), linden.pat
    )
    rows[1].change(linden.pat, week(1, 3))
    rows[2].change(linden.maya, week(2), practitioner=linden.colleague_calendar)
    first = Booking.get_by_id(rows[0].id)
    # Nine o'clock there.
    changed = first.change(linden.maya, span(5), which="all", practitioner=linden.abroad)
    assert changed.kept["own"] == 1  # and that is said
    assert [row.practitioner for row in now(rows)] == [
        linden.abroad,
        linden.abroad,
        linden.colleague_calendar,
        linden.abroad,
    ]
    assert times(rows) == [5 * HOUR, WEEK + 8 * HOUR, 2 * WEEK, 3 * WEEK + 5 * HOUR]
    entry = AuditEntry.about(first).first()
    assert (entry.detail["from"], entry.detail["to"]) == (linden.calendar.id, linden.abroad.id)


# ---- what stays ----


@pytest.mark.parametrize("status", ["confirmed", "delivered", "cancelled", "no_show", "paid"])
def test_a_status_for_all_spares_what_is_settled(six, linden, status):
    first = Booking.get_by_id(six[0].id)
    first.change(linden.maya, first.span, which="all", status=status)
    assert [row.status for row in now(six)[:4]] == [status] * 4
    assert [row.status for row in now(six)[4:]] == ["paid", "cancelled"]


def test_a_rate_for_all_spares_what_is_paid(six, linden):
    first = Booking.get_by_id(six[0].id)
    first.change(linden.maya, first.span, which="all", rate_cents=7000)
    assert [row.rate_cents for row in now(six)] == [7000] * 4 + [None, None]


def test_a_value_that_was_set_for_one_alone_stays(six, linden):
    other = Patient.create(clinic=linden.clinic, first_name="Mo")
    Booking.get_by_id(six[1].id).change(linden.pat, week(1), notes="left knee", patient=other)
    first = Booking.get_by_id(six[0].id)
    changed = first.change(linden.pat, first.span, which="all", notes="parking at the back")
    assert Booking.get_by_id(six[1].id).notes == "left knee"
    assert changed.kept == {"colleague": 1, "own": 1}


def test_one_moved_alone_keeps_its_hour_when_only_the_day_changes(linden, clock):
    rows = Booking.book(
        linden.calendar, repeats(span(), linden.street.zone, 1, count=3), linden.pat
    )
    rows[1].change(linden.pat, week(1, 3))
    Booking.get_by_id(rows[0].id).change(linden.pat, span(24), which="all")
    assert times(rows) == [HOUR * 24, WEEK + HOUR * 27, 2 * WEEK + HOUR * 24]


def test_an_imported_series_without_clients_or_services_is_changed_alike(linden, clock):
    key = models.uuid.uuid4()
    rows = [
        {
            "practitioner": linden.calendar.id,
            "series": key,
            "starts_at": week(n).starts_at,
            "ends_at": week(n).ends_at,
        }
        for n in range(3)
    ]
    Booking.add_many(linden.clinic, rows, linden.pat)
    rows = list(Booking.select().order_by(Booking.starts_at))
    rows[1].change(linden.pat, week(1, 2), which="following")
    assert times(rows) == [timedelta(0), WEEK + 2 * HOUR, 2 * WEEK + 2 * HOUR]


def test_whole_days_become_times_and_back_for_all(linden, clock):
    first = whole_days(date(2026, 11, 26), date(2026, 11, 26), linden.street.zone)
    rows = Booking.book(linden.calendar, repeats(first, linden.street.zone, 1, count=2), linden.pat)
    rows[0].change(linden.pat, span(2), which="all")
    assert times(rows) == [2 * HOUR, WEEK + 2 * HOUR]
    Booking.get_by_id(rows[0].id).change(linden.pat, first, which="all")
    assert [row.starts_on for row in now(rows)] == [date(2026, 11, 26), date(2026, 12, 3)]


def test_two_of_one_series_that_would_meet_are_refused(linden, clock):
    rows = Booking.book(
        linden.calendar, repeats(span(), linden.street.zone, 1, count=2), linden.pat
    )
    rows[1].change(linden.pat, span(3))  # the same day as the first
    first = Booking.get_by_id(rows[0].id)
    with pytest.raises(SlotTaken):
        first.change(linden.pat, span(5), which="all")
    first.change(linden.pat, span(5), which="all", allow_overlap=True)
    assert times(rows) == [5 * HOUR, 5 * HOUR]


# ---- undo ----


def test_undo_gives_back_what_was_booked_anyway_and_leaves_what_was_taken_since(six, linden):
    Booking.book(linden.calendar, [week(1)], linden.pat, allow_overlap=True)  # agreed to
    first = Booking.get_by_id(six[0].id)
    first.cancel(linden.maya, which="all")
    Booking.book(linden.calendar, [week(3)], linden.pat)  # taken since
    undone = first.undo_status(linden.maya)
    assert [row.status for row in now(six)] == [
        "confirmed",
        "confirmed",
        "confirmed",
        "cancelled",
        "paid",
        "cancelled",
    ]
    assert [clash.span for clash in undone.skipped] == [week(3)]


def test_undo_asks_for_the_time_of_the_one_who_has_it(six, linden):
    first = Booking.get_by_id(six[0].id)
    first.cancel(linden.maya, which="all")
    taken = Booking.get_by_id(six[2].id).span
    Booking.book(linden.colleague_calendar, [taken], linden.quinn)
    assert [clash.span for clash in first.undo_status(linden.maya).skipped] == [taken]
    assert Booking.get_by_id(six[2].id).status == "cancelled"


def test_undo_of_a_practitioner_leaves_the_colleague_s(six, linden):
    first = Booking.get_by_id(six[0].id)
    first.cancel(linden.maya, which="all")
    assert first.undo_status(linden.pat).kept == {"colleague": 1}
    assert [row.status for row in now(six)] == [
        "confirmed",
        "confirmed",
        "cancelled",
        "confirmed",
        "paid",
        "cancelled",
    ]


def test_undo_does_not_go_into_time_taken_outside(six, linden):
    first = Booking.get_by_id(six[0].id)
    first.cancel(linden.maya, which="all")
    external.event(external.source(linden.pat), "Dentist", "2026-12-03 09:30", "2026-12-03 10:30")
    assert [clash.span for clash in first.undo_status(linden.maya).skipped] == [week(1)]


# ---- making ----


def test_a_series_is_made_without_the_times_that_are_taken(linden, clock):
    Booking.book(linden.calendar, [week(1)], linden.pat)
    external.event(external.source(linden.pat), "Dentist", "2026-12-10 09:30", "2026-12-10 10:30")
    spans = repeats(span(), linden.street.zone, 1, count=4)
    key = models.uuid.uuid4()
    with pytest.raises(SlotTaken) as refusal:
        Booking.book(linden.calendar, spans, linden.pat, key=key)
    assert [clash.span for clash in refusal.value.clashes] == spans[1:3]
    made = Booking.book(linden.calendar, spans, linden.pat, key=key, skip_taken=True)
    assert [row.span for row in made] == [spans[0], spans[3]]
    assert [clash.span for clash in made.skipped] == spans[1:3]
    again = Booking.book(linden.calendar, spans, linden.pat, key=key, skip_taken=True)
    assert [row.id for row in again] == [row.id for row in made]


def test_a_first_time_that_is_taken_can_be_skipped_and_all_of_them_cannot(linden, clock):
    Booking.book(linden.calendar, [week(0)], linden.pat)
    spans, key = [week(0), week(1)], models.uuid.uuid4()
    made = Booking.book(linden.calendar, spans, linden.pat, key=key, skip_taken=True)
    assert [row.span for row in made] == [week(1)]
    assert [
        row.id for row in Booking.book(linden.calendar, spans, linden.pat, key=key, skip_taken=True)
    ] == [made[0].id]
    with pytest.raises(SlotTaken):
        Booking.book(linden.calendar, spans, linden.pat, skip_taken=True)


def test_who_agreed_to_one_overlap_is_asked_about_another(linden, clock):
    (there,) = Booking.book(linden.calendar, [week(0)], linden.pat)
    agreed = {f"b{there.id}"}
    Booking.book(linden.calendar, [week(0, 0.5)], linden.pat, allow_overlap=True)
    with pytest.raises(SlotTaken):
        Booking.book(linden.calendar, [week(0)], linden.pat, allow_overlap=agreed)
    Booking.book(linden.calendar, [span(-0.75)], linden.pat, allow_overlap=agreed)


# ---- what the history says ----


def test_the_history_of_each_is_whole_and_the_clinic_s_has_one_line(six, linden):
    before = AuditEntry.listed(linden.clinic).count()
    first = Booking.get_by_id(six[0].id)
    first.change(linden.maya, first.span, which="all", notes="secret pain", service=None)
    assert AuditEntry.listed(linden.clinic).count() == before + 1
    for row in six:
        entry, *_, made = AuditEntry.about(row)
        assert (made.action, made.user) == ("booking.made", linden.pat)
        assert entry.detail["fields"] == ["notes", "service"]
        assert "secret" not in str(entry.detail)


def test_earlier_notes_are_kept_with_who_and_when(six, linden, clock):
    first = Booking.get_by_id(six[0].id)
    first.change(linden.pat, first.span, notes="allergic to latex")
    clock.now += HOUR
    first.change(linden.maya, first.span, notes="")
    assert [(one.text, one.user.name, one.at) for one in NoteVersion.of(first)] == [
        ("allergic to latex", "Maya Linden", clock.now),
        ("", "Pat Linden", clock.now - HOUR),
    ]
    linden.patient.change(linden.quinn, notes="new")
    assert [one.text for one in NoteVersion.of(linden.patient)] == [""]


@given(
    st.integers(-400, 400),
    st.integers(0, 47),
    st.integers(1, 20),
    st.sampled_from(["Europe/London", "America/New_York", "Pacific/Apia"]),
)
def test_a_shift_leads_from_the_one_span_to_the_other(days, half_hours, length, zone):
    zone = models.ZoneInfo(zone)
    start = NINE + timedelta(days=days, minutes=30 * half_hours)
    to = Span(start, start + timedelta(minutes=30 * length))
    shift = Shift.between(span(), models.ZoneInfo("Europe/London"), to, zone)
    moved = shift.of(span(), models.ZoneInfo("Europe/London"), zone)
    local = [one.starts_at.astimezone(zone).replace(tzinfo=None) for one in (moved, to)]
    assert local[0] == local[1]
    assert moved.duration == to.duration


@pytest.mark.parametrize(
    ("zone", "gap", "wall"),
    [
        ("Europe/London", date(2027, 3, 28), time(1, 30)),
        ("America/New_York", date(2027, 3, 14), time(2, 15)),
        ("Australia/Lord_Howe", date(2027, 10, 3), time(2, 10)),
        ("America/Santiago", date(2027, 9, 5), time(0, 20)),
    ],
)
def test_a_series_moved_off_a_night_without_its_hour_has_its_hour_again(zone, gap, wall):
    zone = models.ZoneInfo(zone)
    first = gap - timedelta(days=14)
    start = datetime.combine(first, wall, zone).astimezone(UTC)
    dates = repeats(Span(start, start + HOUR), zone, 1, count=5)
    assert dates[2].starts_at.astimezone(zone).time() > wall
    for days in (1, -1, 3):
        starts = datetime.combine(first + timedelta(days=days), wall, zone).astimezone(UTC)
        shift = Shift.between(dates[0], zone, Span(starts, starts + HOUR), zone)
        moved = [shift.of(one, zone, zone) for one in dates]
        assert {one.starts_at.astimezone(zone).time() for one in moved} == {wall}
        assert {one.duration for one in moved} == {HOUR}


# ---- random histories ----

PEOPLE = ("pat", "quinn", "maya")


class Histories(RuleBasedStateMachine):
    """Several people change one series and single bookings in any order.

    What nobody asked for never happens.
    """

    @initialize()
    def begin(self):
        for table in reversed(migrate.TABLES):
            table.delete().execute()
        clinic = Clinic.create(name="Linden")
        street = Venue.create(clinic=clinic, name="Street", zone_name="Europe/London")
        harbour = Venue.create(clinic=clinic, name="Harbour", zone_name="America/New_York")
        self.people = {
            name: User.create(
                clinic=clinic,
                email=f"{name}@linden.test",
                name=name,
                password_hash=PASSWORD_HASH,
                role="manager" if name == "maya" else "practitioner",
            )
            for name in PEOPLE
        }
        self.calendars = [
            Practitioner.create(clinic=clinic, user=self.people[name], venue=venue)
            for name, venue in (("pat", street), ("quinn", street), ("quinn", harbour))
        ]
        service = Service.create(clinic=clinic, name="Shoulder")
        Booking.book(
            self.calendars[0], repeats(span(), street.zone, 1, count=5), None, service=service
        )
        Booking.book(self.calendars[1], [week(1, 2)], None)
        Booking.book(self.calendars[2], [week(2, 6)], None)
        self.agreed: set[frozenset[int]] = set()

    def state(self) -> dict:
        return {
            row.id: SimpleNamespace(
                span=row.span,
                who=row.practitioner.user_id,
                status=row.status,
                notes=row.notes,
                series=row.series,
                calendar=row.practitioner_id,
            )
            for row in Booking.select(Booking, Practitioner).join(Practitioner)
        }

    def attempt(self, row: Booking, who: str, which: str, anyway: bool, change) -> dict:
        """Do it as that person, and check whom it reached."""
        actor, before = self.people[who], self.state()
        if not actor.is_manager and row.practitioner.user_id != actor.id:
            return {}
        reached = {one.id for one in row.reach(actor, which)[0]}
        pairs = overlapping(before)
        try:
            change(actor)
        except SlotTaken:
            assert self.state() == before
            return {}
        after = self.state()
        for key in before:
            if key not in reached:
                assert after[key] == before[key]
            elif key != row.id and before[key].status not in OPEN_STATUSES:
                assert (after[key].span, after[key].calendar) == (
                    before[key].span,
                    before[key].calendar,
                )
        if anyway:
            self.agreed |= overlapping(after) - pairs
        return {"before": before, "after": after, "reached": reached}

    def pick(self, n: int) -> Booking:
        rows = list(Booking.select().order_by(Booking.id))
        return rows[n % len(rows)]

    people, extents, anyways, picks = (
        st.sampled_from(PEOPLE),
        st.sampled_from(["one", "following", "all"]),
        st.booleans(),
        st.integers(0, 6),
    )

    @rule(
        n=picks,
        who=people,
        which=extents,
        hours=st.sampled_from([-24, -2, -1, 1, 2, 24, 168]),
        anyway=anyways,
        skip=st.booleans(),
    )
    def move(self, n, who, which, hours, anyway, skip):
        row = self.pick(n)
        target = Span(row.starts_at + timedelta(hours=hours), row.ends_at + timedelta(hours=hours))
        told = self.attempt(
            row,
            who,
            which,
            anyway,
            lambda actor: row.change(
                actor, target, which=which, allow_overlap=anyway, skip_taken=skip
            ),
        )
        for key in told.get("reached", ()):
            assert told["after"][key].calendar == told["before"][key].calendar
            assert told["after"][key].status == told["before"][key].status

    @rule(n=picks, who=people, which=extents, to=st.integers(0, 2), anyway=anyways)
    def hand_over(self, n, who, which, to, anyway):
        row, calendar = self.pick(n), self.calendars[to]
        if who != "maya" and calendar.user_id != self.people[who].id:
            return
        told = self.attempt(
            row,
            who,
            which,
            anyway,
            lambda actor: row.change(
                actor, row.span, which=which, practitioner=calendar, allow_overlap=anyway
            ),
        )
        for key in told.get("reached", ()):
            was = told["before"][key]
            assert told["after"][key].calendar in (was.calendar, calendar.id)
            if was.calendar != told["before"][row.id].calendar:
                assert told["after"][key].calendar == was.calendar

    @rule(n=picks, who=people, which=extents)
    def note(self, n, who, which):
        row = self.pick(n)
        told = self.attempt(
            row,
            who,
            which,
            False,
            lambda actor: row.change(actor, row.span, which=which, notes=f"{row.notes}+"),
        )
        for key in told.get("reached", ()):
            was, here = told["before"][key], told["after"][key]
            assert (was.span, was.calendar, was.status) == (here.span, here.calendar, here.status)

    @rule(
        n=picks,
        who=people,
        which=extents,
        status=st.sampled_from(STATUSES),
        anyway=anyways,
        by_form=st.booleans(),
    )
    def set_status(self, n, who, which, status, anyway, by_form):
        row = self.pick(n)

        def change(actor):
            if by_form:
                row.change(actor, row.span, which=which, allow_overlap=anyway, status=status)
            else:
                row.set_status(status, actor, which=which, allow_overlap=anyway)

        told = self.attempt(row, who, which, anyway, change)
        for key in told.get("reached", ()):
            was, here = told["before"][key], told["after"][key]
            assert (was.span, was.calendar) == (here.span, here.calendar)
            if key != row.id and was.status not in OPEN_STATUSES:
                assert here.status == was.status

    @rule(n=picks, who=people)
    def undo(self, n, who):
        row = self.pick(n)
        before = self.state()
        told = self.attempt(row, who, "all", False, lambda actor: row.undo_status(actor))
        if told:
            new = overlapping(told["after"]) - overlapping(before)
            assert all(pair in self.agreed for pair in new)

    @invariant()
    def nobody_is_booked_twice_unasked(self):
        if hasattr(self, "agreed"):
            assert overlapping(self.state()) <= self.agreed


def overlapping(state: dict) -> set[frozenset[int]]:
    """Pairs of bookings that hold the same person's time."""
    busy = [(key, one) for key, one in state.items() if one.status not in FREE_STATUSES]
    return {
        frozenset((a, b))
        for a, one in busy
        for b, two in busy
        if a < b and one.who == two.who and one.span.overlaps(two.span)
    }


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_history_changes_hands_time_or_state_unasked(db, clock):
    run_state_machine_as_test(Histories, settings=settings(max_examples=40, stateful_step_count=15))
