"""The team over HTTP.

Roles, invitations by one-time link, calendars and hours, leaving and coming back.
"""

import re
from datetime import timedelta
from threading import Barrier, Thread

import pytest

import models
from base.scheduling import Span
from models import AuditEntry, Booking, Clinic, Feed, LastOwner, Practitioner, User
from people.credentials import OneTimeToken
from people.sessions import Session
from sync.feeds import feed as feeds
from sync.feeds import owned
from tests.conftest import PASSWORD, PASSWORD_HASH, WEEKDAYS

PARTIAL = {"HX-Request": "true"}
KEY = "a key of the tests"
NEW = {"name": "Nia Linden", "email": "Nia@Linden.test", "role": "practitioner"}
DAY_OFF = ["", "", "", ""]


def text_of(answer) -> str:
    return answer.get_data(as_text=True)


def person(user: User, **changes) -> dict:
    return {"name": user.name, "email": user.email, "role": user.role, **changes}


def one_time_link(page: str) -> str:
    """The path of the link that a page shows."""
    _, _, rest = page.partition('id="link" readonly value="http://localhost')
    return rest.partition('"')[0]


@pytest.fixture
def owner(signed_in, linden):
    return signed_in(linden.olive)


@pytest.fixture
def manager(signed_in, linden):
    return signed_in(linden.maya)


@pytest.fixture
def booking(linden, clock):
    start = clock.now + timedelta(days=3)
    return Booking.book(
        linden.calendar,
        [Span(start, start + timedelta(minutes=50))],
        linden.pat,
        patient=linden.patient,
    )[0]


# ---- the list ----


def test_everyone_sees_who_works_here_and_in_what_state(signed_in, linden, stranger):
    User.invite(
        linden.clinic, None, [], name="Ida New", email="ida@linden.test", role="practitioner"
    )
    linden.quinn.leave(None)
    page = text_of(signed_in(linden.pat).get("/team/"))
    assert "Ida New" in page and "Invited" in page and "Active" in page and "Left" in page
    assert page.index("Quinn Linden") > page.index("Pat Linden")
    assert "Linden Street" in page and "Sam Elsewhere" not in page and "Invite someone" not in page


def test_a_manager_finds_ways_to_practitioners_alone(manager, linden):
    page = text_of(manager.get("/team/"))
    assert f'/team/{linden.pat.id}"' in page and f'/team/{linden.maya.id}"' in page
    assert f'/team/{linden.olive.id}"' not in page


# ---- inviting ----


def test_an_invitation_makes_a_person_with_calendars_and_a_link_shown_once(app, manager, linden):
    answer = manager.post(
        "/team/", data={**NEW, "venues": [str(linden.street.id), str(linden.harbour.id)]}
    )
    made = User.get(User.email == "nia@linden.test")
    assert answer.status_code == 303 and answer.location == f"/team/{made.id}"
    assert made.sign_in_state == "invited"
    assert {c.venue_id: c.hours for c in made.practitioners} == {
        linden.street.id: WEEKDAYS,
        linden.harbour.id: WEEKDAYS,
    }
    path = one_time_link(text_of(manager.get(answer.location)))
    assert path.startswith("/invitations/")
    assert not one_time_link(text_of(manager.get(answer.location)))
    assert "Nia Linden" in text_of(app.test_client().get(path))
    assert path.rsplit("/", 1)[1] not in str([entry.detail for entry in AuditEntry.select()])


def test_an_invitation_begins_with_a_calendar_where_most_have_one(manager, linden):
    ticked = re.findall(r"<input checked[^>]*>", text_of(manager.get("/team/new")))
    venues = [tag for tag in ticked if 'name="venues"' in tag]
    assert len(venues) == 1 and f'value="{linden.street.id}"' in venues[0]


def test_the_link_is_not_shown_on_another_persons_page(manager, linden):
    manager.post("/team/", data=NEW)
    assert not one_time_link(text_of(manager.get(f"/team/{linden.pat.id}")))


def test_a_new_calendar_shows_in_feeds_at_once(manager, linden):
    rev = Clinic.get_by_id(linden.clinic.id).faces_rev
    manager.post("/team/", data={**NEW, "venues": [str(linden.street.id)]})
    assert Clinic.get_by_id(linden.clinic.id).faces_rev > rev


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"name": ""}, "Write the person"),
        ({"email": ""}, "Write the address"),
        ({"email": "nia"}, "Write an address such as"),
        ({"email": "Olive@linden.test"}, "This address cannot be used"),
        ({"email": "sam@elsewhere.test"}, "This address cannot be used"),
        ({"role": "emperor"}, "Choose one from the list"),
    ],
)
def test_a_bad_invitation_comes_back_and_stores_nothing(owner, linden, stranger, bad, said):
    people = User.select().count()
    answer = owner.post("/team/", data={**NEW, **bad}, headers=PARTIAL)
    page = text_of(answer)
    assert answer.status_code == 422 and page.startswith('<form id="invite-form"')
    assert said in page
    assert User.select().count() == people and not OneTimeToken.select().exists()


@pytest.mark.parametrize("role", ["manager", "owner"])
def test_only_an_owner_invites_managers_and_owners(signed_in, linden, role):
    assert signed_in(linden.maya).post("/team/", data={**NEW, "role": role}).status_code == 422
    assert not User.select().where(User.email == "nia@linden.test").exists()
    assert signed_in(linden.olive).post("/team/", data={**NEW, "role": role}).status_code == 303
    assert User.get(User.email == "nia@linden.test").role == role


def test_with_mail_the_link_is_mailed_too(manager, letters):
    manager.post("/team/", data=NEW)
    path = f"/team/{User.get(User.email == 'nia@linden.test').id}"
    page = text_of(manager.get(path))
    assert "on its way by e-mail" in page and letters.server.connections == 0
    (letter,) = letters.send()
    assert one_time_link(page) in letter.get_content() and letter["To"] == "nia@linden.test"
    assert "The link was e-mailed" in text_of(manager.get(path))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("550 5.1.1 no such person", "could not be delivered: the mail server answered 550 5.1.1"),
        ("451 4.7.1 later", "not sent yet: the mail server answered 451 4.7.1"),
        ("die", "not sent yet: the mail server ended the connection or does not answer"),
    ],
)
def test_when_the_mail_fails_the_page_says_so_and_the_link_is_there_to_copy(
    manager, letters, answer, said
):
    letters.server.plan = lambda stage, to: answer if stage == "RCPT" else None
    location = manager.post("/team/", data=NEW).location
    assert letters.send() == []
    page = text_of(manager.get(location))
    assert said in page and one_time_link(page) and "no such person" not in page


def test_the_link_is_shown_once_and_stands_in_no_cookie(manager, letters):
    answer = manager.post("/team/", data=NEW)
    secret = OneTimeToken.get().secret
    assert secret not in manager.get_cookie("kalends").value and secret not in str(
        [row.__data__ for row in Session.select()]
    )
    assert secret in text_of(manager.get(answer.location)) and secret not in text_of(
        manager.get(answer.location)
    )


# ---- one person ----


def test_name_and_address_are_changed(manager, linden):
    OneTimeToken.issue(linden.pat, "reset", None, days=7)
    answer = manager.post(
        f"/team/{linden.pat.id}",
        data=person(linden.pat, name="Pat Other", email="pat2@linden.test"),
    )
    assert answer.status_code == 303
    kept = User.get_by_id(linden.pat.id)
    assert (kept.name, kept.email, kept.role) == ("Pat Other", "pat2@linden.test", "practitioner")
    assert not OneTimeToken.select().exists()


def test_a_taken_address_comes_back(manager, linden):
    answer = manager.post(
        f"/team/{linden.pat.id}",
        data=person(linden.pat, email="olive@linden.test"),
        headers=PARTIAL,
    )
    page = text_of(answer)
    assert answer.status_code == 422 and page.startswith('<form id="person-form"')
    assert "This address cannot be used" in page
    assert User.get_by_id(linden.pat.id).email == "pat@linden.test"


def test_an_owner_gives_roles_and_a_manager_does_not(signed_in, linden):
    assert (
        signed_in(linden.maya)
        .post(f"/team/{linden.pat.id}", data=person(linden.pat, role="manager"))
        .status_code
        == 422
    )
    assert (
        signed_in(linden.maya)
        .post(f"/team/{linden.maya.id}", data=person(linden.maya, role="owner"))
        .status_code
        == 422
    )
    assert {User.get_by_id(u.id).role for u in (linden.pat, linden.maya)} == {
        "practitioner",
        "manager",
    }
    assert (
        signed_in(linden.olive)
        .post(f"/team/{linden.pat.id}", data=person(linden.pat, role="manager"))
        .status_code
        == 303
    )
    assert User.get_by_id(linden.pat.id).role == "manager"


def test_the_last_owner_keeps_the_role_and_stays(owner, linden):
    answer = owner.post(
        f"/team/{linden.olive.id}", data=person(linden.olive, role="manager"), headers=PARTIAL
    )
    assert answer.status_code == 422 and "A clinic needs an owner" in text_of(answer)
    answer = owner.post(f"/team/{linden.olive.id}/leaving", follow_redirects=True)
    assert "is the only owner" in text_of(answer)
    kept = User.get_by_id(linden.olive.id)
    assert kept.is_owner and kept.is_active


def test_an_owner_who_never_signed_in_does_not_count_as_the_other_one(owner, linden):
    User.invite(linden.clinic, None, [], name="Ida", email="ida@linden.test", role="owner")
    owner.post(f"/team/{linden.olive.id}/leaving")
    assert User.get_by_id(linden.olive.id).is_active


def test_with_a_second_owner_one_may_go(owner, linden):
    linden.maya.role = "owner"
    linden.maya.save()
    assert (
        owner.post(
            f"/team/{linden.olive.id}", data=person(linden.olive, role="manager")
        ).status_code
        == 303
    )
    assert User.get_by_id(linden.olive.id).role == "manager"


def test_one_of_two_owners_who_leave_at_once_stays(app, linden):
    linden.maya.role = "owner"
    linden.maya.save()
    start, refused = Barrier(2), []

    def go(user_id: int) -> None:
        models.database.connect(reuse_if_open=True)
        start.wait()
        try:
            User.get_by_id(user_id).leave(None)
        except LastOwner:
            refused.append(user_id)
        finally:
            models.database.close()

    threads = [Thread(target=go, args=(user.id,)) for user in (linden.olive, linden.maya)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(refused) == 1 and User.get_by_id(refused[0]).is_active


def test_a_link_for_a_forgotten_password(app, manager, linden):
    answer = manager.post(f"/team/{linden.pat.id}/one-time-links", headers=PARTIAL)
    assert answer.status_code == 204 and answer.headers["HX-Redirect"] == f"/team/{linden.pat.id}"
    path = one_time_link(text_of(manager.get(f"/team/{linden.pat.id}")))
    assert "Choose a new password" in text_of(app.test_client().get(path))
    models.database.connect(reuse_if_open=True)
    assert OneTimeToken.get().purpose == "reset"


def test_somebody_who_has_left_gets_no_link(manager, linden):
    linden.pat.leave(None)
    assert manager.post(f"/team/{linden.pat.id}/one-time-links").status_code == 404
    assert not OneTimeToken.select().exists()


# ---- calendars and hours ----


def hours_of(calendar: Practitioner, *days: list[str]) -> dict:
    return {f"c{calendar.id}-hours": [wall for day in days for wall in day]}


def test_hours_are_changed_with_two_stretches_a_day(manager, linden):
    rev = linden.clinic.faces_rev
    week = hours_of(
        linden.calendar,
        ["09:00", "12:30", "13:30", "17:00"],
        DAY_OFF,
        ["10:00", "11:00", "", ""],
        *[DAY_OFF] * 4,
    )
    assert (
        manager.post(f"/team/{linden.pat.id}/calendars/{linden.calendar.id}", data=week).status_code
        == 303
    )
    assert Practitioner.get_by_id(linden.calendar.id).hours == {
        "mon": [["09:00", "12:30"], ["13:30", "17:00"]],
        "wed": [["10:00", "11:00"]],
    }
    assert Clinic.get_by_id(linden.clinic.id).faces_rev == rev  # working hours show nowhere outside


def test_the_form_shows_the_hours_again_as_they_are(manager, linden):
    linden.calendar.set_hours(None, {"tue": [["08:00", "09:00"], ["10:00", "11:00"]]})
    page = text_of(manager.get(f"/team/{linden.pat.id}"))
    values = [
        part.partition('"')[0]
        for part in page.split(f'name="c{linden.calendar.id}-hours" value="')[1:]
    ]
    assert values == [*DAY_OFF, "08:00", "09:00", "10:00", "11:00", *DAY_OFF * 5]


@pytest.mark.parametrize(
    "monday",
    [
        ["09:00", "", "", ""],
        ["", "09:00", "", ""],
        ["17:00", "09:00", "", ""],
        ["09:00", "13:00", "12:00", "17:00"],
        ["09:00", "09:00", "", ""],
        ["9 o'clock", "10:00", "", ""],
    ],
)
def test_hours_that_cannot_be_come_back_and_change_nothing(manager, linden, monday):
    path = f"/team/{linden.pat.id}/calendars/{linden.calendar.id}"
    answer = manager.post(
        path, data=hours_of(linden.calendar, monday, *[DAY_OFF] * 6), headers=PARTIAL
    )
    page = text_of(answer)
    assert answer.status_code == 422 and page.startswith('<form id="person-form"')
    assert "Monday: write a start and a later end" in page
    assert f'value="{monday[0] or monday[1]}"'.replace("'", "&#39;") in page
    assert Practitioner.get_by_id(linden.calendar.id).hours == WEEKDAYS


def test_a_calendar_is_opened_closed_and_opened_again(manager, linden, booking):
    path = f"/team/{linden.pat.id}/calendars"
    assert manager.post(path, data={"venue": linden.harbour.id}).status_code == 303
    abroad = Practitioner.get(Practitioner.user == linden.pat, Practitioner.venue == linden.harbour)
    assert abroad.hours == WEEKDAYS
    asked = text_of(manager.get(f"{path}/{linden.calendar.id}/closing", headers=PARTIAL))
    assert asked.startswith('<dialog id="closing"') and "1 booking to come stay" in asked
    assert manager.post(f"{path}/{linden.calendar.id}/closing").status_code == 303
    assert Practitioner.get_by_id(linden.calendar.id).archived
    assert Booking.get_by_id(booking.id).status == "confirmed"
    assert manager.post(path, data={"venue": linden.street.id}).status_code == 303
    assert not Practitioner.get_by_id(linden.calendar.id).archived


def test_a_calendar_cannot_be_opened_twice_nor_elsewhere(manager, linden, stranger):
    path = f"/team/{linden.pat.id}/calendars"
    assert manager.post(path, data={"venue": linden.street.id}).status_code == 303  # it is open
    for venue in (stranger.clinic.venues.first().id, "x"):
        answer = manager.post(
            f"/team/{linden.pat.id}/calendars", data={"venue": venue}, headers=PARTIAL
        )
        assert answer.status_code == 422 and text_of(answer).startswith('<form id="person-form"')
    assert linden.pat.practitioners.count() == 1


# ---- leaving ----


def test_leaving_asks_in_numbers(manager, linden, booking):
    Feed.generate(linden.pat, "my phone", linden.pat, practitioner=linden.calendar)
    page = text_of(manager.get(f"/team/{linden.pat.id}/leaving", headers=PARTIAL))
    assert page.startswith('<dialog id="leaving"')
    assert "1 private link stops at once." in page and "1 booking to come stay" in page
    assert "Cancel" in page
    assert User.get_by_id(linden.pat.id).is_active


def test_who_leaves_is_signed_out_links_die_and_bookings_stay(app, signed_in, linden, booking):
    gone, manager = signed_in(linden.pat), signed_in(linden.maya)
    link = Feed.generate(linden.pat, "my phone", linden.pat, practitioner=linden.calendar)
    invitation = OneTimeToken.issue(linden.pat, "reset", None, days=7)
    assert app.test_client().get(feeds.path(KEY, link)).status_code == 200
    assert manager.post(f"/team/{linden.pat.id}/leaving").status_code == 303
    assert gone.get("/").status_code == 302
    assert app.test_client().get(feeds.path(KEY, link)).status_code == 404
    assert app.test_client().get(f"/invitations/{invitation}").status_code == 404
    assert (
        app.test_client()
        .post("/sign-in", data={"email": linden.pat.email, "password": PASSWORD})
        .status_code
        == 422
    )
    models.database.connect(reuse_if_open=True)
    assert Booking.get_by_id(booking.id).status == "confirmed"
    assert Practitioner.get_by_id(linden.calendar.id).archived


def test_the_page_of_a_leaver_brings_back_but_not_the_links(signed_in, linden):
    Feed.generate(linden.pat, "my phone", linden.pat, practitioner=linden.calendar)
    manager = signed_in(linden.maya)
    manager.post(f"/team/{linden.pat.id}/leaving")
    assert "Bring back" in text_of(manager.get(f"/team/{linden.pat.id}"))
    assert manager.post(f"/team/{linden.pat.id}/return").status_code == 303
    assert signed_in(linden.pat).get("/team/").status_code == 200
    assert not owned.living(User.get_by_id(linden.pat.id)).exists()
    assert not Practitioner.get_by_id(linden.calendar.id).archived


# ---- who may ----

ROUTES = [
    ("GET", "/team/{user}"),
    ("POST", "/team/{user}"),
    ("POST", "/team/{user}/one-time-links"),
    ("POST", "/team/{user}/calendars"),
    ("POST", "/team/{user}/calendars/{calendar}"),
    ("GET", "/team/{user}/calendars/{calendar}/closing"),
    ("POST", "/team/{user}/calendars/{calendar}/closing"),
    ("GET", "/team/{user}/leaving"),
    ("POST", "/team/{user}/leaving"),
    ("POST", "/team/{user}/return"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_people_of_another_clinic_are_not_there(owner, stranger, method, path):
    theirs = stranger.practitioners.first()
    answer = owner.open(path.format(user=stranger.id, calendar=theirs.id), method=method, data=NEW)
    assert answer.status_code == 404
    kept = User.get_by_id(stranger.id)
    assert (kept.name, kept.is_active, Practitioner.get_by_id(theirs.id).archived) == (
        "Sam Elsewhere",
        True,
        False,
    )


@pytest.mark.parametrize(("method", "path"), [*ROUTES, ("GET", "/team/new"), ("POST", "/team/")])
def test_a_practitioner_changes_nobody(signed_in, linden, method, path):
    path = path.format(user=linden.pat.id, calendar=linden.calendar.id)
    assert signed_in(linden.pat).open(path, method=method, data=NEW).status_code == 403
    assert User.get_by_id(linden.pat.id).name == "Pat Linden" and not OneTimeToken.select().exists()


@pytest.mark.parametrize("role", ["owner", "manager"])
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_manager_changes_neither_owners_nor_other_managers(manager, linden, method, path, role):
    above = User.create(
        clinic=linden.clinic,
        email="above@linden.test",
        name="Above",
        role=role,
        password_hash=PASSWORD_HASH,
    )
    theirs = Practitioner.open(above, linden.street, None)
    assert (
        manager.open(
            path.format(user=above.id, calendar=theirs.id), method=method, data=NEW
        ).status_code
        == 403
    )
    kept = User.get_by_id(above.id)
    assert (kept.name, kept.is_active, Practitioner.get_by_id(theirs.id).archived) == (
        "Above",
        True,
        False,
    )


def test_a_calendar_belongs_to_its_person(manager, linden):
    path = f"/team/{linden.pat.id}/calendars/{linden.colleague_calendar.id}"
    assert (
        manager.post(path, data=hours_of(linden.colleague_calendar, *[DAY_OFF] * 7)).status_code
        == 404
    )
    assert manager.post(f"{path}/closing").status_code == 404
    assert Practitioner.get_by_id(linden.colleague_calendar.id).hours == WEEKDAYS


def test_a_calendar_that_cannot_be_opened_loses_nothing_that_was_typed(manager, linden):
    answer = manager.post(
        f"/team/{linden.pat.id}",
        data={"parts": "person", "name": "Pat Other", "opens": "y", "venue": "987654"},
    )
    assert answer.status_code == 422
    assert 'value="Pat Other"' in answer.get_data(as_text=True)


def test_an_owner_stops_all_links_of_a_person_and_sees_none(signed_in, linden, stranger):
    linden.pat.change_sync(sync_allowed=True)
    link = Feed.generate(linden.pat, "phone", linden.pat, practitioner=linden.calendar)
    linden.quinn.change_sync(sync_allowed=True)
    olive, path = signed_in(linden.olive), f"/team/{linden.pat.id}/links"
    own = Feed.generate(linden.quinn, "q", linden.quinn, practitioner=linden.colleague_calendar)
    assert f'href="{path}"' in olive.get(f"/team/{linden.pat.id}").text
    asked = olive.get(path).text
    assert "Stop 1 private link of Pat Linden?" in asked and str(link.uuid) not in asked
    for other in (linden.maya, linden.pat):
        assert signed_in(other).post(path).status_code == 403
    assert signed_in(stranger).post(path).status_code == 404
    assert Feed.get_by_id(link.id).revoked_at is None
    assert olive.post(path).status_code == 303
    assert Feed.get_by_id(link.id).revoked_at and Feed.get_by_id(own.id).revoked_at is None
    assert "no private link that works" in olive.get(path).text
