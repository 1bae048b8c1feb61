"""Help: how to subscribe, what leaves the clinic, what to do when something looks wrong.

Readable without signing in, since people follow it on another device. What is personal (the
measured rhythm of one's own apps, the clinic's contact and zones) shows only to whoever is signed
in.
"""

from typing import NamedTuple

from flask import Blueprint, abort, render_template
from flask_login import current_user

from base.bookings.statuses import FREE_STATUSES, STATUSES
from base.catalogue import _, lazy
from base.feed_presets import CLINIC, LOCUM
from sync.connect import connections
from sync.feeds import owned
from sync.providers import registry
from views.kit import access, display

blueprint = Blueprint("help", __name__)


class Page(NamedTuple):
    """One help page: its group on the index, its name there, its heading and the sentence."""

    group: str
    name: str
    heading: str
    lead: str


_APPS, _BOTH, _LINKS, _DAILY = (
    lazy("Subscribe in your app"),
    lazy("Both ways"),
    lazy("Links and privacy"),
    lazy("In the clinic"),
)

PAGES = {
    "apple": Page(
        _APPS,
        "Apple Calendar",
        lazy("Subscribe in Apple Calendar"),
        lazy(
            "Two minutes, once per device. Your bookings then stand beside your own appointments."
        ),
    ),
    "google": Page(
        _APPS,
        "Google Calendar",
        lazy("Subscribe in Google Calendar"),
        lazy("Once, on a computer. Google’s phone app then shows your bookings by itself."),
    ),
    "outlook": Page(
        _APPS,
        "Outlook",
        lazy("Subscribe in Outlook"),
        lazy("On the web, in the new Outlook, or in Outlook for Windows."),
    ),
    "other-apps": Page(
        _APPS,
        lazy("Any other app"),
        lazy("Subscribe in any other app"),
        lazy(
            "Thunderbird, Fantastical, Android, Nextcloud: whatever can subscribe from an address."
        ),
    ),
    "refresh": Page(
        _APPS,
        lazy("How soon changes show"),
        lazy("How soon do changes show?"),
        lazy(
            "The link is always up to date. Each app decides when to look; that cannot be forced."
        ),
    ),
    "troubleshooting": Page(
        _APPS,
        lazy("If something looks wrong"),
        lazy("If something looks wrong"),
        lazy("No events, old events, wrong times, doubles: what it is and what helps."),
    ),
    "two-way": Page(
        _BOTH,
        lazy("One way or both ways"),
        lazy("One way or both ways?"),
        lazy("What a private link does, what two-way Calendar Sync does, and what holds here."),
    ),
    "two-way-google": Page(
        _BOTH,
        lazy("Two-way sync with Google"),
        lazy("Two-way sync with Google"),
        lazy(
            "Your bookings in a Google calendar of their own, and your Google appointments as"
            " busy time here."
        ),
    ),
    "two-way-outlook": Page(
        _BOTH,
        lazy("Two-way sync with Outlook"),
        lazy("Two-way sync with Outlook"),
        lazy(
            "Your bookings in an Outlook calendar of their own, and your Outlook appointments"
            " as busy time here."
        ),
    ),
    "two-way-trouble": Page(
        _BOTH,
        lazy("If two-way sync looks wrong"),
        lazy("If two-way sync looks wrong"),
        lazy("Delays, doubles, a missing calendar, or starting over: what it is and what helps."),
    ),
    "private-links": Page(
        _LINKS,
        lazy("What a private link is"),
        lazy("Private links"),
        lazy(
            "A read-only address that shows your bookings to a calendar app, always as they are"
            " now."
        ),
    ),
    "privacy": Page(
        _LINKS,
        lazy("How clients appear outside"),
        lazy("How clients appear outside Kalends"),
        lazy(
            "You choose how much of a client’s name leaves, from nothing at all to the full name."
        ),
    ),
    "internal-ids": Page(
        _LINKS,
        lazy("Internal IDs"),
        lazy("Internal IDs"),
        lazy("A code instead of a name: it means nothing outside, and you can look it up here."),
    ),
    "bookings": Page(
        _DAILY,
        lazy("How bookings show outside"),
        lazy("Bookings and how they show outside"),
        lazy("Statuses, series, overlaps and whole days, here and in your own calendar."),
    ),
    "online-booking": Page(
        _DAILY,
        lazy("Online booking"),
        lazy("Online booking"),
        lazy("Your own page where clients book, move and cancel without an account."),
    ),
    "e-mails": Page(
        _DAILY,
        lazy("E-mails to clients"),
        lazy("E-mails to clients"),
        lazy("Confirmations, changes and reminders: who gets them, when, and what they say."),
    ),
    "for-clients": Page(
        _DAILY,
        lazy("Can my clients subscribe?"),
        lazy("Can my clients subscribe?"),
        lazy("No. Private links are for the people who work here."),
    ),
}

_REFRESH = (  # families of reader · name · how often at the widest (X22) · can the person set it
    (
        ("Apple Calendar",),
        "Apple Calendar",
        lazy("every 5 minutes to once a week; on an iPhone every 15 minutes at best"),
        lazy("yes; every hour is good"),
    ),
    (
        ("Google Calendar",),
        "Google Calendar",
        lazy("every few hours to once a day, now and then later still"),
        lazy("no, and it cannot be forced"),
    ),
    (
        ("Outlook",),
        "Outlook",
        lazy("every 1 to 24 hours, by version"),
        lazy("no; Outlook for Windows also looks when you send and receive"),
    ),
    (
        ("Thunderbird", "Fantastical"),
        "Thunderbird, Fantastical",
        lazy("as often as you like; Thunderbird every 30 minutes unless told otherwise"),
        "yes",
    ),
)


@blueprint.get("/")
def index():
    groups = {
        group: [(key, page) for key, page in PAGES.items() if page.group == group]
        for group in (_APPS, _BOTH, _LINKS, _DAILY)
    }
    return render_template("help/index.html", groups=groups)


@blueprint.get("/<name>")
def page(name: str):
    if name not in PAGES:
        abort(404)
    others = [
        (key, other)
        for key, other in PAGES.items()
        if other.group == PAGES[name].group and key != name
    ]
    return render_template(
        f"help/{name}.html",
        page=PAGES[name],
        others=others,
        refresh=_refresh(),
        statuses=_statuses(),
        zones=_zones(),
        providers=[registry.of(kind).name for kind in connections.kinds()],
    )


def _refresh() -> list[tuple[str, str, str, str]]:
    """Rows of the refresh table.

    App, how often, settable, and the measured rhythm ("" for a visitor).
    """
    if not current_user.is_authenticated:
        return [(*row, "") for __, *row in _REFRESH]
    habits = owned.habits(current_user)
    known = {family for families, *__ in _REFRESH for family in families}
    rows = [
        (*row, _measured([habits[f] for f in families if f in habits]))
        for families, *row in _REFRESH
    ]
    return rows + [
        (name, _("as the app decides"), _("look in its settings"), _measured([habits[name]]))
        for name in sorted(set(habits) - known)
    ]


def _measured(intervals: list[int | None]) -> str:
    """What is known of the apps' rhythm; an interval of None: read too seldom to tell."""
    known = [seconds for seconds in intervals if seconds]
    if known:
        return display.rhythm(min(known))
    return _("read, too few times to tell") if intervals else _("not used")


def _statuses() -> list[tuple[str, bool, str, str]]:
    """Rows of the table of statuses.

    Whether it takes time here, and how it shows under each preset.
    """
    words = {
        None: _("left out"),
        "confirmed": _("confirmed"),
        "tentative": _("tentative"),
        "cancelled": _("cancelled"),
    }
    return [
        (status, status not in FREE_STATUSES, words[CLINIC.get(status)], words[LOCUM.get(status)])
        for status in STATUSES
    ]


def _zones() -> list[str]:
    """The zones of the clinic's venues, for whoever is signed in."""
    return (
        sorted({calendar.venue.zone_name for calendar in access.calendars()})
        if current_user.is_authenticated
        else []
    )
