"""Connected accounts on the Calendar sync page: each press four ways, as a form, for htmx, wrongly,
and by somebody else.
"""

import html
import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import external
import pytest
from plans import lose_provider
from sync_world import SyncWorld

from app import Settings
from base.tables.outside import ExternalEvent
from models import AuditEntry, Booking
from sync.connect import gateway
from sync.providers import registry
from sync.tables import controls, ending, sources, starting
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.channels import Channel
from sync.tables.mappings import MappingRow
from sync.tables.notices import Notice
from sync.tables.runs import SyncRun
from sync.two_way import first_list

HTMX = {"HX-Request": "true"}


@pytest.fixture
def world(linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return SyncWorld(linden, clock)


@pytest.fixture
def account(world):
    for day in range(1, 6):
        world.book(days=day)
    return world.start(sources=[world.source()])


@pytest.fixture
def pat(signed_in, linden):
    return signed_in(linden.pat)


def page(browser, path="/sync/", **headers) -> str:
    answer = browser.get(path, headers=headers)
    assert answer.status_code == 200, path
    return html.unescape(answer.get_data(as_text=True))


def row(account) -> Account:
    return Account.get_by_id(account.id)


# ---- there and back ----


class TestConnecting:
    @pytest.fixture(autouse=True)
    def known_address(self, app, world, monkeypatch):
        world.sandbox.oauth.register(
            "sandbox-client", "sandbox-secret", "http://localhost/connect/google"
        )

    def go(self, pat, world, decision="allow", **changes):
        """Out, the pages there, and back, as a browser would."""
        out = pat.get("/connect/google/departure")
        assert out.status_code == 302 and "location" in out.headers
        asked = {
            name: values[0]
            for name, values in parse_qs(urlsplit(out.headers["Location"]).query).items()
        }
        assert asked["code_challenge_method"] == "S256" and asked["access_type"] == "offline"
        form = (
            asked
            | {"decision": decision, "account": world.email, "granted": asked["scope"].split()}
            | changes
        )
        back = world.sandbox.site.test_client().post("/o/oauth2/v2/auth", data=form)
        answer = pat.get(urlsplit(back.headers["Location"])._replace(scheme="", netloc="").geturl())
        for account in Account.select():
            first_list.read_list(account.id)
        return answer

    def test_a_person_who_allows_it_names_the_calendar_next(self, pat, world):
        answer = self.go(pat, world)
        assert answer.status_code == 303 and "code" not in answer.headers["Location"]
        text = page(pat)
        assert (
            "Connected to robin.hale@gmail.example" in text and "Name of the new calendar" in text
        )
        assert Account.get().phase == "naming" and "ya29" not in Account.get().sealed
        assert {entry.name for entry in RemoteCalendar.select()} >= {"Family"}

    def test_another_account_is_not_put_in_the_place_of_the_first(self, pat, world, account):
        assert self.go(pat, world, account="ana.costa@gmail.example").status_code == 303
        assert (
            "robin.hale@gmail.example is connected here" in page(pat)
            and row(account).email == world.email
        )

    def test_reconnecting_heals_and_keeps_everything(self, pat, world, account):
        world.revoke()
        world.poll(account)
        assert "Access to Google has ended" in page(pat) and "Reconnect Google" in page(pat)
        self.go(pat, world)
        world.run(account)
        assert "Access to Google has ended" not in page(pat)
        world.assert_in_step(row(account))

    @pytest.mark.parametrize(
        ("before", "says"),
        [
            (lambda pat: pat.change_sync(sync_allowed=False), "First tick the box"),
            (lambda pat: pat.change_sync(identifier=None), "First choose how clients"),
            (lambda pat: lose_provider(pat.clinic), "plan has no sync with Outlook"),
        ],
    )
    def test_what_must_come_first_is_said(self, pat, world, before, says):
        before(world.user)
        kind = "microsoft" if "plan" in says else "google"
        answer = pat.get(f"/connect/{kind}/departure")
        assert (
            answer.status_code == 303
            and "/sync/" in answer.headers["Location"]
            and says in page(pat)
        )

    def test_a_refusal_stands_in_the_history(self, pat, world):
        self.go(pat, world, decision="deny")
        (entry,) = AuditEntry.select().where(AuditEntry.action == "account.refused")
        assert entry.detail == {"kind": "google", "why": "Declined"}

    def test_nobody_connects_while_the_last_connection_is_still_being_taken_away(
        self, pat, world, account
    ):
        ending.begin_departure(account, world.user, "disconnect")
        assert pat.get("/connect/google/departure").status_code == 303 and "still removing" in page(
            pat
        )
        world.run(account)
        self.go(pat, world)
        assert Account.get().phase == "naming"

    def test_an_unknown_provider_is_not_there(self, pat, world):
        assert (
            pat.get("/connect/caldav/departure").status_code == 404
            and pat.get("/connect/caldav").status_code == 404
        )


# ---- beginning ----


class TestStarting:
    @pytest.fixture
    def connected(self, world):
        world.book()
        return world.connect()

    @pytest.mark.parametrize("headers", [{}, HTMX])
    def test_a_name_and_one_press(self, pat, world, connected, headers):
        text = page(pat)
        assert "1 booking from" in text and "internal ID" in text and "Nobody is invited" in text
        answer = pat.post(
            f"/sync/accounts/{connected.id}/start", data={"name": "Praxis"}, headers=headers
        )
        assert answer.status_code == (200 if headers else 303)
        world.run(connected)
        assert (
            world.sandbox.user(world.email).calendars[world.destination(connected)]["summary"]
            == "Praxis"
        )
        assert "Up to date." in page(pat) and "1 of 1 bookings" in page(pat)

    def test_no_name_is_refused_and_nothing_begins(self, pat, connected):
        answer = pat.post(f"/sync/accounts/{connected.id}/start", data={"name": " "}, headers=HTMX)
        assert answer.status_code == 422 and row(connected).phase == "naming"

    @pytest.mark.parametrize(("kind", "is_wide"), [("google", False), ("microsoft", True)])
    def test_a_wide_permission_is_said_before_one_is_asked_for_it(self, pat, world, kind, is_wide):
        external.known(kind)
        said = page(pat, f"/sync/?mode={kind}")
        assert "never into your main one" in said
        assert ("have full access to your calendars" in " ".join(said.split())) is is_wide

    def test_two_that_wait_for_a_name_do_not_mix(self, pat, linden, world, connected):
        gateway.set_up(
            gateway.GatewaySetup(
                dict.fromkeys(("google", "microsoft"), world.endpoints()),
                None,
                300,
                b"secret",
                world.transport,
            )
        )
        other = starting.connect(linden.pat, "microsoft", "pat@outlook.example", "sealed", [], None)
        Account.update(listed_at=world.clock.now).execute()
        assert {f'id="name-{account.id}"' for account in (connected, other)} <= {
            *re.findall(r'id="name-\d+"', page(pat))
        }
        answer = pat.post(
            f"/sync/accounts/{connected.id}/start", data={"name": "x" * 101}, headers=HTMX
        )
        assert (
            answer.status_code == 422
            and answer.get_data(as_text=True).count("at most 100 characters</p>") == 1
        )

    @pytest.mark.parametrize(
        "lost",
        [
            lambda pat: pat.change_sync(sync_allowed=False),
            lambda pat: lose_provider(pat.clinic),
            lambda pat: gateway.set_up(gateway.GatewaySetup({})),
        ],
    )
    def test_nothing_begins_that_may_not(self, pat, world, connected, lost):
        lost(world.user)
        assert "Start sync" not in page(pat)
        assert (
            pat.post(f"/sync/accounts/{connected.id}/start", data={"name": "Praxis"}).status_code
            == 303
        )
        assert row(connected).phase == "naming" and "Nothing can start now" in page(pat)

    def test_a_second_press_begins_no_second_time(self, pat, world, connected):
        pat.post(f"/sync/accounts/{connected.id}/start", data={"name": "Praxis"})
        begun = row(connected).generation
        pat.post(f"/sync/accounts/{connected.id}/start", data={"name": "Praxis"})
        world.run(connected)
        assert row(connected).generation == begun and len(world.calendars_of_ours(connected)) == 1

    def test_the_main_calendar_is_never_written_to(self, pat, world, connected, linden):
        linden.clinic.change(linden.olive, sync_existing=True)
        main = RemoteCalendar.get(RemoteCalendar.is_primary)
        answer = pat.post(
            f"/sync/accounts/{connected.id}/start",
            data={"name": "x", "into": main.id},
            headers=HTMX,
        )
        assert answer.status_code == 422 and row(connected).phase == "naming"

    def test_an_own_calendar_may_be_written_to_where_the_clinic_allows_it(
        self, pat, world, connected, linden
    ):
        family = RemoteCalendar.get(RemoteCalendar.name == "Family")
        assert (
            pat.post(
                f"/sync/accounts/{connected.id}/start",
                data={"name": "x", "into": family.id},
                headers=HTMX,
            ).status_code
            == 422
        )
        linden.clinic.change(linden.olive, sync_existing=True)
        pat.post(f"/sync/accounts/{connected.id}/start", data={"name": "x", "into": family.id})
        world.robin.add(
            "School run",
            world.clock.now + timedelta(days=1),
            world.clock.now + timedelta(days=1, hours=1),
            family.calendar_id,
        )
        world.run(connected)
        assert world.destination(connected) == family.calendar_id
        ending.begin_departure(row(connected), world.user, "disconnect")
        world.run()
        assert [event["summary"] for event in world.robin.events(family.calendar_id)] == [
            "School run"
        ]

    def test_a_calendar_that_a_colleague_writes_to_is_refused(
        self, pat, signed_in, world, connected, linden
    ):
        linden.clinic.change(linden.olive, sync_existing=True)
        linden.quinn.change_sync(sync_allowed=True, identifier="internal_id")
        other = world.connect(linden.quinn)
        choice = {
            row.account_id: row
            for row in RemoteCalendar.select().where(RemoteCalendar.name == "Family")
        }
        pat.post(
            f"/sync/accounts/{connected.id}/start",
            data={"name": "x", "into": choice[connected.id].id},
        )
        quinn = signed_in(linden.quinn)
        assert "Family (a colleague’s bookings go there)</option>" in page(quinn)
        for headers in ({}, HTMX):
            answer = quinn.post(
                f"/sync/accounts/{other.id}/start",
                data={"name": "x", "into": choice[other.id].id},
                headers=headers,
            )
            assert (
                answer.status_code == 422
                and "Choose another one, or a new calendar"
                in html.unescape(answer.get_data(as_text=True))
            )
        assert row(other).phase == "naming" and row(connected).phase == "active"
        ending.begin_departure(
            row(connected), linden.pat, "disconnect"
        )  # until all is taken away there, it is Pat's
        assert (
            quinn.post(
                f"/sync/accounts/{other.id}/start", data={"name": "x", "into": choice[other.id].id}
            ).status_code
            == 422
        )
        world.run()
        assert (
            quinn.post(
                f"/sync/accounts/{other.id}/start", data={"name": "x", "into": choice[other.id].id}
            ).status_code
            == 303
        )
        assert row(other).destination.calendar_id == choice[other.id].calendar_id


# ---- watching and pressing ----


class TestPanel:
    def test_a_look_at_it_changes_nothing_while_the_list_of_calendars_is_new(
        self, pat, world, account
    ):
        Notice.give(account, "sync_reminder", detail={"at": world.clock.now.isoformat()})
        before = row(account).__data__, Notice.get().__data__
        assert "Up to date." in page(pat) and "asks you" not in page(pat)
        assert (row(account).__data__, Notice.get().__data__) == before

    @pytest.mark.parametrize(("headers", "status"), [({}, 303), (HTMX, 204)])
    def test_an_open_page_has_an_old_list_of_calendars_renewed(
        self, pat, world, account, headers, status
    ):
        lists = "/sync/accounts/lists"
        assert lists not in page(pat)
        pat.post(lists, headers=headers)
        assert row(account).listed_at
        world.later(minutes=11)
        assert lists in page(pat) and lists not in page(pat, **HTMX)
        assert row(account).listed_at
        assert pat.post(lists, headers=headers).status_code == status
        asked = row(account)
        assert asked.listed_at is None and asked.due_at == world.clock.now
        assert (world.run(account), row(account).listed_at)[1] == world.clock.now

    def test_the_page_shows_the_state_of_the_account(self, pat, account):
        assert "none has come yet" in page(pat)
        Channel.update(called_at=Channel.opened_at).execute()
        text = page(pat)
        assert "Up to date." in text and "5 of 5 bookings" in text and "instant updates on" in text
        assert (
            f"“{account.destination.name}”, made for this" in text
            and "on until" in text
            and "21 October 2026 to 20 November 2027" in text
        )

    def test_an_open_page_gets_the_sentence_alone_until_more_changes(self, pat, world, account):
        text = page(pat)
        key = text.split("status?key=")[1].split('"')[0]
        answer = pat.get(f"/sync/accounts/status?key={key}", headers=HTMX)
        assert "HX-Retarget" not in answer.headers and answer.get_data(as_text=True).startswith(
            '<p id="status-'
        )
        controls.pause(account, world.user)
        answer = pat.get(f"/sync/accounts/status?key={key}", headers=HTMX)
        assert answer.headers["HX-Retarget"] == "#two-way" and "Paused." in html.unescape(
            answer.get_data(as_text=True)
        )

    @pytest.mark.parametrize("removes", [{"removes": "y"}, {}])
    @pytest.mark.parametrize(("last", "phase"), [("one-way", "off"), ("disconnection", None)])
    @pytest.mark.parametrize("first", ["new-start", "one-way"])
    @pytest.mark.parametrize("begun", [False, True])
    def test_of_two_goals_the_one_that_ends_more_counts(
        self, pat, world, account, first, last, phase, removes, begun
    ):
        """Two tabs: the page of the second was opened before the first was pressed."""
        if begun:  # the second is pressed while the first is being carried out
            presses = iter([lambda: pat.post(f"/sync/accounts/{account.id}/{last}", data=removes)])

            def press(moment, request):
                if moment == "before" and request.method == "DELETE":
                    next(presses, lambda: None)()

            world.watch(press)
        pat.post(f"/sync/accounts/{account.id}/{first}", data={"removes": "y"})
        if not begun:
            said = pat.post(f"/sync/accounts/{account.id}/{last}", data=removes, headers=HTMX)
            assert "Nothing is connected" not in said.get_data(as_text=True)
        world.run(times=2)
        left = Account.get_or_none(Account.id == account.id)
        assert (left and left.phase) == phase and not world.user.clinic.accounts.where(
            Account.phase == "active"
        )
        if removes:
            assert world.standing(account) == {}

    def test_less_than_what_is_under_way_changes_nothing_and_is_said(self, pat, world, account):
        pat.post(f"/sync/accounts/{account.id}/disconnection", data={"removes": "y"})
        for goal in ("new-start", "one-way"):
            said = pat.post(f"/sync/accounts/{account.id}/{goal}", data={"removes": "y"})
            assert "being ended already" in page(pat, said.headers["Location"].split("#")[0])
        world.run(times=2)
        assert not Account.select().exists() and world.standing(account) == {}

    def test_one_way_for_all_reaches_an_account_that_starts_over(self, pat, world, account):
        pat.post(f"/sync/accounts/{account.id}/new-start")
        pat.post("/sync/accounts/one-way", data={"removes": "y"})
        world.run(times=2)
        assert row(account).phase == "off" and world.standing(account) == {}

    @pytest.mark.parametrize("goal", ["off", "disconnect", "restart"])
    def test_an_open_page_sees_a_departure_to_its_end(self, pat, world, account, goal):
        ending.begin_departure(account, world.user, goal)
        for _ in range(2):
            answer = pat.get("/sync/accounts/status?key=old", headers=HTMX)
            assert answer.status_code == 200 and answer.headers["HX-Retarget"] == "#two-way"
            world.run(account)

    def test_a_paused_account_says_what_is_still_shown_outside(self, pat, world, account):
        controls.pause(account, world.user)
        stays, more = "5 events stay in Google as they are.", "They may show more"
        assert stays in page(pat) and more not in page(pat)
        world.user.change_sync(identifier="none")
        assert f"{stays} {more} of clients there than is allowed now" in page(pat)
        controls.resume(row(account), world.user)
        world.run(account)
        controls.pause(row(account), world.user)
        assert stays in page(pat) and more not in page(pat)

    def test_who_stopped_sync_and_left_the_events_there_is_told_of_them_until_sync_goes_on(
        self, pat, world, account
    ):
        pat.post(f"/sync/accounts/{account.id}/one-way")
        world.run(account)
        stays, more = "5 events stay in Google as they are.", "They may show more"
        assert row(account).phase == "off" and len(world.standing(account)) == 5
        assert stays in page(pat) and more not in page(pat)
        world.user.change_sync(identifier="none")
        assert f"{stays} {more}" in page(pat)
        pat.post(f"/sync/accounts/{account.id}/disconnection", data={"removes": "y"})
        world.run(times=2)
        assert world.standing(account) == {}

    @pytest.mark.parametrize("removes", [{}, {"removes": "y"}])
    def test_what_was_removed_or_is_synced_again_is_not_said_to_stay(
        self, pat, world, account, removes
    ):
        pat.post(f"/sync/accounts/{account.id}/one-way", data=removes)
        world.run(account)
        assert ("stay in Google" in page(pat)) is not bool(removes)
        starting.start(row(account), world.user, "Practice", "Europe/London")
        world.run(account)
        assert "stay in Google" not in page(pat) and row(account).stayed == 0

    @pytest.mark.parametrize("headers", [{}, HTMX])
    @pytest.mark.parametrize(
        ("press", "phase"), [("check", "active"), ("resync", "active"), ("pause", "paused")]
    )
    def test_each_press_is_done(self, pat, world, account, press, phase, headers):
        answer = pat.post(f"/sync/accounts/{account.id}/{press}", headers=headers)
        assert answer.status_code == (200 if headers else 303) and row(account).phase == phase
        if phase == "paused":
            world.book(days=9)
            pat.post(f"/sync/accounts/{account.id}/resumption")
            world.run(account)
        world.assert_in_step(row(account))

    @pytest.mark.parametrize(
        ("status", "word"),
        [
            (429, "rateLimitExceeded"),
            (429, "neverHeardOf"),
            (403, "dailyLimitExceeded"),
            (403, "quotaExceeded"),
        ],
    )
    def test_what_waits_says_until_when_and_why(self, pat, world, account, status, word):
        world.book(days=9)
        world.sandbox.faults.fail(
            status,
            word,
            path="/events",
            times=None,
            minutes=3,
            retry_after_seconds=1500,
        )
        world.run(account)
        text = page(pat)
        assert "Waiting until 12:05" in text and "asked us to slow down" in text

    def test_a_booking_that_cannot_be_written_is_named_with_the_reason(self, pat, world, account):
        world.book(days=9)
        world.sandbox.faults.fail(400, "invalid", path="/events$", method="POST")
        world.run(account)
        text = page(pat)
        assert (
            "Updating" in text
            and "1 booking is not up to date" in text
            and "the provider does not take it" in text
        )

    def test_a_press_brings_the_choice_of_modes_up_to_date_and_has_each_part_once(
        self, pat, world, account
    ):
        text = pat.post(f"/sync/accounts/{account.id}/pause", headers=HTMX).get_data(as_text=True)
        for part, times in (("two-way", 1), ("notices", 1), ("mode", 1), ("identifier", 0)):
            assert text.count(f'id="{part}"') == times, part
        assert (
            text.count('hx-swap-oob="true"') == 4
        )  # what needs the person, notices, modes, and the sentence on top
        text = pat.post("/sync/identifier", data={"identifier": "initials"}, headers=HTMX).get_data(
            as_text=True
        )
        for part in ("two-way", "notices", "mode", "identifier"):
            assert text.count(f'id="{part}"') == 1, part

    def test_what_is_not_meant_to_be_there_is_said(self, pat, world, account):
        for days, status in ((-60, "confirmed"), (500, "confirmed"), (9, "offered")):
            world.book(days=days, status=status)
        world.book(days=10).cancel(world.user)
        text = page(pat)
        assert "Not sent: 2 outside these dates, 2 offered, cancelled or no-show." in text

    def test_a_provider_that_is_not_set_up_any_more_is_said(self, pat, account):
        gateway.set_up(gateway.GatewaySetup())
        text = page(pat)
        assert "Not set up any more." in text and "Check now" not in text

    def test_an_open_page_keeps_nobody_signed_in(self, clock, pat, account):
        for _ in range(13):
            clock.now += timedelta(hours=1)
            answer = pat.get("/sync/accounts/status?key=x", headers=HTMX)
        assert answer.status_code == 204 and answer.headers["HX-Redirect"] == "/sign-in"

    @pytest.mark.parametrize(
        ("seconds", "left"),
        [
            (3, ""),
            (20, "Less than a minute left."),
            (60, "About 1 minute"),
            (200, "About 3 minutes"),
        ],
    )
    def test_progress_is_counted_while_a_run_is_under_way(self, pat, world, account, seconds, left):
        begun = world.clock.now - timedelta(seconds=seconds)
        told = {"because": "start", "total": 412, "done": 214, "started_at": begun}
        SyncRun.create(clinic=account.clinic, account=account, **told)
        Account.update(leased_until=world.clock.now + timedelta(minutes=1)).execute()
        text = page(pat)
        assert (
            "214 of 412 changes are in Google" in text
            and left in text
            and (" left." in text) is bool(left)
            and '<progress value="214" max="412"' in text
            and "every 2s" in text
        )

    def test_the_history_tells_what_went_out_and_in(self, pat, world, account):
        text = page(pat, "/sync/accounts/history")
        assert "5 added" in text and "You chose a calendar" in text

    @pytest.mark.parametrize(
        "path",
        [
            "check",
            "resync",
            "pause",
            "resumption",
            "start",
            "settings",
            "one-way",
            "disconnection",
            "new-start",
        ],
    )
    def test_nobody_else_has_a_hand_in_it(self, signed_in, linden, stranger, account, path):
        for other in (linden.olive, linden.quinn, stranger):
            assert (
                signed_in(other)
                .post(f"/sync/accounts/{account.id}/{path}", data={"name": "x"})
                .status_code
                == 404
            )
        assert row(account).phase == "active"

    def test_what_the_person_did_stands_in_the_history_and_nobody_elses_deeds(
        self, pat, signed_in, linden, world, account
    ):
        controls.pause(account, world.user)
        sources.turn_off(RemoteCalendar.get(RemoteCalendar.role == "source"), world.user)
        text = page(pat)
        for said in (
            "You connected Google",
            "You started to sync with Google",
            "You paused sync",
            "You let a calendar outside block booking no more",
            "You turned two-way sync on",
        ):
            assert said in text, said
        assert "paused sync" not in page(signed_in(linden.olive))


class TestSettings:
    @pytest.mark.parametrize("headers", [{}, HTMX])
    def test_settings_are_stored_and_applied(self, pat, world, account, headers):
        assert "If someone edits a booking" in page(pat, f"/sync/accounts/{account.id}/settings")
        answer = pat.post(
            f"/sync/accounts/{account.id}/settings",
            data={"edits": "ask", "window": "30 183", "lock_sign": "y"},
            headers=headers,
        )
        assert answer.status_code == (204 if headers else 303)
        assert (
            row(account).edits,
            row(account).future_days,
            row(account).lock_sign,
            row(account).time_off,
            row(account).covers,
        ) == ("ask", 183, True, False, None)
        world.run(account)
        assert all(
            event["summary"].startswith("\N{LOCK} ")
            for events in world.standing(account).values()
            for event in events
        )

    def test_what_is_not_offered_is_refused(self, pat, account):
        answer = pat.post(
            f"/sync/accounts/{account.id}/settings",
            data={"edits": "delete all", "window": "30 183"},
            headers=HTMX,
        )
        assert answer.status_code == 422 and row(account).edits == "put_back"

    def test_a_manager_may_send_the_bookings_of_those_who_allow_it(
        self, signed_in, world, linden, clock
    ):
        theirs, hidden = world.book(days=4, calendar=linden.colleague_calendar), world.book(days=5)
        linden.maya.change_sync(sync_allowed=True, identifier="none")
        account = world.start(linden.maya)
        maya = signed_in(linden.maya)
        linden.pat.change_sync(sync_allowed=False)
        form = {
            "edits": "put_back",
            "window": "30 365",
            "others": "yes",
            "covers": [linden.colleague_calendar.id, linden.calendar.id, 999],
        }
        assert maya.post(f"/sync/accounts/{account.id}/settings", data=form).status_code == 303
        assert row(account).covers == [linden.colleague_calendar.id]
        world.run(account)
        assert world.standing(account).keys() == {str(theirs.uuid)} and str(
            hidden.uuid
        ) not in world.standing(account)

    def test_no_calendar_at_all_is_refused(self, signed_in, world, linden):
        account = world.start(linden.maya)
        answer = signed_in(linden.maya).post(
            f"/sync/accounts/{account.id}/settings",
            headers=HTMX,
            data={"edits": "put_back", "window": "30 365", "others": "yes"},
        )
        assert (
            answer.status_code == 422
            and 'id="covers"' in answer.get_data(as_text=True)
            and row(account).covers is None
        )

    def test_a_practitioner_cannot_send_anyone_elses(self, pat, linden, account):
        form = {
            "edits": "ask",
            "window": "30 365",
            "others": "y",
            "covers": [linden.colleague_calendar.id],
        }
        pat.post(f"/sync/accounts/{account.id}/settings", data=form)
        assert row(account).covers is None

    def post(self, browser, account, **fields):
        known = {"edits": "put_back", "window": "30 365", "direction": "both"}
        return browser.post(f"/sync/accounts/{account.id}/settings", data=known | fields)

    @pytest.mark.parametrize(
        ("direction", "said"),
        [
            ("in", "5 events of ours are removed from Google. The bookings stay here."),
            ("out", "1 event from Google goes from here and blocks no time any more."),
        ],
    )
    def test_another_way_counts_what_goes_and_asks_first(
        self, pat, world, account, direction, said
    ):
        at = world.clock.now + timedelta(days=1)
        world.robin.add("Dentist", at, at + timedelta(hours=1))
        world.poll(account)
        answer = self.post(pat, account, direction=direction)
        assert answer.status_code == 422 and said in html.unescape(answer.get_data(as_text=True))
        assert row(account).direction == "both"
        assert self.post(pat, account, direction=direction, confirm="y").status_code == 303
        world.run(account)
        assert row(account).direction == direction
        text = page(pat)
        assert ("No bookings go there. Busy times come from there" in text) == (direction == "in")
        assert ("you chose that bookings only go out" in text) == (direction == "out")
        assert self.post(pat, account, direction="both").status_code == 303
        world.run(account)
        world.assert_in_step(account)

    def test_only_out_reads_no_calendar_whatever_is_pressed(self, pat, world, account):
        controls.change(account, world.user, direction="out")
        family = RemoteCalendar.get(RemoteCalendar.name == "Family")
        assert "Sync Family" not in page(pat)
        pat.post(f"/sync/calendars/{family.id}/sync")
        assert "only go out" in page(pat)
        assert RemoteCalendar.get_by_id(family.id).role == "listed"

    def test_which_of_one_s_own_calendars_go_there(self, signed_in, world, linden, clock):
        linden.quinn.change_sync(sync_allowed=True, identifier="none")
        first, second = linden.quinn.calendars()
        theirs = {c.id: world.book(days=4, calendar=c) for c in (first, second)}
        account, quinn = world.connect(linden.quinn), signed_in(linden.quinn)
        start = f"/sync/accounts/{account.id}/start"
        assert quinn.post(start, data={"name": "Q", "asked": "own"}).status_code == 422
        quinn.post(start, data={"name": "Q", "asked": "own", "own": [str(first.id)]})
        world.run(account)
        assert world.standing(account).keys() == {str(theirs[first.id].uuid)}
        assert self.post(quinn, account).status_code == 422
        answer = self.post(quinn, account, own=[str(second.id)])
        assert "1 event of ours is removed" in html.unescape(answer.get_data(as_text=True))
        self.post(quinn, account, own=[str(second.id)], confirm="y")
        world.run(account)
        assert world.standing(account).keys() == {str(theirs[second.id].uuid)}
        self.post(quinn, account, own=[str(first.id), str(second.id)])
        assert row(account).covers is None

    def test_hiding_is_set_where_the_account_is(self, pat, world, account):
        assert "nothing of a client goes to Google" in page(
            pat, f"/sync/accounts/{account.id}/settings"
        )
        self.post(pat, account, hide_sensitive="y")
        world.run(account)
        titles = {event["summary"] for (event,) in world.standing(account).values()}
        assert titles == {"Busy"} and "every booking says “Busy”" in page(pat)


# ---- other calendars ----


class TestSources:
    def listed(self, name):
        return RemoteCalendar.get(RemoteCalendar.name == name)

    @pytest.mark.parametrize("headers", [{}, HTMX])
    def test_one_press_reads_a_calendar_and_one_lets_go_of_it(self, pat, world, account, headers):
        family = self.listed("Family")
        world.robin.add(
            "School run",
            world.clock.now + timedelta(days=1),
            world.clock.now + timedelta(days=1, hours=1),
            family.calendar_id,
        )
        assert pat.post(f"/sync/calendars/{family.id}/sync", headers=headers).status_code == (
            200 if headers else 303
        )
        world.run(account)
        assert world.mirrored(account) == ["School run"] and "1 event blocks booking" in page(pat)
        assert "busy, so it blocks" in page(pat, f"/sync/calendars/{family.id}")
        pat.post(f"/sync/calendars/{family.id}/stop", headers=headers)
        assert world.mirrored(account) == [] and self.listed("Family").role == "listed"

    def test_one_sentence_with_a_button_says_where_nothing_blocks(self, pat, world, account):
        main, said = RemoteCalendar.get(RemoteCalendar.role == "source"), "blocks booking here yet"
        assert said not in page(pat)
        pat.post(f"/sync/calendars/{main.id}/stop")
        assert said in page(pat) and "Sync your main calendar" in page(pat)
        controls.change(account, world.user, direction="out")
        assert said not in page(pat)

    def test_new_rules_change_which_events_block(self, pat, world, account):
        main = RemoteCalendar.get(RemoteCalendar.role == "source")
        world.robin.add(
            "Busy",
            world.clock.now + timedelta(days=1),
            world.clock.now + timedelta(days=1, hours=1),
        )
        world.robin.add("Trip", world.clock.now.date() + timedelta(days=2))
        world.poll(account)
        blocking = {event.title: event.blocks for event in ExternalEvent.select()}
        assert blocking == {"Busy": True, "Trip": True}
        assert pat.post(f"/sync/calendars/{main.id}", data={"busy": "y"}).status_code == 303
        assert {event.title: event.blocks for event in ExternalEvent.select()} == {
            "Busy": True,
            "Trip": False,
        }
        pat.post(f"/sync/calendars/{main.id}", data={})
        assert not any(event.blocks for event in ExternalEvent.select())

    def test_what_is_only_shared_to_read_waits_for_the_clinic(self, pat, linden, account):
        shared = self.listed("Public holidays")
        assert "Shared with you to read" in page(pat)
        assert pat.post(f"/sync/calendars/{shared.id}/sync").status_code == 403
        linden.clinic.change(linden.olive, sync_shared=True)
        assert pat.post(f"/sync/calendars/{shared.id}/sync").status_code == 303

    def test_our_own_calendar_is_no_source_and_strangers_find_none(
        self, pat, signed_in, linden, stranger, world, account
    ):
        ours = RemoteCalendar.get(RemoteCalendar.role == "destination")
        assert pat.post(f"/sync/calendars/{ours.id}/sync").status_code == 404
        family = self.listed("Family")
        for other in (linden.olive, stranger):
            browser = signed_in(other)
            assert [
                browser.post(f"/sync/calendars/{family.id}/{what}").status_code
                for what in ("sync", "stop")
            ] == [404, 404]
            assert browser.get(f"/sync/calendars/{family.id}").status_code == 404


# ---- notices ----


class TestNotices:
    def moved(self, world, account, edits="put_back"):
        if edits != "put_back":
            controls.change(account, world.user, edits=edits)
            world.run(account)
        booking = Booking.select().order_by(Booking.starts_at).first()
        event = world.event_of(account, booking)
        world.robin.move(
            event["id"],
            booking.starts_at + timedelta(hours=2),
            booking.ends_at + timedelta(hours=2),
            world.destination(account),
        )
        world.poll(account)
        return booking, Notice.get()

    @pytest.mark.parametrize("headers", [{}, HTMX])
    def test_a_move_that_was_meant_moves_the_booking_once(self, pat, world, account, headers):
        booking, notice = self.moved(world, account)
        text = page(pat)
        assert "Moved in Google, put back" in text and "Move the booking to 12:00" in text
        for _ in range(2):
            assert pat.post(f"/sync/notices/{notice.id}/move", headers=headers).status_code == (
                200 if headers else 303
            )
        assert Booking.get_by_id(booking.id).starts_at == booking.starts_at + timedelta(hours=2)
        world.run(account)
        world.assert_in_step(account)

    def test_a_move_onto_another_booking_is_refused_and_the_notice_stays(self, pat, world, account):
        booking, notice = self.moved(world, account)
        world.book(days=1, hour=12)
        answer = pat.post(f"/sync/notices/{notice.id}/move", headers=HTMX)
        assert (
            answer.status_code == 422
            and Booking.get_by_id(booking.id).starts_at == booking.starts_at
        )
        assert Notice.get_by_id(notice.id).settled_at is None

    def test_a_move_to_a_time_that_no_booking_can_have_is_refused(self, pat, world, account):
        booking, notice = self.moved(world, account)
        Notice.update(detail=notice.detail | {"ends_at": notice.detail["starts_at"]}).execute()
        assert "Move the booking" not in page(pat)
        assert pat.post(f"/sync/notices/{notice.id}/move", headers=HTMX).status_code == 422
        assert (
            Booking.get_by_id(booking.id).starts_at == booking.starts_at
            and Notice.get().settled_at is None
        )

    def test_who_manages_no_more_changes_no_booking_of_others(self, signed_in, world, linden):
        theirs = world.book(calendar=linden.colleague_calendar)
        linden.maya.change_sync(identifier="none")
        account = world.connect(linden.maya)
        controls.change(account, linden.maya, covers=[linden.colleague_calendar.id])
        notice = Notice.give(
            account, "deleted", "edit x", booking=theirs, detail={"is_put_back": True}
        )
        linden.maya.change(
            linden.olive, name=linden.maya.name, email=linden.maya.email, role="practitioner"
        )
        maya = signed_in(linden.maya)
        assert maya.post(f"/sync/notices/{notice.id}/cancel").status_code == 403
        assert maya.get(f"/sync/notices/{notice.id}/cancellation").status_code == 403
        assert Booking.get_by_id(theirs.id).status == "confirmed"

    def test_a_suddenly_empty_calendar_keeps_blocking_until_a_person_confirms(
        self, pat, world, account
    ):
        days = [world.clock.now + timedelta(days=n) for n in range(1, 5)]
        events = [world.robin.add("Class", day, day + timedelta(hours=1)) for day in days]
        world.poll(account)
        for event in events:
            world.robin.delete(event)
        RemoteCalendar.update(sync_token=None).where(RemoteCalendar.role == "source").execute()
        world.poll(account)
        assert "is suddenly empty" in page(pat) and len(world.mirrored(account)) == 4
        pat.post(f"/sync/notices/{Notice.get().id}/wait")
        for _ in range(3):
            world.poll(account)
        assert world.notices(account) == [] and len(world.mirrored(account)) == 4
        world.later(days=1)
        world.poll(account)
        assert world.notices(account) == ["source_empty"]
        pat.post(f"/sync/notices/{Notice.select().order_by(Notice.id.desc()).get().id}/believe")
        world.run(account)
        assert world.mirrored(account) == [] and world.notices(account) == []

    def test_a_booking_can_be_cancelled_or_left(self, pat, world, account):
        booking, notice = self.moved(world, account)
        assert "Cancel this booking?" in page(pat, f"/sync/notices/{notice.id}/cancellation")
        assert Booking.get_by_id(booking.id).status == "confirmed"
        pat.post(f"/sync/notices/{notice.id}/cancel")
        assert (
            Booking.get_by_id(booking.id).status == "cancelled"
            and Notice.get_by_id(notice.id).settled_as == "cancelled"
        )
        world.run(account)
        world.assert_in_step(account)

    def test_where_we_ask_first_it_can_be_put_back(self, pat, world, account):
        _, notice = self.moved(world, account, "ask")
        assert "Moved in Google: what is right?" in page(pat)
        pat.post(f"/sync/notices/{notice.id}/put-back")
        world.run(account)
        world.assert_in_step(account)

    @pytest.mark.parametrize(("what", "left"), [("remove-guests", 0), ("leave", 1)])
    def test_guests_stay_or_go_as_one_presses(self, pat, world, account, what, left):
        booking = Booking.select().order_by(Booking.id).first()
        world.invite(
            world.event_of(account, booking), world.destination(account), "ana@guests.example"
        )
        world.poll(account)
        text = page(pat)
        assert (
            "Someone invited a guest to a booking in Google" in text
            and "Google may tell that person" in text
            and "ana@" not in text
        )
        for _ in range(2):
            pat.post(f"/sync/notices/{Notice.get().id}/{what}")
        world.run(account)
        world.poll(account)
        assert (
            len(world.event_of(account, booking).get("attendees", [])) == left
            and world.notices(account) == []
        )

    def test_what_we_may_not_take_away_is_told_by_its_calendar(self, pat, world, account):
        booking = Booking.select().order_by(Booking.id).first()
        world.copy(world.event_of(account, booking), world.source())
        world.sandbox.faults.fail(
            403,
            "insufficientPermissions",
            method="DELETE",
            path=f"{world.source()}/events/",
            times=None,
        )
        world.poll(account)
        world.poll(account)  # one refusal proves nothing
        text = page(pat)
        assert (
            "A booking was moved or copied to “Your main calendar”" in text
            and "delete that event in Google yourself" in text
        )
        pat.post(f"/sync/notices/{Notice.get().id}/leave")
        assert "moved or copied" not in page(pat)

    @pytest.mark.parametrize(("what", "left"), [("remove-stray", 1), ("keep-stray", 2)])
    def test_what_a_restore_left_elsewhere_is_decided_one_by_one(
        self, pat, world, account, what, left
    ):
        """Events in another calendar whose bookings are not here any more."""
        lost = list(Booking.select().limit(2))
        for booking in lost:
            event = world.event_of(account, booking)
            world.robin.drag(event["id"], world.source(), world.destination(account))
        uids = [str(booking.uuid) for booking in lost]
        MappingRow.delete().where(MappingRow.uid.in_(uids)).execute()
        Booking.delete().where(Booking.id.in_([booking.id for booking in lost])).execute()
        for minutes in (7, 60 * 21, 7):
            world.later(minutes=minutes)
            world.run(account)
            assert world.notices(account) == ["stray_unknown"] * 2
        text = page(pat)
        assert text.count("belongs to a booking that is not in Kalends") == 2
        first = Notice.select().order_by(Notice.id).first()
        for _ in range(2):
            pat.post(f"/sync/notices/{first.id}/{what}")
        for minutes in (0, 7, 60 * 21):
            world.later(minutes=minutes)
            world.run(account)
            assert len(set(uids) & world.standing(account).keys()) == left
            assert world.notices(account) == ["stray_unknown"]
        assert row(account).health == "ok"

    @pytest.mark.parametrize("what", ["keep", "approve"])
    def test_a_held_plan_is_decided_here(self, pat, world, what):
        for day in range(1, 21):
            world.book(days=day)
        account = world.start()
        for booking in list(Booking.select().limit(8)):
            booking.cancel(world.user)
        world.run(account)
        text = page(pat)
        assert "We stopped before removing 8 of 20 events" in text and "Waits for you" in text
        pat.post(f"/sync/notices/{Notice.get().id}/{what}")
        world.run(account)
        assert (
            len(world.standing(account)) == (20 if what == "keep" else 12)
            and world.notices(account) == []
        )
        world.poll(account)
        assert world.notices(account) == [] and len(world.standing(account)) == (
            20 if what == "keep" else 12
        )

    def test_a_deleted_calendar_is_made_again(self, pat, world, account):
        world.robin.delete_calendar(world.destination(account))
        for _ in range(4):
            world.poll(account)
        assert "Our calendar in Google was deleted" in page(pat)
        pat.post(f"/sync/notices/{Notice.get().id}/again")
        world.run(account)
        world.assert_in_step(row(account))

    def test_only_what_fits_the_notice_can_be_done_and_only_by_its_person(
        self, pat, signed_in, linden, stranger, world, account
    ):
        _, notice = self.moved(world, account)
        assert pat.post(f"/sync/notices/{notice.id}/approve").status_code == 404
        for other in (linden.olive, stranger):
            assert signed_in(other).post(f"/sync/notices/{notice.id}/move").status_code == 404


# ---- ways out ----


class TestLeaving:
    def test_leaving_shows_its_effects_in_numbers(self, pat, world, account):
        world.robin.add(
            "Dentist",
            world.clock.now + timedelta(days=2),
            world.clock.now + timedelta(days=2, hours=1),
        )
        world.poll(account)
        text = page(pat, "/sync/accounts/one-way")
        assert (
            "Go one way?" in text
            and "5 events of ours are in Google" in text
            and "1 event that came from Google goes from here" in text
            and "when you start sync again, they block again" in text
        )
        text = page(pat, f"/sync/accounts/{account.id}/disconnection?change=1")
        assert "Change account?" in text and "choose the other one" in text
        assert row(account).phase == "active"

    def test_calendars_that_cannot_be_searched_are_named_before(self, pat, account):
        shared = RemoteCalendar.create(
            clinic=account.clinic_id, account=account, calendar_id="team", name="Our team",
            role="listed", access="writer",
        )  # fmt: skip
        address = f"/sync/accounts/{account.id}/disconnection"
        assert "We may not search Our team" in page(pat, address)
        Account.update(scopes=" ".join(registry.row_of("google").scopes(shared=True))).execute()
        assert "We may not search" not in page(pat, address)
        Account.update(scopes="").execute()
        RemoteCalendar.update(access="reader").where(RemoteCalendar.id == shared.id).execute()
        assert "We may not search" not in page(pat, address)

    @pytest.mark.parametrize("headers", [{}, HTMX])
    @pytest.mark.parametrize("removes", [True, False])
    def test_one_way_clears_both_sides(self, pat, world, account, removes, headers):
        answer = pat.post(
            "/sync/accounts/one-way", data={"removes": "yes"} if removes else {}, headers=headers
        )
        assert answer.status_code == (200 if headers else 303) and "Removing our events" in page(
            pat
        )
        world.run(account)
        assert row(account).phase == "off" and (world.calendars_of_ours(account) == []) == removes
        assert "Press “Sync again” below" in page(pat, "/sync/?mode=google")

    def test_disconnecting_and_starting_over(self, pat, world, account):
        pat.post(f"/sync/accounts/{account.id}/new-start")
        world.run(account)
        world.assert_in_step(row(account))
        pat.post(f"/sync/accounts/{account.id}/disconnection", data={"removes": "yes"})
        world.run()
        assert not Account.select().exists() and world.calendars_of_ours(account) == []
        assert "Connect with Google" in page(pat, "/sync/?mode=google")

    def test_a_departure_that_the_provider_holds_up_can_be_ended_on_our_side(
        self, pat, world, account
    ):
        pat.post(f"/sync/accounts/{account.id}/disconnection", data={"removes": "yes"})
        world.sandbox.faults.fail(503, times=None, minutes=600)
        world.run(account)
        assert "Removal is not finished" in page(
            pat
        ) and "End now, 5 events stay in Google" in page(pat)
        world.sandbox.faults.clear()
        pat.post(f"/sync/accounts/{account.id}/end")
        world.run()
        assert not Account.select().exists() and len(world.standing(account)) == 5

    def test_a_calendar_that_cannot_be_looked_into_is_named_to_its_person_alone(
        self, pat, world, account, linden, signed_in
    ):
        closed = world.robin.add_calendar("Family matters")
        world.sandbox.faults.fail(403, "forbidden", path=f"{closed}/events$", times=None)
        pat.post(f"/sync/accounts/{account.id}/disconnection", data={"removes": "yes"})
        world.run(account)
        assert world.standing(account) == {}
        said = page(pat)
        assert "We could not look into “Family matters”." in said and "End now" in said
        board = signed_in(linden.olive).get("/health/").text
        assert "1 of the calendars there could not be looked into" in " ".join(board.split())
        assert "Family" not in board and "0 events" not in board
        pat.post(f"/sync/accounts/{account.id}/end")
        world.run()
        assert not Account.select().exists()

    def test_forbidding_everything_asks_first_what_becomes_of_it(self, pat, world, account, linden):
        answer = pat.post("/sync/opt-in", data={})
        assert answer.status_code == 303 and "one-way" in answer.headers["Location"]
        assert type(linden.pat).get_by_id(linden.pat.id).sync_allowed
        pat.post("/sync/accounts/one-way", data={"removes": "yes", "opt_out": "yes"})
        world.run(account)
        assert (
            not type(linden.pat).get_by_id(linden.pat.id).sync_allowed
            and world.standing(account) == {}
        )


# ---- channels ----


class TestChannels:
    def calls(self, world):
        """What the sandbox has sent: (path, headers)."""
        return [(urlsplit(address).path, headers) for address, headers, _ in world.messages]

    def test_a_late_call_of_a_closed_channel_finds_nothing(self, client_of, world, account):
        path, headers = self.calls(world)[0]
        Channel.delete().execute()
        assert (
            client_of.post(path, headers=headers | {"X-Goog-Resource-State": "exists"}).status_code
            == 404
        )

    def test_channels_are_renewed_in_time_and_closed_with_the_account(self, world, account):
        before = {channel.uuid for channel in Channel.select()}
        assert len(before) == 2
        world.later(days=6)
        world.run(account)
        assert len(list(Channel.select())) == 2 and not before & {
            channel.uuid for channel in Channel.select()
        }
        assert len(world.sandbox.channels.live()) == 2
        ending.begin_departure(account, world.user, "off")
        world.run(account)
        assert not Channel.select().exists() and world.sandbox.channels.live() == []

    def test_a_provider_that_opens_no_channel_is_polled(self, world):
        world.sandbox.faults.fail(
            400, "push.webhookUrlNotHttps", path="/watch$", times=None, minutes=600
        )
        account = world.start()
        world.book()
        world.poll(account)
        world.assert_in_step(account)
        assert not Channel.select().where(Channel.is_open).exists()


@pytest.fixture
def client_of(app):
    """Somebody who calls without a session."""
    return app.test_client()


def test_settings_of_the_environment_reach_the_providers(tmp_path):
    """Without a client id a provider is not offered; with one its addresses are the vendor's, or
    those that are set.
    """
    environ = {
        "KALENDS_INSTANCE": str(tmp_path),
        "GOOGLE_CLIENT_ID": "id",
        "GOOGLE_CLIENT_SECRET": "secret",
    }
    settings = Settings.from_env(environ)
    assert (
        set(settings.providers) == {"google"}
        and settings.providers["google"].api_url == "https://www.googleapis.com"
    )
    assert "secret" not in repr(settings.providers)
    assert (
        settings.webhook_url is None
        and Settings.from_env(environ | {"KALENDS_BASE_URL": "https://k.example"}).webhook_url
        == "https://k.example"
    )
    assert set(
        Settings.from_env({"KALENDS_INSTANCE": str(tmp_path), "KALENDS_SANDBOX": "1"}).providers
    ) == {"google", "microsoft"}
    beside = Settings.from_env(environ | {"KALENDS_SANDBOX": "1"})  # no imitation beside a real one
    assert beside == settings
