"""A series that two people change, and what stands outside of it: at every provider, for one
booking, this and following, or all, while the worker stands still or runs in between.
"""

from datetime import timedelta

import pytest
from caldav_sync_world import CalDavSyncWorld
from sync_world import WORLDS

from base.scheduling import Span
from models import Booking, Patient, Service
from tests.pages import Filled, forms_of

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
KINDS = {**WORLDS, "caldav": CalDavSyncWorld}
HOUR = timedelta(hours=1)
COUNT = 4


def series(world) -> list[Booking]:
    start = world.clock.now.replace(hour=10, minute=0) + timedelta(days=3)
    spans = [
        Span(start + timedelta(days=7 * n), start + timedelta(days=7 * n) + HOUR)
        for n in range(COUNT)
    ]
    facts = {"patient": world.linden.patient, "service": world.linden.service}
    return Booking.book(world.linden.calendar, spans, world.user, **facts)


def opened(browser, row) -> Filled:
    """The form of a booking, as somebody has it open."""
    forms = forms_of(browser.get(f"/bookings/{row.id}/edit"))
    return Filled(
        next(one for one in forms if one["action"].partition("?")[0] == f"/bookings/{row.id}")
    )


def move(browser, row, which):
    return opened(browser, row).put(starts="14:00", ends="15:00", which=which).send(browser)


def end_earlier(browser, row, which):
    return opened(browser, row).put(ends="10:30", which=which).send(browser)


def another_client(browser, row, which):
    other = Patient.get(Patient.internal_id == "K-7")
    form = opened(browser, row).put(patient=str(other.id), q=other.name, matched="", which=which)
    return form.send(browser)


def another_service(browser, row, which):
    other = Service.get(Service.name == "Knee")
    return opened(browser, row).put(service=str(other.id), which=which).send(browser)


def cancel(browser, row, which):
    data = {"which": which, "was": "confirmed", "shown": str(row.sequence)}
    return browser.post(f"/bookings/{row.id}/cancellation", data=data)


DOES = (move, end_earlier, another_client, another_service, cancel)
CASES = [  # the reach is decided here, whatever the provider: with one of them all are tried
    (kind, does, which)
    for kind in KINDS
    for does in DOES
    for which in ("one", "following", "all")
    if kind == "google" or which == "following"
]


@pytest.mark.parametrize("runs_between", [False, True], ids=["still", "between"])
@pytest.mark.parametrize(
    ("kind", "does", "which"),
    CASES,
    ids=[f"{kind}-{does.__name__}-{which}" for kind, does, which in CASES],
)
def test_both_sides_agree_after_two_people_changed_a_series(
    linden, clock, signed_in, kind, does, which, runs_between
):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    facts = {"first_name": "Bo", "last_name": "Other", "internal_id": "K-7"}
    Patient.add(linden.clinic, linden.pat, **facts)
    Service.add(linden.clinic, linden.pat, name="Knee", duration_minutes=60)
    world = KINDS[kind](linden, clock)
    rows = series(world)
    account = world.poll(world.start())
    before = {str(row.uuid): world.event_of(account, row)["id"] for row in rows}
    pat, maya = signed_in(linden.pat), signed_in(linden.maya)
    hers = opened(maya, rows[1]).put(notes="Bring the letter", which="all")
    answer = does(pat, rows[1], which)
    assert answer.status_code == 303, answer.text
    if runs_between:
        world.run(account)
    saved = hers.send(maya)
    assert saved.status_code == 303, saved.text
    if runs_between:
        world.run(account)
    for minutes in (0, 1, 7):
        world.later(minutes=minutes)
        world.run(account)
    world.assert_in_step(account)
    reached = {"one": {1}, "following": {1, 2, 3}, "all": {0, 1, 2, 3}}[which]
    standing = world.standing(account)
    for n, row in enumerate(Booking.select().order_by(Booking.starts_at)):
        is_reached = n in reached
        if does is cancel:
            assert (row.status == "cancelled") == is_reached
            continue
        (event,) = standing[str(row.uuid)]
        assert event["id"] == before[str(row.uuid)]  # the same one, written again
        client = "K-7" if does is another_client and is_reached else "K-2041"
        service = "Knee" if does is another_service and is_reached else "Shoulder"
        assert client in world.title_of(event) and service in world.title_of(event)
        assert row.notes == "Bring the letter"
    assert world.notices(account) == []
