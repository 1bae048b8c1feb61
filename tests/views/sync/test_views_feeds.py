"""Private links.

Made, shown, changed, regenerated, stopped, cleared; by their owner alone, and felt by the next
reader.
"""

import dataclasses
import html
import re
import uuid
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import icalendar
import pytest

from base.feed_presets import LOCUM
from base.scheduling import Span
from models import (
    MOST_FEEDS,
    AuditEntry,
    Booking,
    Feed,
    FeedRead,
    NotYours,
    Practitioner,
    User,
)
from sync.feeds import feed as feeds
from sync.feeds.shown import EMPTY, STOPPED
from tests.pages import forms_of

KEY = "a key of the tests"
HTMX = {"HX-Request": "true"}
START = datetime(2026, 11, 26, 14, 0, tzinfo=UTC)


@pytest.fixture
def booking(linden, clock):
    return Booking.book(
        linden.calendar,
        [Span(START, START + timedelta(minutes=50))],
        linden.pat,
        patient=linden.patient,
        service=linden.service,
        rate_cents=6500,
        notes="Bring the exercise sheet",
    )[0]


@pytest.fixture
def link(linden, clock):
    return Feed.generate(linden.pat, "My phone", linden.pat, practitioner=linden.calendar)


@pytest.fixture
def pat(signed_in, linden):
    return signed_in(linden.pat)


def page(browser, path="/sync/links/") -> str:
    answer = browser.get(path)
    assert answer.status_code == 200
    return html.unescape(answer.get_data(as_text=True))


def read(browser, feed: Feed) -> list | None:
    """The bookings' events in the feed as it is now; None when it is refused."""
    answer = browser.get(feeds.path(KEY, Feed.get_by_id(feed.id)))
    if answer.status_code != 200:
        return None
    return [
        event
        for event in icalendar.Calendar.from_ical(answer.data).walk("VEVENT")
        if event["SUMMARY"] not in (EMPTY, STOPPED)
    ]


def settings(**given) -> dict:
    """A whole settings form, with the usual choices where `given` is silent."""
    return {
        "name": "My phone",
        "title": "{service} {client}",
        "identifier": "",
        "preset": "clinic",
        "window": "year",
        "first": "",
        "second": "",
        "third": "",
        **{
            f"status_{s}": ""
            for s in (
                "offered",
                "pending",
                "confirmed",
                "arrived",
                "delivered",
                "invoiced",
                "paid",
                "cancelled",
                "no_show",
            )
        },
        **given,
    }


class TestIndex:
    def test_an_empty_list_says_what_to_do(self, pat):
        text = page(pat)
        assert "No links yet" in text
        assert "Generate feed URL" in text

    def test_a_link_stands_with_its_whole_address_and_a_warning(self, pat, link):
        text = page(pat)
        assert f'value="http://localhost{feeds.path(KEY, link)}"' in text
        assert "Treat it like a password" in text
        assert "Never read" in text

    def test_only_one_s_own_links_are_listed_even_for_the_owner_of_the_clinic(
        self, signed_in, linden, link
    ):
        text = page(signed_in(linden.olive))
        assert "My phone</h3>" not in text
        assert str(link.uuid) not in text

    def test_who_reads_it_and_how_often_is_told_in_words(self, pat, link, clock):
        for family, minutes, seconds in (
            ("Apple Calendar", 12, 3600),
            ("Google Calendar", 300, 43000),
        ):
            FeedRead.create(
                feed=link,
                family=family,
                first_at=clock.now - timedelta(days=9),
                last_at=clock.now - timedelta(minutes=minutes),
                count=9,
                interval_seconds=seconds,
            )
        text = re.sub(r"\s+", " ", page(pat))
        assert "Read <strong>12 minutes ago</strong> by Apple Calendar, about hourly." in text
        assert "Also 5 hours ago by Google Calendar, about twice a day." in text
        assert "Read regularly" in text

    def test_a_link_that_lost_its_reader_is_marked(self, pat, link, clock):
        FeedRead.create(
            feed=link,
            family="Thunderbird",
            first_at=clock.now,
            last_at=clock.now - timedelta(days=30),
            count=9,
            interval_seconds=1800,
        )
        assert "Not read lately" in page(pat)

    def test_each_app_gets_the_address_in_its_own_scheme(self, pat, link):
        path, text = feeds.path(KEY, link), page(pat)
        assert f'href="webcal://localhost{path}"' in text
        google = re.search(
            r'<a [^>]*href="https://calendar.google.com/calendar/u/0/r/settings/addbyurl"[^>]*>',
            text,
        )[0]
        assert f'data-copy="link-{link.id}-url"' in google and 'rel="noopener noreferrer"' in google
        for host in ("outlook.live.com", "outlook.office.com"):
            target = re.search(rf'href="(https://{host}/[^"]+)"', text)[1]
            assert "http%3A%2F%2Flocalhost%2Fapi%2Fcalendar%2F" in target
            assert parse_qs(urlsplit(target).query) == {
                "url": [f"http://localhost{path}"],
                "name": ["My phone"],
            }

    def test_the_code_holds_the_webcal_address(self, migrated_app, link):
        import segno

        from views.sync import feed_address

        with migrated_app.test_request_context():
            size, path = feed_address.qr(link)
            expected = segno.make(feed_address.webcal(link), error="m", micro=False)
        assert size == expected.symbol_size(border=2)[0]
        assert sum(int(w) for w in re.findall(r"h(\d+)v", path)) == sum(
            sum(row) for row in expected.matrix_iter(border=2)
        )

    def test_google_and_microsoft_keeping_copies_is_said(self, pat, link):
        assert "keep a copy" in page(pat)

    def test_addresses_are_never_kept_by_a_browser(self, pat, link):
        assert pat.get("/sync/links/").headers["Cache-Control"] == "no-store"


class TestCreate:
    def test_a_link_is_made_for_one_s_own_calendar(self, pat, linden, booking):
        answer = pat.post("/sync/links/", data={"name": "My laptop", "kind": "bookings"})
        feed = Feed.get()
        assert answer.status_code == 303
        assert answer.location.endswith(f"/sync/links/#link-{feed.id}")
        assert (feed.name, feed.user, feed.kind) == ("My laptop", linden.pat, "bookings")
        assert (feed.scope, feed.practitioner) == ("practitioner", linden.calendar)
        assert [str(event["SUMMARY"]) for event in read(pat, feed)] == ["Shoulder"]

    def test_htmx_gets_the_list_and_an_empty_form(self, pat, linden):
        text = pat.post(
            "/sync/links/", data={"name": "My laptop", "kind": "bookings"}, headers=HTMX
        ).get_data(as_text=True)
        assert text.startswith('<section id="links"')
        assert "My laptop</h3>" in text
        assert 'value="My laptop"' not in text

    def test_a_name_may_be_left_out(self, pat, linden):
        pat.post("/sync/links/", data={"kind": "bookings"})
        pat.post("/sync/links/", data={"kind": "availability"})
        assert [feed.name for feed in Feed.select().order_by(Feed.id)] == [
            "My calendar",
            "Free and busy",
        ]

    @pytest.mark.parametrize(
        "given", [{"name": "x" * 81, "kind": "bookings"}, {"name": "ok", "kind": "everything"}]
    )
    def test_what_cannot_be_is_refused_with_the_values_kept(self, pat, linden, given):
        answer = pat.post("/sync/links/", data=given, headers=HTMX)
        assert answer.status_code == 422
        text = answer.get_data(as_text=True)
        assert text.startswith('<section id="links"')
        assert given["name"][:80] in text
        assert not Feed.select().exists()

    def test_names_are_checked_and_escaped(self, pat, linden):
        assert (
            pat.post(
                "/sync/links/", data={"name": "<b>\u202ephone\x00</b>", "kind": "bookings"}
            ).status_code
            == 422
        )
        assert not Feed.select().exists()
        pat.post("/sync/links/", data={"name": "<b>phone</b>", "kind": "bookings"})
        assert Feed.get().name == "<b>phone</b>"
        assert b"<b>phone" not in pat.get("/sync/links/").data

    def test_free_and_busy_shows_that_and_nothing_else(self, pat, linden, booking):
        pat.post("/sync/links/", data={"name": "Agency", "kind": "availability"})
        (event,) = read(pat, Feed.get())
        assert str(event["SUMMARY"]) == "Busy"
        assert not event.get("DESCRIPTION") and not event.get("LOCATION")

    def test_a_person_at_two_venues_chooses_one_or_both(self, signed_in, linden):
        quinn = signed_in(linden.quinn)
        text = page(quinn)
        assert "Mine at Harbour House" in text
        assert "Mine at every venue, in one link" in text
        quinn.post("/sync/links/", data={"name": "both", "kind": "bookings", "covers": "person"})
        quinn.post(
            "/sync/links/",
            data={"name": "one", "kind": "bookings", "covers": str(linden.abroad.id)},
        )
        both, one = Feed.select().order_by(Feed.id)
        assert (both.scope, both.practitioner) == ("person", None)
        assert (one.scope, one.practitioner) == ("practitioner", linden.abroad)

    def test_a_manager_links_a_colleague_s_calendar_or_all_of_them(
        self, signed_in, linden, booking
    ):
        maya = signed_in(linden.maya)
        for covers in (str(linden.calendar.id), "clinic"):
            assert (
                maya.post(
                    "/sync/links/", data={"name": covers, "kind": "bookings", "covers": covers}
                ).status_code
                == 303
            )
        for feed in Feed.select():
            assert [str(event["SUMMARY"]) for event in read(maya, feed)] == ["Shoulder"]
        text = page(maya)
        assert "All calendars</span>" in text
        assert "Pat Linden</span>" in text

    def test_a_colleague_who_has_not_allowed_it_is_named_and_left_out(
        self, signed_in, linden, booking
    ):
        feed = Feed.generate(linden.maya, "Pat’s", None, practitioner=linden.calendar)
        maya = signed_in(linden.maya)
        assert "has not allowed bookings to leave" not in page(maya)
        User.update(sync_allowed=False).where(User.id == linden.pat.id).execute()
        assert "Pat Linden has not allowed bookings to leave" in page(maya)
        assert read(maya, feed) == []

    def test_how_many_take_part_in_all_calendars_is_said(self, signed_in, linden, booking):
        User.update(sync_allowed=False).where(User.id == linden.pat.id).execute()
        maya = signed_in(linden.maya)
        maya.post("/sync/links/", data={"name": "all", "kind": "bookings", "covers": "clinic"})
        assert "2 of 3 take part" in page(maya)
        assert read(maya, Feed.get()) == []

    @pytest.mark.parametrize(
        ("covers", "status"),
        [("clinic", 403), ("colleague", 403), ("stranger", 404), ("nonsense", 404), ("-1", 404)],
    )
    def test_a_practitioner_links_nothing_of_others(self, pat, linden, stranger, covers, status):
        row = {
            "colleague": linden.colleague_calendar,
            "stranger": Practitioner.get(Practitioner.user == stranger),
        }.get(covers)
        given = {"name": "sly", "kind": "bookings", "covers": str(row.id) if row else covers}
        for headers in ({}, HTMX):
            assert pat.post("/sync/links/", data=given, headers=headers).status_code == status
        assert not Feed.select().exists()

    @pytest.mark.parametrize("scope", ["clinic", "practitioner"])
    def test_the_model_holds_that_too(self, linden, scope):
        columns = {
            "scope": scope,
            "practitioner": linden.colleague_calendar if scope == "practitioner" else None,
        }
        with pytest.raises(NotYours):
            Feed.generate(linden.pat, "sly", linden.pat, **columns)
        assert not Feed.select().exists() and not AuditEntry.select().exists()

    def test_a_manager_s_links_to_others_die_with_the_role(self, signed_in, linden, booking):
        made = [
            Feed.generate(linden.maya, "x", None, practitioner=linden.calendar),
            Feed.generate(linden.maya, "y", None, scope="clinic"),
        ]
        maya = signed_in(linden.maya)
        assert all(len(read(maya, feed)) == 1 for feed in made)
        User.update(role="practitioner").where(User.id == linden.maya.id).execute()
        assert [read(maya, feed) for feed in made] == [None, None]

    @pytest.mark.parametrize("scope", ["practitioner", "clinic"])
    def test_a_link_whose_role_is_gone_says_so_and_may_be_stopped(
        self, signed_in, linden, booking, scope
    ):
        calendar = linden.calendar if scope == "practitioner" else None
        feed, maya = (
            Feed.generate(linden.maya, "Front desk", None, scope=scope, practitioner=calendar),
            signed_in(linden.maya),
        )
        assert "needs the role" not in page(maya) + page(maya, "/sync/")
        User.update(role="practitioner").where(User.id == linden.maya.id).execute()
        text = page(maya)
        assert "Off: needs the role of a manager" in text
        assert (
            str(feed.uuid) not in text and 'data-kind="qr"' not in text and "/rotation" not in text
        )
        text = page(maya, "/sync/")
        assert text.count("Off: needs the role of a manager") == 2
        assert str(feed.uuid) not in text and "ready whenever" not in text
        assert maya.post(f"/sync/links/{feed.id}/revocation").status_code == 303
        assert maya.post(f"/sync/links/{feed.id}/clearing").status_code == 303
        assert "Front desk" not in page(maya).partition('<section id="links"')[2]

    def test_while_the_person_has_not_allowed_it_there_is_none_to_make(self, pat, linden):
        User.update(sync_allowed=False).where(User.id == linden.pat.id).execute()
        answer = pat.post("/sync/links/", data={"name": "early", "kind": "bookings"})
        assert answer.status_code == 422
        assert "Switch on" in answer.get_data(as_text=True)
        assert not Feed.select().exists()

    def test_who_has_no_calendar_is_told(self, signed_in, linden):
        Practitioner.update(archived=True).where(Practitioner.user == linden.pat).execute()
        answer = signed_in(linden.pat).post(
            "/sync/links/", data={"name": "none", "kind": "bookings"}
        )
        assert answer.status_code == 422
        assert "You have no calendar here yet" in answer.get_data(as_text=True)

    def test_the_number_of_links_is_limited(self, pat, linden):
        for n in range(MOST_FEEDS):
            Feed.generate(linden.pat, f"{n}", None, practitioner=linden.calendar)
        assert (
            pat.post("/sync/links/", data={"name": "more", "kind": "bookings"}).status_code == 422
        )
        assert Feed.select().count() == MOST_FEEDS


class TestSettings:
    def test_what_a_link_shows_is_changed_and_its_address_is_not(self, pat, linden, link, booking):
        linden.pat.change_sync(identifier="first_name")
        before = feeds.path(KEY, link)
        answer = pat.post(
            f"/sync/links/{link.id}",
            data=settings(
                name="Desk",
                title="{client} {service}",
                identifier="initials",
                details=["status", "rate"],
                window="half_year",
            ),
        )
        assert answer.status_code == 303
        changed = Feed.get_by_id(link.id)
        assert feeds.path(KEY, changed) == before
        assert (changed.name, changed.past_days, changed.future_days) == ("Desk", 30, 183)
        (event,) = read(pat, link)
        assert str(event["SUMMARY"]) == "M. W. · Shoulder"
        assert str(event["DESCRIPTION"]) == "Status: Confirmed\nRate: 65.00 GBP"

    def test_the_form_comes_filled_with_what_is_stored(self, pat, link):
        link.change(
            None,
            title="{organisation} {client}",
            statuses={"pending": "confirmed"},
            past_days=7,
            future_days=70,
        )
        text = page(pat, f"/sync/links/{link.id}")
        for chosen in (
            '<option selected value="own">',
            '<option selected value="{organisation}">',
            '<option selected value="{client}">',
        ):
            assert chosen in text
        assert 'value="7"' in text and 'value="70"' in text
        assert re.search(r'id="status_pending".*?<option selected value="confirmed">', text, re.S)

    def test_an_own_order_of_blocks(self, pat, link, booking):
        pat.post(
            f"/sync/links/{link.id}",
            data=settings(
                title="own", first="{organisation}", second="{service}", third="{service}"
            ),
        )
        assert Feed.get_by_id(link.id).title == "{organisation} {service}"
        assert str(read(pat, link)[0]["SUMMARY"]) == "Linden Street · Shoulder"

    def test_each_status_may_be_chosen_alone(self, pat, link, booking, linden):
        pat.post(
            f"/sync/links/{link.id}",
            data=settings(preset="own", status_confirmed="tentative", status_no_show="cancelled"),
        )
        assert Feed.get_by_id(link.id).statuses == {
            "confirmed": "tentative",
            "no_show": "cancelled",
        }
        assert str(read(pat, link)[0]["STATUS"]) == "TENTATIVE"

    def test_the_locum_preset_and_everything(self, pat, link):
        pat.post(
            f"/sync/links/{link.id}",
            data=settings(preset="locum", window="everything", title="{organisation}"),
        )
        changed = Feed.get_by_id(link.id)
        assert (changed.statuses, changed.past_days, changed.future_days, changed.title) == (
            LOCUM,
            None,
            None,
            "{organisation}",
        )

    def test_hiding_one_link_hides_that_one(self, pat, linden, link, booking):
        other = Feed.generate(linden.pat, "other", None, practitioner=linden.calendar)
        pat.post(f"/sync/links/{link.id}", data=settings(hide_sensitive="y", details=["rate"]))
        assert str(read(pat, link)[0]["SUMMARY"]) == "Busy"
        assert str(read(pat, other)[0]["SUMMARY"]) == "Shoulder"

    def test_notes_leave_only_where_the_clinic_allows_it(self, pat, linden, link, booking):
        assert "Your clinic keeps notes inside Kalends" in page(pat, f"/sync/links/{link.id}")
        assert (
            pat.post(f"/sync/links/{link.id}", data=settings(details=["notes"])).status_code == 422
        )
        linden.clinic.notes_may_leave = True
        linden.clinic.save()
        assert (
            pat.post(f"/sync/links/{link.id}", data=settings(details=["notes"])).status_code == 303
        )
        assert str(read(pat, link)[0]["DESCRIPTION"]) == "Bring the exercise sheet"

    @pytest.mark.parametrize(
        ("given", "sentence"),
        [
            ({"name": " "}, "Name the link"),
            ({"name": "x" * 81}, "Use at most 80 characters"),
            ({"title": "own"}, "Choose at least one part"),
            ({"title": "{notes}"}, "Choose one from the list"),
            ({"preset": "own"}, "Show at least one status"),
            ({"preset": "own", "status_paid": "maybe"}, "Choose one from the list"),
            ({"window": "own", "past_days": "-1"}, "Write 0 to 3650"),
            ({"window": "own", "future_days": "9999"}, "Write 1 to 3650"),
            ({"window": "decade"}, "Choose one from the list"),
            ({"identifier": "full_name"}, "Choose one from the list"),
            ({"details": ["phone"]}, "is not a valid choice"),
        ],
    )
    def test_what_cannot_be_is_refused_and_nothing_stored(self, pat, linden, link, given, sentence):
        linden.pat.change_sync(identifier="initials")
        before = dict(Feed.get_by_id(link.id).__data__)
        answer = pat.post(f"/sync/links/{link.id}", data=settings(**given), headers=HTMX)
        text = html.unescape(answer.get_data(as_text=True))
        assert answer.status_code == 422
        assert text.startswith('<form id="link-settings"')
        assert sentence in text
        assert Feed.get_by_id(link.id).__data__ == before

    def test_htmx_goes_back_to_the_list(self, pat, link):
        answer = pat.post(f"/sync/links/{link.id}", data=settings(), headers=HTMX)
        assert answer.status_code == 204
        assert answer.headers["HX-Redirect"].endswith(f"#link-{link.id}")

    def test_a_free_and_busy_link_asks_for_name_and_time_alone(self, pat, linden):
        feed = Feed.generate(
            linden.pat, "Agency", None, practitioner=linden.calendar, kind="availability"
        )
        text = page(pat, f"/sync/links/{feed.id}")
        assert 'name="window"' in text and 'name="title"' not in text
        answer = pat.post(
            f"/sync/links/{feed.id}",
            data={"name": "Family", "window": "own", "past_days": "", "future_days": "60"},
        )
        assert answer.status_code == 303
        changed = Feed.get_by_id(feed.id)
        assert (changed.name, changed.past_days, changed.future_days, changed.kind) == (
            "Family",
            None,
            60,
            "availability",
        )


class TestRotate:
    def test_regenerating_asks_first_and_names_the_effect(self, pat, link):
        whole = page(pat, f"/sync/links/{link.id}/rotation")
        assert "<h1>Private links</h1>" in whole and "at once" in whole
        part = pat.get(f"/sync/links/{link.id}/rotation", headers=HTMX).get_data(as_text=True)
        assert part.lstrip().startswith('<dialog id="rotation" open')

    @pytest.mark.parametrize(
        ("families", "said"),
        [
            (
                [],
                (
                    "Any app that uses it gets nothing more and goes stale; add the new address"
                    " there by hand."
                ),
            ),
            (
                ["another app"],
                "Another app gets nothing more and goes stale; add the new address there by hand.",
            ),
            (
                ["another app", "Outlook"],
                (
                    "Outlook and another app get nothing more and go stale; add the new address in"
                    " each by hand."
                ),
            ),
            (
                ["another app", "Outlook", "Thunderbird"],
                (
                    "Thunderbird, Outlook and another app get nothing more and go stale; add the"
                    " new address in each by hand."
                ),
            ),
        ],
    )
    def test_regenerating_names_the_programs_that_lose_the_link(
        self, pat, link, clock, families, said
    ):
        for minute, family in enumerate(families):
            FeedRead.create(
                feed=link,
                family=family,
                first_at=clock.now,
                last_at=clock.now + timedelta(minutes=minute),
                count=1,
            )
        assert said in page(pat, f"/sync/links/{link.id}/rotation")

    def test_the_old_address_dies_at_once_and_the_new_one_lives(self, pat, link, booking):
        old = feeds.path(KEY, link)
        assert pat.get(old).status_code == 200
        answer = pat.post(f"/sync/links/{link.id}/rotation")
        assert answer.status_code == 303
        new = feeds.path(KEY, Feed.get_by_id(link.id))
        assert new != old
        assert pat.get(old).status_code == 404
        assert pat.get(new).status_code == 200
        assert new in page(pat)

    def test_htmx_gets_the_list_with_the_new_address(self, pat, link):
        text = pat.post(f"/sync/links/{link.id}/rotation", headers=HTMX).get_data(as_text=True)
        assert text.startswith('<section id="links"')
        assert feeds.path(KEY, Feed.get_by_id(link.id)) in text
        assert "<dialog" not in text

    def test_what_happened_stands_in_the_changed_card(self, pat, link):
        made = pat.post(
            "/sync/links/", data={"name": "My laptop", "kind": "bookings"}, headers=HTMX
        ).get_data(as_text=True)
        assert re.findall(r'<h3 id="link-\d+-title">(.*?)</h3>', made) == ["My laptop", "My phone"]
        for path, data, sentence in (
            (f"{link.id}/rotation", {}, "the old one is dead"),
            ("privacy", {"hide_sensitive": "y"}, "Every link of yours now says"),
            (f"{link.id}/revocation", {}, "is stopped. Anyone who still has"),
        ):
            text = pat.post(f"/sync/links/{path}", data=data, headers=HTMX).get_data(as_text=True)
            card = text.partition(
                ' id="hide"' if path == "privacy" else f'<article id="link-{link.id}"'
            )[2]
            assert text.count(sentence) == 1 and sentence in card, path

    def test_the_token_stays_out_of_where_we_go_next(self, pat, link):
        secret = feeds.token(KEY, str(link.uuid), link.salt)
        for answer in (
            pat.post(f"/sync/links/{link.id}", data=settings()),
            pat.post(f"/sync/links/{link.id}/rotation"),
        ):
            assert secret not in answer.location and str(link.uuid) not in answer.location


class TestStop:
    def test_stopping_asks_first(self, pat, link):
        part = pat.get(f"/sync/links/{link.id}/revocation", headers=HTMX).get_data(as_text=True)
        assert part.lstrip().startswith('<dialog id="revocation" open')
        assert "Stop the link “My phone”?" in page(pat, f"/sync/links/{link.id}/revocation")

    def test_a_stopped_link_answers_nothing_and_shows_no_address(self, pat, link, booking):
        assert pat.post(f"/sync/links/{link.id}/revocation").status_code == 303
        assert read(pat, link) is None
        text = page(pat)
        assert "You stopped it on Friday 20 November" in text
        assert str(link.uuid) not in text

    def test_htmx_gets_the_list(self, pat, link):
        text = pat.post(f"/sync/links/{link.id}/revocation", headers=HTMX).get_data(as_text=True)
        assert text.startswith('<section id="links"')
        assert "You stopped it" in text

    def test_a_stopped_link_stays_stopped(self, pat, link):
        link.revoke(None)
        for path in (
            f"/sync/links/{link.id}/rotation",
            f"/sync/links/{link.id}/revocation",
            f"/sync/links/{link.id}",
        ):
            stops = path.endswith("revocation")  # the button, pressed once more
            assert pat.post(path, data=settings()).status_code == (303 if stops else 404)
            assert pat.get(path).status_code == 404
        assert pat.get(f"/sync/links/{link.id}/card").status_code == 404
        row = Feed.get_by_id(link.id)
        assert (row.revoked_at, row.salt, row.name) == (link.revoked_at, link.salt, link.name)

    def test_cleared_links_leave_the_list_and_stay_dead(self, pat, link, clock):
        link.revoke(None)
        FeedRead.create(
            feed=link, family="Thunderbird", first_at=clock.now, last_at=clock.now, count=1
        )
        assert pat.post(f"/sync/links/{link.id}/clearing").status_code == 303
        assert "My phone</h3>" not in page(pat)
        assert read(pat, link) is None
        assert not FeedRead.select().exists()
        assert pat.post(f"/sync/links/{link.id}/clearing").status_code == 303, "a second press"
        assert pat.get(f"/sync/links/{link.id}/clearing").status_code == 404
        assert "My phone</h3>" not in page(pat) and read(pat, link) is None

    def test_clearing_a_link_that_still_gives_its_entry_asks_first(self, pat, linden, link, clock):
        linden.clinic.change(linden.olive, empty_when_stopped=True)
        where = f"/sync/links/{link.id}/clearing"
        assert pat.get(where).status_code == 404
        link.revoke(None)
        assert f'href="{where}"' in page(pat) and f'action="{where}"' not in page(pat)
        asked = " ".join(pat.get(where).get_data(as_text=True).split())
        assert "still gives one entry" in asked and f'action="{where}"' in asked
        assert "still gives one entry" in pat.get(where, headers=HTMX).get_data(as_text=True)
        assert read(pat, link) is not None
        Feed.update(revoked_at=clock.now - timedelta(days=31)).execute()
        assert f'action="{where}"' in page(pat) and f'href="{where}"' not in page(pat)

    def test_htmx_clears_too_but_not_a_living_link(self, pat, link):
        assert pat.post(f"/sync/links/{link.id}/clearing", headers=HTMX).status_code == 404
        link.revoke(None)
        assert (
            pat.post(f"/sync/links/{link.id}/clearing", headers=HTMX)
            .get_data(as_text=True)
            .startswith('<section id="links"')
        )


class TestHide:
    def test_every_link_says_busy_and_nothing_else(self, pat, linden, booking):
        linden.pat.change_sync(identifier="full_name")
        made = [
            Feed.generate(linden.pat, n, None, practitioner=linden.calendar, details="status rate")
            for n in "ab"
        ]
        assert pat.post("/sync/links/privacy", data={"hide_sensitive": "y"}).status_code == 303
        for feed in made:
            (event,) = read(pat, feed)
            assert str(event["SUMMARY"]) == "Busy"
            assert not event.get("DESCRIPTION") and not event.get("LOCATION")
        pat.post("/sync/links/privacy", data={})
        assert str(read(pat, made[0])[0]["SUMMARY"]) == "Shoulder · Małgorzata Wójcik"

    def test_htmx_gets_the_list(self, pat, link, linden):
        text = pat.post("/sync/links/privacy", data={"hide_sensitive": "y"}, headers=HTMX).get_data(
            as_text=True
        )
        assert text.startswith('<section id="links"')
        assert User.get_by_id(linden.pat.id).hide_sensitive


class TestPlan:
    def test_without_links_in_the_plan_it_is_explained_and_refused(
        self, pat, linden, link, booking
    ):
        linden.clinic.change_plan("basic", None)
        text = page(pat)
        assert "Your clinic’s plan has no private links" in text
        assert "Generate feed URL" not in text
        assert str(link.uuid) not in text
        assert pat.post("/sync/links/", data={"name": "x", "kind": "bookings"}).status_code == 422
        assert pat.post(f"/sync/links/{link.id}/rotation").status_code == 403
        assert read(pat, link) is None
        assert Feed.select().count() == 1

    @pytest.mark.parametrize("empties", [False, True])
    def test_what_becomes_of_the_address_is_said_as_the_clinic_chose_it(
        self, pat, linden, link, booking, empties
    ):
        linden.clinic.change(None, empty_when_stopped=empties)
        linden.clinic.change_plan("basic", None)
        assert (read(pat, link) == []) is empties
        assert page(pat).count("one entry, “This link was stopped”") == (2 if empties else 0)
        assert ("stopped answering" in page(pat)) is not empties and (
            "gets nothing" in page(pat)
        ) is not empties
        assert ("give an empty calendar" in page(pat, "/sync/")) is empties

    @pytest.mark.parametrize("empties", [False, True])
    def test_a_link_stopped_by_leaving_or_by_hand_says_the_same(
        self, signed_in, linden, link, booking, empties
    ):
        linden.clinic.change(None, empty_when_stopped=empties)
        linden.pat.leave(linden.olive)
        linden.pat.come_back(linden.olive)
        pat = signed_in(linden.pat)
        assert (read(pat, link) == []) is empties and (
            "one entry, “This link was stopped”" in page(pat)
        ) is empties
        own = Feed.generate(linden.pat, "By hand", None, practitioner=linden.calendar)
        asked = page(pat, f"/sync/links/{own.id}/revocation")
        said = pat.post(f"/sync/links/{own.id}/revocation", follow_redirects=True).text
        assert (read(pat, own) == []) is empties and ("gets nothing" in page(pat)) is not empties
        for text in (asked, said):
            assert ("one entry, “This link was stopped”" in text) is empties

    def test_with_them_back_a_new_address_is_offered_and_the_old_stays_dead(
        self, pat, linden, link, booking
    ):
        old = feeds.path(KEY, link)
        linden.clinic.change_plan("basic", None)
        linden.clinic.change_plan("plus", None)
        assert pat.get(old).status_code == 404
        assert "regenerate this one" in page(pat)
        pat.post(f"/sync/links/{link.id}/rotation")
        assert pat.get(old).status_code == 404
        assert len(read(pat, link)) == 1


def test_while_not_allowed_the_page_says_that_links_do_not_answer(pat, linden, link, booking):
    User.update(sync_allowed=False).where(User.id == linden.pat.id).execute()
    assert "Your links do not answer now" in page(pat)
    assert read(pat, link) is None
    pat.post("/sync/opt-in", data={"allow": "y"})
    assert len(read(pat, link)) == 1


def test_an_address_of_this_computer_alone_warns_at_the_code_the_card_and_the_buttons(
    app, monkeypatch, pat, link
):
    warning = "This address works only on this computer."
    assert (
        page(pat).count(warning) == 2
        and page(pat, f"/sync/links/{link.id}/card").count(warning) == 1
    )
    monkeypatch.setitem(
        app.config,
        "SETTINGS",
        dataclasses.replace(app.config["SETTINGS"], base_url="https://kalends.linden.test"),
    )
    assert warning not in page(pat) + page(pat, f"/sync/links/{link.id}/card")


def test_a_card_to_print_has_the_address_the_code_and_the_warning(pat, link):
    text = page(pat, f"/sync/links/{link.id}/card")
    assert feeds.path(KEY, link) in text
    assert 'data-kind="qr"' in text
    assert "Keep this sheet like a key" in text


@pytest.mark.parametrize("who", ["stranger", "quinn", "olive"])
def test_a_link_of_someone_else_is_not_there(app, signed_in, linden, stranger, link, who):
    browser = signed_in(stranger if who == "stranger" else getattr(linden, who))
    before = dict(Feed.get_by_id(link.id).__data__)
    for path in ("", "/rotation", "/revocation", "/clearing", "/card"):
        for headers in ({}, HTMX):
            if path != "/clearing":
                assert (
                    browser.get(f"/sync/links/{link.id}{path}", headers=headers).status_code == 404
                )
            if path != "/card":
                assert (
                    browser.post(
                        f"/sync/links/{link.id}{path}", data=settings(), headers=headers
                    ).status_code
                    == 404
                )
    assert Feed.get_by_id(link.id).__data__ == before


def test_visitors_are_asked_to_sign_in(app, link):
    for path in ("", f"{link.id}", f"{link.id}/rotation", f"{link.id}/card"):
        answer = app.test_client().get(f"/sync/links/{path}")
        assert answer.status_code == 302 and "/sign-in" in answer.location


# ---- what others show ----


def test_each_person_sees_which_links_of_managers_show_their_bookings(signed_in, linden):
    Feed.generate(linden.maya, "the desk", linden.maya, scope="clinic")
    Feed.generate(linden.olive, "only Pat", linden.olive, practitioner=linden.calendar)
    Feed.generate(linden.olive, "stopped", linden.olive, scope="clinic").revoke(linden.olive)
    page = signed_in(linden.pat).get("/sync/links/").text
    assert (
        "Your bookings in other people’s links" in page
        and "the desk" in page
        and "only Pat" in page
        and "stopped" not in page
    )
    page = signed_in(linden.quinn).get("/sync/links/").text
    assert "the desk" in page and "only Pat" not in page
    User.update(role="practitioner").where(User.id == linden.maya.id).execute()
    assert "the desk" not in signed_in(linden.quinn).get("/sync/links/").text


def test_the_address_for_thunderbird_ends_in_a_word_and_opens(signed_in, linden, app):
    link = Feed.generate(linden.pat, "x", linden.pat, practitioner=linden.calendar)
    page = signed_in(linden.pat).get("/sync/links/").text
    (address,) = re.findall(r'value="http://localhost(/api/calendar/[^"]+/Bookings\.ics)"', page)
    assert app.test_client().get(address).status_code == 200 and str(link.uuid) in address


class TestAllAtOnce:
    def test_all_links_get_new_addresses_and_the_old_ones_die(self, pat, linden, link, booking):
        second = Feed.generate(linden.pat, "tablet", linden.pat, scope="person")
        old = [feeds.path(KEY, one) for one in (link, second)]
        assert "Regenerate all 2 links?" in page(pat, "/sync/links/rotation")
        assert all(pat.get(path).status_code == 200 for path in old)
        answer = pat.post("/sync/links/rotation", follow_redirects=True)
        assert "2 links have new addresses" in answer.get_data(as_text=True)
        assert all(pat.get(path).status_code == 404 for path in old)
        for one in (link, second):
            assert pat.get(feeds.path(KEY, Feed.get_by_id(one.id))).status_code == 200

    def test_without_a_link_there_is_nothing_to_regenerate(self, pat, linden):
        assert pat.get("/sync/links/rotation").status_code == 404
        assert "Regenerate all" not in page(pat)

    def test_nobody_else_s_links_change(self, pat, linden, link):
        theirs = Feed.generate(
            linden.quinn, "quinn", linden.quinn, practitioner=linden.colleague_calendar
        )
        pat.post("/sync/links/rotation")
        assert Feed.get_by_id(theirs.id).salt == theirs.salt


def test_the_first_link_asks_how_clients_appear(pat, linden, booking):
    linden.pat.change_sync(identifier=None)
    assert "How should clients appear?" in page(pat)
    new = {"name": "phone", "kind": "bookings", "covers": str(linden.calendar.id)}
    answer = pat.post("/sync/links/", data=new | {"identifier": ""})
    assert answer.status_code == 422 and not Feed.select().exists()
    assert "Choose how clients appear in your links" in answer.get_data(as_text=True)
    assert pat.post("/sync/links/", data=new | {"identifier": "full_name"}).status_code == 422
    assert pat.post("/sync/links/", data=new | {"identifier": "initials"}).status_code == 303
    assert User.get_by_id(linden.pat.id).identifier == "initials"
    assert "How should clients appear?" not in page(pat)


def test_a_locum_s_link_covers_every_organisation_at_first(signed_in, linden):
    first = re.compile(r'<select id="covers".*?<option[^>]*value="(\w+)"', re.DOTALL)
    assert first.search(page(signed_in(linden.quinn)))[1] != "person"
    linden.clinic.change(linden.olive, feed_preset="locum")
    assert first.search(page(signed_in(linden.quinn)))[1] == "person"


def test_a_look_in_a_browser_is_no_reader(pat, link, clock):
    FeedRead.create(feed=link, family="a browser", first_at=clock.now, last_at=clock.now, count=1)
    text = page(pat)
    assert "Never read" in text and "Read regularly" not in text and "Add it to your app" in text
    assert "opened in a browser" in text


def test_a_link_that_google_does_not_read_whole_says_so(pat, linden, link, booking):
    assert "Google keeps about" not in page(pat)
    rows = [
        {name: value for name, value in booking.__data__.items() if name != "id"}
        | {"uuid": uuid.uuid4(), "starts_at": at, "ends_at": at + timedelta(minutes=50)}
        for at in (booking.starts_at + timedelta(hours=n) for n in range(1, 1001))
    ]
    for start in range(0, len(rows), 40):
        Booking.insert_many(rows[start : start + 40]).execute()
    assert "This link has 1,001 events. Google keeps about 1,000 and drops the rest." in page(pat)
    link.change(linden.pat, past_days=0, future_days=14)
    assert "This link has" not in page(pat)


def test_who_has_not_allowed_it_yet_does_so_by_the_button_on_this_page(pat, linden):
    linden.pat.change_sync(sync_allowed=False)
    form = next(one for one in forms_of(pat.get("/sync/links/")) if one["action"] == "/sync/opt-in")
    assert "seen" in dict(form["fields"])
    for _ in range(2):  # pressed twice
        answer = pat.post(form["action"], data=dict(form["fields"]))
        assert answer.status_code == 303
        assert User.get_by_id(linden.pat.id).sync_allowed
