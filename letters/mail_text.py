"""The parts of a letter, and helpers for all letters."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr

import idna
from flask import current_app

from base.text import clean

from .itip import CalendarPart

MOST_IN_HEADER = 200


class NotNow(Exception):
    """The letter must not be sent before `until`."""

    def __init__(self, until: datetime):
        super().__init__(until)
        self.until = until


@dataclass(frozen=True)
class Text:
    """The text of a letter, and its recipient's present address.

    `html`: the same for mail programs that show it. `sender`: the name of the sender, besides our
    address. `reply_to`: the address for answers. `calendar`: the entries for the recipient's
    calendar. `leave_url`: the address that ends letters of this kind with one press (RFC 8058).
    `final_kind`: the kind, if it is only known when the letter is sent.
    """

    to: str
    subject: str
    body: str
    html: str = ""
    sender: str = ""
    reply_to: str = ""
    calendar: Sequence[CalendarPart] = ()
    leave_url: str = ""
    final_kind: str = ""


def one_line(text: str) -> str:
    """A name in the form for a letter: on one line and without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def paragraph(text: str) -> str:
    """A person's own text in the form for a letter."""
    return clean(text, len(text))


def header(text: str) -> str:
    """Text in the form for a header: one short line (RFC 5322 §2.1.1).

    An apparent start of an encoded word (RFC 2047) is broken up: mail programs would decode it, and
    it may contain line ends.
    """
    return one_line(text).replace("=?", "= ?")[:MOST_IN_HEADER]


def ascii_domain(mailbox: str) -> str:
    """The address with its domain as mail servers know it (IDNA, RFC 5891): praxis@müller.example
    goes to praxis@xn--mller-kva.example. Unchanged if the domain is invalid.
    """
    name, at, domain = mailbox.rpartition("@")
    try:
        return name + at + idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return mailbox


def mailbox(mail_from: str) -> str:
    """The sender's address alone, in the form for mail servers. MAIL_FROM may contain a name as
    well.
    """
    return ascii_domain(parseaddr(mail_from)[1])


def address(endpoint: str, **values: str) -> str:
    """An address of ours, on the configured base. Works outside a request too, since jobs have
    none.
    """
    base_url: str = current_app.config["SETTINGS"].base_url
    return base_url + current_app.url_map.bind("").build(endpoint, values)


def filled(template: str, **facts: object) -> str:
    """The text of a letter from its template."""
    return current_app.jinja_env.get_template(f"mail/{template}.txt").render(**facts)
