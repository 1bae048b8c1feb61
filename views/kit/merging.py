"""Two people may edit one row at the same time. A form that changes a stored row therefore knows
the values that were stored when it was opened.

Each such form carries its first values in a hidden field. On saving, each field is compared in
three states: when the page was opened, as it was sent, and as it is stored now. If only one person
changed a field, that change is stored. If both did, nothing is saved; the page shows both values
and asks which to keep. A page without the first values, such as one that was opened before an
update of the program, asks about every field that it would change.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Any, ClassVar, TypeVar

from flask import request
from flask_login import current_user
from wtforms import BooleanField, Field, SelectField, SelectMultipleField
from wtforms.widgets import HiddenInput

from base import opening_hours, region
from base.catalogue import _
from base.database import AlreadyUsed, Base, alone
from base.tables.audit import AuditEntry
from people import presses
from people.presses import Added

from . import access, colleagues_values, display
from .forms import DayHours, Form, Money, Paragraph
from .week_fields import WeekHours
from .words import sync_words

Row = TypeVar("Row", bound=Base)

LONGEST_SEEN = 400_000  # characters of the hidden field, at most


class Seen(Field):
    """The content of the form when it was opened, as one word of base64, which every browser and
    program returns unchanged.
    """

    widget = HiddenInput()

    def __init__(self, *args: Any, _form: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, _form=_form, **kwargs)
        self.asked: list[str] = []
        self.opened: dict[str, Any] | None = None  # when it was first opened; None: as `data`
        self.form, self.is_unknown = _form, False

    def _value(self) -> str:
        if self.is_unknown:
            return ""
        was = self.form.snapshot() if self.data is None else self.data
        kept = [was, self.asked, *([self.opened] if self.opened is not None else [])]
        return base64.urlsafe_b64encode(
            json.dumps(kept, separators=(",", ":"), ensure_ascii=False).encode()
        ).decode()

    def process_formdata(self, valuelist: Any) -> None:
        self.data, self.is_unknown = None, True
        try:
            was, asked, *opened = json.loads(
                base64.urlsafe_b64decode(valuelist[0][:LONGEST_SEEN].encode())
            )
        except (IndexError, binascii.Error, ValueError, TypeError, RecursionError):
            return  # a page of an earlier version, or of another program: see `Merging.merge`
        if isinstance(was, dict) and isinstance(asked, list):
            self.data, self.asked, self.is_unknown = was, asked, False
            self.opened = opened[0] if opened and isinstance(opened[0], dict) else None


@dataclass(frozen=True)
class FieldConflict:
    """A field, or fields that belong together, changed by two people, in words."""

    name: str
    label: str
    theirs: str
    yours: str
    may_join: bool


class Merging(Form):
    """A form that changes a stored row. `together`: names of fields that make sense only together,
    by label.
    """

    seen = Seen()
    together: ClassVar[dict[str, tuple[str, ...]]] = {}
    not_stored: tuple[str, ...] = ()  # fields that are instructions and are not stored
    saves_itself = False  # each change in the form is saved at once, without a button
    # the field whose value must be unique, and the sentence if it is not; {} is replaced by
    # the value
    only_one: ClassVar[tuple[str, str] | None] = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.differences: list[FieldConflict] = []
        self.was_asked = False
        self.is_blind = False  # the page did not send its first values
        # after `merge`: the fields that this person changed, what the page showed of them when it
        # was first opened, and the labels of what others changed meanwhile and nobody asks about
        self.own_fields: set[str] = set()
        self.first_shown: dict[str, Any] = {}
        self.theirs: list[str] = []
        self.changed_by = ""

    @property
    def errors_id(self) -> str:
        """The id of the summary of its errors: one of its own for each of several in a page."""
        name: str = self.seen.name
        return "errors" if name == "seen" else f"errors-{name}"

    def stored(self) -> list[str]:
        """The names of the fields that contain what is stored."""
        return [
            name for name in self._fields if name not in ("csrf_token", "seen", *self.not_stored)
        ]

    def values(self) -> dict[str, Any]:
        return {name: self[name].data for name in self.stored()}

    def snapshot(self) -> dict[str, Any]:
        """Every stored field as plain JSON, so that two states can be compared."""
        return {name: plain(self[name].data) for name in self.stored()}

    def store(
        self, row: Base, opened: Callable[[Base], "Merging"], save: Callable[[], object]
    ) -> bool:
        """Merge with the values that are stored now, and save.

        False: nothing is saved. Either both people changed a field, and `differences` must be
        decided first; or a value that must be unique belongs to another row, and its field has the
        error.

        `opened(row)` makes the form as it would open now. Another change in the clinic waits until
        this one ends.
        """
        try:
            with alone(row):
                may = self.merge(opened(row), row)
                if may:
                    save()
        except AlreadyUsed as error:
            self._fault_in_use(error)
            return False
        return may

    def add(self, make: Callable[[], Row]) -> Row | None:
        """The row that `make()` makes from the form. None: a value that must be unique belongs to
        another row, and its field has the error.
        """
        try:
            return make()
        except AlreadyUsed as error:
            self._fault_in_use(error)
            return None

    def add_once(
        self,
        kind: type[Added],
        make: Callable[..., Added],
        values: dict[str, Any],
    ) -> Added | None:
        """The row that `make(clinic, actor, **values)` makes. A second press of the button returns
        the row of the first. None: a value that must be unique belongs to another row, and its
        field has the error.
        """
        clinic = current_user.clinic
        return self.add(
            lambda: presses.once(
                kind, clinic, current_user, values, lambda: make(clinic, current_user, **values)
            )[0]
        )

    def _fault_in_use(self, error: AlreadyUsed) -> None:
        if self.only_one is None:
            raise error
        name, sentence = self.only_one
        self.fault(name, sentence.format(value=self[name].data))

    def merge(self, now: "Merging", row: Base) -> bool:
        """Set every field to the value to be stored. `now`: the form as it would open now.

        False: there are `differences` to decide. Lock the row first (`database.alone`).
        """
        current = now.snapshot()
        self.is_blind = self.seen.data is None
        seen: Any = self._sent() if self.is_blind else self.seen.data
        was = current if self.is_blind else current | seen
        mine = self.snapshot()
        self.was_asked = bool(self.seen.asked)
        self.first_shown = was | (self.seen.opened or {})
        # The page did not have this field when it was opened.
        mine |= {name: was[name] for name in mine if name not in seen}
        self.differences = [
            one
            for label, names in self._units()
            if (one := self._unit(label, names, was, mine, current, now))
        ]
        self.own_fields = {name for __, names in self._units() for name in self._own(names, mine)}
        self.seen.data, self.seen.asked, self.seen.is_unknown = (
            current,
            [one.name for one in self.differences],
            False,
        )
        self.seen.opened = self.first_shown
        self.changed_by = _last_change(row) if self.differences else ""
        if not self.differences and not self.saves_itself:
            colleagues_values.note_labels(self.theirs)
        return not self.differences

    def _own(self, names: tuple[str, ...], mine: dict[str, Any]) -> tuple[str, ...]:
        is_own = any(mine.get(name) != self.first_shown.get(name) for name in names)
        return names if is_own else ()

    def _sent(self) -> set[str]:
        """The fields that were sent. An unticked box sends nothing, so every box counts as sent."""
        boxes = BooleanField, SelectMultipleField
        return {
            name for name in self.stored() if self[name].raw_data or isinstance(self[name], boxes)
        }

    def _units(self) -> list[tuple[str, tuple[str, ...]]]:
        """Fields that belong together, and single ones, each with its label."""
        together = {
            label: tuple(name for name in names if name in self._fields)
            for label, names in self.together.items()
        }
        joined = {name for names in together.values() for name in names}
        single = [(self[name].label.text, (name,)) for name in self.stored() if name not in joined]
        return [*((label, names) for label, names in together.items() if names), *single]

    def _unit(
        self,
        label: str,
        names: tuple[str, ...],
        was: dict[str, Any],
        mine: dict[str, Any],
        current: dict[str, Any],
        now: "Merging",
    ) -> FieldConflict | None:
        def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
            return all(one.get(name) == other.get(name) for name in names)

        first, joinable = names[0], len(names) == 1 and isinstance(self[names[0]], Paragraph)
        words = FieldConflict(first, label, now.in_words(names), self.in_words(names), joinable)
        choice = (
            request.form.get(f"{self._prefix}keep-{first}") if first in self.seen.asked else None
        )
        if same(mine, was) and same(was, current) and not same(was, self.first_shown):
            return None  # both made the same change
        if choice == "theirs" or same(mine, was):
            if not same(was, current):
                self.theirs.append(label)
            for name in names:
                self.put(name, now[name].data)
                mine[name] = self.first_shown[name] = current[name]
            return None
        if same(mine, current):
            return None
        is_asked = first in self.seen.asked
        if (
            self.is_blind
            or not same(current, was)
            or (is_asked and choice not in ("yours", "both"))
        ):
            return words
        if choice == "both" and joinable:
            self.put(first, "\n".join(filter(None, (now[first].data, self[first].data))))
        return None

    def put(self, name: str, value: Any) -> None:
        """Set a field to a value that was not typed."""
        self[name].data, self[name].raw_data = value, None

    def in_words(self, names: tuple[str, ...]) -> str:
        """The contents of the fields in words, for a person to compare."""
        if len(names) == 1:
            return in_words(self[names[0]]) or _("Empty")
        worded = [(self[name].label.text, in_words(self[name])) for name in names]
        return ", ".join(
            f"{label}: {words}" for label, words in worded if words not in ("", _("No"))
        )


def plain(value: Any) -> Any:
    """A field's value for JSON; an empty one is "" whatever its type."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.replace("\r\n", "\n").strip()
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return sorted(str(one) for one in value)
    return value


def _stretches(hours: Iterable[Sequence[str]]) -> str:
    """The hours of a day as one line: 9:00 am–1:00 pm, 2:00–5:00 pm."""
    return ", ".join(region.walls(opens, closes) for opens, closes in hours)


def in_words(field: Field) -> str:
    """The content of a field in words: one line, or its own text; "" when it is empty."""
    if isinstance(field, BooleanField):
        return _("Yes") if field.data else _("No")
    if isinstance(field, WeekHours):
        return "; ".join(
            f"{name} {_stretches((field.data or {})[day])}"
            for day, name in zip(opening_hours.WEEKDAYS, field.DAYS, strict=True)
            if (field.data or {}).get(day)
        )
    if isinstance(field, DayHours):
        return _stretches(field.data or []) or _("Closed")
    if field.data is None or field.data == "":
        return ""
    if isinstance(field, SelectMultipleField):
        return ", ".join(str(label) for value, label, chosen, *__ in field.iter_choices() if chosen)
    if isinstance(field, SelectField):
        return next(
            (str(label) for value, label, chosen, *__ in field.iter_choices() if chosen),
            str(field.data),
        )
    if isinstance(field, Money):
        return f"{field.data / 100:.2f}".removesuffix(".00")
    if isinstance(field.data, date):
        return display.day(field.data, year=True)
    return region.clock(field.data) if isinstance(field.data, time) else str(field.data)


def _last_change(row: Base) -> str:
    """The last change of the row: who made it, and when: "Maya Linden, today 14:05"."""
    entry = AuditEntry.latest(row)
    if entry is None:
        return ""
    who = (
        _("You, in another window")
        if entry.user_id == current_user.id
        else entry.user.name
        if entry.user
        else "Kalends"
    )
    return f"{who}, {display.moment(entry.at, sync_words.zone(access.calendars(), current_user))}"
