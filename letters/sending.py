"""The job that sends letters: those that are due, one after the other, at the rate of the settings.

It may be killed anywhere. A letter is leased before it is rendered and marked as sent after the
server's answer, so that only one whose answer was lost goes out again, with the same Message-ID.
"""

import hashlib
import logging
import secrets
import time
from contextlib import closing, suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from base import jobs, scheduling
from base.catalogue import _
from base.tables import outbox
from base.tables.outbox import Letter
from base.text import places
from people.credentials import ResetRequest

from . import itip, kinds
from .smtp import MailServer, Refused
from .text import NotNow, Text, header

log = logging.getLogger("kalends.letters")

_IN_IDS = {"sync_reminder": "nudge"}  # what earlier versions wrote into Message-IDs
MOST_IN_ADDRESS = 254
SECONDS = 20  # of one pass: other chores wait for the same worker


class BadAddress(Exception):
    """It is not the address of one mailbox."""


def send_due() -> None:
    """Job of the queue `chores`: send what is due.

    What is left is due in the database, and the next pass sends it.
    """
    setup = outbox.setup()
    if not outbox.is_set_up():
        return
    ResetRequest.answer_all()
    ends_at = time.monotonic() + SECONDS
    with closing(MailServer(setup)) as server:
        while letter := Letter.claim(scheduling.utc_now(), setup.per_minute):
            _send(letter, server)
            if time.monotonic() > ends_at:
                jobs.enqueue("chores", send_due)
                return


def _send(letter: Letter, server: MailServer) -> None:
    """Send one leased letter, and write down what became of it.

    Raises nothing: others wait behind it.
    """
    at = scheduling.utc_now()
    try:
        text = kinds.render(letter)
        if text is None:
            letter.drop(at)
            return
        message = compose(letter, text)
        if letter.renew(scheduling.utc_now()):
            server.hand_over(message, text.to)
            letter.sent(scheduling.utc_now(), text.said)
            Letter.go_on(scheduling.utc_now())
    except Refused as refused:
        _not_taken(letter, refused)
    except NotNow as later:
        letter.put_off(later.until)
    except BadAddress:
        letter.fail(at, "address")
    except Exception as error:
        log.error(
            "letter %s (%s): %s at %s", letter.id, letter.kind, type(error).__name__, places(error)
        )
        letter.retry(at, "fault")


def _not_taken(letter: Letter, refused: Refused) -> None:
    """What follows a refusal.

    The end of this letter, or another try; and where it is the server's trouble, all that are due
    wait as long.
    """
    at = scheduling.utc_now()
    log.warning("letter %s (%s) not sent: %s", letter.id, letter.kind, refused.word)
    if refused.is_final:
        letter.fail(at, refused.word)
        return
    due_at = letter.retry(at, refused.word, refused.is_server)
    if refused.is_server:
        Letter.hold_back(at, due_at or at + outbox.WAITS[-1], refused.word)


def try_out(to: str) -> None:
    """Hand over a trial letter at once: for whoever sets mail up, at the keyboard.

    Raises BadAddress, and Refused with the server's answer.
    """
    text = Text(
        to,
        _("Kalends can send e-mail"),
        _("This is a trial. If you read it, e-mail from Kalends arrives.\n"),
    )
    with closing(MailServer(outbox.setup())) as server:
        server.hand_over(_message(text, f"trial {secrets.token_hex(8)}"), to)


def compose(letter: Letter, text: Text) -> EmailMessage:
    """The message.

    Its Message-ID follows from the letter's key, so that a repeat is known as the same letter.
    Raises BadAddress.
    """
    installation = letter.clinic.installation if letter.clinic_id else ""
    kind = _IN_IDS.get(letter.kind, letter.kind)
    return _message(text, f"{installation}|{kind}|{letter.about}|{letter.sequence}")


def _message(text: Text, key: str) -> EmailMessage:
    mail_from = outbox.setup().mail_from
    mailbox = parseaddr(mail_from)[1]
    domain = mailbox.rpartition("@")[2] or "kalends.invalid"
    message = EmailMessage()
    sender = header(text.sender)
    message["From"] = Address(sender, addr_spec=mailbox) if sender else mail_from
    message["To"], message["Subject"] = _address(text.to), header(text.subject)
    message["Date"] = format_datetime(scheduling.utc_now())
    message["Message-ID"] = f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies
    with suppress(BadAddress):  # the letter goes all the same: its reader did not choose it
        if text.reply_to:
            message["Reply-To"] = _address(text.reply_to)
    if text.leave_url:
        message["List-Unsubscribe"] = f"<{text.leave_url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(text.body)
    if text.html:
        message.add_alternative(text.html, subtype="html")
    if text.calendar:
        _enclose(message, text.calendar)
    return message


def _enclose(message: EmailMessage, part: itip.Part) -> None:
    """The calendar part twice: beside the text, where mail programs look for it, and as a file."""
    method = {"method": part.method, "charset": "utf-8"}
    message.add_alternative(part.body, "text", "calendar", params=method)
    message.add_attachment(part.body, "application", "ics", filename="appointment.ics")


def _address(to: str) -> Address:
    """One address and nothing else. Raises BadAddress.

    Longer than RFC 5321 §4.5.3.1.3 allows it is none, nor with an encoded word (RFC 2047), which
    would be decoded.
    """
    if (
        to.count("@") != 1
        or len(to) > MOST_IN_ADDRESS
        or "=?" in to
        or any(c.isspace() or not c.isprintable() or c in ',;:<>()[]"\\' for c in to)
    ):
        raise BadAddress
    try:
        return Address(addr_spec=to)
    except (
        Exception
    ):  # the standard library raises errors of several kinds for what it cannot take apart
        raise BadAddress from None
