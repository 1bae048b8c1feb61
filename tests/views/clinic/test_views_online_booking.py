"""Settings → Online booking, and the rules of services and practitioners, over HTTP."""

import pytest

from free_times.rules import OnlineSettings
from models import AuditEntry, Practitioner, Service
from sync.tables.accounts import Account
from tests.pages import form_of

ADDRESS = "/settings/online-booking/"
PARTIAL = {"HX-Request": "true"}
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
pytestmark = ON_SQLITE  # no statement of these pages is written for one database


def text_of(answer) -> str:
    return " ".join(answer.get_data(as_text=True).split())


@pytest.fixture
def manager(signed_in, linden):
    return signed_in(linden.maya)


def form(manager):
    return form_of(manager.get(ADDRESS), "online-form")


def stored(linden) -> OnlineSettings:
    return OnlineSettings.get(OnlineSettings.clinic == linden.clinic)


def test_only_managers_set_it_up(signed_in, linden):
    browser = signed_in(linden.pat)
    assert browser.get(ADDRESS).status_code == browser.post(ADDRESS).status_code == 403
    assert "online-booking" in text_of(signed_in(linden.maya).get("/settings/"))


def test_to_look_stores_nothing(manager):
    assert manager.get(ADDRESS).status_code == 200
    assert OnlineSettings.select().count() == 0


def test_what_is_typed_is_kept_and_said(manager, linden):
    sent = form(manager).put(
        is_on="y",
        welcome="Welcome.\r\nCome early.",
        phone="020 555",
        notice_hours="0",
        horizon_days="90",
        needs_approval="True",
        lapse_hours="12",
        change_hours="48",
        when_stale="close",
        stale_minutes="10",
        asks="phone",
        note_allowed="y",
        consent="I agree.",
        embed_origins="https://WWW.linden.test/\nhttps://a.test:8443\n\nhttps://www.linden.test",
    )
    answer = sent.send(manager, headers=PARTIAL)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, ADDRESS)
    row = stored(linden)
    assert row.is_on and row.needs_approval and row.note_allowed
    assert (row.notice_hours, row.horizon_days, row.lapse_hours) == (0, 90, 12)
    assert (row.change_hours, row.when_stale, row.stale_minutes) == (48, "close", 10)
    assert (row.asks, row.consent, row.welcome) == ("phone", "I agree.", "Welcome.\nCome early.")
    assert row.embed_origins == ["https://www.linden.test", "https://a.test:8443"]
    assert row.outside_blocks is None  # nobody has set it
    shown = form(manager)
    assert shown["embed_origins"] == "https://www.linden.test\nhttps://a.test:8443"
    assert shown["needs_approval"] == "True" and shown["stale_minutes"] == "10"
    entry = AuditEntry.get(AuditEntry.action == "online.changed")
    assert "welcome" in entry.detail["fields"] and "Come early" not in str(entry.detail)
    assert "On: clients can book online" in text_of(manager.get("/settings/"))


def test_pressing_save_twice_changes_nothing_more(manager, linden):
    for _ in range(2):
        assert form(manager).put(is_on="y").send(manager).status_code == 303
    assert AuditEntry.select().where(AuditEntry.action == "online.changed").count() == 1


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"notice_hours": ""}, "Write a whole number from 0 to 720"),
        ({"notice_hours": "721"}, "Write a whole number from 0 to 720"),
        ({"notice_hours": "-1"}, "Write a whole number from 0 to 720"),
        ({"notice_hours": "٣"}, "Write a whole number from 0 to 720"),
        ({"horizon_days": "0"}, "Write a whole number from 1 to 730"),
        ({"notice_hours": "48", "horizon_days": "2"}, "Nobody could book"),
        ({"lapse_hours": "0"}, "Write a whole number from 1 to 168"),
        ({"change_hours": "1.5"}, "Write a whole number from 0 to 720"),
        ({"stale_minutes": "0"}, "Write a whole number from 1 to 1440"),
        ({"when_stale": "shrug"}, "Choose one from the list"),
        ({"asks": "nothing"}, "Choose one from the list"),
        ({"colour": "url(x)"}, "Choose one from the list"),
        ({"welcome": "x" * 1001}, "Use at most 1,000 characters"),
        ({"phone": "x" * 41}, "Use at most 40 characters"),
        *(
            ({"embed_origins": one}, "Write one address a line")
            for one in (
                "http://linden.test",
                "https://linden.test/page",
                "https://linden.test; script-src *",
                "https://*.test",
                "https://me@linden.test",
                "https://linden.test:99999",
                "https://linden.test:0",
                "*",
                "'self'",
                "https://localhost",
            )
        ),
        (
            {"embed_origins": "\n".join(f"https://a{n}.test" for n in range(21))},
            "Write at most 20 addresses",
        ),
    ],
)
def test_bad_settings_come_back_and_store_nothing(manager, linden, bad, said):
    typed = form(manager).put(is_on="y", cancellation="A day before.").put(**bad)
    answer = typed.send(manager, headers=PARTIAL)
    assert answer.status_code == 422 and said in text_of(answer)
    assert "A day before." in text_of(answer)
    assert OnlineSettings.select().count() == 0


def test_two_limits_of_two_people_that_leave_nothing_are_refused(manager, linden):
    form(manager).put(is_on="y").send(manager)
    mine = form(manager).put(horizon_days="2")
    form(manager).put(notice_hours="48").send(manager)
    answer = mine.send(manager)
    assert answer.status_code == 422 and "Nobody could book" in text_of(answer)
    assert (stored(linden).notice_hours, stored(linden).horizon_days) == (48, 60)


def syncing(linden) -> None:
    Account.create(
        clinic=linden.clinic, user=linden.pat, kind="google", email="p@x.test", sealed="-"
    ).put(phase="active")


def test_outside_events_block_as_soon_as_somebody_syncs_and_then_as_it_was_set(manager, linden):
    assert form(manager)["outside_blocks"] is None
    form(manager).put(is_on="y").send(manager)
    assert stored(linden).outside_blocks is None
    syncing(linden)
    assert form(manager)["outside_blocks"] == "y"
    form(manager).put(phone="1").send(manager)
    assert stored(linden).outside_blocks is None
    form(manager).put(outside_blocks=None).send(manager)
    assert stored(linden).outside_blocks is False
    assert form(manager)["outside_blocks"] is None
    form(manager).put(outside_blocks="y").send(manager)
    assert stored(linden).outside_blocks is True
    Account.delete().execute()
    assert form(manager)["outside_blocks"] == "y"


def test_the_page_says_what_is_missing(manager, linden):
    assert "Choose a service that clients may book" in text_of(manager.get(ADDRESS))
    Service.update(bookable_online=True).execute()
    assert "Nothing can be booked online yet" not in text_of(manager.get(ADDRESS))
    Practitioner.update(takes_online=False).execute()
    assert "Choose who takes online bookings" in text_of(manager.get(ADDRESS))


# ---- services and practitioners ----


def test_a_service_has_rules_of_its_own_or_those_of_the_clinic(manager, linden):
    address = f"/services/{linden.service.id}"
    page = form_of(manager.get(address), "service-form")
    assert (page["online_choice"], page["online_approval"]) == ("either", "clinic")
    page.put(online_choice="anyone", online_approval="always", online_notice_hours="0")
    assert page.put(online_horizon_days="14").send(manager).status_code == 303
    row = Service.get_by_id(linden.service.id)
    assert (row.online_choice, row.online_approval) == ("anyone", "always")
    assert (row.online_notice_hours, row.online_horizon_days) == (0, 14)
    page = form_of(manager.get(address), "service-form")
    page.put(online_notice_hours="", online_horizon_days="").send(manager)
    row = Service.get_by_id(linden.service.id)
    assert row.online_notice_hours is row.online_horizon_days is None


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"online_notice_hours": "721"}, "Write a whole number from 0 to 720"),
        ({"online_horizon_days": "0"}, "Write a whole number from 1 to 730"),
        ({"online_choice": "nobody"}, "Choose one from the list"),
        ({"online_approval": "perhaps"}, "Choose one from the list"),
        ({"online_notice_hours": "72", "online_horizon_days": "3"}, "Nobody could book"),
        ({"online_horizon_days": "2"}, "Nobody could book"),  # the clinic's notice is two days
    ],
)
def test_bad_rules_of_a_service_come_back(manager, linden, bad, said):
    OnlineSettings.stored(linden.clinic).change(None, notice_hours=48)
    page = form_of(manager.get(f"/services/{linden.service.id}"), "service-form").put(**bad)
    answer = page.send(manager, headers=PARTIAL)
    assert answer.status_code == 422 and said in text_of(answer)
    assert Service.get_by_id(linden.service.id).online_choice == "either"


def test_a_practitioner_takes_online_bookings_or_not(manager, linden):
    def page():
        return form_of(manager.get(f"/team/{linden.pat.id}"), "person-form")

    names = {
        name: f"c{linden.calendar.id}-{name}"
        for name in ("takes_online", "takes_new_online", "online_most")
    }
    assert page()[names["takes_online"]] == page()[names["takes_new_online"]] == "y"
    sent = page().put(**{names["takes_new_online"]: None, names["online_most"]: "4"})
    assert sent.send(manager).status_code == 303
    row = Practitioner.get_by_id(linden.calendar.id)
    assert (row.takes_online, row.takes_new_online, row.online_most) == (True, False, 4)
    assert row.hours == linden.calendar.hours
    entry = AuditEntry.get(AuditEntry.action == "practitioner.online")
    assert entry.detail["fields"] == ["takes_new_online", "online_most"]
    for bad in ("0", "100", "many"):
        answer = page().put(**{names["online_most"]: bad}).send(manager, headers=PARTIAL)
        assert answer.status_code == 422
        assert "Write a whole number from 1 to 99" in text_of(answer)
    page().put(**{names["takes_online"]: None, names["online_most"]: ""}).send(manager)
    row = Practitioner.get_by_id(linden.calendar.id)
    assert (row.takes_online, row.online_most) == (False, None)


def test_a_limit_that_leaves_a_service_without_times_says_so_there_and_in_the_list(manager, linden):
    always = {day: [["09:00", "17:00"]] for day in ("mon", "tue")}
    Practitioner.update(hours=always).execute()
    Service.update(bookable_online=True, online_notice_hours=200).execute()
    form(manager).put(is_on="y").send(manager)
    assert "has no free times now" not in text_of(manager.get("/services/"))
    assert form(manager).put(horizon_days="7").send(manager).status_code == 303
    page = text_of(manager.get("/services/"))
    assert "Shoulder has no free times now. Services says why." in page
    assert "No times online: the least notice is longer than the furthest ahead." in page
    form(manager).put(horizon_days="30").send(manager)
    assert "No times online" not in text_of(manager.get("/services/"))


def test_shorter_hours_that_leave_a_service_without_times_say_so(manager, linden):
    always = {day: [["09:00", "17:00"]] for day in ("mon", "tue")}
    Practitioner.update(archived=True).where(Practitioner.id != linden.calendar.id).execute()
    Practitioner.update(hours=always).execute()
    walls = ["09:00", "09:30", "", ""] + [""] * 4 * 6
    path = f"/team/{linden.pat.id}/calendars/{linden.calendar.id}"
    answer = manager.post(path, data={f"c{linden.calendar.id}-hours": walls})
    assert answer.status_code == 303
    page = text_of(manager.get("/services/"))
    assert "Shoulder has no free times now. Services says why." in page
    assert "No free times: nobody who offers it has working hours" in page
