"""The form for a visitor's details."""

import hashlib
from collections.abc import Mapping

from wtforms import BooleanField

from base import text
from base.catalogue import _, lazy
from base.tables.texts import TextSettings
from free_times.online.making import Details
from free_times.online.page import OnlinePage
from people.text_numbers import number
from views.kit.forms import NO_NUMBER, Email, Form, Line, Paragraph

LONGEST_NOTE = 500


# A field that people do not see: only programs fill it in.
_UNSEEN = {"autocomplete": "off", "tabindex": "-1"}


class DetailsForm(Form):
    """A visitor's details. The form has only the fields that the clinic asks for."""

    name = Line(lazy("Your name"), 120, lazy("Write your name"), render_kw={"autocomplete": "name"})
    email = Email(lazy("E-mail"), render_kw={"autocomplete": "email"})
    phone = Line(lazy("Phone"), 40, render_kw={"autocomplete": "tel", "inputmode": "tel"})
    note = Paragraph(lazy("Note for the clinic (optional)"), LONGEST_NOTE)
    texts = BooleanField(lazy("Send me text messages about my appointments"))
    agrees = BooleanField(lazy("I agree"))
    website = Line(lazy("Leave this empty"), 200, render_kw=_UNSEEN)

    def __init__(self, page: OnlinePage, typed: Mapping[str, str] | None = None):
        super().__init__(formdata=typed, meta={"csrf": False})
        self.asks, self.clinic = page.settings.asks, page.clinic
        if self.asks == "phone":
            del self.email
        if self.asks == "email":
            del self.phone
        if "phone" not in self or not TextSettings.of(page.clinic).sends:
            del self.texts
        if not page.settings.note_allowed:
            del self.note
        if page.settings.consent:
            self.agrees.label.text = page.settings.consent
            self.consent_mark = hashlib.sha256(page.settings.consent.encode()).hexdigest()[:16]
            # A person who ticked another sentence has not agreed to this one.
            self.agreed_before = bool(
                self.agrees.data and self.agrees.raw_data != [self.consent_mark]
            )
            self.agrees.data = bool(self.agrees.data and not self.agreed_before)
        else:
            del self.agrees

    def validate(self, **kwargs) -> bool:
        super().validate(**kwargs)
        first, rest = [*(self.name.data or "").split(" ", 1), ""][:2]
        if max(len(first), len(rest)) > 80 and not self.name.errors:
            self.fault("name", _("Write a shorter name"))
        if self._typed("phone") and not self.phone.errors and not text.is_phone(self.phone.data):
            self.fault("phone", _("Write a phone number, such as +44 7700 900123"))
        wants_texts = "texts" in self and self.texts.data
        if wants_texts and not self.phone.errors and not number(self.clinic, self._typed("phone")):
            self.fault("phone", NO_NUMBER)
        if not self.errors.keys() & {"email", "phone"} and not (
            self._typed("email") or self._typed("phone")
        ):
            if self.asks == "either":
                self.fault("email", _("Write an e-mail address or a phone number"))
            else:
                self.fault(self.asks, _NEEDED[self.asks])
        if self.website.data:
            self.fault("website", _("Leave the last field empty"))
        if "agrees" in self and self.agreed_before:
            self.fault("agrees", _("This sentence has changed. Read it again, and tick the box"))
        elif "agrees" in self and not self.agrees.data:
            self.fault("agrees", _("Tick the box to go on"))
        return not self.errors

    def _typed(self, name: str) -> str:
        return (self[name].data or "") if name in self else ""

    def details(self, zone: str) -> Details:
        """The typed details, cleaned."""
        agrees = bool("agrees" in self and self.agrees.data)
        texts = bool("texts" in self and self.texts.data)
        typed_values = {name: self._typed(name) for name in ("name", "email", "phone", "note")}
        return Details(**typed_values, agrees=agrees, texts=texts, zone_name=zone)


_NEEDED = {
    "email": lazy("Write your e-mail address"),
    "phone": lazy("Write your phone number"),
}
