"""Before a visitor's booking is made: brakes on presses, and what stands for a proof of work."""

from flask import request

from base import outbox, text
from free_times.online import admission, proofs
from free_times.online.bookings import OnlineBooking
from free_times.online.forms import Ticket
from free_times.online.page import Page
from free_times.online.taking import Details
from people.credentials import Throttle
from people.mailed_codes import MailedCode
from views.kit import brakes

LONGEST_CODE = 40


def wait_seconds(details: Details) -> int:
    """Count this press and give 0; or, where too many came from this network or for this contact,
    how long to wait.
    """
    contacts = (details.email.casefold(), text.phone_tail(details.phone))
    return Throttle.admit(
        {
            brakes.key("book", brakes.network()): brakes.BOOKINGS,
            **{brakes.key("book for", one): brakes.CONTACT for one in contacts if one},
        }
    )


def admit(page: Page, ticket: Ticket, details: Details) -> OnlineBooking:
    """Book with what the form brought. Raises what `admission.take` raises."""
    code = request.form.get("code", "")[:LONGEST_CODE]
    return admission.take(
        page,
        ticket,
        details,
        proof=request.form.get("proof", "")[: proofs.LONGEST + 1],
        reads_mail=bool(code) and MailedCode.accept(ticket.visitor, details.email, code),
        may_mail=bool(details.email) and outbox.is_set_up(),
    )


def send_code(page: Page, ticket: Ticket, details: Details) -> bool:
    """Send the visitor a code, or let the one count that went out. False: too many did."""
    return MailedCode.send(page.clinic, ticket.visitor, details.email)
