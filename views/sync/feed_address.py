"""The address of a feed in every form that a calendar app accepts: plain, webcal, Outlook's
page, a QR code.

It is shown only on pages of its owner: never in a URL of ours, a log or the audit.
"""

from urllib.parse import quote

from flask import current_app

from base.config.endpoints import is_loopback
from models import Feed
from sync.feeds import feed as feeds
from views.kit import qr as qr_codes

GOOGLE = "https://calendar.google.com/calendar/u/0/r/settings/addbyurl"
OUTLOOKS = {"Outlook.com": "outlook.live.com", "Microsoft 365": "outlook.office.com"}


def https(feed: Feed) -> str:
    """The complete private address, to be copied."""
    settings = current_app.config["SETTINGS"]
    return settings.base_url + feeds.path(settings.secret_keys[0], feed)


def worded(feed: Feed) -> str:
    """The private address with a readable last part, for apps that name a calendar by it
    (Thunderbird). Otherwise these apps would show the secret.
    """
    return https(feed).removesuffix(".ics") + (
        "/Busy-times.ics" if feed.kind == "availability" else "/Bookings.ics"
    )


def webcal(feed: Feed) -> str:
    """The address with the scheme that makes Apple's calendars subscribe, not only import."""
    return "webcal://" + https(feed).partition("://")[2]


def outlook(host: str, feed: Feed) -> str:
    """The address of Outlook's page that adds the feed. Its address is percent-encoded completely;
    otherwise a part of it would be lost.
    """
    address, name = quote(https(feed), safe=""), quote(feed.name, safe="")
    return f"https://{host}/calendar/0/addfromweb?url={address}&name={name}"


def qr(feed: Feed) -> tuple[int, str]:
    """The address as a QR code: its width in modules, and the path that draws it."""
    return qr_codes.code(webcal(feed))


def is_local() -> bool:
    """Whether this Kalends can be reached only from its own computer."""
    return is_loopback(current_app.config["SETTINGS"].base_url)
