"""The text of a booking outside. Pure. The only module that composes text for feeds, two-way sync
and the preview.

The identifier ladder runs from "none" to "full_name"; the clinic's ceiling cuts it. Hiding
sensitive information leaves "Busy" and nothing else, whatever else is chosen.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from base import catalogue
from base.catalogue import _, lazy
from base.tables.past_values import Before
from base.text import client_label, cut, without_controls

from .event import Face

BUSY = Face("Busy")
_LINE_ENDS = re.compile("\r\n?|[\u2028\u2029]")  # a space in a title; "\n" is written escaped


@dataclass(frozen=True, slots=True)
class Policy:
    """How one calendar outside shows bookings. `title` is made of the blocks {organisation}
    {service} {client} {practitioner}, with spaces between them. `details`: which of "status",
    "rate" and "notes" stand in the description, with spaces between them.
    """

    identifier: str = "none"
    title: str = "{service} {client}"
    details: str = ""
    location: bool = True
    hide_sensitive: bool = False

    @classmethod
    def of(cls, user: "Person", clinic: "ClinicLimits", choices: "Chosen") -> "Policy":
        """The policy of a calendar outside for its person's bookings: the calendar's own choices,
        limited by the person's and the clinic's.
        """
        notes = clinic.notes_may_leave
        return cls(
            identifier=identifier_of(choices.identifier or user.identifier, clinic),
            title=choices.title,
            details=choices.details if notes else choices.details.replace("notes", ""),
            hide_sensitive=choices.hide_sensitive or user.hide_sensitive,
        )

    def of_colleague(self, colleague: "Person", clinic: "ClinicLimits") -> "Policy":
        """The policy for a colleague's bookings: it shows no more of a client than the colleague
        chose for all calendars outside.
        """
        return replace(
            self,
            identifier=identifier_of(cut(colleague.identifier, self.identifier), clinic),
            hide_sensitive=self.hide_sensitive or colleague.hide_sensitive,
        )


class Person(Protocol):
    """A person's choice for all their calendars outside."""

    identifier: str | None
    hide_sensitive: bool


class ClinicLimits(Protocol):
    """A clinic's limits for what calendars outside show."""

    privacy_ceiling: str
    internal_ids: bool
    notes_may_leave: bool


class Chosen(Protocol):
    """The choices for one calendar outside, such as a feed."""

    @property
    def kind(self) -> str:
        """Either "bookings" or "availability"."""

    @property
    def scope(self) -> str:
        """The bookings that it shows; with "clinic" each names its practitioner."""

    @property
    def identifier(self) -> str | None:
        """How clients appear; None: as the person chose."""

    @property
    def title(self) -> str:
        """The blocks of the event's title, as in `Policy`."""

    @property
    def details(self) -> str:
        """The parts of the event's description, as in `Policy`."""

    @property
    def hide_sensitive(self) -> bool:
        """Whether only "Busy" is shown."""

    @property
    def statuses(self) -> Mapping[str, str]:
        """The status of the event by status of the booking; bookings with other statuses are not
        shown.
        """

    @property
    def before(self) -> Before:
        """Earlier values: see `base.tables.past_values`."""


@dataclass(frozen=True, slots=True)
class Choices:
    """The choices of a calendar that is no feed. `statuses`: the status of the event by
    status of the booking; bookings with other statuses are not shown. `before`: see
    `base.tables.past_values`.
    """

    title: str
    details: str
    statuses: Mapping[str, str]
    identifier: str | None = None
    hide_sensitive: bool = False
    kind: str = "bookings"
    scope: str = "person"
    before: Before = field(default_factory=list)


def identifier_of(chosen: str | None, clinic: ClinicLimits) -> str:
    """The identifier used outside if `chosen` is asked for: limited by the clinic's ceiling; no
    internal ID while the clinic does not use them.
    """
    identifier = cut(chosen, clinic.privacy_ceiling)
    return "none" if identifier == "internal_id" and not clinic.internal_ids else identifier


@dataclass(frozen=True, slots=True)
class Subject:
    """The facts of one booking from which a face may be made."""

    organisation: str
    address: str
    service: str
    status: str
    first_name: str = ""
    last_name: str = ""
    internal_id: str = ""
    rate: str = ""
    notes: str = ""
    practitioner: str = ""  # for calendars with bookings of several people


STATUS_WORDS = {  # a status is called the same on pages and outside
    "offered": lazy("Offered"),
    "pending": lazy("Pending"),
    "confirmed": lazy("Confirmed"),
    "arrived": lazy("Arrived"),
    "delivered": lazy("Completed"),
    "invoiced": lazy("Invoiced"),
    "paid": lazy("Paid"),
    "cancelled": lazy("Cancelled"),
    "no_show": lazy("No-show"),
}
FORMER_WORDS = (lazy("Delivered"),)  # of a status, in events that nobody has written since
_TITLES = {"cancelled": lazy("Cancelled: {title}"), "no_show": lazy("No-show: {title}")}


def face(subject: Subject, policy: Policy) -> Face:
    """The face of a booking under a policy. An empty title becomes "Busy".

    It is in the clinic's language (English for now): the reader's language changes nothing outside.
    """
    if policy.hide_sensitive:
        return BUSY
    with catalogue.using(catalogue.ENGLISH):
        return _composed(subject, policy)


def _composed(subject: Subject, policy: Policy) -> Face:
    blocks = {
        "{organisation}": subject.organisation,
        "{service}": subject.service,
        "{client}": client_label(
            policy.identifier, subject.first_name, subject.last_name, subject.internal_id
        ),
        "{practitioner}": subject.practitioner,
    }
    shown = [blocks[block] for block in policy.title.split() if blocks.get(block)]
    title = " · ".join(shown) or subject.organisation or BUSY.title
    if subject.status in _TITLES:
        title = str(_TITLES[subject.status]).format(title=title)
    wanted, is_named = policy.details.split(), "{practitioner}" in policy.title
    lines = [
        _("With {name}", name=subject.practitioner)
        if subject.practitioner and not is_named
        else "",
        _("Status: {status}", status=STATUS_WORDS[subject.status]) if "status" in wanted else "",
        _("Rate: {amount}", amount=subject.rate) if "rate" in wanted and subject.rate else "",
        subject.notes if "notes" in wanted else "",
    ]
    one_line = without_controls(_LINE_ENDS.sub(" ", title)).strip()
    description = without_controls("\n".join(line for line in lines if line))
    address = without_controls(subject.address) if policy.location else ""
    return Face(one_line or BUSY.title, description, address)
