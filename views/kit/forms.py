"""Form fields shared by all pages: bounded and cleaned text, money, clock times.

WTForms does the rest.
"""

import re
from datetime import date, time

from flask import abort, current_app
from flask_wtf import FlaskForm
from wtforms import (
    Field,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.csrf.core import CSRF
from wtforms.validators import InputRequired, Optional, StopValidation
from wtforms.widgets import (
    CheckboxInput,
    DateInput,
    EmailInput,
    HiddenInput,
    ListWidget,
    NumberInput,
    RadioInput,
    TextInput,
    TimeInput,
)

from base import day_names, scheduling, text
from base.catalogue import _, lazy


class _PageToken(CSRF):
    """The field of the page's token.

    `views.kit.tokens` has checked what was sent before any form is read.
    """

    def generate_csrf_token(self, csrf_token_field):
        return current_app.jinja_env.globals["csrf_token"]()

    def validate_csrf_token(self, form, field):
        pass


class Form(FlaskForm):
    """A form whose errors are sentences."""

    class Meta(FlaskForm.Meta):
        csrf_class = _PageToken

    def fault(self, name: str, sentence: str) -> None:
        """Put an error beside the field `name`."""
        self[name].errors = [*self[name].errors, sentence]

    def faults(self) -> list[tuple[str, str]]:
        """(id of the field, sentence) for the summary on top."""
        return [(field.id, str(error)) for field in self for error in field.errors]

    def values(self) -> dict:
        """What was filled in, by field: the columns to set."""
        return {field.name: field.data for field in self if field.name != "csrf_token"}


class _Cleaned:
    """Text as `text.line` or `text.clean` lets it through.

    Refuses more than `limit` characters, or nothing where `needed` says why.
    """

    def __init__(
        self, label: str, limit: int = 120, needed: str | None = None, validators=(), **kwargs
    ):
        super().__init__(
            label, [*([Needed(needed)] if needed else [Optional()]), *validators], **kwargs
        )
        self.limit = limit

    def process_formdata(self, valuelist):
        raw = valuelist[0] if valuelist else ""
        # For the form that comes back, and for whoever looks before it is validated.
        self.data = self.mended(raw[: self.limit])
        try:
            self.data = self.cleaned(raw)
        except text.TooLong as error:
            raise ValueError(
                _("Use at most {limit} characters", limit=f"{error.limit:,}")
            ) from None


class Line(_Cleaned, StringField):
    """One line of text. What cannot be seen, or ends the line, is refused with a sentence."""

    def cleaned(self, raw: str) -> str:
        return text.line(raw, self.limit)

    def mended(self, raw: str) -> str:
        return text.mended(raw, self.limit)


class Hidden(Line):
    """What the page itself put into the form: a number or a key."""

    widget = HiddenInput()

    def __init__(self, limit: int = 64, **kwargs):
        super().__init__("", limit, **kwargs)


class Paragraph(_Cleaned, TextAreaField):
    """Several lines of text, without control and override characters."""

    def cleaned(self, raw: str) -> str:
        return text.clean(raw, self.limit)

    mended = cleaned


class Email(Line):
    """One plain e-mail address, in lower case."""

    widget = EmailInput()

    def __init__(self, label: str, needed: str | None = None, **kwargs):
        super().__init__(label, 254, needed, **kwargs)

    def cleaned(self, raw: str) -> str:
        try:
            return text.email(raw) if raw.strip() else ""
        except text.NoAddress:
            raise ValueError(_("Write an address such as name@example.org")) from None


class SignInName(Line):
    """The address somebody signs in with: looked up only, so any stored one will do."""

    widget = EmailInput()

    def __init__(self, label: str, needed: str, **kwargs):
        super().__init__(label, 254, needed, **kwargs)

    def cleaned(self, raw: str) -> str:
        found = text.clean(raw, self.limit).lower()
        if found and not re.fullmatch(r"[^@\s]+@[^@\s]+", found):
            raise ValueError(_("Write an address such as name@example.org"))
        return found


class Zone(Line):
    """An IANA time zone; the page offers `names` in a datalist with the id "zones"."""

    names = staticmethod(scheduling.zone_names)

    def __init__(self, label: str, **kwargs):
        super().__init__(label, 60, _("Choose a time zone"), render_kw={"list": "zones"}, **kwargs)

    def process_formdata(self, valuelist):
        super().process_formdata(valuelist)
        if self.data and not scheduling.is_zone(self.data):
            raise ValueError(_("Choose one from the list, such as Europe/London"))


class Needed(InputRequired):
    """Refuses an empty field with a sentence of its own, judged on the cleaned value."""

    def __call__(self, form, field):
        if field.process_errors:
            raise StopValidation()
        if not field.data:
            raise StopValidation(self.message)


class Whole(Field):
    """A whole number; empty: None."""

    widget = NumberInput()

    def _value(self):
        return self.raw_data[0] if self.raw_data else "" if self.data is None else str(self.data)

    def process_formdata(self, valuelist):
        raw = valuelist[0].strip() if valuelist else ""
        self.data = int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 7 else None
        if raw and self.data is None:
            raise ValueError(_("Write a whole number"))


class Number(Whole):
    """A whole number between two bounds, as whoever writes reads them; empty only where that
    `may_be_empty`.
    """

    sentence = lazy("Write a whole number from {least} to {most}")

    def __init__(
        self, label: str, least: int, most: int, may_be_empty: bool = False, step: int = 1, **kwargs
    ):
        bounds = {"min": least, "max": most, "step": step}
        super().__init__(label, render_kw=bounds, **kwargs)
        self._bounds, self._may_be_empty = (least, most), may_be_empty

    def process_formdata(self, valuelist):
        least, most = self._bounds
        raw = "".join(valuelist).strip()
        self.data = int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 7 else None
        if self._may_be_empty and not raw:
            return
        if self.data is None or not least <= self.data <= most:
            raise ValueError(self.sentence.format(least=least, most=most))


class Minutes(Number):
    """Whole minutes between two bounds."""

    sentence = lazy("Write whole minutes from {least} to {most}")

    def __init__(self, label: str, least: int, most: int, may_be_empty: bool = False, **kwargs):
        super().__init__(label, least, most, may_be_empty, step=5, **kwargs)


class Money(Field):
    """An amount such as "65" or "65.50", kept in minor units; empty: None."""

    widget = TextInput()

    def _value(self):
        if self.raw_data:
            return self.raw_data[0]
        return "" if self.data is None else f"{self.data / 100:.2f}".removesuffix(".00")

    def process_formdata(self, valuelist):
        try:
            self.data = text.cents(text.line(valuelist[0] if valuelist else "", 20))
        except ValueError:
            raise ValueError(_("Write an amount such as 65 or 65.50")) from None


class Clock(Field):
    """A wall time from an `<input type=time>`: "09:30" → time(9, 30)."""

    widget = TimeInput()

    def _value(self):
        return (
            self.raw_data[0] if self.raw_data else self.data.strftime("%H:%M") if self.data else ""
        )

    def process_formdata(self, valuelist):
        raw = valuelist[0] if valuelist else ""
        if not raw:
            self.data = None
            return
        try:
            wall = time.fromisoformat(raw[:5])
        except ValueError:
            wall = None
        self.data = None if wall is None or wall.tzinfo else wall
        if self.data is None:
            raise ValueError(_("Write a time such as 09:30"))


class Day(Field):
    """A day from an `<input type=date>`; empty: None."""

    widget = DateInput()

    def _value(self):
        return self.raw_data[0] if self.raw_data else self.data.isoformat() if self.data else ""

    def process_formdata(self, valuelist):
        raw = valuelist[0].strip() if valuelist else ""
        self.data = None
        if raw:
            try:
                found = date.fromisoformat(raw[:10])
            except ValueError:
                raise ValueError(_("Choose a day, such as 2026-11-20")) from None
            if not scheduling.FIRST_DAY <= found <= scheduling.LAST_DAY:
                raise ValueError(_("Choose a day from 1970 to 2099"))
            self.data = found


class DayHours(Field):
    """Hours of one day, up to two stretches.

    Four time inputs of one name, in order (`templates/_hours.html`).
    """

    def walls(self) -> list[str]:
        """From, to, from, to; empty where there is none."""
        if self.raw_data:
            return [*self.raw_data, *[""] * 4][:4]
        return [
            wall for stretch in ([*(self.data or []), ["", ""], ["", ""]])[:2] for wall in stretch
        ]

    def process_formdata(self, valuelist):
        start, end, start_again, end_again = [value[:5] for value in [*valuelist, *[""] * 4][:4]]
        stretches = [pair for pair in ([start, end], [start_again, end_again]) if any(pair)]
        self.data = []
        try:
            self.data = scheduling.check_walls(stretches)
        except scheduling.BadTime:
            raise ValueError(
                _(
                    "Write a start and a later end; a second stretch begins after the first has"
                    " ended"
                )
            ) from None


class Ticks(SelectMultipleField):
    """Several of a list, as boxes to tick."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class WeekHours(Field):
    """Hours of a week, up to two stretches a day.

    28 time inputs of one name, in order (`templates/_hours.html`).
    """

    DAYS = day_names.WEEKDAYS

    def rows(self) -> list[tuple[str, list[str]]]:
        """For each day its name and four wall times: from, to, from, to; else empty."""
        if self.raw_data:
            flat = [*self.raw_data, *[""] * 28]
        else:
            stretches = [
                ([*(self.data or {}).get(day, []), ["", ""], ["", ""]])[:2]
                for day in scheduling.WEEKDAYS
            ]
            flat = [wall for day in stretches for stretch in day for wall in stretch]
        return [(day, flat[4 * n : 4 * n + 4]) for n, day in enumerate(self.DAYS)]

    def process_formdata(self, valuelist):
        walls = [value[:5] for value in [*valuelist, *[""] * 28][:28]]
        self.data = {}
        for n, (day, name) in enumerate(zip(scheduling.WEEKDAYS, self.DAYS, strict=True)):
            start, end, start_again, end_again = walls[4 * n : 4 * n + 4]
            stretches = [pair for pair in ([start, end], [start_again, end_again]) if any(pair)]
            try:
                self.data.update(scheduling.check_hours({day: stretches}))
            except scheduling.BadTime:
                raise ValueError(
                    _(
                        "{name}: write a start and a later end; a second stretch begins after the"
                        " first has ended",
                        name=name,
                    )
                ) from None


class Choice(SelectField):
    """A select whose faults are sentences."""

    def pre_validate(self, form):
        try:
            super().pre_validate(form)
        except ValidationError:
            raise ValidationError(_("Choose one from the list")) from None


class Options(Choice):
    """One of a few, as radio cards."""

    widget = ListWidget(prefix_label=False)
    option_widget = RadioInput()


def arg_int(value: str | None, default: int | None = None) -> int | None:
    """A whole number from a query string; 404 for anything else. Such a link was not made by us."""
    if value is None or value == "":
        return default
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        abort(404)
    return int(value)
