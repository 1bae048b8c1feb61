"""Help: how to subscribe, what leaves the clinic, what to do when something looks wrong.

Readable without signing in, since people follow it on another device. What is personal (the
measured rhythm of one's own apps, the clinic's contact and zones) shows only to whoever is signed
in.
"""

from typing import NamedTuple

from flask import Blueprint, abort, render_template
from flask_login import current_user

from base.feed_presets import CLINIC, LOCUM
from base.statuses import FREE_STATUSES, STATUSES
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
    "Subscribe in your app",
    "Both ways",
    "Links and privacy",
    "In the clinic",
)

PAGES = {
    "apple": Page(
        _APPS,
        "Apple Calendar",
        "Subscribe in Apple Calendar",
        "Two minutes, once per device. Your bookings then stand beside your own appointments.",
    ),
    "google": Page(
        _APPS,
        "Google Calendar",
        "Subscribe in Google Calendar",
        "Once, on a computer. Google’s phone app then shows your bookings by itself.",
    ),
    "outlook": Page(
        _APPS,
        "Outlook",
        "Subscribe in Outlook",
        "On the web, in the new Outlook, or in Outlook for Windows.",
    ),
    "other-apps": Page(
        _APPS,
        "Any other app",
        "Subscribe in any other app",
        "Thunderbird, Fantastical, Android, Nextcloud: whatever can subscribe from an address.",
    ),
    "refresh": Page(
        _APPS,
        "How soon changes show",
        "How soon do changes show?",
        "The link is always up to date. Each app decides when to look; that cannot be forced.",
    ),
    "troubleshooting": Page(
        _APPS,
        "If something looks wrong",
        "If something looks wrong",
        "No events, old events, wrong times, doubles: what it is and what helps.",
    ),
    "two-way": Page(
        _BOTH,
        "One way or both ways",
        "One way or both ways?",
        "What a private link does, what two-way Calendar Sync does, and what holds here.",
    ),
    "two-way-google": Page(
        _BOTH,
        "Two-way sync with Google",
        "Two-way sync with Google",
        "Your bookings in a Google calendar of their own, and your Google appointments as busy time"
        " here.",
    ),
    "two-way-outlook": Page(
        _BOTH,
        "Two-way sync with Outlook",
        "Two-way sync with Outlook",
        "Your bookings in an Outlook calendar of their own, and your Outlook appointments as busy"
        " time here.",
    ),
    "two-way-trouble": Page(
        _BOTH,
        "If two-way sync looks wrong",
        "If two-way sync looks wrong",
        "Delays, doubles, a missing calendar, or starting over: what it is and what helps.",
    ),
    "private-links": Page(
        _LINKS,
        "What a private link is",
        "Private links",
        "A read-only address that shows your bookings to a calendar app, always as they are now.",
    ),
    "privacy": Page(
        _LINKS,
        "How clients appear outside",
        "How clients appear outside Kalends",
        "You choose how much of a client’s name leaves, from nothing at all to the full name.",
    ),
    "internal-ids": Page(
        _LINKS,
        "Internal IDs",
        "Internal IDs",
        "A code instead of a name: it means nothing outside, and you can look it up here.",
    ),
    "bookings": Page(
        _DAILY,
        "How bookings show outside",
        "Bookings and how they show outside",
        "Statuses, series, overlaps and whole days, here and in your own calendar.",
    ),
    "for-clients": Page(
        _DAILY,
        "Can my clients subscribe?",
        "Can my clients subscribe?",
        "No. Private links are for the people who work here.",
    ),
}

_REFRESH = (  # families of reader · name · how often at the widest (X22) · can the person set it
    (
        ("Apple Calendar",),
        "Apple Calendar",
        "every 5 minutes to once a week; on an iPhone every 15 minutes at best",
        "yes; every hour is good",
    ),
    (
        ("Google Calendar",),
        "Google Calendar",
        "every few hours to once a day, now and then later still",
        "no, and it cannot be forced",
    ),
    (
        ("Outlook",),
        "Outlook",
        "every 1 to 24 hours, by version",
        "no; Outlook for Windows also looks when you send and receive",
    ),
    (
        ("Thunderbird", "Fantastical"),
        "Thunderbird, Fantastical",
        "as often as you like; Thunderbird every 30 minutes unless told otherwise",
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
        return [(*row, "") for _, *row in _REFRESH]
    habits = owned.habits(current_user)
    known = {family for families, *_ in _REFRESH for family in families}
    rows = [
        (*row, _measured([habits[f] for f in families if f in habits]))
        for families, *row in _REFRESH
    ]
    return rows + [
        (name, "as the app decides", "look in its settings", _measured([habits[name]]))
        for name in sorted(set(habits) - known)
    ]


def _measured(intervals: list[int | None]) -> str:
    """What is known of the apps' rhythm; an interval of None: read too seldom to tell."""
    known = [seconds for seconds in intervals if seconds]
    if known:
        return display.rhythm(min(known))
    return "read, too few times to tell" if intervals else "not used"


def _statuses() -> list[tuple[str, bool, str, str]]:
    """Rows of the table of statuses.

    Whether it takes time here, and how it shows under each preset.
    """
    words = {
        None: "left out",
        "confirmed": "confirmed",
        "tentative": "tentative",
        "cancelled": "cancelled",
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
