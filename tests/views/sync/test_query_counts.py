"""How often pages that are asked again and again ask the database: the same for one account of the
clinic and for forty, for one client and for thousands.
"""

import logging
import re
from dataclasses import replace
from datetime import timedelta

import external
import pytest

from base.scheduling import Span
from base.tables import outbox
from base.tables.bulk import insert_many_rows
from base.tables.texts import TextSettings
from models import Booking, Clinic, Feed, Patient, Practitioner, User
from sync.connect import gateway
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.mappings import MappingRow
from sync.tables.notices import Notice
from sync.tables.unread import CalendarTrouble, UnreadEvent

TROUBLES = (  # what may be wrong with accounts: each asks for something else
    {"failures": 0},
    {"phase": "leaving", "removes": True, "failures": 2},
    {"phase": "naming", "listed_at": None},
    {"phase": "paused"},
    {"health": "reconnect"},
    {"health": "operator"},
    {"kind": "caldav"},  # not set up here
)
PARTIAL = {"HX-Request": "true"}
MOST = 12


@pytest.fixture
def queries(caplog):
    """`queries(call)`: the statements that the call sent to the database."""

    def sent(call) -> list[str]:
        with caplog.at_level(logging.DEBUG, "peewee"):
            caplog.clear()
            answer = call()
            assert answer.status_code == 200, answer.status_code
            return [str(record.msg) for record in caplog.records if record.name == "peewee"]

    return sent


def spoil(linden, source: RemoteCalendar, at) -> None:
    """The calendar is read in part, and an event of the account stands differently outside."""
    of_row = {"clinic": linden.clinic, "calendar": source}
    CalendarTrouble.create(kind="events", reason="", **of_row)
    UnreadEvent.create(remote_id="e", reason="no_start", **of_row)
    hour = Span(at, at + timedelta(hours=1))
    booking = Booking.book(
        linden.calendar, [hour], linden.pat, patient=linden.patient, allow_overlap=True
    )[0]
    row = MappingRow.create(
        account=source.account,
        uid=str(booking.uuid),
        booking=booking,
        phase="gone",
        wanted="2026-11-21T11:40:00+00:00/2026-11-21T12:40:00+00:00 a",
        remote_id="r",
    )
    Notice.give(source.account, "deleted", f"edit {row.uid}", booking=booking.id, settled_as="left")


def add_people(linden, clock, count: int, is_whole: bool = True) -> None:
    """Colleagues, each with an account and a calendar that is read. `is_whole`: where False, each
    is read in part and differs, and is otherwise as well as its trouble lets it be.
    """
    for number in range(count):
        person = User.create(
            clinic=linden.clinic,
            name=f"Colleague {number}",
            email=f"c{number}@linden.test",
            sync_allowed=True,
            identifier="none",
        )
        Practitioner.create(clinic=linden.clinic, user=person, venue=linden.street)
        stands = {"checked_at": clock.now, "synced_on": clock.now.date()}
        source = external.source(person, **stands)
        Account.update(**TROUBLES[number % len(TROUBLES)]).where(
            Account.id == source.account
        ).execute()
        if not is_whole:
            spoil(linden, source, clock.now + timedelta(days=1 + number))
        Feed.draft(person, name="Phone", rev=1).save()
        RemoteCalendar.create(
            clinic=linden.clinic,
            account=source.account,
            calendar_id=f"ours {number}",
            role="destination",
            name="Kalends",
            is_ours=True,
        )


def test_the_status_of_an_account(signed_in, linden, clock, queries):
    linden.pat.change_sync(sync_allowed=True, identifier="none")
    source = external.source(linden.pat, checked_at=clock.now, synced_on=clock.now.date())
    spoil(linden, source, clock.now)
    pat = signed_in(linden.pat)
    address = re.search(r'hx-get="(/sync/accounts/status[^"]*)"', pat.get("/sync/").text)[1]
    address = address.replace("&amp;", "&")
    few = queries(lambda: pat.get(address, headers=PARTIAL))
    add_people(linden, clock, 40, is_whole=False)
    many = queries(lambda: pat.get(address, headers=PARTIAL))
    assert len(few) == len(many) <= MOST, "\n".join(many)
    assert Account.select().count() == 41


@pytest.fixture
def all_set_up(linden, clock):
    """Mail, text messages, and an address that providers reach; and the nightly check found two
    bookings at the same time.
    """
    before = outbox.setup()
    external.known("google")
    gateway.set_up(replace(gateway.setup(), webhook_url="https://kalends.test"))
    outbox.set_up(outbox.MailSetup("smtp://127.0.0.1:9", "kalends@linden.test"))
    TextSettings.create(clinic=linden.clinic, sealed_url="x", sealed_secret="x", is_on=True)
    at = clock.now + timedelta(days=1)
    pair = [
        Booking.book(
            linden.calendar, [Span(at, at + timedelta(hours=1))], linden.pat, allow_overlap=yes
        )
        for yes in (False, True)
    ]
    found = {"nobody": 1, "nobody_ids": [[row.id for (row,) in pair]]}
    Clinic.update(overlaps=found, overlaps_checked_at=clock.now).execute()
    yield
    outbox.set_up(before)


SURFACES = ("/sync/accounts/status", "/sync/accounts/history", "/calendar", "/services/")


@pytest.mark.parametrize("address", SURFACES)
def test_several_accounts_of_one_person(signed_in, linden, clock, queries, address):
    """Each surface that tells how accounts stand: page, history, banner and badge."""
    linden.pat.change_sync(sync_allowed=True, identifier="none")
    pat = signed_in(linden.pat)

    def ask():
        page = pat.get("/sync/").text
        key = re.search(r'/sync/accounts/status\?([^"]*)"', page)[1].replace("&amp;", "&")
        asked = f"{address}?{key}" if address.endswith("status") else address
        return queries(lambda: pat.get(asked, headers=PARTIAL))

    external.source(linden.pat, checked_at=clock.now, synced_on=clock.now.date())
    few = ask()
    for kind in ("microsoft", "caldav"):
        external.source(linden.pat, kind=kind, checked_at=clock.now, synced_on=clock.now.date())
    many = ask()
    assert len(few) == len(many), "\n".join(many)
    assert len(many) <= MOST or not address.endswith(("status", "history"))


@pytest.mark.parametrize("is_whole", [True, False], ids=["whole", "spoiled"])
def test_the_health_board(all_set_up, signed_in, linden, clock, queries, is_whole):
    linden.pat.change_sync(sync_allowed=True, identifier="none")
    source = external.source(linden.pat, checked_at=clock.now, synced_on=clock.now.date())
    if not is_whole:
        spoil(linden, source, clock.now)
    olive = signed_in(linden.olive)
    few = queries(lambda: olive.get("/health/board", headers=PARTIAL))
    add_people(linden, clock, 42, is_whole)
    many = queries(lambda: olive.get("/health/board", headers=PARTIAL))
    assert len(few) == len(many) <= MOST, "\n".join(many)


def test_a_client_searched_as_one_types(signed_in, linden, queries):
    pat = signed_in(linden.pat)

    def ask():
        return pat.post("/clients/matches", data={"q": "wój"}, headers=PARTIAL)

    few = queries(ask)
    columns = {name: value for name, value in linden.patient.__data__.items() if name != "id"}
    insert_many_rows(
        Patient, [Patient(**columns | {"internal_id": f"X-{number}"}) for number in range(10_000)]
    )
    many = queries(ask)
    assert len(few) == len(many) <= MOST, "\n".join(many)
