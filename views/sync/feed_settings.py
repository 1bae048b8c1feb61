"""The form that changes a feed's settings, and the conversion between its fields and the feed's
columns.
"""

from typing import ClassVar

from flask_login import current_user
from wtforms import BooleanField, IntegerField, ValidationError
from wtforms.validators import NumberRange, Optional
from wtforms.widgets import CheckboxInput

from base.bookings.statuses import STATUSES
from base.catalogue import _, lazy
from base.feed_presets import STATUS_PRESETS, WINDOWS
from models import Feed
from views.kit.choices import Choice, Several
from views.kit.display import STATUS_NAMES
from views.kit.forms import Line
from views.kit.merging import Merging
from views.kit.words import sync_words

_OWN = ("own", lazy("My own choice"))
_BLOCK_CHOICES = [("", lazy("Nothing")), *sync_words.BLOCKS.items()]


class BusySettings(Merging):
    """The settings of a feed that shows only free and busy times."""

    together: ClassVar = {lazy("Time span"): ("window", "past_days", "future_days")}

    name = Line(lazy("Name"), 80, lazy("Name the link"))
    window = Choice(lazy("Time span"), choices=[*sync_words.WINDOW_NAMES.items(), _OWN])
    past_days = IntegerField(
        lazy("Days back"),
        [
            Optional(),
            NumberRange(
                0, 3650, lazy("Write 0 to 3650 days back, or leave it empty for all of it")
            ),
        ],
    )
    future_days = IntegerField(
        lazy("Days ahead"),
        [
            Optional(),
            NumberRange(1, 3650, lazy("Write 1 to 3650 days ahead, or leave it empty for no end")),
        ],
    )

    def settings(self) -> dict:
        """The values for the columns of the feed."""
        past, future = WINDOWS.get(self.window.data, (self.past_days.data, self.future_days.data))
        return {"name": self.name.data, "past_days": past, "future_days": future}


class FeedSettings(BusySettings):
    """The settings of a feed that shows bookings."""

    together: ClassVar = {
        **BusySettings.together,
        lazy("What the title says"): ("title", "first", "second", "third"),
        lazy("Which bookings it shows"): ("preset", *(f"status_{status}" for status in STATUSES)),
    }

    title = Choice(lazy("What the title says"), choices=[*sync_words.TITLES.items(), _OWN])
    first = Choice(lazy("First"), choices=_BLOCK_CHOICES)
    second = Choice(lazy("Then"), choices=_BLOCK_CHOICES)
    third = Choice(lazy("Last"), choices=_BLOCK_CHOICES)
    details = Several(
        lazy("What the description says"),
        option_widget=CheckboxInput(),
        choices=[("status", lazy("Status")), ("rate", lazy("Rate")), ("notes", lazy("Notes"))],
    )
    identifier = Choice(lazy("How clients appear in this link"))
    hide_sensitive = BooleanField(lazy("Hide sensitive information in this link"))
    preset = Choice(
        lazy("Which bookings it shows"),
        choices=[
            ("clinic", lazy("Clinic: pending as tentative, cancelled as cancelled, no offers")),
            ("locum", lazy("Locum: only confirmed, completed, invoiced and paid")),
            _OWN,
        ],
    )

    def validate_title(self, field):
        if not self.pattern:
            raise ValidationError(_("Choose at least one part for the title"))

    @property
    def kept_inside(self) -> set[str]:
        """The details that the clinic lets nobody show."""
        return set() if current_user.clinic.notes_may_leave else {"notes"}

    def validate_details(self, field):
        if self.kept_inside & set(field.data):
            raise ValidationError(_("Your clinic keeps notes inside Kalends"))

    def validate_preset(self, field):
        if not self.shown:
            raise ValidationError(_("Show at least one status, or stop the link"))

    @property
    def pattern(self) -> str:
        """The title's blocks in their order, each once."""
        own = [block for block in (self.first.data, self.second.data, self.third.data) if block]
        return " ".join(dict.fromkeys(own)) if self.title.data == "own" else self.title.data

    @property
    def matrix(self) -> list:
        """The field of each status, for people who choose each one."""
        return [self[f"status_{status}"] for status in STATUSES]

    @property
    def shown(self) -> dict[str, str]:
        """Our statuses, and how each is shown; a status that is missing here is not shown."""
        own = {
            status: field.data
            for status, field in zip(STATUSES, self.matrix, strict=True)
            if field.data
        }
        return own if self.preset.data == "own" else dict(STATUS_PRESETS.get(self.preset.data, {}))

    def settings(self) -> dict:
        return {
            **super().settings(),
            "title": self.pattern,
            "details": " ".join(self.details.data),
            "identifier": self.identifier.data or None,
            "hide_sensitive": self.hide_sensitive.data,
            "statuses": self.shown,
        }


for _status in STATUSES:
    setattr(
        FeedSettings,
        f"status_{_status}",
        Choice(
            STATUS_NAMES[_status],
            choices=[("", lazy("Left out")), *sync_words.EVENT_STATUSES.items()],
        ),
    )


def settings_form(feed: Feed, **kwargs) -> BusySettings:
    """The form for this feed, filled from the feed or the request, with the choices that its owner
    has.
    """
    windows = {bounds: name for name, bounds in WINDOWS.items()}
    fields = {
        "name": feed.name,
        "window": windows.get((feed.past_days, feed.future_days), "own"),
        "past_days": feed.past_days,
        "future_days": feed.future_days,
    }
    if feed.kind == "availability":
        return BusySettings(data=fields, **kwargs)
    form = FeedSettings(data={**fields, **_shown_fields(feed)}, **kwargs)
    usual = sync_words.IDENTIFIER_NAMES[sync_words.in_effect(feed.user)]
    form.identifier.choices = [
        ("", _("As I chose for everything: {usual}", usual=usual)),
        *sync_words.safer_identifiers(feed.user).items(),
    ]
    return form


def _shown_fields(feed: Feed) -> dict:
    """The fields of the form for the parts of a booking that a feed shows."""
    presets = [name for name, statuses in STATUS_PRESETS.items() if statuses == feed.statuses]
    first, second, third, *__ = [*feed.title.split(), "", "", ""]
    return {
        "title": feed.title if feed.title in sync_words.TITLES else "own",
        "first": first,
        "second": second,
        "third": third,
        "details": feed.details.split(),
        "identifier": feed.identifier or "",
        "hide_sensitive": feed.hide_sensitive,
        "preset": presets[0] if presets else "own",
        **{f"status_{s}": feed.statuses.get(s, "") for s in STATUSES},
    }
