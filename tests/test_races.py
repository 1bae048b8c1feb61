"""Many at once in one clinic: nobody waits for ever, and nothing is lost."""

import threading
from datetime import timedelta

from conftest import NOW

import models
from models import Booking, Feed, User
from scheduling import Span

ROUNDS = 12


def at_once(*jobs):
    """Run each job on a thread of its own, with its own connection; the errors that came out."""
    faults = []

    def run(job):
        try:
            with models.database.connection_context():
                for n in range(ROUNDS):
                    job(n)
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return faults


def test_booking_changing_a_link_and_changing_settings_at_once_never_lock_each_other_out(linden):
    feed = Feed.generate(linden.pat, "phone", linden.pat, practitioner=linden.calendar)

    def book(n):
        start = NOW + timedelta(days=1, hours=n)
        Booking.book(linden.calendar, [Span(start, start + timedelta(minutes=30))], linden.pat, patient=linden.patient)

    faults = at_once(book, lambda n: Feed.get_by_id(feed.id).change(linden.pat, name=f"phone {n}"),
                     lambda n: User.get_by_id(linden.pat.id).change_sync(hide_sensitive=bool(n % 2)),
                     lambda n: linden.patient.change(linden.pat, first_name=f"Małgorzata {n}"))
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
