"""Clients over HTTP: finding, reading, adding, changing, archiving."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

import models
from base.database import AlreadyUsed
from base.scheduling import Span
from models import AuditEntry, Booking, Feed, Patient, Practitioner
from people import clients
from people.id_changes import IdChange

PARTIAL = {"HX-Request": "true"}
NEW = {
    "first_name": "Aoife",
    "last_name": "Ní Bhriain",
    "internal_id": "",
    "email": "Aoife@Mail.Example",
    "phone": "01 555 0199",
    "notes": "",
}


def text_of(answer) -> str:
    return answer.get_data(as_text=True)


@pytest.fixture
def staff(signed_in, linden):
    return signed_in(linden.pat)


@pytest.fixture
def theirs(stranger):
    return Patient.add(stranger.clinic, stranger, first_name="Théo", last_name="Autre")


def book(linden, clock, days, **fields):
    start = clock.now + timedelta(days=days)
    made = Booking.book(
        linden.calendar,
        [Span(start, start + timedelta(minutes=50))],
        linden.pat,
        patient=linden.patient,
        **fields,
    )
    return made[0]


# ---- finding ----


@pytest.mark.parametrize(
    "query", ["malgorzata", "MAŁGORZATA", "wojcik mal", "2041", "555 0100", "35315550"]
)
def test_search_finds_by_any_part_accents_and_capitals_aside(staff, linden, query):
    Patient.add(linden.clinic, None, first_name="Somebody", last_name="Else")
    page = text_of(staff.post("/clients/matches", data={"q": query}))
    assert "Wójcik" in page
    assert "Somebody" not in page


@pytest.mark.parametrize("query", ["%", "_", "\\", "mal%rzata", "zzz", "\x00zzz"])
def test_search_takes_wildcards_literally(staff, linden, query):
    assert "Wójcik" not in text_of(staff.post("/clients/matches", data={"q": query}))


def test_a_percent_sign_in_a_name_can_be_found(staff, linden):
    Patient.add(linden.clinic, None, first_name="100%", last_name="Fit")
    page = text_of(staff.post("/clients/matches", data={"q": "0%"}))
    assert "100% Fit" in page
    assert "Wójcik" not in page


def test_typing_swaps_the_results_alone(staff):
    typed = text_of(staff.post("/clients/matches", data={"q": "k2041"}, headers=PARTIAL))
    assert "Małgorzata" in typed
    page = text_of(staff.post("/clients/matches", data={"q": "K-2041"}, headers=PARTIAL))
    assert page.startswith('<section id="client-results"')
    assert "Wójcik" in page
    assert "<html" not in page


@pytest.mark.parametrize("query", ["K-2041", "k-2041", " K-2041 "])
def test_an_exact_internal_id_opens_the_record(staff, linden, query):
    answer = staff.post("/clients/matches", data={"q": query})
    assert answer.status_code == 303
    assert answer.location == f"/clients/{linden.patient.id}"


def test_an_exact_id_of_another_clinic_or_of_an_archived_client_opens_nothing(
    staff, linden, theirs
):
    theirs.change(None, internal_id="E-9")
    linden.patient.set_archived(True, None)
    for query in ("E-9", "K-2041"):
        answer = staff.post("/clients/matches", data={"q": query})
        assert answer.status_code == 200
        assert "Nobody found" in text_of(answer)


def test_the_list_has_fifty_a_page(staff, linden):
    for number in range(60):
        Patient.add(linden.clinic, None, first_name=f"Client {number:02}")
    first, second = text_of(staff.get("/clients/")), text_of(staff.get("/clients/?page=2"))
    assert "1 to 50 of 61" in first
    assert "51 to 61 of 61" in second
    assert "Wójcik" in second and "Wójcik" not in first
    assert "51 to 61" in text_of(staff.get("/clients/?page=99"))
    assert staff.get("/clients/?page=x").status_code == 404


def test_no_search_stands_in_an_address(staff, linden):
    """Browsers keep addresses and proxies log them.

    A search, its pages and its way to the archive are forms that post.
    """
    for number in range(60):
        Patient.add(linden.clinic, None, first_name="Wójcik", last_name=f"{number:02}")
    for page in (
        text_of(staff.post("/clients/matches", data={"q": "wojcik"})),
        text_of(staff.post("/clients/matches", data={"q": "zzz"})),
    ):
        addresses = re.findall(r'(?:href|action|hx-[a-z-]+)="([^"]*)"', page)
        assert not [
            address
            for address in addresses
            if "wojcik" in address or "zzz" in address or "q=" in address
        ]
        assert "<form action" not in page
    assert "1 to 50 of 61" in text_of(staff.get("/clients/?q=zzz"))


def test_a_search_has_pages_too(staff, linden):
    for number in range(60):
        Patient.add(linden.clinic, None, first_name="Anna", last_name=f"{number:02}")
    page = text_of(staff.post("/clients/matches", data={"q": "anna"}))
    assert "1 to 50 of 60" in page and '<button name="page" value="2">' in page
    second = text_of(staff.post("/clients/matches", data={"q": "anna", "page": "2"}))
    assert "51 to 60 of 60" in second and '<button name="page" value="1">' in second
    assert staff.post("/clients/matches", data={"q": "anna", "page": "x"}).status_code == 404


def test_a_search_goes_on_among_archived_clients(staff, linden):
    linden.patient.set_archived(True, None)
    page = text_of(staff.post("/clients/matches", data={"q": "wojcik"}))
    assert '<input type="hidden" name="archived" value="yes">' in page
    assert "Małgorzata" in text_of(
        staff.post("/clients/matches", data={"q": "wojcik", "archived": "yes"})
    )


def test_who_comes_back_to_the_address_of_a_search_finds_the_list(staff):
    answer = staff.get("/clients/matches")
    assert (answer.status_code, answer.location) == (303, "/clients/")


def test_the_list_shows_only_the_own_clinic(staff, theirs):
    assert "Théo" not in text_of(staff.get("/clients/"))


def test_an_empty_clinic_is_told_what_to_do(app, stranger, signed_in):
    assert "No clients yet" in text_of(signed_in(stranger).get("/clients/"))


# ---- the record ----


def test_the_record_shows_id_contact_and_bookings_on_both_sides_of_now(staff, linden, clock):
    book(linden, clock, 6, service=linden.service)
    book(linden, clock, 4, status="cancelled")
    book(linden, clock, -3, status="paid", service=linden.service)
    book(linden, clock, -10, status="no_show")
    page = text_of(staff.get(f"/clients/{linden.patient.id}"))
    ahead, _, before = page.partition('id="past"')
    assert page.index("K-2041</code>") < page.index("<h1>")
    assert ahead.index("Thu 26 Nov 2026, 11:40–12:30") < ahead.index("Tue 24 Nov 2026")  # cancelled
    assert "Tue 17 Nov 2026" in before
    assert "Paid" in before and "No-show" in before and "No service" in before
    assert "1 visit<" in page
    assert 'href="tel:+35315550100"' in page
    assert f"/bookings/new?patient={linden.patient.id}" in page


def test_a_booking_that_runs_now_is_still_coming_up(staff, linden, clock):
    booking = book(linden, clock, 0)
    clock.now += timedelta(minutes=49)
    assert (
        f"/bookings/{booking.id}"
        in text_of(staff.get(f"/clients/{linden.patient.id}")).partition('id="past"')[0]
    )
    clock.now += timedelta(minutes=1)
    assert (
        f"/bookings/{booking.id}"
        in text_of(staff.get(f"/clients/{linden.patient.id}")).partition('id="past"')[2]
    )


@pytest.mark.parametrize(("direction", "shown"), [(-1, 10), (1, 20)])
def test_a_long_past_or_future_is_shown_on_demand(staff, linden, clock, direction, shown):
    rows = [book(linden, clock, direction * n) for n in range(1, shown + 2)]
    short, whole = (
        text_of(staff.get(f"/clients/{linden.patient.id}{query}")) for query in ("", "?all=yes")
    )
    assert f"Show all {len(rows)}" in short and f"/bookings/{rows[-1].id}" not in short
    assert f"/bookings/{rows[-2].id}" in short
    assert "Show all" not in whole and f"/bookings/{rows[-1].id}" in whole


@pytest.mark.parametrize(
    ("identifier", "ceiling", "said"),
    [
        (None, "full_name", "Does not appear in your calendars"),
        ("internal_id", "full_name", "“K-2041”"),
        ("full_name", "initials", "“M. W.”"),
        ("first_name_last_initial", "full_name", "“Małgorzata W.”"),
    ],
)
def test_the_record_says_how_the_client_appears_outside(staff, linden, identifier, ceiling, said):
    linden.clinic.change(None, privacy_ceiling=ceiling)
    linden.pat.change_sync(identifier=identifier)
    assert said in text_of(staff.get(f"/clients/{linden.patient.id}"))


def test_the_record_says_that_an_internal_id_stays_inside_while_they_are_off(staff, linden):
    linden.pat.change_sync(identifier="internal_id")
    linden.clinic.change(None, internal_ids=False)
    page = text_of(staff.get(f"/clients/{linden.patient.id}"))
    assert (
        "Does not appear in your calendars: they show the service alone." in page
        and "K-2041" not in page
    )


def test_the_record_says_when_nothing_leaves_or_a_link_differs(staff, linden):
    linden.pat.change_sync(identifier="initials", hide_sensitive=True)
    Feed.generate(
        linden.pat, "my phone", linden.pat, practitioner=linden.calendar, identifier="none"
    )
    page = text_of(staff.get(f"/clients/{linden.patient.id}"))
    assert "“Busy”" in page and "a choice of its own" in page
    linden.pat.change_sync(sync_allowed=False)
    assert "Not shown in other calendars. Your sync is off" in text_of(
        staff.get(f"/clients/{linden.patient.id}")
    )


def test_internal_ids_show_only_where_the_clinic_uses_them(staff, linden):
    linden.clinic.change(None, internal_ids=False)
    for path in (
        "/clients/",
        f"/clients/{linden.patient.id}",
        f"/clients/{linden.patient.id}/edit",
        "/clients/new",
    ):
        page = text_of(staff.get(path))
        assert "K-2041" not in page and 'name="internal_id"' not in page
    assert staff.post("/clients/matches", data={"q": "K-2041"}).status_code == 200
    staff.post(f"/clients/{linden.patient.id}", data={**NEW, "internal_id": "X-1"})
    assert Patient.get_by_id(linden.patient.id).internal_id == "K-2041"


# ---- adding and changing ----


def test_a_client_is_added_with_the_next_free_id(staff, linden):
    answer = staff.post("/clients/", data=NEW)
    added = Patient.get(Patient.first_name == "Aoife")
    assert answer.status_code == 303 and answer.location == f"/clients/{added.id}"
    assert (added.internal_id, added.email, added.clinic_id) == (
        "K-2042",
        "aoife@mail.example",
        linden.clinic.id,
    )
    assert AuditEntry.get(AuditEntry.action == "patient.added").user == linden.pat


def test_a_client_needs_only_one_name(staff):
    staff.post("/clients/", data={"first_name": "Sukarno"})
    assert Patient.get(Patient.first_name == "Sukarno").name == "Sukarno"


def test_htmx_is_sent_to_the_new_record(staff):
    answer = staff.post("/clients/", data=NEW, headers=PARTIAL)
    assert answer.status_code == 204
    assert (
        answer.headers["HX-Redirect"] == f"/clients/{Patient.get(Patient.first_name == 'Aoife').id}"
    )


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"first_name": "  "}, "Write a first name"),
        ({"first_name": "x" * 81}, "Use at most 80 characters"),
        ({"email": "nobody"}, "Write an address such as"),
        ({"internal_id": "K-2041"}, "K-2041 belongs to another client"),
        ({"notes": "x" * 4001}, "Use at most 4,000 characters"),
    ],
)
def test_bad_input_comes_back_with_values_and_stores_nothing(staff, bad, said):
    answer = staff.post("/clients/", data={**NEW, **bad}, headers=PARTIAL)
    page = text_of(answer)
    assert answer.status_code == 422
    assert page.startswith('<form id="client-form"')
    assert said in page and "One thing to fix" in page
    assert 'value="01 555 0199"' in page
    assert Patient.select().count() == 1
    assert "<html" in text_of(staff.post("/clients/", data={**NEW, **bad}))


def test_two_clients_saved_at_once_get_two_ids(app, linden):
    def add(name: str) -> str:
        models.database.connect(reuse_if_open=True)
        try:
            return Patient.add(linden.clinic, None, first_name=name).internal_id
        finally:
            models.database.close()

    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(add, ["A", "B", "C", "D"]))
    assert sorted(ids) == ["K-2042", "K-2043", "K-2044", "K-2045"]


# ---- two people, one new client ----


def test_whom_a_colleague_just_added_is_shown_to_the_next_who_adds_them(staff, signed_in, linden):
    staff.post("/clients/", data=NEW)
    first = Patient.get(Patient.last_name == NEW["last_name"])
    desk = signed_in(linden.maya)
    typed = {**NEW, "first_name": "Aoífe", "notes": "Allergic to latex"}
    answer = desk.post("/clients/", data=typed, headers=PARTIAL)
    page = text_of(answer)
    assert answer.status_code == 422 and "may be in your list already" in page
    assert f'href="/clients/{first.id}"' in page and "Aoife Ní Bhriain" in page
    assert "Allergic to latex" in page, "what was typed is still there"
    assert Patient.select().where(Patient.last_name == NEW["last_name"]).count() == 1
    told = re.search(r'name="told"[^>]*value="([^"]*)"', page)[1]
    assert told == str(first.id)
    assert desk.post("/clients/", data={**typed, "told": told}).status_code == 303
    assert Patient.select().where(Patient.last_name == NEW["last_name"]).count() == 2


def test_who_was_shown_one_client_is_asked_again_about_another(staff, linden):
    Patient.add(linden.clinic, None, first_name="Aoife", last_name="Bhriain", phone="015550199")
    answer = staff.post("/clients/", data={**NEW, "told": str(linden.patient.id)})
    assert answer.status_code == 422 and "Aoife Bhriain" in text_of(answer)


def test_a_client_in_the_archive_is_shown_as_such_and_one_of_another_clinic_never(
    staff, linden, theirs
):
    theirs.change(None, phone=NEW["phone"])
    assert staff.post("/clients/", data=NEW).status_code == 303
    Patient.get(Patient.last_name == NEW["last_name"]).set_archived(True, None)
    again = staff.post("/clients/", data={**NEW, "notes": "Back from abroad"})
    assert again.status_code == 422 and "archived</small>" in text_of(again)
    assert "Théo" not in text_of(again)


def test_the_second_of_two_people_who_add_one_client_is_asked(app, signed_in, linden):
    desks = [signed_in(one) for one in (linden.pat, linden.maya, linden.olive)]
    with ThreadPoolExecutor(3) as pool:
        codes = list(pool.map(lambda desk: desk.post("/clients/", data=NEW).status_code, desks))
    assert sorted(codes) == [303, 422, 422]
    assert Patient.select().where(Patient.last_name == NEW["last_name"]).count() == 1


def test_one_of_two_people_who_type_the_same_id_is_refused(app, linden):
    def add(name: str) -> bool:
        models.database.connect(reuse_if_open=True)
        try:
            return bool(Patient.add(linden.clinic, None, internal_id="X-1", first_name=name))
        except AlreadyUsed:
            return False
        finally:
            models.database.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(add, ["A", "B"])) == [False, True]


@pytest.mark.parametrize(
    ("kept", "typed"),
    [
        ("K-2041", "K-2041"),
        ("K-2041", "k-2041"),
        ("Ż-77", "ż-77"),
        ("ż-77", "Ż-77"),
        ("Ω-1", "ω-1"),
        ("İ-1", "i̇-1"),
    ],
)
def test_an_internal_id_is_one_clients_whatever_its_case(staff, linden, kept, typed):
    linden.patient.change(None, internal_id=kept)
    answer = staff.post("/clients/", data={"first_name": "Ann", "internal_id": typed})
    assert answer.status_code == 422 and "belongs to another client" in text_of(answer)
    assert not Patient.select().where(Patient.first_name == "Ann").exists()
    other = Patient.add(linden.clinic, None, first_name="Ann")
    with pytest.raises(AlreadyUsed):
        other.change(None, internal_id=typed)
    linden.patient.change(None, internal_id=typed)  # one's own in other capitals
    found = staff.post("/clients/matches", data={"q": kept})
    assert found.location == f"/clients/{linden.patient.id}"


def test_the_owner_reads_which_ids_an_upgrade_changed_and_puts_the_list_away(
    signed_in, linden, stranger
):
    IdChange.create(clinic=linden.clinic, patient=linden.patient, was="k-2041")
    olive, maya, sam = (signed_in(person) for person in (linden.olive, linden.maya, stranger))
    assert "k-2041 is now K-2041" in text_of(olive.get("/clients/"))
    assert "k-2041" not in text_of(maya.get("/clients/")) and "k-2041" not in text_of(
        sam.get("/clients/")
    )
    assert (
        maya.post("/clients/id-changes").status_code == 403
        and sam.post("/clients/id-changes").status_code == 303
    )
    assert IdChange.select().exists()
    olive.post("/clients/id-changes")
    assert "k-2041" not in text_of(olive.get("/clients/"))


def test_a_changed_name_shows_in_feeds_at_once(staff, linden, clock):
    book(linden, clock, 1)
    before = Practitioner.get_by_id(linden.calendar.id).calendar_rev
    answer = staff.post(f"/clients/{linden.patient.id}", data={**NEW, "internal_id": "K-2041"})
    assert answer.status_code == 303
    assert Patient.get_by_id(linden.patient.id).name == "Aoife Ní Bhriain"
    assert Practitioner.get_by_id(linden.calendar.id).calendar_rev > before


def test_a_change_to_a_taken_id_is_refused_and_changes_nothing(staff, linden):
    other = Patient.add(linden.clinic, None, internal_id="K-7", first_name="Other")
    answer = staff.post(
        f"/clients/{other.id}", data={**NEW, "internal_id": "K-2041"}, headers=PARTIAL
    )
    assert answer.status_code == 422 and "K-2041 belongs to another client" in text_of(answer)
    kept = Patient.get_by_id(other.id)
    assert (kept.first_name, kept.internal_id) == ("Other", "K-7")


def test_an_emptied_id_gets_the_next_free_one(staff, linden):
    staff.post(f"/clients/{linden.patient.id}", data=NEW)
    assert Patient.get_by_id(linden.patient.id).internal_id == "K-2042"


def test_archiving_hides_and_bringing_back_shows(staff, linden):
    assert staff.post(f"/clients/{linden.patient.id}/archival").status_code == 303
    assert "Wójcik" not in text_of(staff.post("/clients/matches", data={"q": "wojcik"}))
    assert "Wójcik" in text_of(staff.get("/clients/?archived=yes"))
    assert "This client is archived" in text_of(staff.get(f"/clients/{linden.patient.id}"))
    assert staff.post(f"/clients/{linden.patient.id}/return").status_code == 303
    assert "Wójcik" in text_of(staff.post("/clients/matches", data={"q": "wojcik"}))


# ---- who may ----

ROUTES = [
    ("GET", "/clients/{}"),
    ("GET", "/clients/{}/edit"),
    ("POST", "/clients/{}"),
    ("POST", "/clients/{}/archival"),
    ("POST", "/clients/{}/return"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_client_of_another_clinic_is_not_there(staff, theirs, method, path):
    assert staff.open(path.format(theirs.id), method=method, data=NEW).status_code == 404
    kept = Patient.get_by_id(theirs.id)
    assert (kept.first_name, kept.archived) == ("Théo", False)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *ROUTES,
        ("GET", "/clients/"),
        ("GET", "/clients/new"),
        ("POST", "/clients/"),
        ("POST", "/clients/matches"),
    ],
)
def test_nobody_comes_in_without_signing_in(app, linden, method, path):
    answer = app.test_client().open(path.format(linden.patient.id), method=method, data=NEW)
    assert answer.status_code in (302, 303) and answer.location.startswith("/sign-in")
    models.database.connect(reuse_if_open=True)
    assert Patient.get_by_id(linden.patient.id).first_name == "Małgorzata"


@pytest.mark.parametrize(
    "typed", ["07700900052", "+44 7700 900052", "0044 (7700) 900-052", "Wójcik, Małgorzata"]
)
def test_a_client_is_found_by_a_callers_number_and_by_last_name_first(linden, typed):
    linden.patient.phone = "+44 7700 900052"
    linden.patient.save()
    assert list(clients.matching(linden.clinic, typed)) == [linden.patient]


def test_a_button_that_is_pressed_twice_adds_one_client(staff, linden, clock):
    """A lost answer or an impatient finger; the next of the same name is another person."""
    typed = {"first_name": "Zoe", "last_name": "Twice", "internal_id": ""}

    def press(**other):
        return staff.post("/clients/", data=typed | other)

    def told(asked):
        assert asked.status_code == 422
        return re.search(r'name="told"[^>]*value="([^"]*)"', text_of(asked))[1]

    first = press().location
    assert press().location == first
    other = {"phone": "01 555 0199"}
    other["told"] = told(press(**other))
    second = press(**other).location
    assert second != first and press(**other).location == second
    clock.now += timedelta(minutes=2)
    assert press(told=told(press())).location not in (first, second)
    assert Patient.select().where(Patient.last_name == "Twice").count() == 3
