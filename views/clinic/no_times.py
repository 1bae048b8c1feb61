"""Messages about services without any free time: in the list of services, and after a change of
limits.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import flash

from base.catalogue import lazy, ngettext
from free_times import never_free
from models import Service
from views.kit import access

WHY = {
    "nobody": lazy("No free times: nobody offers it. Choose who does."),
    "hours": lazy("No free times: nobody who offers it has working hours that are long enough."),
    "people": lazy(
        "No times online: nobody who offers it takes online bookings. Change that in Team."
    ),
    "limits": lazy(
        "No times online: the least notice is longer than the furthest ahead. Change one of them."
    ),
    "house": lazy(
        "No times online: the working hours inside the venue’s opening hours are too short for it."
    ),
}


def by_service() -> dict[int, str]:
    """For each of the clinic's services without any free time, by its id, the reason."""
    found = never_free.without_times(access.clinic())
    return {number: str(WHY[why]) for number, (_service, why) in found.items()}


@contextmanager
def naming_lost_times() -> Iterator[None]:
    """Compare before and after a change, and name on the next page the services that lost all free
    times by it.
    """
    before = _known()
    yield
    names = [service.name for key, service in _known().items() if key not in before]
    if not names:
        return
    flash(
        ngettext(
            "{services} has no free times now. Services says why.",
            "{services} have no free times now. Services says why.",
            len(names),
            services=", ".join(names[:5]) + (" …" if len(names) > 5 else ""),
        ),
        "warning",
    )


def _known() -> dict[tuple[int, str], Service]:
    found = never_free.without_times(access.clinic())
    return {(number, why): service for number, (service, why) in found.items()}
