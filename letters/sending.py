"""The job that sends letters: all that are due, one after the other, at the rate of the settings.

It may be killed at any point. A letter is leased before it is rendered, and marked as sent after
the server's answer. So only a letter whose answer was lost is sent twice, with the same Message-ID.
"""

import hashlib
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Protocol, TypeVar

from base import jobs, scheduling
from base.catalogue import _
from base.tables import outbox
from base.tables.outbox import Letter
from base.text import places
from people.credentials import ResetRequest

from . import itip, kinds
from .mail_text import NotNow, Text, ascii_domain, header, mailbox
from .smtp import LetterRefused, MailServer

log = logging.getLogger("kalends.letters")

_IN_IDS = {"sync_reminder": "nudge"}  # the domain in Message-IDs of earlier versions
MOST_IN_ADDRESS = 254
SECONDS = 20  # seconds of one pass: other chores wait for the same worker


class BadAddress(Exception):
    """The text is not the address of one mailbox."""


def send_due() -> None:
    """Job of the queue `chores`: send the letters that are due.

    Letters that are left stay due in the database, and the next pass sends them.
    """
    setup = outbox.setup()
    if not outbox.is_set_up():
        return
    ResetRequest.answer_all()
    ends_at = time.monotonic() + SECONDS
    with closing(MailServer(setup)) as server:
        while letter := Letter.claim(scheduling.utc_now(), setup.per_minute):
            attempt(letter, prepared, lambda one: server.hand_over(one.message, one.to))
            if time.monotonic() > ends_at:
                jobs.enqueue("chores", send_due)
                return


@dataclass(frozen=True)
class Prepared:
    """A letter that is ready to be sent. `final_kind`: its final kind."""

    message: EmailMessage
    to: str
    final_kind: str


class _WithKind(Protocol):
    @property
    def final_kind(self) -> str: ...


ReadyLetter = TypeVar("ReadyLetter", bound=_WithKind)


def prepared(letter: Letter) -> Prepared | None:
    """The letter as a message; None where its reason is gone. Raises BadAddress, NotNow."""
    text = kinds.render(letter)
    return Prepared(compose(letter, text), ascii_domain(text.to), text.final_kind) if text else None


def attempt(
    letter: Letter,
    prepare: Callable[[Letter], ReadyLetter | None],
    hand_over: Callable[[ReadyLetter], None],
) -> None:
    """Send one leased letter, and store the result.

    `prepare` returns the message to send, or None if its reason is gone. `prepare` and `hand_over`
    may raise LetterRefused, and other errors. This function raises nothing, since other letters
    wait behind this one.
    """
    at = scheduling.utc_now()
    try:
        ready = prepare(letter)
        if ready is None:
            letter.drop(at)
            return
        if letter.renew(scheduling.utc_now()):
            hand_over(ready)
            letter.sent(scheduling.utc_now(), ready.final_kind)
            Letter.go_on(scheduling.utc_now(), letter.queue)
    except LetterRefused as refused:
        _not_accepted(letter, refused)
    except NotNow as later:
        letter.put_off(later.until)
    except BadAddress:
        letter.fail(at, "address")
    except Exception as error:
        log.error(
            "letter %s (%s): %s at %s", letter.id, letter.kind, type(error).__name__, places(error)
        )
        letter.retry(at, "fault")


def _not_accepted(letter: Letter, refused: LetterRefused) -> None:
    """Store the consequence of a refusal.

    The letter fails, or is tried again. If the fault is the server's, all due letters wait equally
    long.
    """
    at = scheduling.utc_now()
    log.warning("letter %s (%s) not sent: %s", letter.id, letter.kind, refused.word)
    if refused.is_final:
        letter.fail(at, refused.word)
        return
    due_at = letter.retry(at, refused.word, refused.is_server, refused.wait)
    if refused.is_server:
        until = due_at or at + outbox.WAITS[-1]
        Letter.wait_for_server(at, until, refused.word, letter.queue)


def try_out(to: str) -> None:
    """Send a trial letter at once, for a person who sets mail up.

    Raises BadAddress, and LetterRefused with the server's answer.
    """
    text = Text(
        to,
        _("Kalends can send e-mail"),
        _("This is a trial. If you read it, e-mail from Kalends arrives.\n"),
    )
    with closing(MailServer(outbox.setup())) as server:
        server.hand_over(_message(text, f"trial {secrets.token_hex(8)}"), ascii_domain(to))


def compose(letter: Letter, text: Text) -> EmailMessage:
    """The message.

    Its Message-ID follows from the letter's key, so that a repeat is known as the same letter.
    Raises BadAddress.
    """
    installation = letter.clinic.installation if letter.clinic_id else ""
    kind = _IN_IDS.get(letter.kind, letter.kind)
    return _message(text, f"{installation}|{kind}|{letter.about}|{letter.sequence}")


def _message(text: Text, key: str) -> EmailMessage:
    message, ours = EmailMessage(), _sender(text)
    message["From"] = ours
    message["To"], message["Subject"] = _address(text.to), header(text.subject)
    message["Date"] = format_datetime(scheduling.utc_now())
    message["Message-ID"] = f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{ours.domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies
    with suppress(BadAddress):  # the letter is sent anyway: its reader did not choose this address
        if text.reply_to:
            message["Reply-To"] = _address(text.reply_to)
    if text.leave_url:
        message["List-Unsubscribe"] = f"<{text.leave_url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(text.body)
    if text.html:
        message.add_alternative(text.html, subtype="html")
    _enclose(message, text.calendar)
    return message


def _sender(text: Text) -> Address:
    """The sender: MAIL_FROM, with the letter's own name if it has one. Raises LetterRefused without
    MAIL_FROM.
    """
    mail_from = outbox.setup().mail_from
    try:
        ours = _address(mailbox(mail_from))
    except BadAddress:
        raise LetterRefused("sender", is_server=True) from None
    return Address(header(text.sender or parseaddr(mail_from)[0]), ours.username, ours.domain)


def _enclose(message: EmailMessage, parts: Sequence[itip.CalendarPart]) -> None:
    """Add the calendar part twice: beside the text, where mail programs look for it, and as a file.

    Several parts are added as files only: beside the text, a mail program would use one and ignore
    the others.
    """
    if len(parts) == 1:
        (part,) = parts
        message.add_alternative(part.body, "text", "calendar", params=_type(part))
        message.add_attachment(part.body, "application", "ics", filename="appointment.ics")
        return
    for number, part in enumerate(parts, 1):
        name = f"appointment-{number}.ics"
        message.add_attachment(part.body, "text", "calendar", params=_type(part), filename=name)


def _type(part: itip.CalendarPart) -> dict[str, str]:
    return {"method": part.method, "charset": "utf-8"}


def _address(to: str) -> Address:
    """One address and nothing else. Raises BadAddress.

    An address longer than RFC 5321 §4.5.3.1.3 allows is refused, and one with an encoded word (RFC
    2047), which would be decoded.
    """
    if (
        to.count("@") != 1
        or len(to) > MOST_IN_ADDRESS
        or "=?" in to
        or any(c.isspace() or not c.isprintable() or c in ',;:<>()[]"\\' for c in to)
    ):
        raise BadAddress
    try:
        return Address(addr_spec=ascii_domain(to))
    except Exception:  # the standard library raises several kinds of errors for wrong addresses
        raise BadAddress from None
