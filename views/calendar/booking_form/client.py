"""The client in a booking's form: found by the typed text, chosen, or to be added."""

from typing import Any

from flask_login import current_user

from base import scheduling
from base.catalogue import _, lazy
from base.remembered import remembered
from base.text import search_key
from models import Booking, Patient, Practitioner
from people import clients, doubles
from views.kit import access
from views.kit.merging import Merging

MOST_FOUND = 6
PERHAPS_LISTED = lazy(
    "This client may be in your list already. Choose one of those below, or save once more to add a"
    " new client"
)


class ClientFields(Merging):
    """The part of a booking's form for its client."""

    # Fields of the form that inherits from this class.
    q: Any
    patient: Any
    matched: Any
    phone: Any
    email: Any
    told: Any
    practitioner: Practitioner
    booking: Booking | None

    @remembered
    def chosen_patient(self) -> Patient | None:
        """The client chosen so far, of this clinic."""
        chosen = self.patient.data or ""
        return (
            access.client_to_read(int(chosen))
            if chosen.isascii() and chosen.isdigit() and len(chosen) < 10
            else None
        )

    @property
    def new_client(self) -> dict[str, str] | None:
        """Name, phone and e-mail of the client to be added, if one is."""
        if self.patient.data != "new":
            return None
        return {
            "name": self.q.data,
            "phone": self.phone.data or "",
            "email": self.email.data or "",
        }

    @property
    def is_new_by_text(self) -> bool:
        """Whether a client is added because the typed text found none."""
        return self.patient.data == "new" == self.matched.data

    @property
    def doubles(self) -> list[Patient]:
        """Existing clients that may be the same person as the one to be added."""
        return doubles.likely(access.clinic(), **self.new_client) if self.new_client else []

    def add_client(self) -> Patient:
        """Add the new client. Raises PerhapsListed; then `doubles` are to be shown."""
        doubles.ask_whether_known(access.clinic(), self.told.data or "", **self.new_client)
        return Patient.named(access.clinic(), current_user, **self.new_client)

    def choose_added_client(self, booking: Booking | None) -> bool:
        """Choose the booking's client in place of the new one if another press of this form has
        added them.
        """
        own = booking and self.new_client and booking.patient
        if not own or str(own.id) in (self.told.data or "").split():
            return False
        if {name: getattr(own, name) for name in self.new_client} != self.new_client:
            return False
        self.put("patient", str(own.id))
        return True

    @remembered
    def found(self) -> list[Patient]:
        """Clients that match the typed text, each with the day of their last booking as `last_here`
        (None: not yet).
        """
        if not self.q.data:
            return []
        patients = list(clients.suggested(access.clinic(), self.q.data, MOST_FOUND))
        last = clients.last_seen(patients)
        for patient in patients:
            patient.last_here = patient.id in last and scheduling.local_day(
                last[patient.id], self.practitioner.zone
            )
        return patients

    def names_id(self, found: list[Patient]) -> list[Patient]:
        """Clients whose internal ID is exactly the typed text."""
        return [
            one
            for one in found
            if one.internal_id and search_key(one.internal_id) == search_key(self.q.data)
        ]

    def match(self, found: list[Patient]) -> Patient | None:
        """The one client whose internal ID or whole name was typed. None if a client is chosen
        already, or none matches.
        """
        named = self.names_id(found) or [
            one for one in found if search_key(one.name) == search_key(self.q.data)
        ]
        return (
            named[0]
            if len(named) == 1
            and not self.chosen_patient
            and self.patient.data not in ("none", "new")
            else None
        )

    def let_go(self) -> None:
        """Remove a client that only the typed text chose, since the text has changed."""
        if self.matched.data and self.matched.data == self.patient.data:
            self.patient.data = self.matched.data = ""

    def choose_by_text(self) -> None:
        """Choose the client by the typed text: a new client if it finds none."""
        self.let_go()
        if self.q.data and not self.patient.data and not self.found:
            self.patient.data = self.matched.data = "new"

    def prepare_client(self) -> None:
        """Ignore the fields of a new client if none is added. Call it before the fields are
        checked.
        """
        if self.is_new_by_text and self.found:
            self.let_go()  # saved before the page had searched for the latest text
        if self.patient.data != "new":
            self.phone.process_errors = self.email.process_errors = []  # of nobody

    def check_client(self) -> None:
        """Check that a client is chosen, or can be added."""
        if self.patient.data == "new" and not self.q.data:
            self.fault("q", _("Write the name of the new client"))
        elif {str(one.id) for one in self.doubles} - set((self.told.data or "").split()):
            if not self.choose_added_client(
                self.booking and access.booking_to_read(self.booking.id)
            ):
                self.fault("q", PERHAPS_LISTED)
        elif self.q.data and not self.patient.data:
            self.fault("q", _("Choose a client, or add a new one"))
            self.choose_by_text()
        elif self.chosen_patient and self.chosen_patient.archived and not self._keeps_patient():
            self.fault(
                "q", _("This client is archived. Bring the record back first, or choose another")
            )

    def _keeps_patient(self) -> bool:
        """Whether the client is the booking's already. Such a client stays possible, archived or
        not.
        """
        return bool(self.booking) and self.booking.patient_id == self.chosen_patient.id

    def snapshot(self) -> dict:
        nobody = {"patient": ""} if self.patient.data == "none" else {}
        return super().snapshot() | nobody

    def put(self, name: str, value) -> None:
        super().put(name, value)
        if name == "patient":
            self.__dict__.pop("chosen_patient", None)

    def in_words(self, names: tuple[str, ...]) -> str:
        if names != ("patient",):
            return super().in_words(names)
        if self.chosen_patient:
            return self.chosen_patient.name
        return self.new_client["name"] if self.new_client else _("No client")
