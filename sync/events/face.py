"""What a booking shows outside. Pure. The only place that composes text for feeds, two-way sync and
the preview.

The identifier ladder runs from "none" to "full_name"; the clinic's ceiling cuts it. Hiding
sensitive information leaves "Busy" and nothing else, whatever else is chosen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from base.tables.past_values import Before
from base.text import client_label, cut

from .event import Face

BUSY = Face("Busy")


@dataclass(frozen=True, slots=True)
class Policy:
    """How one calendar outside shows bookings. `title` holds the blocks {organisation} {service}
    {client}, parted by spaces; `details` the words "status", "rate", "notes" that the description
    gives.
    """

    identifier: str = "none"
    title: str = "{service} {client}"
    details: str = ""
    location: bool = True
    hide_sensitive: bool = False

    @classmethod
    def of(cls, user: "Person", clinic: "House", choices: "Chosen") -> "Policy":
        """What a calendar outside may show of its person's bookings: what was chosen for it, cut by
        what the person chose for everything, and by the clinic.
        """
        notes = clinic.notes_may_leave
        return cls(
            identifier=identifier_of(choices.identifier or user.identifier, clinic),
            title=choices.title,
            details=choices.details if notes else choices.details.replace("notes", ""),
            hide_sensitive=choices.hide_sensitive or user.hide_sensitive,
        )

    def of_colleague(self, colleague: "Person", clinic: "House") -> "Policy":
        """The same for a colleague's bookings: no more of a client than the colleague chose for
        every calendar outside.
        """
        return replace(
            self,
            identifier=identifier_of(cut(colleague.identifier, self.identifier), clinic),
            hide_sensitive=self.hide_sensitive or colleague.hide_sensitive,
        )


class Person(Protocol):
    """What a person chose for all their calendars outside."""

    identifier: str | None
    hide_sensitive: bool


class House(Protocol):
    """What a clinic lets leave it."""

    privacy_ceiling: str
    internal_ids: bool
    notes_may_leave: bool


class Chosen(Protocol):
    """What was chosen for one calendar outside; a private link is such a choice."""

    @property
    def kind(self) -> str:
        """Either "bookings" or "availability"."""

    @property
    def identifier(self) -> str | None:
        """What stands for a client; None: as the person chose."""

    @property
    def title(self) -> str:
        """See `Policy`."""

    @property
    def details(self) -> str:
        """See `Policy`."""

    @property
    def hide_sensitive(self) -> bool:
        """Whether nothing but "Busy" shows."""

    @property
    def statuses(self) -> Mapping[str, str]:
        """Of a booking → of its event; a missing one stays out."""

    @property
    def before(self) -> Before:
        """What it was earlier: see `base.tables.past_values`."""


@dataclass(frozen=True, slots=True)
class Choices:
    """The same where no private link holds it. `statuses`: of a booking → of its event; a missing
    one stays out. `before`: see `base.tables.past_values`.
    """

    title: str
    details: str
    statuses: Mapping[str, str]
    identifier: str | None = None
    hide_sensitive: bool = False
    kind: str = "bookings"
    before: Before = field(default_factory=list)


def identifier_of(chosen: str | None, clinic: House) -> str:
    """What stands for a client outside where `chosen` is asked for: cut by the clinic's ceiling; no
    internal ID while the clinic has them off.
    """
    identifier = cut(chosen, clinic.privacy_ceiling)
    return "none" if identifier == "internal_id" and not clinic.internal_ids else identifier


@dataclass(frozen=True, slots=True)
class Subject:
    """The facts of one booking that a face may draw from."""

    organisation: str
    address: str
    service: str
    status: str
    first_name: str = ""
    last_name: str = ""
    internal_id: str = ""
    rate: str = ""
    notes: str = ""


_STATUS_WORDS = {"no_show": "No-show"}


def face(subject: Subject, policy: Policy) -> Face:
    """The face of a booking under a policy. Where the title would be empty it is "Busy"."""
    if policy.hide_sensitive:
        return BUSY
    blocks = {
        "{organisation}": subject.organisation,
        "{service}": subject.service,
        "{client}": client_label(
            policy.identifier, subject.first_name, subject.last_name, subject.internal_id
        ),
    }
    shown = [blocks[block] for block in policy.title.split() if blocks.get(block)]
    title = " · ".join(shown) or subject.organisation or BUSY.title
    if subject.status in ("cancelled", "no_show"):
        title = f"{'Cancelled' if subject.status == 'cancelled' else 'No-show'}: {title}"
    wanted = policy.details.split()
    lines = [
        f"Status: {_STATUS_WORDS.get(subject.status, subject.status.capitalize())}"
        if "status" in wanted
        else "",
        f"Rate: {subject.rate}" if "rate" in wanted and subject.rate else "",
        subject.notes if "notes" in wanted else "",
    ]
    return Face(
        title, "\n".join(line for line in lines if line), subject.address if policy.location else ""
    )
