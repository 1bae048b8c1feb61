"""The Calendar sync page: the person's own switch, the identifiers with their preview, and the
sentences about links.
"""

import re
from datetime import UTC, datetime, timedelta

import pytest

from base.scheduling import Span
from models import AuditEntry, Booking, Feed, FeedRead, Practitioner, User
from sync.feeds import feed as feeds
from views.kit.words import sync_words

KEY = "a key of the tests"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def booking(linden, clock):
    start = datetime(2026, 11, 26, 14, 0, tzinfo=UTC)
    return Booking.book(
        linden.calendar,
        [Span(start, start + timedelta(minutes=50))],
        linden.pat,
        patient=linden.patient,
        service=linden.service,
    )[0]


@pytest.fixture
def link(linden, clock):
    return Feed.generate(linden.pat, "My phone", linden.pat, practitioner=linden.calendar)


@pytest.fixture
def pat(signed_in, linden):
    return signed_in(linden.pat)


def page(browser, path="/sync/", **kwargs) -> str:
    answer = browser.get(path, **kwargs)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def summary(browser, feed: Feed) -> str:
    """The titles in the feed as it is read now; "" when it is refused."""
    answer = browser.get(feeds.path(KEY, feed))
    return (
        "\n".join(re.findall(r"^SUMMARY:(.*)\r$", answer.get_data(as_text=True), re.M))
        if answer.status_code == 200
        else ""
    )


def stored(user) -> User:
    return User.get_by_id(user.id)


class TestOptIn:
    def test_switching_off_stops_every_link_and_says_how_many(self, pat, linden, link, booking):
        assert "your one private link stops" in page(pat)
        answer = pat.post("/sync/opt-in", data={})
        assert answer.status_code == 303
        assert not stored(linden.pat).sync_allowed
        assert "One link of yours stopped answering" in page(pat, answer.location)
        assert pat.get(feeds.path(KEY, link)).status_code == 404

    def test_who_has_no_link_is_told_the_next_step(self, pat, linden):
        linden.pat.change_sync(sync_allowed=False)
        answer = pat.post("/sync/opt-in", data={"allow": "y"})
        assert "Next, choose how clients appear" in page(pat, answer.location)
        answer = pat.post("/sync/identifier", data={"identifier": "none"})
        said = page(pat, answer.location)
        assert "Next, choose how you would like to sync" in said and "links show" not in said
        pat.post("/sync/opt-in", data={})
        answer = pat.post("/sync/opt-in", data={"allow": "y"})
        assert "Next, choose how you would like to sync" in page(pat, answer.location)

    def test_switching_on_again_brings_the_same_address_back(self, pat, linden, link, booking):
        pat.post("/sync/opt-in", data={})
        pat.post("/sync/opt-in", data={"allow": "y"})
        assert summary(pat, link) == "Shoulder"

    def test_htmx_gets_the_page_s_part(self, pat, linden):
        answer = pat.post("/sync/opt-in", data={}, headers=HTMX)
        assert answer.status_code == 200
        assert answer.get_data(as_text=True).startswith('<section id="sync"')
        assert not stored(linden.pat).sync_allowed

    def test_each_person_sets_their_own_switch(self, signed_in, linden):
        signed_in(linden.olive).post("/sync/opt-in", data={})
        assert not stored(linden.olive).sync_allowed
        assert stored(linden.pat).sync_allowed

    def test_visitors_are_asked_to_sign_in(self, app, linden):
        for method, path in (
            ("get", "/sync/"),
            ("post", "/sync/opt-in"),
            ("get", "/sync/preview"),
            ("post", "/sync/identifier"),
        ):
            answer = getattr(app.test_client(), method)(path)
            assert answer.status_code in (302, 303)
            assert "/sign-in" in answer.location


class TestIdentifier:
    def test_the_page_asks_people_who_have_not_chosen(self, pat, linden):
        assert "You have not chosen yet" in page(pat)
        assert not re.search(r'name="identifier" value="\w+" checked', page(pat))
        pat.post("/sync/identifier", data={"identifier": "none"})
        assert "You have not chosen yet" not in page(pat)

    def test_a_saved_choice_is_in_the_feed_at_the_next_read(self, pat, linden, link, booking):
        assert summary(pat, link) == "Shoulder"
        for identifier, title in (
            ("internal_id", "Shoulder · K-2041"),
            ("initials", "Shoulder · M. W."),
            ("first_name", "Shoulder · Małgorzata"),
            ("first_name_last_initial", "Shoulder · Małgorzata W."),
            ("none", "Shoulder"),
        ):
            assert pat.post("/sync/identifier", data={"identifier": identifier}).status_code == 303
            assert summary(pat, link) == title

    def test_htmx_gets_the_page_s_part_with_the_choice(self, pat, linden):
        text = pat.post("/sync/identifier", data={"identifier": "initials"}, headers=HTMX).get_data(
            as_text=True
        )
        assert text.startswith('<section id="sync"')
        assert 'value="initials" checked' in text

    @pytest.mark.parametrize("given", ["", "everything", "full_name; DROP"])
    def test_nothing_and_nonsense_are_refused(self, pat, linden, given):
        answer = pat.post("/sync/identifier", data={"identifier": given})
        assert answer.status_code == 422
        assert "Choose how clients appear" in answer.get_data(as_text=True)
        assert stored(linden.pat).identifier is None

    def test_a_full_name_needs_a_second_confirmation(self, pat, linden, link, booking):
        refused = pat.post("/sync/identifier", data={"identifier": "full_name"})
        assert refused.status_code == 422
        text = refused.get_data(as_text=True)
        assert "We do not recommend full names" in text
        assert 'href="#confirm_full_name"' in text
        assert 'value="full_name" checked' in text
        assert stored(linden.pat).identifier is None
        assert (
            pat.post(
                "/sync/identifier", data={"identifier": "full_name", "confirm_full_name": "y"}
            ).status_code
            == 303
        )
        assert summary(pat, link) == "Shoulder · Małgorzata Wójcik"

    def test_who_confirmed_once_is_not_asked_again(self, pat, linden):
        linden.pat.change_sync(identifier="full_name")
        assert 'id="confirm_full_name"' not in page(pat)
        assert pat.post("/sync/identifier", data={"identifier": "full_name"}).status_code == 303

    def test_choices_above_the_ceiling_are_disabled_with_the_reason_and_refused(self, pat, linden):
        linden.clinic.privacy_ceiling = "initials"
        linden.clinic.save()
        text = page(pat)
        for identifier in ("first_name", "first_name_last_initial", "full_name"):
            assert re.search(rf'value="{identifier}" disabled', text)
        assert text.count("Your clinic does not allow this") == 3
        assert not re.search(r'value="initials" disabled', text)
        answer = pat.post("/sync/identifier", data={"identifier": "first_name"})
        assert answer.status_code == 422
        assert stored(linden.pat).identifier is None

    @pytest.mark.parametrize(
        ("ceiling", "applies", "name"),
        [("initials", "initials", "Initials"), ("none", "none", "Not at all")],
    )
    def test_under_a_lowered_ceiling_what_applies_is_ticked_and_can_be_saved(
        self, pat, linden, ceiling, applies, name
    ):
        linden.pat.change_sync(identifier="full_name")
        assert "Your clinic limits you" not in page(pat)
        linden.clinic.change(None, privacy_ceiling=ceiling)
        text = page(pat)
        assert (
            f"Your clinic limits you to “{name}”, so that applies now." in text
            and "You chose “Full name”" in text
        )
        assert re.findall(r'name="identifier" value="(\w+)" checked>', text) == [applies]
        assert "We do not recommend full names" not in text
        assert pat.post("/sync/identifier", data={"identifier": applies}).status_code == 303
        assert stored(linden.pat).identifier == applies and "Your clinic limits you" not in page(
            pat
        )

    def test_a_lowered_ceiling_shows_at_the_very_next_read(self, pat, linden, link, booking):
        linden.pat.change_sync(identifier="first_name")
        assert summary(pat, link) == "Shoulder · Małgorzata"
        linden.clinic.privacy_ceiling = "internal_id"
        linden.clinic.bump_faces()
        linden.clinic.save()
        assert summary(pat, link) == "Shoulder · K-2041"

    def test_a_link_that_showed_more_follows_a_safer_choice(self, pat, linden, link, booking):
        linden.pat.change_sync(identifier="first_name")
        link.change(linden.pat, identifier="initials")
        pat.post("/sync/identifier", data={"identifier": "internal_id"})
        assert summary(pat, link) == "Shoulder · K-2041"

    def test_the_texts_of_caution_stand_where_the_choice_is(self, pat, linden):
        def said(identifier):
            return page(pat, f"/sync/preview?identifier={identifier}", headers=HTMX)

        assert "most secure" in said(
            "internal_id"
        ) and '<a href="/clients/">Look the ID up in Clients</a>' in said("internal_id")
        assert "expose health data" in said("full_name")
        assert "breaks the rules" in said("full_name")
        assert "Only if the calendar is yours alone" in said("first_name")
        assert "Only if the calendar is yours alone" not in said("initials")

    def test_internal_ids_that_are_off_are_said_with_the_way_to_switch_them_on(
        self, pat, signed_in, linden
    ):
        linden.clinic.internal_ids = False
        linden.clinic.save()
        path = "/sync/preview?identifier=internal_id"
        assert "Ask a manager of your clinic" in page(pat, path, headers=HTMX)
        assert "Switch them on in Settings" in page(signed_in(linden.maya), path, headers=HTMX)

    def test_internal_ids_that_are_off_are_in_no_preview_and_no_example(
        self, pat, linden, link, booking
    ):
        linden.pat.change_sync(identifier="internal_id")
        assert "Bookings with internal ID" in page(pat) and "K-2041" in page(pat)
        linden.clinic.change(None, internal_ids=False)
        text = page(pat)
        assert "Bookings without clients" in text and "K-2041" not in text


class TestPreview:
    def test_examples_are_drawn_from_the_next_booking(self, pat, booking):
        text = page(pat)
        for example in (
            "“Shoulder”",
            "“Shoulder · K-2041”",
            "“Shoulder · M. W.”",
            "“Shoulder · Małgorzata W.”",
        ):
            assert example in text

    def test_the_preview_follows_the_choice_and_saves_nothing(self, pat, linden, booking):
        answer = pat.get("/sync/preview?identifier=initials", headers=HTMX)
        text = answer.get_data(as_text=True)
        assert text.startswith('<section id="preview"')
        assert text.count("Shoulder · M. W.") == 1
        assert stored(linden.pat).identifier is None

    def test_without_javascript_it_is_a_page(self, pat, linden, booking):
        answer = pat.post("/sync/preview", data={"identifier": "initials"})
        text = answer.get_data(as_text=True)
        assert answer.status_code == 200
        assert "<h1>Calendar sync</h1>" in text
        assert 'value="initials" checked' in text
        assert stored(linden.pat).identifier is None

    def test_what_it_shows_is_what_the_feed_says(self, pat, linden, link, booking):
        for identifier in ("none", "internal_id", "full_name"):
            text = page(pat, f"/sync/preview?identifier={identifier}", headers=HTMX)
            linden.pat.change_sync(identifier=identifier)
            assert text.count(f"<span>{summary(pat, link)}<br>") == 1

    def test_the_identifier_never_exceeds_the_ceiling(self, pat, linden, booking):
        linden.clinic.privacy_ceiling = "none"
        linden.clinic.save()
        assert "Małgorzata" not in page(pat, "/sync/preview?identifier=full_name", headers=HTMX)

    def test_that_google_leaves_out_what_is_cancelled_is_said(self, pat, booking, linden):
        booking.cancel(linden.pat)
        text = page(pat, "/sync/preview?identifier=none", headers=HTMX)
        assert "Cancelled: Shoulder" in text and "Google leaves cancelled bookings out" in text

    def test_each_link_shows_what_it_really_shows_and_not_what_new_ones_would(
        self, pat, linden, link, booking
    ):
        linden.clinic.change(linden.olive, feed_preset="locum")
        linden.pat.change_sync(identifier="initials")
        Feed.generate(linden.pat, "Agency", linden.pat, kind="availability", scope="person")
        link.change(linden.pat, identifier="internal_id")
        text = page(pat, "/sync/preview?identifier=initials", headers=HTMX)
        panes = dict(re.findall(r'<h4 id="preview-link-(\d+)">(.*?)</section>', text, re.DOTALL))
        assert len(panes) == 2 and panes[str(link.id)].count("Shoulder · K-2041<br>") == 1
        assert [pane for pane in panes.values() if "Busy<br>" in pane and "Agency" in pane]
        safer = page(pat, "/sync/preview?identifier=none", headers=HTMX)
        assert "K-2041" not in safer and "Shoulder<br>" in safer

    def test_the_preview_shows_three_own_bookings(self, pat, linden, booking, clock):
        start = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
        Booking.book(
            linden.colleague_calendar,
            [Span(start, start + timedelta(hours=1))],
            None,
            patient=linden.patient,
            service=linden.service,
        )
        spans = [
            Span(start + timedelta(days=n), start + timedelta(days=n, hours=1)) for n in range(1, 5)
        ]
        Booking.book(linden.calendar, spans, None, service=linden.service)
        text = page(pat, "/sync/preview?identifier=none", headers=HTMX)
        assert text.count("Shoulder<br>") == 3
        assert "Fri 27 Nov" not in text

    def test_hidden_information_is_hidden_in_it_too(self, pat, linden, booking):
        linden.pat.change_sync(hide_sensitive=True)
        text = page(pat, "/sync/preview?identifier=first_name", headers=HTMX)
        assert "Małgorzata" not in text
        assert text.count("Busy<br>") == 1

    def test_nonsense_shows_what_is_saved(self, pat, linden, booking):
        linden.pat.change_sync(identifier="internal_id")
        assert "K-2041" in page(pat, "/sync/preview?identifier=%00x", headers=HTMX)


class TestStatus:
    def test_no_link_yet_says_what_to_do(self, pat):
        assert "You have no private link yet" in page(pat)

    def test_a_link_that_nobody_read_is_said(self, pat, link):
        assert "One link, not read yet." in page(pat)

    def test_the_last_reader_is_named(self, pat, link, clock):
        FeedRead.create(
            feed=link,
            family="Apple Calendar",
            first_at=clock.now,
            last_at=clock.now - timedelta(minutes=12),
            count=3,
        )
        text = page(pat)
        assert "Last read 12 minutes ago by Apple Calendar" in text
        assert "One link, ready whenever an app looks." in text

    def test_a_plan_without_links_is_explained(self, pat, linden, link):
        linden.clinic.change_plan("basic", None)
        assert "Your clinic’s plan has no private links" in page(pat)

    def test_the_accordion_is_closed_and_holds_own_links_alone(self, pat, linden, link):
        other = Feed.generate(
            linden.quinn, "Quinn’s phone", linden.quinn, practitioner=linden.colleague_calendar
        )
        text = page(pat)
        assert re.search(r'<details id="other-ways" class="card">', text)
        assert feeds.path(KEY, link) in text
        assert feeds.path(KEY, other) not in text
        assert "Quinn’s phone" not in text

    def test_both_ways_are_named_and_not_to_be_had_where_no_provider_is_set_up(self, pat):
        text = page(pat)
        for mode in ("google", "microsoft"):
            assert f'value="{mode}" disabled' in text
        assert text.count("Not set up in this Kalends") == 2


class TestHistory:
    def test_the_history_words_each_change(self, pat, linden, link):
        pat.post("/sync/identifier", data={"identifier": "internal_id"})
        link.rotate(linden.pat)
        link.revoke(linden.pat)
        text = page(pat)
        for line in (
            "You chose how clients appear: internal ID",
            "You made the link “My phone”",
            "You regenerated the URL of the link “My phone”",
            "You stopped the link “My phone”",
        ):
            assert line in text

    def test_the_history_has_no_other_peoples_changes(self, pat, linden):
        linden.quinn.change_sync(identifier="initials")
        Feed.generate(
            linden.quinn, "Quinn’s phone", linden.quinn, practitioner=linden.colleague_calendar
        )
        assert sync_words.changes(linden.pat, 10) == []
        assert "Nothing yet" in page(pat)

    def test_no_address_and_no_client_gets_into_the_audit(self, pat, linden, link, booking):
        pat.post("/sync/identifier", data={"identifier": "full_name", "confirm_full_name": "y"})
        link.rotate(linden.pat)
        details = " ".join(str(entry.detail) for entry in AuditEntry.select())
        assert str(link.uuid) not in details
        assert link.salt not in details
        assert "Wójcik" not in details


def test_times_are_read_in_one_s_own_venue(signed_in, linden, booking, clock):
    start = datetime(2026, 11, 30, 15, 0, tzinfo=UTC)
    Booking.book(
        linden.abroad, [Span(start, start + timedelta(hours=1))], None, service=linden.service
    )
    Practitioner.update(archived=True).where(
        Practitioner.id == linden.colleague_calendar.id
    ).execute()
    assert "<time>10:00</time>" in page(signed_in(linden.quinn))
