"""What a booking shows outside. Pure. The only place that composes text for feeds, two-way sync and
the preview.

The identifier ladder (X5) runs from "none" to "full_name"; the clinic's ceiling cuts it. Hiding
sensitive information
(E14, E22) leaves "Busy" and nothing else, whatever else is chosen.
"""

from dataclasses import dataclass

from base.text import client_label

from .event import Face

BUSY = Face("Busy")


@dataclass(frozen=True, slots=True)
class Policy:
    """How one calendar outside shows bookings. `title` holds the blocks {organisation} {service}
    {client}, parted by spaces;
    `details` the words "status", "rate", "notes" that the description gives."""

    identifier: str = "none"
    title: str = "{service} {client}"
    details: str = ""
    location: bool = True
    hide_sensitive: bool = False


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
    """The face of a booking under a policy. A title never comes out empty: "Busy" stands in."""
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
