"""What a letter is made of, and what all of them need to be written."""

from dataclasses import dataclass
from datetime import datetime

from flask import current_app

from base.text import clean

from .itip import Part

MOST_IN_HEADER = 200


class NotNow(Exception):
    """It is to be sent, but not before `until`."""

    def __init__(self, until: datetime):
        super().__init__(until)
        self.until = until


@dataclass(frozen=True)
class Text:
    """What a letter says, and to which address: the one that its reader has now.

    `html`: the same for mail programs that show it. `sender`: who it is from, beside our address.
    `reply_to`: where answers go. `calendar`: the entry for the reader's calendar. `leave_url`:
    where one press ends letters of this kind (RFC 8058). `said`: the kind, where it is known only
    when the letter is sent.
    """

    to: str
    subject: str
    body: str
    html: str = ""
    sender: str = ""
    reply_to: str = ""
    calendar: Part | None = None
    leave_url: str = ""
    said: str = ""


def one_line(text: str) -> str:
    """A name as it may stand in a letter.

    Whatever was stored, on one line and without control characters.
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def paragraph(text: str) -> str:
    """Somebody's own words as they may stand in a letter, whatever was stored."""
    return clean(text, len(text))


def header(text: str) -> str:
    """Text as it may stand in a header: one line, short enough for one (RFC 5322 §2.1.1).

    What looks like the start of an encoded word (RFC 2047) is broken up: readers would decode it,
    and it may hold line ends.
    """
    return one_line(text).replace("=?", "= ?")[:MOST_IN_HEADER]


def address(endpoint: str, **values: str) -> str:
    """An address of ours, on the configured base. Also outside a request: a job has none."""
    base_url: str = current_app.config["SETTINGS"].base_url
    return base_url + current_app.url_map.bind("").build(endpoint, values)
