"""The content of the clinic's page, its readers, and its addresses."""

import ast
from datetime import UTC, datetime, time, timedelta

import pytest
from online_world import (
    TYPED,
    book,
    links,
    only_form,
    statements,
    switch_on,
    text_of,
    times_of,
)

import models
from base.database import AlreadyUsed, is_sqlite
from free_times.online import making, names
from free_times.online.holds import Hold
from free_times.online.page import by_slug
from free_times.rules import OnlineSettings
from models import Clinic, Patient, Practitioner, Service, User, Venue
from operate import chores

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def page(linden, clock):
    return switch_on(linden)


@pytest.fixture
def visitor(app, page):
    return app.test_client(use_cookies=False)


def test_pages_that_are_off_are_like_those_that_never_were(visitor, page, stranger):
    names.rename(stranger.clinic, None, "elsewhere")  # named, and never switched on
    OnlineSettings.get().change(None, is_on=False)
    answers = [
        visitor.get(f"/book/{name}{rest}")
        for name in ("linden", "elsewhere", "nobody", "%00", "a" * 500, "..", "Linden%20")
        for rest in (
            "/",
            "/times?service=shoulder",
            "/details?form=x",
            "/booking/x/y",
            "/pat-linden/",
        )
    ]
    answers += [visitor.post(f"/book/{name}/book", data={}) for name in ("linden", "nobody")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.data for answer in answers}) == 1
    assert len({str(sorted(answer.headers)) for answer in answers}) == 1
    assert len(answers[0].data) < 2_000


def test_a_name_leads_on_for_90_days_and_never_belongs_to_anybody_else(
    visitor, page, linden, stranger, clock
):
    names.rename(linden.clinic, None, "linden-physio")
    assert visitor.get("/book/LINDEN-PHYSIO/").status_code == 200
    led = visitor.get("/book/linden/times?service=shoulder&venue=linden-street")
    assert led.status_code == 307
    assert led.location == "/book/linden-physio/times?service=shoulder&venue=linden-street"
    odd = visitor.get("/book/linden/?name=x&_external=1&_scheme=javascript&_anchor=a&endpoint=b")
    assert odd.location.startswith("/book/linden-physio/?")
    with pytest.raises(AlreadyUsed):
        names.rename(stranger.clinic, None, "linden")
    names.rename(linden.clinic, None, "linden")  # and back
    assert visitor.get("/book/linden/").status_code == 200
    assert visitor.get("/book/linden-physio/").status_code == 307
    clock.now += timedelta(days=90)
    assert visitor.get("/book/linden-physio/").data == visitor.get("/book/nobody/").data
    chores.clean_up()
    clock.now += timedelta(days=4000)
    with pytest.raises(AlreadyUsed):
        names.rename(stranger.clinic, None, "linden-physio")
    names.rename(linden.clinic, None, "linden-physio")
    assert visitor.get("/book/linden-physio/").status_code == 200


def test_nobody_takes_all_names(linden, clock):
    for n in range(names.MOST):
        names.rename(linden.clinic, None, f"name-{n}")
    with pytest.raises(names.TooManyNames):
        names.rename(linden.clinic, None, "one-more")
    names.rename(linden.clinic, None, "name-3")
    assert names.in_force(linden.clinic) == "name-3"


def test_names_are_made_of_what_things_are_called(linden):
    called = ["Linden Physiotherapy", "Zoë’s Óstéo & Co.", "田中", "  ", "x" * 90, "'"]
    assert [names.suggested(one) for one in called] == [
        "linden-physiotherapy",
        "zoes-osteo-co",
        "clinic",
        "clinic",
        "x" * 40,
        "clinic",
    ]
    for text in ("", "ab", "-ab", "ab-", "a b", "Ab", "ä-b", "a" * 41, "a/b", "a\n"):
        assert not names.is_name(text)
    rows = [(3, "Massage", "c"), (1, "Massage", "a"), (2, "massage!", "b"), (4, "times", "d")]
    found = by_slug(rows)
    assert found == {"massage": "a", "massage-2": "b", "massage-3": "c", "times-2": "d"}


def test_a_clinic_gets_a_name_of_its_own(linden, stranger):
    twin = Clinic.create(name=linden.clinic.name)
    assert names.ensure(linden.clinic, None) == "linden-physiotherapy"
    assert names.ensure(twin, None) == "linden-physiotherapy-2"
    assert names.ensure(twin, None) == "linden-physiotherapy-2"
    short = Clinic.create(name="B")
    assert names.is_name(names.ensure(short, None))


def test_only_what_is_offered_online_is_shown(visitor, page, linden):
    Service.add(linden.clinic, None, name="Secret therapy")
    Service.add(linden.clinic, None, name="Gone therapy", bookable_online=True).set_archived(
        True, None
    )
    linden.colleague_calendar.set_online(
        None, takes_online=False, takes_new_online=True, online_most=None
    )
    text = text_of(visitor.get(f"{page.path}/"))
    assert "Shoulder" in text and "Secret" not in text and "Gone" not in text
    people = visitor.get(f"{page.path}/people?service=shoulder&venue=linden-street")
    assert "Pat Linden" in text_of(people) and "Quinn" not in text_of(people)
    for unknown in ("secret-therapy", "gone-therapy", "1", "never-there"):
        answer = visitor.get(f"{page.path}/times", query_string={"service": unknown})
        assert answer.status_code == 404 and "can’t be booked online" in text_of(answer)


def test_pages_of_a_venue_and_of_a_person(visitor, page, linden):
    venue = visitor.get(f"{page.path}/linden-street/")
    assert "Harbour House" not in text_of(venue)
    person = visitor.get(f"{page.path}/PAT-linden/")
    assert "Book with Pat Linden" in text_of(person)
    way = next(one for one in links(person) if "/times" in one)
    assert "With Pat Linden" in text_of(visitor.get(way))
    linden.pat.leave(linden.olive)
    left, never = (visitor.get(f"{page.path}/{one}/") for one in ("pat-linden", "nobody-here"))
    assert (left.status_code, left.location) == (never.status_code, never.location)
    assert left.location == f"{page.path}/"


def test_a_service_may_ask_for_a_person_or_for_none(visitor, page, linden):
    linden.service.change(None, online_choice="person")
    way = [one for one in links(visitor.get(f"{page.path}/")) if "linden-street" in one][-1]
    assert "/people?" in way and "Anyone" not in text_of(visitor.get(way))
    skipped = visitor.get(way.replace("/people", "/times"))
    assert skipped.status_code == 302 and "/people" in skipped.location
    linden.service.change(None, online_choice="anyone")
    listed = visitor.get(f"{page.path}/times?service=shoulder&venue=linden-street")
    assert "Choose a person" not in text_of(listed)


def test_who_is_named_in_a_written_address_is_refused_where_anyone_will_do(visitor, page, linden):
    said = "service=shoulder&venue=linden-street&with=pat-linden"
    listed = visitor.get(f"{page.path}/times?{said}")
    form = only_form(listed, "/hold").put(time=times_of(listed)[0])
    details = form.send(visitor).location
    Hold.delete().execute()
    linden.service.change(None, online_choice="anyone")
    answers = [visitor.get(f"{page.path}/{one}?{said}") for one in ("times", "people")]
    answers.append(form.send(visitor))
    gone = "be booked online at the moment"
    assert [(one.status_code, gone in text_of(one)) for one in answers] == [(404, True)] * 3
    late = visitor.get(details)
    assert late.status_code == 409 and "just taken" in text_of(late)
    assert Hold.select().count() == 0
    assert visitor.get(f"{page.path}/times?service=shoulder").status_code == 200


def test_where_a_person_must_be_named_nobody_leaves_it_open(visitor, page, linden):
    said = "service=shoulder&venue=linden-street"
    listed = visitor.get(f"{page.path}/times?{said}")
    form = only_form(listed, "/hold").put(time=times_of(listed)[0])
    details = form.send(visitor).location
    Hold.delete().execute()
    linden.service.change(None, online_choice="person")
    sent = form.send(visitor)
    assert sent.status_code == 303 and "/people?" in sent.location and Hold.select().count() == 0
    assert visitor.get(details).status_code == 409


def test_many_venues_are_chosen_first(visitor, page, linden):
    for n in range(3):
        venue = Venue.add(
            linden.clinic, None, name=f"Branch {n}", zone_name="Europe/London",
            hours=linden.street.hours,
        )  # fmt: skip
        Practitioner.open(linden.pat, venue, None)
    first = visitor.get(f"{page.path}/")
    assert "Where would you like to come?" in text_of(first)
    way = next(one for one in links(first) if "branch-1" in one)
    assert "Shoulder" in text_of(visitor.get(way))
    where = visitor.get(f"{page.path}/times?service=shoulder")
    assert "Where" in text_of(where) and "branch-2" in where.get_data(as_text=True)


def test_the_first_page_asks_the_database_a_few_times(visitor, page, linden, caplog):
    for n in range(5):
        person = User.invite(
            linden.clinic, None, [linden.street], name=f"P {n}", email=f"p{n}@x.test",
            role="practitioner",
        )  # fmt: skip
        assert person
    said = "service=shoulder&venue=linden-street"
    assert len(statements(caplog, lambda: visitor.get(f"{page.path}/"))) == 4
    assert len(statements(caplog, lambda: visitor.get(f"{page.path}/times?{said}"))) <= 9
    assert len(statements(caplog, lambda: visitor.get("/book/unknown/"))) == 1


def test_how_often_a_booking_asks_the_database(visitor, page, linden, caplog):
    """Many book at once, and one after the other while the clinic is held: what each asks counts,
    whoever else there is.
    """
    taken = {}

    def sent(name, form):
        got = []
        asked = statements(caplog, lambda: got.append(form.send(visitor)))
        taken[name] = len(asked)
        spends = [n for n, one in enumerate(asked) if 'INTO "spent_proof"' in one]
        if spends:  # what comes after it is asked while the clinic is locked
            taken["locked"] = len(asked) - spends[0]
        return got[0]

    listed = visitor.get(f"{page.path}/times?service=shoulder&venue=linden-street")
    chosen = sent("hold", only_form(listed, "/hold").put(time=times_of(listed)[0]))
    form = only_form(visitor.get(chosen.location), "/details").put(**TYPED)
    checked = sent("check", form)
    assert sent("book", only_form(checked, "/book")).status_code == 303
    most = {"hold": 16, "check": 12, "book": 35, "locked": 19}
    if not is_sqlite():  # rows are locked, one by one
        most = {"hold": 18, "check": 12, "book": 36, "locked": 19}
    assert {name: count for name, count in taken.items() if count > most[name]} == {}


def test_no_booking_looks_through_all_clients(linden, caplog):
    """Each asks for the next internal ID, and for clients with the same address, under the lock."""
    details = making.Details("Nora Visitor", "nora@visitor.test")
    asked = statements(caplog, lambda: making.client_of(linden.clinic, details))
    plans = []
    for one in asked[:2]:
        sql, values = ast.literal_eval(one)
        plan = models.database.execute_sql(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()
        plans.append(str(plan))
    assert "INDEX patient_email" in plans[0] and "INDEX patient_number" in plans[1]
    assert Patient.next_internal_id(linden.clinic) == "K-2043"


def test_what_other_sites_and_machines_are_told(visitor, page):
    answer = visitor.get(f"{page.path}/")
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert 'property="og:title"' in answer.get_data(as_text=True)
    OnlineSettings.get().change(None, embed_origins=["https://www.example.org"])
    policy = visitor.get(f"{page.path}/").headers["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors https://www.example.org")


def test_who_is_signed_in_does_not_matter(signed_in, linden, page):
    browser = signed_in(linden.olive)
    stranger = browser.application.test_client(use_cookies=False)
    pages = [one.get(f"{page.path}/") for one in (browser, stranger)]
    assert pages[0].data == pages[1].data
    assert "Set-Cookie" not in pages[0].headers and "Olive" not in text_of(pages[0])


def test_a_visitor_in_kiritimati_sees_both_clocks(visitor, page):
    said = "service=shoulder&venue=linden-street&zone=Pacific/Kiritimati"
    listed = visitor.get(f"{page.path}/times?{said}")
    assert "Kiritimati time" in text_of(listed) and "Sat 21 Nov, 03:45" in text_of(listed)
    for odd in ("Mars/Olympus", "../etc/passwd", "x" * 200):
        asked = {"service": "shoulder", "venue": "linden-street", "zone": odd}
        assert visitor.get(f"{page.path}/times", query_string=asked).status_code == 200


def test_a_zone_that_differs_only_after_a_clock_change_is_shown_there(visitor, page, linden, clock):
    """Reykjavik has London's time in winter. In March both kinds of days are on the page."""
    clock.now = clock.now.replace(year=2027, month=3, day=26)
    OnlineSettings.get().change(None, notice_hours=0, horizon_days=14)
    said = {"service": "shoulder", "venue": "linden-street", "with": "pat-linden"}
    for zone, is_shown in (("Atlantic/Reykjavik", True), ("Europe/Lisbon", False)):
        listed = visitor.get(f"{page.path}/times", query_string={**said, "zone": zone})
        assert (f"{zone.rpartition('/')[2]} time" in text_of(listed)) is is_shown
        assert (only_form(listed, "/hold")["zone"] or "") == (zone if is_shown else "")
    clock.now = clock.now.replace(month=1)
    listed = visitor.get(f"{page.path}/times", query_string={**said, "zone": "Atlantic/Reykjavik"})
    assert "Reykjavik time" not in text_of(listed), "no time of this page differs"


def test_the_hour_that_exists_twice_is_told_apart(visitor, page, linden, clock):
    clock.now = clock.now.replace(month=10, day=23)
    for calendar in (linden.calendar, linden.street):
        calendar.hours = {"sun": [["00:00", "06:00"]]}
        calendar.save()
    OnlineSettings.get().change(None, notice_hours=0)
    said = {"service": "shoulder", "venue": "linden-street", "with": "pat-linden"}
    listed = visitor.get(f"{page.path}/times", query_string=said)
    text = text_of(listed)
    assert "01:30 BST" in text and "01:30 GMT" in text
    done = book(visitor, page.path, at=6, **{"with": "pat-linden"})
    assert "01:30 BST" in text_of(visitor.get(done.location)) and len(times_of(listed)) > 20


def test_days_go_on_to_the_horizon_and_no_further(visitor, page, clock):
    OnlineSettings.get().change(None, horizon_days=20)
    way, seen = f"{page.path}/times?service=shoulder&venue=linden-street", set()
    for _ in range(9):
        listed = visitor.get(way)
        seen |= set(map(int, times_of(listed)))
        way = next((one for one in links(listed) if "from=" in one), None)
        if way is None:
            break
    assert way is None
    assert max(seen) <= (clock.now + timedelta(days=20)).timestamp()
    assert max(seen) > (clock.now + timedelta(days=18)).timestamp()
    for odd in ("1900-01-01", "2099-12-31", "0000-00-00", "yesterday", "9" * 500):
        answer = visitor.get(
            f"{page.path}/times",
            query_string={"service": "shoulder", "venue": "linden-street", "from": odd},
        )
        assert answer.status_code == 200


def test_each_day_of_a_list_is_there_whole(visitor, page):
    way = f"{page.path}/times?service=shoulder&venue=linden-street"
    seen = list(map(int, times_of(visitor.get(way))))
    last = datetime.fromtimestamp(max(seen), UTC).date()  # the clock of London in winter
    begins = datetime.combine(last, time(), UTC).timestamp()
    alone = list(map(int, times_of(visitor.get(f"{way}&from={last}"))))
    assert [at for at in seen if at >= begins] == [at for at in alone if at < begins + 86_400]


def test_nothing_free_says_where_something_is(visitor, page, linden):
    linden.calendar.set_hours(None, {})
    OnlineSettings.get().change(None, phone="+44 20 7946 0000")
    listed = visitor.get(f"{page.path}/times?service=shoulder&venue=linden-street&with=pat-linden")
    text = text_of(listed)
    assert "No free time with Pat Linden" in text and "Quinn Linden, Linden Street" in text
    assert 'href="tel:+442079460000"' in listed.get_data(as_text=True)
