"""Services over HTTP: everyone sees them, managers change them."""

import pytest

from models import AuditEntry, Clinic, Service

PARTIAL = {"HX-Request": "true"}
NEW = {
    "name": "First visit",
    "duration_minutes": "60",
    "buffer_minutes": "10",
    "price_cents": "85,50",
    "colour": "blue",
    "bookable_online": "y",
}


def text_of(answer) -> str:
    return answer.get_data(as_text=True)


@pytest.fixture
def manager(signed_in, linden):
    return signed_in(linden.maya)


@pytest.fixture
def theirs(stranger):
    return Service.add(stranger.clinic, stranger, name="Theirs")


def test_everyone_sees_the_services_and_only_managers_ways_to_change_them(
    signed_in, linden, theirs
):
    seen = text_of(signed_in(linden.pat).get("/services/"))
    assert "Shoulder" in seen and "50 min" in seen and "£65" in seen
    assert "Theirs" not in seen and "Add a service" not in seen and "Change" not in seen
    assert "Add a service" in text_of(signed_in(linden.maya).get("/services/"))


def test_a_service_is_added(manager, linden):
    answer = manager.post("/services/", data=NEW)
    assert answer.status_code == 303 and answer.location == "/services/"
    made = Service.get(Service.name == "First visit")
    assert (
        made.duration_minutes,
        made.buffer_minutes,
        made.price_cents,
        made.colour,
        made.bookable_online,
    ) == (60, 10, 8550, "blue", True)
    assert made.clinic_id == linden.clinic.id
    assert AuditEntry.get(AuditEntry.action == "service.added").user == linden.maya


def test_without_a_price_a_service_costs_nothing(manager):
    manager.post("/services/", data={**NEW, "price_cents": ""})
    assert Service.get(Service.name == "First visit").price_cents == 0


@pytest.mark.parametrize("minutes", ["5", "720"])
def test_the_shortest_and_the_longest_service(manager, minutes):
    assert (
        manager.post(
            "/services/", data={**NEW, "duration_minutes": minutes}, headers=PARTIAL
        ).status_code
        == 204
    )


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"name": ""}, "Write a name"),
        ({"name": "Shoulder"}, "There is a service called Shoulder already"),
        ({"duration_minutes": "4"}, "Write whole minutes from 5 to 720"),
        ({"duration_minutes": "721"}, "Write whole minutes from 5 to 720"),
        ({"duration_minutes": "half"}, "Write whole minutes from 5 to 720"),
        ({"duration_minutes": ""}, "Write whole minutes from 5 to 720"),
        ({"buffer_minutes": "2881"}, "Write whole minutes from 0 to 2880"),
        ({"price_cents": "-1"}, "Write an amount such as"),
        ({"colour": "mauve"}, "Choose one from the list"),
    ],
)
def test_bad_input_comes_back_and_stores_nothing(manager, bad, said):
    answer = manager.post("/services/", data={**NEW, **bad}, headers=PARTIAL)
    page = text_of(answer)
    assert answer.status_code == 422
    assert page.startswith('<form id="service-form"')
    assert said in page and "One thing to fix" in page
    assert 'value="85,50"' in page or "price_cents" in bad
    assert Service.select().count() == 1
    assert "<html" in text_of(manager.post("/services/", data={**NEW, **bad}))


def test_a_rename_shows_in_every_feed_at_once_and_another_change_in_none(manager, linden):
    path, rev = f"/services/{linden.service.id}", linden.clinic.faces_rev
    manager.post(path, data={**NEW, "name": "Shoulder"})
    assert Clinic.get_by_id(linden.clinic.id).faces_rev == rev
    assert manager.post(path, data=NEW).status_code == 303
    assert Clinic.get_by_id(linden.clinic.id).faces_rev > rev
    assert Service.get_by_id(linden.service.id).name == "First visit"


def test_a_rename_to_a_taken_name_changes_nothing(manager, linden):
    Service.add(linden.clinic, None, name="First visit")
    rev = Clinic.get_by_id(linden.clinic.id).faces_rev
    answer = manager.post(f"/services/{linden.service.id}", data=NEW, headers=PARTIAL)
    assert answer.status_code == 422 and "First visit already" in text_of(answer)
    kept = Service.get_by_id(linden.service.id)
    assert (kept.name, kept.duration_minutes) == ("Shoulder", 50)
    assert Clinic.get_by_id(linden.clinic.id).faces_rev == rev


def test_two_clinics_may_have_services_of_the_same_name(manager, theirs):
    assert manager.post("/services/", data={**NEW, "name": "Theirs"}).status_code == 303


def test_archiving_takes_a_service_off_the_list_and_bringing_back_puts_it_there(manager, linden):
    assert manager.post(f"/services/{linden.service.id}/archival").status_code == 303
    assert "No services yet" in text_of(manager.get("/services/"))
    assert "Shoulder" in text_of(manager.get("/services/?archived=yes"))
    assert manager.post(f"/services/{linden.service.id}/return").status_code == 303
    assert "Shoulder" in text_of(manager.get("/services/"))


ROUTES = [
    ("GET", "/services/{}"),
    ("POST", "/services/{}"),
    ("POST", "/services/{}/archival"),
    ("POST", "/services/{}/return"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_service_of_another_clinic_is_not_there(manager, theirs, method, path):
    assert manager.open(path.format(theirs.id), method=method, data=NEW).status_code == 404
    kept = Service.get_by_id(theirs.id)
    assert (kept.name, kept.archived) == ("Theirs", False)


@pytest.mark.parametrize(
    ("method", "path"), [*ROUTES, ("GET", "/services/new"), ("POST", "/services/")]
)
def test_a_practitioner_may_not_change_services(signed_in, linden, method, path):
    assert (
        signed_in(linden.pat)
        .open(path.format(linden.service.id), method=method, data=NEW)
        .status_code
        == 403
    )
    kept = Service.get()
    assert (kept.name, kept.archived) == ("Shoulder", False)
