"""The waiting list for visitors who have no appointment and find no time that suits them."""

import secrets
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

from flask import redirect, request, url_for
from werkzeug.datastructures import MultiDict

from base import scheduling
from base.catalogue import _
from base.database import alone
from free_times.earlier import entries, joining
from free_times.earlier.entries import LONGEST, EarlierSettings, WaitingEntry
from free_times.earlier.joining import CannotWait
from free_times.online import proofs, tickets
from free_times.online.page import OnlinePage
from views.kit import display
from views.kit.waiting_wishes import WantedForm

from . import choosing, gate, pages
from .details_form import DetailsForm
from .pages import with_page
from .picked import Picked

USUAL = timedelta(days=30)  # how long a visitor stays on the list, unless they choose another time

blueprint = pages.blueprint(__name__)


@blueprint.get("/waiting-list")
@with_page
def show(page: OnlinePage):
    picked = Picked.of(page, request.args)
    if not _may_join(picked):
        return choosing.gone(page)
    return _page(picked, _wanted(picked), DetailsForm(page), secrets.token_hex(16))


def _may_join(picked: Picked) -> bool:
    """Whether visitors may put themselves on the list, and somebody offers the service."""
    return bool(picked.terms) and EarlierSettings.of(picked.page.clinic).visitors_ask


def _wanted(picked: Picked, typed: MultiDict[str, str] | None = None) -> WantedForm:
    form = WantedForm(picked.terms, picked.venue, None, typed, with_csrf=False)
    if typed is None:
        form.until.data = scheduling.utc_now().date() + USUAL
    if typed is None and picked.person and len(form.calendars) == 1:
        form.with_whom.data = str(form.calendars[0].id)
    if picked.person is not None:
        form.with_whom.choices = form.with_whom.choices[1:]
    return form


def _page(
    picked: Picked,
    form: WantedForm,
    details: DetailsForm,
    seed: str,
    message: str = "",
    status: int = 200,
    code: bool = False,
):
    page = picked.page
    return pages.show(
        "ask_any.html",
        page,
        status,
        form=form,
        details=details,
        picked=picked,
        seed=seed,
        message=message,
        code=code,
        kept=[],
        challenge=proofs.challenge(_form_use(page, seed)),
        by_mail=gate.may_mail(details.details("")),
        back=url_for("choosing.free", name=page.name, **picked.query()),
        target=url_for("joining.add", name=page.name),
    )


def _form_use(page: OnlinePage, seed: str) -> str:
    return tickets.form_use(tickets.nonce_of(seed, page.clinic.id))


@blueprint.post("/waiting-list")
@with_page
def add(page: OnlinePage):
    picked, seed = Picked.of(page, request.form), request.form.get("visit", "")[:64]
    if not _may_join(picked):
        return choosing.gone(page)
    key = UUID(tickets.nonce_of(seed, page.clinic.id))
    if made := entries.made_before(page.clinic, key):
        return _done(made)  # the same form, pressed twice
    form, details = _wanted(picked, request.form), DetailsForm(page, request.form)
    if not _is_filled(form, details):
        return _page(picked, form, details, seed, status=422)
    if seconds := gate.wait_seconds(details.details("")):
        wait = _("Wait {minutes}, then press again.", minutes=display.minutes(seconds))
        return _page(picked, form, details, seed, wait, 429)
    with alone(page.clinic):  # a second press at once finds the entry, not a proof used up
        if made := entries.made_before(page.clinic, key):
            return _done(made)
        refused = _unproven(page, seed, details)
        entry = None if refused else _entry(picked, form, details, key)
    if refused is not None:
        return _page(picked, form, details, seed, refused, 422, code=True)
    cannot = _("This cannot be done online. Please call the clinic.")
    return _done(entry) if entry else _page(picked, form, details, seed, cannot, 409)


def _is_filled(form: WantedForm, details: DetailsForm) -> bool:
    good = [form.validate(), details.validate()]
    today = scheduling.utc_now().date()
    until = form.until.data
    if not form.until.errors and (until is None or not today <= until <= today + LONGEST):
        form.fault("until", _("Choose the last day that suits, in the next 90 days"))
    return all(good) and not form.errors


def _unproven(page: OnlinePage, seed: str, details: DetailsForm) -> str | None:
    """Send a code if the form has neither a proof of work nor a code, and a code can be sent.
    Returns the sentence about it; None: the visitor may go on.
    """
    form_use, typed_details = _form_use(page, seed), details.details("")
    if gate.is_shown(form_use, typed_details) or not gate.may_mail(typed_details):
        return None
    if not gate.send_code_to(page.clinic, form_use, typed_details.email):
        return _("We cannot send more codes now. Try again in an hour, or call the clinic.")
    return _("Type the code that we sent you by e-mail.")


def _entry(
    picked: Picked, form: WantedForm, details: DetailsForm, key: UUID
) -> WaitingEntry | None:
    """The new entry of the list; None if the visitor cannot wait."""
    typed_details = details.details(picked.zone)
    typed = {name: getattr(typed_details, name) for name in ("name", "email", "phone", "agrees")}
    typed["zone"] = typed_details.zone_name
    with suppress(CannotWait):
        return joining.ask_without(
            picked.page.clinic, picked.service, form.wanted(), typed, None, key=key
        )
    return None


def _done(entry: WaitingEntry):
    way = {"uuid": entry.uuid, "token": entries.token(entry)}
    return redirect(url_for("earlier.ask_leave", **way), 303)
