"""The form of a new feed, and whose bookings it offers to show."""

from flask_login import current_user
from wtforms import ValidationError

from base.catalogue import _, lazy
from views.kit import access, sync_access
from views.kit.choices import Choice
from views.kit.forms import Form, Line, arg_int
from views.kit.words import sync_words


class NewFeed(Form):
    name = Line(
        lazy("Who or what is it for?"),
        80,
        render_kw={"placeholder": lazy("My phone"), "autocomplete": "off"},
    )
    kind = Choice(
        lazy("What does it show?"),
        choices=[("bookings", lazy("Bookings")), ("availability", lazy("Free and busy only"))],
        default="bookings",
    )
    covers = Choice(lazy("Whose bookings?"), choices=[], validate_choice=False)
    identifier = Choice(lazy("How should clients appear?"), choices=[], validate_choice=False)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.covers.choices = _covers()
        # the first feed needs this choice; full names are chosen only on Calendar sync
        allowed = [one for one in current_user.clinic.allowed_identifiers() if one != "full_name"]
        names = sync_words.IDENTIFIER_NAMES
        self.identifier.choices = [("", _("Choose one")), *((one, names[one]) for one in allowed)]
        if current_user.identifier:
            del self.identifier

    def validate_identifier(self, field):
        offered = [value for value, __ in field.choices[1:]]
        if self.kind.data == "bookings" and field.raw_data and field.data not in offered:
            raise ValidationError(_("Choose how clients appear in your links"))

    def scope(self) -> dict:
        """The columns for the choice of whose bookings the feed shows. A choice that was not
        offered is refused with 403 or 404. Empty: there is no calendar to show.
        """
        covers = self.covers.data or next(
            (value for choices in _covers().values() for value, __ in choices), ""
        )
        if covers == "clinic":
            sync_access.clinic_to_show()
            return {"scope": "clinic"}
        if covers == "person":
            return {"scope": "person"}
        if not covers:
            return {}
        calendar = access.calendar_to_book(access.calendar_to_read(arg_int(covers)))
        return {"practitioner": calendar}


def _covers() -> dict[str, list[tuple[str, str]]]:
    """The choices of whose bookings a new feed shows, in groups; the first is the usual one."""
    calendars = access.calendars()
    own = [
        (str(c.id), _("Mine at {venue}", venue=c.venue.name))
        for c in calendars
        if c.user_id == current_user.id
    ]
    if len(own) > 1:  # a locum works at several venues; a clinic's feed shows one venue
        whole = ("person", _("Mine at every venue, in one link"))
        own.insert(0 if current_user.clinic.feed_preset == "locum" else len(own), whole)
    groups = {_("Mine"): own}
    if current_user.is_manager and calendars:
        groups[_("The clinic")] = [("clinic", _("All calendars in one link"))]
        groups[_("One calendar of a colleague")] = [
            (str(c.id), _("{name} at {venue}", name=c.user.name, venue=c.venue.name))
            for c in calendars
            if c.user_id != current_user.id
        ]
    return {name: choices for name, choices in groups.items() if choices}
