"""The checks before a visitor's booking is made: limits on presses, and the code that can replace a
proof of work.
"""

from collections.abc import Mapping

from flask import request

from base import text
from base.tables import outbox
from free_times.online import proofs
from free_times.online.admission import NeedsCode
from free_times.online.asking_outside import SentForm
from free_times.online.making import Details
from free_times.online.page import OnlinePage
from free_times.online.tickets import Ticket
from models import Clinic
from people.credentials import Throttle
from people.mailed_codes import MailedCode
from views.kit import brakes

LONGEST_CODE = 40


def wait_seconds(details: Details) -> int:
    """Count this press and return 0. If there were too many presses from this network or for this
    contact, return the seconds to wait.
    """
    contacts = (details.email.casefold(), text.phone_tail(details.phone))
    return Throttle.admit(
        {
            brakes.key("book", brakes.network()): brakes.BOOKINGS,
            **{brakes.key("book for", one): brakes.CONTACT for one in contacts if one},
        }
    )


def sent(ticket: Ticket, details: Details, typed: Mapping[str, str]) -> SentForm:
    """The values that the form sent. Raises NeedsCode if the form has no proof and a code can be
    sent.
    """
    code = request.form.get("code", "")[:LONGEST_CODE]
    brought = SentForm(
        details,
        typed,
        proof=request.form.get("proof", "")[: proofs.LONGEST + 1],
        reads_mail=bool(code) and MailedCode.accept(ticket.form_use, details.email, code),
        may_mail=may_mail(details),
    )
    is_shown = brought.reads_mail or proofs.solved(brought.proof, ticket.form_use) is not None
    if not is_shown and brought.may_mail:
        raise NeedsCode
    return brought


def is_shown(form_use: str, details: Details) -> bool:
    """Whether the form has a proof of work, which is now used up, or the code that was sent."""
    code = request.form.get("code", "")[:LONGEST_CODE]
    proof = request.form.get("proof", "")[: proofs.LONGEST + 1]
    return proofs.spend(proofs.solved(proof, form_use)) or (
        bool(code) and MailedCode.accept(form_use, details.email, code)
    )


def may_mail(details: Details) -> bool:
    """Whether a code can be sent to the visitor."""
    return bool(details.email) and outbox.is_set_up()


def send_code(page: OnlinePage, ticket: Ticket, details: Details) -> bool:
    """Send the visitor a code, unless an earlier one still works. False: too many were sent."""
    return MailedCode.send(page.clinic, ticket.form_use, details.email)


def send_code_to(clinic: Clinic, form_use: str, email: str) -> bool:
    """Send the visitor a code for a form use without a chosen time. False: too many were sent."""
    return MailedCode.send(clinic, form_use, email)
