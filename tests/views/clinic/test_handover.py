"""Future bookings of a closed calendar are always visible. They are handed over, one by one or
together, or cancelled.
"""

import re
from datetime import UTC, date, datetime, timedelta

import pytest

from base.bookings.clashes import ClosedCalendar
from base.scheduling import Span, whole_days
from models import Booking, Practitioner, User
from people import leftover

NINE = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def left(linden, clock):
    """Quinn, who left with three bookings to come at Linden Street, a past one, a cancelled one,
    and a whole day in New York.
    """

    def book(start, calendar=linden.colleague_calendar, **more):
        return Booking.book(
            calendar,
            [Span(start, start + HOUR)],
            linden.olive,
            patient=linden.patient,
            service=linden.service,
            **more,
        )[0]

    rows = [book(NINE + timedelta(days=n)) for n in range(3)]
    book(NINE - timedelta(days=30))
    book(NINE + timedelta(days=9)).cancel(linden.olive)
    Booking.book(
        linden.abroad,
        [whole_days(date(2026, 12, 7), date(2026, 12, 8), linden.abroad.zone)],
        linden.olive,
    )
    linden.quinn.leave(linden.olive)
    return rows


def page(browser, path: str) -> str:
    return browser.get(path).text


def hand_over(browser, calendar, rows, to, **more):
    return browser.post(
        f"/team/hand-over/{calendar.id}",
        data={"booking": [row.id for row in rows], "to": getattr(to, "id", to), **more},
    )


def test_closed_calendars_with_bookings_to_come_are_listed_until_none_is_left(linden, left):
    assert [
        (row.user.name, row.venue.name, row.left) for row in leftover.calendars(linden.clinic)
    ] == [("Quinn Linden", "Harbour House", 1), ("Quinn Linden", "Linden Street", 3)]


def test_managers_are_told_and_the_calendar_stays_within_reach(signed_in, linden, left):
    for browser in (signed_in(linden.maya), signed_in(linden.olive)):
        for path in ("/team/", "/calendar"):
            assert "3 bookings to come" in page(
                browser, path
            ) and f"/team/hand-over/{linden.colleague_calendar.id}" in page(browser, path)
        assert f"calendar={linden.colleague_calendar.id}" in page(browser, "/calendar")
    assert "3 bookings to come" not in page(signed_in(linden.pat), "/calendar")
    assert (
        signed_in(linden.pat).get(f"/team/hand-over/{linden.colleague_calendar.id}").status_code
        == 403
    )


def test_another_clinic_is_not_there(signed_in, stranger, linden, left):
    browser = signed_in(stranger)
    assert browser.get(f"/team/hand-over/{linden.colleague_calendar.id}").status_code == 404
    assert hand_over(browser, linden.colleague_calendar, left, linden.calendar).status_code == 404
    assert "3 bookings" not in page(browser, "/team/")


def test_leaving_leads_to_the_hand_over(signed_in, linden, clock):
    Booking.book(linden.colleague_calendar, [Span(NINE, NINE + HOUR)], linden.olive)
    answer = signed_in(linden.olive).post(f"/team/{linden.quinn.id}/leaving")
    assert answer.location.endswith(f"/team/hand-over/{linden.colleague_calendar.id}")


def test_all_go_to_a_colleague_who_is_free(signed_in, linden, left):
    browser = signed_in(linden.maya)
    assert "free for 3 of 3" in page(browser, f"/team/hand-over/{linden.colleague_calendar.id}")
    assert hand_over(browser, linden.colleague_calendar, left, linden.calendar).status_code == 303
    assert [Booking.get_by_id(row.id).practitioner_id for row in left] == [linden.calendar.id] * 3
    assert [Booking.get_by_id(row.id).starts_at for row in left] == [row.starts_at for row in left]
    assert [row.venue.name for row in leftover.calendars(linden.clinic)] == ["Harbour House"]


def test_where_the_colleague_is_busy_the_booking_stays_unless_one_says_otherwise(
    signed_in, linden, left
):
    Booking.book(linden.calendar, [Span(NINE, NINE + HOUR)], linden.pat)
    browser = signed_in(linden.maya)
    assert "free for 2 of 3" in page(browser, f"/team/hand-over/{linden.colleague_calendar.id}")
    answer = hand_over(browser, linden.colleague_calendar, left, linden.calendar)
    assert (
        answer.status_code == 409
        and "2 handed over." in answer.text
        and "Book anyway" in answer.text
    )
    assert Booking.get_by_id(left[0].id).practitioner_id == linden.colleague_calendar.id
    unseen = {"anyway": left[0].id}  # agreed to without having been shown what is there
    assert (
        hand_over(
            browser, linden.colleague_calendar, left[:1], linden.calendar, **unseen
        ).status_code
        == 409
    )
    keys = re.search(rf'name="agreed-{left[0].id}"\s+value="([^"]+)"', answer.text)[1]
    agreed = unseen | {f"agreed-{left[0].id}": keys}
    hand_over(browser, linden.colleague_calendar, left[:1], linden.calendar, **agreed)
    assert Booking.get_by_id(left[0].id).practitioner_id == linden.calendar.id


def test_who_agreed_to_overlap_one_colleague_agreed_to_nobody_else(signed_in, linden, left):
    Booking.book(linden.calendar, [Span(NINE, NINE + HOUR)], linden.pat)
    maya = Practitioner.open(linden.maya, linden.street, linden.olive)
    Booking.book(maya, [Span(NINE, NINE + HOUR)], linden.maya)
    browser = signed_in(linden.maya)
    refused = hand_over(browser, linden.colleague_calendar, left[:1], linden.calendar)
    name = f"agreed-{left[0].id}"
    keys = re.search(f'name="{name}"\\s+value="([^"]+)"', refused.text)[1]
    agreed = {"anyway": left[0].id, name: keys}
    answer = hand_over(browser, linden.colleague_calendar, left[:1], maya, **agreed)
    assert answer.status_code == 409
    assert (
        hand_over(
            browser, linden.colleague_calendar, left[:1], linden.calendar, **agreed
        ).status_code
        == 303
    )


def test_a_colleague_s_calendar_that_was_closed_meanwhile_takes_nothing(linden, left):
    stale = Practitioner.get_by_id(linden.calendar.id)
    linden.calendar.set_archived(True, linden.olive)
    with pytest.raises(ClosedCalendar):
        leftover.hand_over(left, stale, linden.maya)


def test_only_the_ticked_ones_go_and_cancelling_asks_once_more(signed_in, linden, left):
    browser = signed_in(linden.maya)
    assert (
        "Tick at least one"
        in hand_over(browser, linden.colleague_calendar, [], linden.calendar).text
    )
    assert "Choose who takes" in hand_over(browser, linden.colleague_calendar, left, "").text
    asked = hand_over(browser, linden.colleague_calendar, left[:2], "cancel")
    assert (
        "Cancel 2 bookings?" in asked.text and Booking.get_by_id(left[0].id).status == "confirmed"
    )
    hand_over(browser, linden.colleague_calendar, left[:2], "cancel", confirmed="yes")
    assert [Booking.get_by_id(row.id).status for row in left] == [
        "cancelled",
        "cancelled",
        "confirmed",
    ]


def test_what_is_under_way_and_what_is_only_offered_is_not_out_of_sight(signed_in, linden, clock):
    def book(start, hours, **more):
        return Booking.book(
            linden.colleague_calendar, [Span(start, start + hours * HOUR)], linden.olive, **more
        )[0]

    week = book(clock.now - timedelta(days=2), 24 * 5)
    offer = book(NINE + timedelta(days=3), 1, status="offered")
    book(NINE + timedelta(days=4), 1, status="offered").cancel(linden.olive)
    Booking.book(
        linden.calendar, [Span(NINE + timedelta(days=3), NINE + timedelta(days=4))], linden.olive
    )
    browser = signed_in(linden.olive)
    assert "2 bookings to come" in page(browser, f"/team/{linden.quinn.id}/leaving")
    linden.quinn.leave(linden.olive)
    assert [row.left for row in leftover.calendars(linden.clinic)] == [2]
    assert "free for 2 of 2" in page(browser, f"/team/hand-over/{linden.colleague_calendar.id}")
    hand_over(browser, linden.colleague_calendar, [week, offer], linden.calendar)
    assert [Booking.get_by_id(row.id).practitioner_id for row in (week, offer)] == [
        linden.calendar.id
    ] * 2
    assert leftover.calendars(linden.clinic) == []


def test_what_was_not_ticked_stays_so_when_the_page_comes_back(signed_in, linden, left):
    answer = hand_over(signed_in(linden.maya), linden.colleague_calendar, left[:1], "")
    ticked = [row.id for row in left if f'value="{row.id}" checked' in answer.text]
    assert ticked == [left[0].id]


def test_what_somebody_moves_meanwhile_is_not_moved_back(linden, left):
    rows = leftover.bookings(linden.colleague_calendar)
    later = Span(NINE + timedelta(days=30), NINE + timedelta(days=30, hours=1))
    Booking.get_by_id(left[0].id).change(linden.olive, later)
    Booking.get_by_id(left[1].id).cancel(linden.olive)
    result = leftover.hand_over(rows, linden.calendar, linden.olive)
    assert [row.id for row in result.done] == [left[2].id]
    assert [row.id for row in result.changed] == [left[0].id, left[1].id] and not result.stayed
    moved = Booking.get_by_id(left[0].id)
    assert (moved.practitioner_id, moved.span) == (linden.colleague_calendar.id, later)


def test_whole_days_keep_their_dates_at_the_other_venue(signed_in, linden, left):
    whole = Booking.get(Booking.practitioner == linden.abroad)
    hand_over(signed_in(linden.maya), linden.abroad, [whole], linden.calendar)
    whole = Booking.get_by_id(whole.id)
    assert (whole.practitioner_id, whole.starts_on, whole.ends_on) == (
        linden.calendar.id,
        date(2026, 12, 7),
        date(2026, 12, 9),
    )
    assert whole.starts_at == datetime(2026, 12, 7, tzinfo=UTC)


def test_future_bookings_of_a_series_are_handed_over_at_their_times(signed_in, linden, clock):
    spans = [Span(NINE + timedelta(weeks=n), NINE + timedelta(weeks=n, hours=1)) for n in range(3)]
    rows = Booking.book(linden.colleague_calendar, spans, linden.quinn)
    linden.colleague_calendar.set_archived(True, linden.olive)
    hand_over(signed_in(linden.maya), linden.colleague_calendar, rows, linden.calendar)
    now = [Booking.get_by_id(row.id) for row in rows]
    assert [(row.practitioner_id, row.span) for row in now] == [
        (linden.calendar.id, span) for span in spans
    ]


def test_whose_only_calendar_was_closed_still_opens_it_first(signed_in, linden, clock):
    Booking.book(linden.calendar, [Span(NINE, NINE + timedelta(hours=1))], linden.pat)
    linden.calendar.set_archived(True, linden.olive)
    page = signed_in(linden.pat).get("/calendar").text
    assert f"{linden.pat.name}, {linden.street.name}" in " ".join(page.split())


def test_nobody_s_bookings_of_another_calendar_go_along(signed_in, linden, left):
    other = Booking.book(
        linden.calendar,
        [Span(NINE + timedelta(days=20), NINE + timedelta(days=20, hours=1))],
        linden.pat,
    )[0]
    hand_over(signed_in(linden.maya), linden.colleague_calendar, [other], "cancel", confirmed="yes")
    assert Booking.get_by_id(other.id).status == "confirmed"
    assert Practitioner.select().count() == 3 and User.get_by_id(linden.quinn.id).left_at
