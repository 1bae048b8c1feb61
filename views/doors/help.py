"""Help: how to subscribe, what calendars outside show, what to do when something looks wrong.

Readable without signing in, since people read it on another device. Personal parts (how often one's
own apps read, the clinic's contact and zones) are shown only to people who are signed in.
"""

from typing import NamedTuple

from flask import Blueprint, abort, current_app, render_template, url_for
from flask_login import current_user

from base.bookings.statuses import FREE_STATUSES, STATUSES
from base.catalogue import _, lazy
from base.feed_presets import CLINIC, LOCUM
from free_times.rules import OnlineSettings
from models import Clinic, Venue
from people import founding
from sync.connect import gateway
from sync.feeds import owned
from sync.providers import registry
from views.kit import access, display, guides

blueprint = Blueprint("help", __name__)


class HelpPage(NamedTuple):
    """One help page: its group in the index, its name in the index, its heading and its summary."""

    group: str
    name: str
    heading: str
    lead: str


_APPS, _BOTH, _FEEDS, _DAILY = (
    lazy("Subscribe in your app"),
    lazy("Both ways"),
    lazy("Links and privacy"),
    lazy("In the clinic"),
)

PAGES = {
    "apple": HelpPage(
        _APPS,
        "Apple Calendar",
        lazy("Subscribe in Apple Calendar"),
        lazy(
            "Two minutes, once per device. Your bookings then stand beside your own appointments."
        ),
    ),
    "google": HelpPage(
        _APPS,
        "Google Calendar",
        lazy("Subscribe in Google Calendar"),
        lazy("Once, on a computer. Google’s phone app then shows your bookings by itself."),
    ),
    "outlook": HelpPage(
        _APPS,
        "Outlook",
        lazy("Subscribe in Outlook"),
        lazy("On the web, in the new Outlook, or in Outlook for Windows."),
    ),
    "other-apps": HelpPage(
        _APPS,
        lazy("Any other app"),
        lazy("Subscribe in any other app"),
        lazy(
            "Thunderbird, Fantastical, Android, Nextcloud: whatever can subscribe from an address."
        ),
    ),
    "refresh": HelpPage(
        _APPS,
        lazy("How soon changes show"),
        lazy("How soon do changes show?"),
        lazy(
            "The link is always up to date. Each app decides when to look; that cannot be forced."
        ),
    ),
    "troubleshooting": HelpPage(
        _APPS,
        lazy("If something looks wrong"),
        lazy("If something looks wrong"),
        lazy("No events, old events, wrong times, doubles: what it is and what to do."),
    ),
    "two-way": HelpPage(
        _BOTH,
        lazy("One way or both ways"),
        lazy("One way or both ways?"),
        lazy("What a private link does, what two-way Calendar Sync does, and what holds here."),
    ),
    **{
        row.help.page: HelpPage(_BOTH, row.help.name, row.help.heading, row.help.lead)
        for row in registry.PROVIDERS.values()
    },
    "two-way-trouble": HelpPage(
        _BOTH,
        lazy("If two-way sync looks wrong"),
        lazy("If two-way sync looks wrong"),
        lazy("Delays, doubles, a missing calendar, or starting over: what it is and what to do."),
    ),
    "private-links": HelpPage(
        _FEEDS,
        lazy("What a private link is"),
        lazy("Private links"),
        lazy(
            "A read-only address that shows your bookings to a calendar app, always as they are"
            " now."
        ),
    ),
    "privacy": HelpPage(
        _FEEDS,
        lazy("How clients appear outside"),
        lazy("How clients appear outside Kalends"),
        lazy(
            "You choose how much of a client’s name leaves, from nothing at all to the full name."
        ),
    ),
    "internal-ids": HelpPage(
        _FEEDS,
        lazy("Internal IDs"),
        lazy("Internal IDs"),
        lazy("A code instead of a name: it means nothing outside, and you can look it up here."),
    ),
    "bookings": HelpPage(
        _DAILY,
        lazy("Book, move and cancel"),
        lazy("Bookings, and how they show outside"),
        lazy("How to book, move and cancel; statuses, series, overlaps and whole days."),
    ),
    "keyboard": HelpPage(
        _DAILY,
        lazy("Keyboard shortcuts"),
        lazy("Keyboard shortcuts"),
        lazy("Keys that save time at the desk, and how to switch them off."),
    ),
    "online-booking": HelpPage(
        _DAILY,
        lazy("Online booking"),
        lazy("Online booking"),
        lazy("Your own page where clients book, move and cancel without an account."),
    ),
    "e-mails": HelpPage(
        _DAILY,
        lazy("E-mails to clients"),
        lazy("E-mails to clients"),
        lazy("Confirmations, changes and reminders: who gets them, when, and what they say."),
    ),
    "text-messages": HelpPage(
        _DAILY,
        lazy("Text messages to clients"),
        lazy("Text messages to clients"),
        lazy("By a service of your own: who gets them, what they say, and how to set it up."),
    ),
    "waiting-list": HelpPage(
        _DAILY,
        lazy("Waiting list"),
        lazy("Waiting list"),
        lazy("Clients who want an earlier time, and how they get it."),
    ),
    "for-clients": HelpPage(
        _DAILY,
        lazy("Can my clients subscribe?"),
        lazy("Can my clients subscribe?"),
        lazy("No. Private links are for the people who work here."),
    ),
}

_REFRESH = (  # family of reader · name · the longest interval (X22) · whether the person can set it
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
        for group in (_APPS, _BOTH, _FEEDS, _DAILY)
    }
    return render_template("help/index.html", groups=groups, setups=_setups(), there=_for_clients())


def _setups() -> list[tuple[str, str]]:
    """The guides for setting up a provider, for people who decide about it: (page, name)."""
    if not (current_user.is_authenticated and current_user.is_owner):
        return []
    rows = registry.PROVIDERS.values()
    return [
        (f"{row.kind}-setup", _("Set up sync with {provider}", provider=row.name))
        for row in rows
        if not row.by_password
    ]


def _setup(kind: str):
    """The guide for the server's administrator to set up a provider, with this server's own
    addresses; or for the programmer of a service for text messages.
    """
    if kind == "text-messages":
        heading = _("What Kalends sends to a text message service")
        return _guide(heading, "docs/text-messages.md", [])
    row = registry.PROVIDERS.get(kind)
    if row is None or row.by_password:
        abort(404)
    base = current_app.config["SETTINGS"].base_url
    addresses = [
        (_("Redirect URI"), f"{base}/connect/{kind}"),
        (_("Home page"), base + url_for("about.show")),
        (_("Privacy page"), base + url_for("about.privacy")),
    ]
    return _guide(_("Set up sync with {provider}", provider=row.name), row.guide, addresses)


def _guide(heading: str, name: str, addresses: list[tuple[str, str]]):
    """A guide of the folder `docs` as a page. `addresses`: of this server, each with its name."""
    return render_template(
        "help/setup.html",
        heading=heading,
        guide=guides.page(name),
        sections=guides.headings(name),
        addresses=addresses,
    )


@blueprint.get("/<name>")
def page(name: str):
    if name.endswith("-setup"):
        return _setup(name.removesuffix("-setup"))
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
        name=name,
        there=_for_clients(),
        others=others,
        refresh=_refresh(),
        statuses=_statuses(),
        zones=_zones(),
        **_both_ways(),
    )


def _for_clients() -> tuple[Clinic, str, list[Venue]] | None:
    """The clinic, its phone and its venues with an address, for readers who did not sign in; only
    on a server with one clinic. It shows nothing that the clinic's booking page does not show.
    """
    if current_user.is_authenticated:
        return None
    clinic = founding.only_clinic()
    if clinic is None or not (online := OnlineSettings.of(clinic)).is_on:
        return None
    return clinic, online.phone, [row for row in Venue.listed(clinic) if row.address]


def _both_ways() -> dict:
    """The ways of two-way sync on this server. `only_provider`: the one, if there is no other."""
    ways, by_password = _ways(), gateway.setup().by_password
    providers = [name for name, __ in ways]
    return {
        "ways": ways,
        "providers": providers,
        "by_password": by_password,
        "only_provider": providers[0] if len(providers) == 1 and not by_password else "",
    }


def _ways() -> list[tuple[str, str]]:
    """The providers that can be synced both ways here, each with its page. Several providers may
    share a page and a name.
    """
    rows = [registry.row_of(kind) for kind in gateway.kinds()]
    both = [row.help for row in rows if not row.reads_only]
    return list(dict.fromkeys((str(one.among), one.page) for one in both))


def _refresh() -> list[tuple[str, str, str, str]]:
    """Rows of the refresh table: the app, the interval, whether it can be set, and the measured
    interval ("" for a visitor).
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
    """How often the apps read, in words. An interval of None: it was read too seldom to tell."""
    known = [seconds for seconds in intervals if seconds]
    if known:
        return display.rhythm(min(known))
    return _("read, too few times to tell") if intervals else _("not used")


def _statuses() -> list[tuple[str, bool, str, str]]:
    """Rows of the table of statuses: the status, whether it takes time here, and how it is shown
    under each preset.
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
    """The zones of the clinic's venues, for people who are signed in."""
    return (
        sorted({calendar.venue.zone_name for calendar in access.calendars()})
        if current_user.is_authenticated
        else []
    )
