"""The help pages: readable by anyone, complete, exact about times, and personal only for people who
are signed in.
"""

import re
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest

from base.config.endpoints import Endpoints
from free_times.rules import OnlineSettings
from models import Clinic, Feed, FeedRead, Venue
from sync.connect import gateway
from views.doors.help import PAGES
from views.kit import provider_words

NAMES = sorted(PAGES)

SAID = [  # requirement, page, the words of ours that say it
    ("A1", "other-apps", "iCal, iCalendar and ICS are three names of one standard"),
    ("A2", "apple", "Your bookings then stand beside your own appointments"),
    ("A3", "private-links", "A link only reads. Make, move and cancel bookings in Kalends"),
    ("A4", "refresh", "a new booking, a new time or a cancellation shows when your app next looks"),
    (
        "A5",
        "private-links",
        "Open Private links, say what the link is for and press Generate feed URL",
    ),
    ("A7", "google", "In Private links press Copy"),
    ("A9", "private-links", "like a password: anyone who has it can see your schedule"),
    ("A9", "private-links", "Do not post or publish it"),
    ("A10", "google", "beside Other calendars, press +, then From URL"),
    ("A10", "google", "Press Add calendar"),
    ("A11", "google", "Google’s limit: it cannot be forced, neither by you nor by us"),
    ("A11", "google", "For fresh bookings look in your calendar here"),
    ("A11", "refresh", "every few hours to once a day"),
    ("A12", "outlook", "choose Add calendar, then Subscribe from web"),
    ("A12", "outlook", "Open Internet Calendars and press New"),
    ("A13", "outlook", "Give the calendar a name, press OK to confirm"),
    ("A14", "outlook", "every 1 to 24 hours, by version"),
    ("A15", "apple", "choose File, New Calendar Subscription"),
    ("A15", "apple", "set Auto-refresh to Every hour"),
    (
        "A16",
        "apple",
        "open Settings, Calendar, Accounts, Add Account, Other, Add Subscribed Calendar",
    ),
    ("A17", "apple", "The phone offers to subscribe"),
    ("A18", "refresh", "every 5 minutes to once a week"),
    ("A18", "apple", "every hour is a good choice"),
    ("A19", "refresh", "every reading gets the bookings as they are then"),
    (
        "A20",
        "bookings",
        "A new booking appears, a moved one moves, a cancelled one goes or is marked",
    ),
    ("A23", "bookings", "A change of any of these shows in the link at once"),
    ("A24", "private-links", "The address stays the same until you regenerate it"),
    ("A25", "bookings", "the organisation (the venue’s name)"),
    ("A26", "bookings", "An all-day booking shows as an all-day event"),
    ("A27", "bookings", "The description can give the status, the rate"),
    ("A28", "bookings", "The place is the venue’s address, where one is recorded"),
    ("A29", "bookings", "Locum only what is agreed"),
    (
        "A31",
        "private-links",
        "If the address got out, or someone should no longer see it, open the link’s menu",
    ),
    ("A33", "private-links", "gives it a new address. The old one stops at once"),
    ("A35", "private-links", "Apps that still have the old one get nothing more and go stale"),
    ("A35", "private-links", "paste the new address into each of them by hand"),
    (
        "A36",
        "troubleshooting",
        "Change the booking in Kalends; the app shows it when it next looks",
    ),
    ("A37", "refresh", "the app decides when to look"),
    ("A37", "refresh", "Check the app’s refresh setting"),
    ("A38", "private-links", "It never matters when a booking was made"),
    (
        "A39",
        "private-links",
        (
            "You may give a link to an agency or a manager, but it shows the bookings of every"
            " organisation"
        ),
    ),
    ("A40", "private-links", "it says “Busy” and when, never what, where or with whom"),
    ("A41", "private-links", "On a hosted plan they belong to Plus and above"),
    ("A42", "private-links", "If a clinic moves down to Basic, every link stops at once"),
    (
        "A43",
        "private-links",
        "apps no longer update, and depending on the app the entries it holds may stay or vanish",
    ),
    ("A44", "private-links", "After moving up again, regenerate each link"),
    (
        "B1",
        "two-way",
        "one way, for any app that reads an ICS address, and both ways, for Google and Outlook",
    ),
    ("B4", "privacy", "Nothing leaves until you tick the box on Calendar sync"),
    ("B6", "internal-ids", "You can write your own instead"),
    ("B7", "internal-ids", "Make sure internal IDs are switched on"),
    ("B8", "internal-ids", "On each client’s record, at the upper left"),
    ("B8", "internal-ids", "In the list of Clients, before the name"),
    ("B9", "internal-ids", "Type the ID into the search"),
    (
        "B10",
        "privacy",
        (
            "The most secure way to tell clients apart, above all when you are not sure that your"
            " calendar’s provider"
        ),
    ),
    (
        "B12",
        "privacy",
        (
            "Not recommended. It tells anyone who sees the calendar who is treated, and for what:"
            " health data are exposed"
        ),
    ),
    (
        "B12",
        "privacy",
        (
            "With a calendar service that does not meet the privacy rules you work under, it breaks"
            " them"
        ),
    ),
    ("B16", "private-links", "paste it into your app: Apple, Google, Outlook, any other"),
    ("B16", "other-apps", "Where it is not listed here, look in the app’s own help"),
    (
        "B17",
        "two-way",
        "There are two kinds: one way, for any app that reads an ICS address, and both ways",
    ),
    ("B18", "other-apps", "Yes, iCal works"),
    ("B19", "privacy", "take the calendar out of the app and subscribe again"),
    ("B20", "privacy", "Tick it again, and they answer with the present choice"),
    ("B21", "privacy", "A new choice is in your links at once, for past and coming bookings alike"),
    ("B22", "privacy", "should entries then be there twice, remove the older calendar"),
    ("B22", "troubleshooting", "Remove the older calendar in the app"),
    ("B23", "troubleshooting", "This can happen in any app that follows a link"),
    ("B24", "refresh", "on an iPhone every 15 minutes at best"),
    ("B24", "two-way", "A link is as fast as the app that reads it"),
    ("B25", "refresh", "no, and it cannot be forced"),
    (
        "B26",
        "troubleshooting",
        "Remove the calendar in Google, regenerate the link and add the new address",
    ),
    ("B27", "two-way", "For speed, two-way sync is the better choice"),
    (
        "B28",
        "troubleshooting",
        "It may stay until the app looks again: wait, or remove the calendar by hand",
    ),
    (
        "B29",
        "troubleshooting",
        "No change made in the app reaches us, neither a new time nor a new title: ours stand",
    ),
    ("B29", "two-way", "Changes in your own calendar never reach us"),
    ("B30", "private-links", "30 days back and 6 months ahead"),
    ("B30", "private-links", "The span moves on each night"),
    ("C7", "privacy", "Not recommended"),
    ("C9", "two-way-google", "Bookings are made in Kalends"),
    (
        "C10",
        "two-way-google",
        "client, service, place, price, notes and reminders live here and not there",
    ),
    ("C14", "two-way-google", "a calendar of their own in Google, never your main one"),
    ("C16", "two-way-google", "It may take some minutes and counts as it goes"),
    ("C17", "two-way-google", "load the page again if a new one is missing"),
    *(
        ("C38", name, "Kalends remembers which of them blocked booking, and their rules")
        for name in ("two-way-google", "two-way-outlook", "two-way-caldav")
    ),
    ("C19", "two-way-google", "Do not edit in Google what was made here"),
    ("C19", "two-way-outlook", "Do not edit in Outlook what was made here"),
    (
        "C20",
        "two-way-google",
        "Never turn one of our bookings into a repeating one in Google: that makes a second series",
    ),
    (
        "C21",
        "two-way-google",
        "It cannot be edited or deleted here; change it in Google, and it syncs back",
    ),
    ("C22", "two-way-google", "Our bookings are marked private in Google, which draws a padlock"),
    ("C23", "two-way-google", "A new client appointment cannot be made from Google"),
    ("C24", "two-way-google", "change and delete an event where it was made"),
    (
        "C25",
        "two-way-google",
        (
            "beside our calendar press the X, or open Settings and sharing, Remove calendar,"
            " Delete, and confirm"
        ),
    ),
    ("C26", "two-way-google", "What came from Google is gone from the calendar here"),
    ("C27", "two-way-google", "In Google look under My calendars: the new calendar is there"),
    (
        "C31",
        "two-way",
        (
            "Apple iCloud, Fastmail, Nextcloud and other calendars that programs reach by CalDAV"
            " are connected directly"
        ),
    ),
    ("C32", "privacy", "whichever you choose, take care with personal data"),
    ("C33", "bookings", "Cancelled and no-show ones are crossed out here and taken away there"),
    (
        "C34",
        "two-way-google",
        (
            "Google has no crossed-out state for such events: what it shows struck through are"
            " invitations that were declined"
        ),
    ),
    (
        "C35",
        "two-way-trouble",
        (
            "We send changes at once and check regularly besides, so it is far faster than a link;"
            " delays of some"
        ),
    ),
    (
        "C36",
        "two-way-trouble",
        (
            "is the set-up complete, with a check mark, and is the right calendar, one that you"
            " own, synced?"
        ),
    ),
    ("C36", "two-way-trouble", "that removes it and sets it up again"),
    ("C37", "two-way-trouble", "Switch from both ways to one way, or disconnect"),
    (
        "C38",
        "two-way-trouble",
        "open our calendar’s Settings and sharing and choose Remove calendar",
    ),
    ("C39", "two-way-trouble", "Look whether it is gone; that may take some minutes"),
    ("C40", "two-way-trouble", "Switch both ways on again and connect"),
    ("C41", "two-way-trouble", "Such leftovers may need deleting by hand"),
    (
        "C42",
        "two-way-trouble",
        "There is no button that clears a cache, and none is needed: these four steps do it",
    ),
    ("C44", "two-way-google", "What is marked busy in Google is busy here: it blocks booking"),
    ("C46", "two-way-trouble", "There is no direct link to calendars of other practice systems"),
    ("C46", "two-way-trouble", "If one is missing you are not its owner"),
    (
        "C47",
        "two-way-google",
        (
            "Access: you can remove it in your Google account, under Security, Your connections to"
            " third-party apps"
        ),
    ),
    ("C31", "two-way-caldav", "Apple iCloud: an app-specific password, made at account.apple.com"),
    ("C47", "two-way-outlook", "Access: you can remove it at myapps.microsoft.com"),
    (
        "C48",
        "two-way-trouble",
        (
            "a calendar that is shared with you to read cannot be synced, whether it comes from"
            " Outlook, Alma, Rula, Headway"
        ),
    ),
    ("C48", "two-way-trouble", "Ask its owner to let you Make changes and manage sharing"),
    (
        "C49",
        "two-way-trouble",
        "What does come through: events that are imported into a calendar of yours",
    ),
    ("C50", "two-way-google", "Each person sets up their own two-way sync"),
    ("C51", "two-way-google", "Do not share one Google account among several people"),
    ("C51", "two-way-outlook", "Do not share one Microsoft account among several people"),
    (
        "D10",
        "two-way",
        "it pushes bookings out, and pulls in outside events, which block time here",
    ),
    ("D11", "two-way", "Google, Outlook, Apple iCloud and others by CalDAV"),
    ("D11", "two-way", "with your Google or Microsoft account"),
    ("D11", "two-way", "reads and writes"),
    (
        "D12",
        "two-way",
        "by instant updates; a regular check every few minutes makes good what they miss",
    ),
    ("D14", "two-way", "an overlap is warned of here and told on your page"),
    (
        "E17",
        "two-way-google",
        "set it to busy once. Events that you add later with that setting block by themselves",
    ),
    ("D3", "two-way", "a second view, other apps"),
    ("D5", "private-links", "Your own bookings at one place of work, or at all of yours"),
    ("D7", "private-links", "30 days back and 12 months ahead"),
    ("D9", "two-way", "Direction"),
    ("D9", "two-way", "Apps"),
    ("D9", "two-way", "Sign-in"),
    ("D9", "two-way", "Rights"),
    ("D9", "two-way", "Changes show"),
    ("D9", "two-way", "Hosted plan"),
    ("D9", "two-way", "Good for"),
    ("D13", "two-way", "Google in Basic, Plus and Pro; Outlook, Apple iCloud and others in Pro"),
    ("D15", "two-way", "a view that works when sync does not"),
    ("D18", "troubleshooting", "a link holds your own"),
    ("D19", "apple", "On an iPhone or iPad"),
    ("D19", "apple", "On a Mac"),
    (
        "D20",
        "google",
        "The Google Calendar app cannot add a calendar from an address; its website can",
    ),
    ("D20", "google", "The Google Calendar app shows it by itself"),
    ("D21", "outlook", "In Outlook for Windows (classic)"),
    ("D21", "outlook", "On the web, and in the new Outlook"),
    ("D22", "other-apps", "Any calendar app that can subscribe from an address will do"),
    (
        "D27",
        "privacy",
        "Switch names on only if your own calendar is private: addresses get forwarded",
    ),
    ("D28", "privacy", "Leave them off if you share the calendar"),
    ("D31", "bookings", "Arrived"),
    ("D34", "bookings", "at once in the link, and in the app when it next looks"),
    ("D37", "refresh", "as often as you like; Thunderbird every 30 minutes"),
    ("D38", "two-way", "for real time it is the only one"),
    ("D39", "troubleshooting", "You cannot drag to reschedule, cancel or add there"),
    ("D39", "private-links", "what you change in the app stays in the app and is overwritten"),
    (
        "D40",
        "private-links",
        "If you work at several venues, each has its own calendar: make a link for each",
    ),
    (
        "D46",
        "troubleshooting",
        "open it in a browser. Text that begins with BEGIN:VCALENDAR must come",
    ),
    ("D46", "troubleshooting", "Check that the whole address was pasted"),
    (
        "D47",
        "troubleshooting",
        "marked as cancelled, until they leave its span: most apps strike them through",
    ),
    ("D48", "troubleshooting", "Every event carries the time zone of its venue"),
    ("D48", "troubleshooting", "Check the time zone in the app’s own settings"),
    ("D49", "troubleshooting", "A colleague’s bookings are not in it"),
    ("D49", "private-links", "for those use the calendar here"),
    (
        "D50",
        "private-links",
        "Copy the whole address. Do not type it, shorten it or build one from parts",
    ),
    ("D51", "troubleshooting", "A slow app looks as often as it chooses"),
    ("C44", "online-booking", "busy events in connected calendars take time"),
    ("D52", "e-mails", "because others may see them. You can let them name the service"),
    ("D52", "text-messages", "Only clients who asked for them"),
    ("C48", "published-calendar", "What it does not publish does not block"),
    ("E17", "waiting-list", "Only the button books the time; opening the page changes nothing"),
    ("D52", "for-clients", "Your clients cannot subscribe to their appointments"),
    ("D52", "for-clients", "Clients get the details of an appointment from your clinic"),
    (
        "D53",
        "troubleshooting",
        "The old address stops at once. Then update your apps with the new one",
    ),
    (
        "E14",
        "privacy",
        "no client information goes out. Such a link is safe to share with family or co-workers",
    ),
    (
        "E18",
        "other-apps",
        (
            "Other clinic and calendar systems that read an ICS address can show your bookings in"
            " the same way, one way only"
        ),
    ),
    ("E21", "private-links", "one with all calendars"),
    ("E22", "private-links", "The hide switch at the foot of that page covers these too"),
    ("E23", "outlook", "Paste the whole address. It must begin with https://"),
    ("E24", "other-apps", "one-way links work with all of them alike"),
    ("F1", "two-way-trouble", "Ask the support of the other program, or Google’s"),
    ("F2", "two-way-google", "A personal account each also keeps health data apart"),
    ("F5", "two-way-trouble", "Google lists your main calendar under your e-mail address"),
    ("F8", "two-way", "Most people want two-way sync"),
    ("F8", "private-links", "E-mail and company systems collect links"),
    ("F8", "apple", "Last checked against the other programs in November 2026"),
    ("A39", "private-links", "You may give a link to an agency or a manager"),
    ("X22", "refresh", "every 1 to 24 hours, by version"),
    ("C25", "two-way-google", "By hand in Google: beside our calendar press the X"),
    ("C52", "keyboard", "Letters do nothing while you type in a field"),
]


def words(answer) -> str:
    """The text of a page, tags gone, white space single."""
    body = re.sub(
        r"<(script|style|svg)\b.*?</\1>", "", answer.get_data(as_text=True), flags=re.DOTALL
    )
    inline = re.sub(r"</?(a|strong|kbd|code|small|span)\b[^>]*>", "", body)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", inline)).split())


@pytest.fixture
def visitor(app, linden):
    return app.test_client()


def read(link: Feed, family: str, seconds: int | None, clock) -> None:
    FeedRead.create(
        feed=link,
        family=family,
        first_at=clock.now - timedelta(days=9),
        last_at=clock.now,
        count=9,
        interval_seconds=seconds,
    )


def cell(answer, app_name: str) -> str:
    """The measured rhythm in the row of an app."""
    row = re.search(
        rf'<th scope="row">{app_name}</th>(.*?)</tr>', answer.get_data(as_text=True), re.DOTALL
    )
    found = re.search(r'data-label="Yours, measured">(.*?)</td>', row[1])
    return found[1] if found else ""


@pytest.mark.parametrize("name", NAMES)
def test_every_page_is_readable_without_signing_in(visitor, name):
    assert visitor.get(f"/help/{name}").status_code == 200


@pytest.mark.parametrize("name", NAMES)
def test_every_page_says_what_the_requirements_ask(visitor, signed_in, linden, name):
    said, signed = (
        words(visitor.get(f"/help/{name}")),
        words(signed_in(linden.pat).get(f"/help/{name}")),
    )
    for requirement, page, phrase in SAID:
        if page == name:
            assert phrase in said, (requirement, phrase)
            assert phrase in signed, (requirement, phrase)


def test_each_phrase_stands_on_a_page_there_is():
    assert {page for _, page, _ in SAID} == set(PAGES)


def test_the_index_lists_every_page(visitor, signed_in, linden):
    for browser in (visitor, signed_in(linden.pat)):
        body = browser.get("/help/").get_data(as_text=True)
        assert all(f'href="/help/{name}"' in body for name in PAGES)


def test_an_unknown_page_is_not_found(visitor):
    for name in ("nope", "guide", "_warning", "apple.html", "..%2Flayout", "%00"):
        assert visitor.get(f"/help/{name}").status_code == 404


@pytest.mark.parametrize("name", NAMES)
def test_links_within_help_lead_to_pages_and_headings_there_are(visitor, name):
    body = visitor.get(f"/help/{name}").get_data(as_text=True)
    for target, anchor in re.findall(r'href="(?:/help/([a-z-]+))?#([a-z-]+)"', body):
        there = visitor.get(f"/help/{target or name}").get_data(as_text=True)
        assert f'id="{anchor}"' in there, (target, anchor)
    for target in re.findall(r'href="/help/([a-z-]+)"', body):
        assert target in PAGES or visitor.get(f"/help/{target}").status_code == 200


@pytest.mark.parametrize("name", NAMES)
def test_the_contents_name_each_heading_in_its_order(visitor, name):
    body = visitor.get(f"/help/{name}").get_data(as_text=True)
    contents = re.findall(r'<li><a href="#([a-z-]+)">([^<]+)</a></li>', body)
    assert contents and contents == re.findall(
        r'<h2 id="([a-z]+)">([^<]+)</h2>', body.split("<aside")[0]
    )


@pytest.mark.parametrize("name", ["private-links", "apple", "google", "outlook", "other-apps"])
def test_the_password_warning_stands_wherever_an_address_is_copied(visitor, name):
    assert visitor.get(f"/help/{name}").get_data(as_text=True).count('id="warning"') == 1


@pytest.fixture
def set_up():
    """`set_up("google")`: these providers are set up, until the end of the test."""
    kept, known = gateway.setup(), Endpoints("id", "secret", "", "", "", "")
    yield lambda *kinds, **more: gateway.set_up(
        gateway.GatewaySetup(dict.fromkeys(kinds, known), **more)
    )
    gateway.set_up(kept)


@pytest.mark.parametrize(
    ("kinds", "by_password", "apps", "plans", "signing_in"),
    [
        (("google",), False, "Google", "Google in Basic, Plus and Pro", "You allow it at Google"),
        (
            ("google", "microsoft"),
            True,
            "Google, Outlook, Apple iCloud and others",
            "Google in Basic, Plus and Pro; Outlook, Apple iCloud and others in Pro",
            "You allow it at Google and Microsoft; others take a password",
        ),
        (
            (),
            True,
            "Apple iCloud and others",
            "Apple iCloud and others in Pro",
            "With a password made for programs",
        ),
    ],
)
def test_pages_name_what_can_be_connected_here(set_up, kinds, by_password, apps, plans, signing_in):
    set_up(*kinds, by_password=by_password)
    assert provider_words.plans_of_feeds() == "Plus and Pro"
    assert provider_words.apps() == apps
    assert provider_words.plans_of_sync() == plans
    assert provider_words.signing_in() == signing_in


@pytest.mark.parametrize(
    ("kinds", "is_said", "is_not"),
    [
        ((), "This Kalends works one way", "can sync both ways"),
        (("google",), "This Kalends can sync both ways, with Google,", "works one way"),
        (
            ("google",),
            (
                "Two-way works with Google only. Appointments in Apple or Outlook must first be"
                " imported into Google"
            ),
            "with Google and Outlook,",
        ),
        (
            ("google", "microsoft"),
            "This Kalends can sync both ways, with Google and Outlook,",
            "Two-way works with Google only",
        ),
    ],
)
def test_what_is_said_of_two_way_sync_holds_for_this_installation(
    visitor, set_up, kinds, is_said, is_not
):
    set_up(*kinds)
    said = words(visitor.get("/help/two-way"))
    assert is_said in said and is_not not in said


@pytest.mark.parametrize(
    ("kind", "page"), [("google", "two-way-google"), ("microsoft", "two-way-outlook")]
)
def test_a_guide_says_when_its_provider_is_not_set_up(visitor, set_up, kind, page):
    set_up()
    assert "is not set up for this Kalends yet" in words(visitor.get(f"/help/{page}"))
    set_up(kind)
    assert "is not set up for this Kalends yet" not in words(visitor.get(f"/help/{page}"))


def test_the_refresh_table_shows_the_signed_in_persons_apps(signed_in, linden, clock):
    mine = Feed.generate(linden.pat, "phone", linden.pat, practitioner=linden.calendar)
    laptop = Feed.generate(linden.pat, "laptop", linden.pat, practitioner=linden.calendar)
    theirs = Feed.generate(
        linden.quinn, "phone", linden.quinn, practitioner=linden.colleague_calendar
    )
    read(mine, "Apple Calendar", 7200, clock)
    read(laptop, "Apple Calendar", 3500, clock)
    read(mine, "Thunderbird", None, clock)
    read(mine, "Nextcloud", 86400, clock)
    read(mine, "a browser", 60, clock)
    read(theirs, "Google Calendar", 30000, clock)
    answer = signed_in(linden.pat).get("/help/refresh")
    assert cell(answer, "Apple Calendar") == "about hourly"
    assert cell(answer, "Thunderbird, Fantastical") == "read, too few times to tell"
    assert cell(answer, "Nextcloud") == "about daily"
    assert cell(answer, "Google Calendar") == "not used"
    assert "a browser" not in words(answer)


def test_a_stopped_link_is_measured_no_longer(signed_in, linden, clock):
    link = Feed.generate(linden.pat, "phone", linden.pat, practitioner=linden.calendar)
    read(link, "Apple Calendar", 3600, clock)
    link.revoke(linden.pat)
    assert cell(signed_in(linden.pat).get("/help/refresh"), "Apple Calendar") == "not used"


def test_a_visitor_sees_nothing_of_the_clinic(visitor, linden, clock):
    linden.clinic.contact = "help@linden.test"
    linden.clinic.save()
    link = Feed.generate(linden.pat, "phone", linden.pat, practitioner=linden.calendar)
    read(link, "Nextcloud", 3600, clock)
    for name in PAGES:
        said = words(visitor.get(f"/help/{name}"))
        assert (
            "help@linden.test" not in said and "Linden" not in said and "Europe/London" not in said
        )
    assert "Nextcloud" not in words(visitor.get("/help/refresh"))
    assert "Yours, measured" not in words(visitor.get("/help/refresh"))


def test_a_client_of_the_one_clinic_finds_phone_and_address(visitor, linden):
    OnlineSettings.stored(linden.clinic).change(None, phone="020 7946 0018")
    assert "020 7946 0018" not in words(visitor.get("/help/for-clients"))
    Clinic.delete().where(Clinic.id != linden.clinic.id).execute()
    OnlineSettings.stored(linden.clinic).change(None, is_on=True, phone="020 7946 0018")
    Venue.update(address="4 Linden Street").where(Venue.id == linden.street.id).execute()
    for page in ("", "for-clients"):
        said = words(visitor.get(f"/help/{page}"))
        assert "Do you have an appointment at Linden" in said
        assert "020 7946 0018" in said and "4 Linden Street" in said


def test_the_contact_of_the_clinic_stands_on_every_page(signed_in, linden):
    linden.clinic.contact = "help@linden.test"
    linden.clinic.save()
    browser = signed_in(linden.pat)
    for path in ("/help/", "/help/apple", "/help/for-clients"):
        assert '<a href="mailto:help@linden.test">' in browser.get(path).get_data(as_text=True)


def test_a_contact_that_is_no_mail_address_is_plain_text(signed_in, linden):
    linden.clinic.contact = "Ola <at> the front desk, 020 7946 0000"
    linden.clinic.save()
    body = signed_in(linden.pat).get("/help/").get_data(as_text=True)
    assert "<strong>Ola &lt;at&gt; the front desk, 020 7946 0000</strong>" in body
    assert "mailto:" not in body


def test_without_a_contact_a_practitioner_is_sent_to_the_owner_and_the_owner_to_settings(
    signed_in, linden
):
    assert "Ask the owner or a manager of your clinic" in words(signed_in(linden.pat).get("/help/"))
    assert "You can name a contact for everyone in Settings" in words(
        signed_in(linden.olive).get("/help/")
    )


def test_trouble_with_times_names_the_zones_of_the_clinic(signed_in, linden):
    assert "(America/New_York, Europe/London)" in words(
        signed_in(linden.pat).get("/help/troubleshooting")
    )


def test_the_table_of_statuses_follows_the_presets(visitor):
    body = visitor.get("/help/bookings").get_data(as_text=True)
    cells = {
        status: re.findall(r"<td[^>]*>(.*?)</td>", row)
        for status, row in re.findall(
            r'data-status="(\w+)">.*?</span></th>(.*?)</tr>', body, re.DOTALL
        )
    }
    assert cells["pending"] == ["yes", "tentative", "left out"]
    assert cells["paid"] == ["yes", "confirmed", "confirmed"]
    assert cells["cancelled"] == ["no", "cancelled", "left out"]
    assert cells["offered"] == ["no", "left out", "left out"]
    assert len(cells) == 9


@pytest.mark.parametrize("name", NAMES)
def test_words_that_the_house_does_not_use(visitor, name):
    said = words(visitor.get(f"/help/{name}")).lower()
    for word in (" please", " oops", "successfully", " invalid", " token", "endpoint", "patient"):
        assert word not in said, word


def test_the_guide_for_programmers_of_text_messages_is_a_page(visitor):
    text = unescape(visitor.get("/help/text-messages").get_data(as_text=True))
    assert 'href="/help/text-messages-setup"' in text
    guide = visitor.get("/help/text-messages-setup")
    text = guide.get_data(as_text=True)
    assert guide.status_code == 200 and "Kalends-Signature" in text and "../" not in text


def test_no_page_names_a_file_that_no_browser_reaches():
    templates = (Path(__file__).parents[3] / "templates").rglob("*.*")
    assert [
        path.name for path in templates if re.search(r"docs/[\w-]+\.md", path.read_text())
    ] == []
