"""Form fields shared by all pages, built on WTForms: limited and cleaned text, money, clock
times.
"""

import re
from datetime import date, time
from typing import Any

from flask import abort, current_app
from flask_wtf import FlaskForm
from wtforms import (
    Field,
    StringField,
    TextAreaField,
)
from wtforms.csrf.core import CSRF
from wtforms.validators import InputRequired, Optional, StopValidation
from wtforms.widgets import (
    DateInput,
    EmailInput,
    HiddenInput,
    NumberInput,
    TextInput,
    TimeInput,
)

from base import opening_hours, scheduling, text, zones
from base.catalogue import _, lazy

NO_NUMBER = lazy("For text messages write the number with its country code: +44 7700 900123")


class _PageToken(CSRF):
    """The field for the page's token. It checks nothing: `views.kit.form_tokens` has done so before
    any form is read.
    """

    def generate_csrf_token(self, csrf_token_field: Any) -> Any:
        issue: Any = current_app.jinja_env.globals["csrf_token"]
        return issue()

    def validate_csrf_token(self, form: Any, field: Any) -> None:
        pass


class Form(FlaskForm):
    """A form whose errors are sentences."""

    class Meta(FlaskForm.Meta):
        csrf_class = _PageToken

    @property
    def errors_id(self) -> str:
        """The id of the summary of its errors in the page."""
        return "errors"

    def fault(self, name: str, sentence: str) -> None:
        """Add an error to the field `name`."""
        self[name].errors = [*self[name].errors, sentence]

    def faults(self) -> list[tuple[str, str]]:
        """(id of the field, sentence) for the summary at the top."""
        return [(field.id, str(error)) for field in self for error in field.errors]

    def values(self) -> dict[str, Any]:
        """The values of the fields, by name: the columns to set."""
        return {field.name: field.data for field in self if field.name != "csrf_token"}


class _Cleaned:
    """A field whose text is cleaned by `text.line` or `text.clean`. More than `limit` characters
    are refused; so is an empty text if there is a sentence `needed`.
    """

    def __init__(
        self,
        label: str,
        limit: int = 120,
        needed: str | None = None,
        validators: Any = (),
        **kwargs: Any,
    ) -> None:
        field: Any = super()  # the field of WTForms with which it is combined
        field.__init__(
            label, [*([Needed(needed)] if needed else [Optional()]), *validators], **kwargs
        )
        self.limit = limit

    def cleaned(self, raw: str) -> str:
        """The text to be stored. Raises ValueError with a sentence, or text.TooLong."""
        raise NotImplementedError

    def mended(self, raw: str) -> str:
        """The text that the form shows again for correction."""
        raise NotImplementedError

    def process_formdata(self, valuelist: Any) -> None:
        raw = valuelist[0] if valuelist else ""
        # For the form that is shown again, and for code that reads it before validation.
        self.data = self.mended(raw[: self.limit])
        try:
            self.data = self.cleaned(raw)
        except text.TooLong as error:
            raise ValueError(
                _("Use at most {limit} characters", limit=f"{error.limit:,}")
            ) from None


class Line(_Cleaned, StringField):
    """One line of text. Invisible characters and line ends are refused with a sentence."""

    def cleaned(self, raw: str) -> str:
        return text.line(raw, self.limit)

    def mended(self, raw: str) -> str:
        return text.mended(raw, self.limit)


class Hidden(Line):
    """A value that the page itself put into the form: a number or a key."""

    widget = HiddenInput()

    def __init__(self, limit: int = 64, **kwargs: Any) -> None:
        super().__init__("", limit, **kwargs)


class Paragraph(_Cleaned, TextAreaField):
    """Several lines of text, without control and override characters."""

    def cleaned(self, raw: str) -> str:
        return text.clean(raw, self.limit)

    mended = cleaned


class Email(Line):
    """One plain e-mail address, in lower case."""

    widget = EmailInput()

    def __init__(self, label: str, needed: str | None = None, **kwargs: Any) -> None:
        super().__init__(label, 254, needed, **kwargs)

    def cleaned(self, raw: str) -> str:
        try:
            return text.email(raw) if raw.strip() else ""
        except text.NoAddress:
            raise ValueError(_("Write an address such as name@example.org")) from None


class SignInName(Line):
    """The address with which somebody signs in. It is only looked up, so any stored address is
    accepted.
    """

    widget = EmailInput()

    def __init__(self, label: str, needed: str, **kwargs: Any) -> None:
        super().__init__(label, 254, needed, **kwargs)

    def cleaned(self, raw: str) -> str:
        found = text.clean(raw, self.limit).lower()
        if found and not re.fullmatch(r"[^@\s]+@[^@\s]+", found):
            raise ValueError(_("Write an address such as name@example.org"))
        return found


class Zone(Line):
    """An IANA time zone, also given by a city or a short name. The page offers `names` (each with
    its words) in a datalist with the id "zones".
    """

    names = staticmethod(zones.choices)

    def __init__(self, label: str, guess: bool = False, **kwargs: Any) -> None:
        more = {"list": "zones", "autocomplete": "off"} | ({"data-guess": True} if guess else {})
        super().__init__(label, 60, _("Choose a time zone"), render_kw=more, **kwargs)

    def process_formdata(self, valuelist: Any) -> None:
        super().process_formdata(valuelist)
        if self.data:
            self.data = zones.find_zone(self.data) or ""
            if not self.data:
                raise ValueError(_("Write a city, such as London, and choose one from the list"))


class Needed(InputRequired):
    """Refuses an empty field with its own sentence. The cleaned value counts."""

    def __call__(self, form: Any, field: Any) -> None:
        if field.process_errors:
            raise StopValidation()
        if not field.data:
            raise StopValidation(self.message)


class WholeNumber(Field):
    """A whole number; empty: None."""

    widget = NumberInput()

    def _value(self) -> Any:
        return self.raw_data[0] if self.raw_data else "" if self.data is None else str(self.data)

    def process_formdata(self, valuelist: Any) -> None:
        raw = valuelist[0].strip() if valuelist else ""
        self.data = _whole(raw)
        if raw and self.data is None:
            raise ValueError(_("Write a whole number"))


def _whole(raw: str) -> int | None:
    """The number, of six digits at most; None for anything else."""
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 7 else None


class Number(WholeNumber):
    """A whole number between two bounds in the unit that the person types. It must not be empty
    unless it `may_be_empty`.
    """

    sentence = lazy("Write a whole number from {least} to {most}")

    def __init__(
        self,
        label: str,
        least: int,
        most: int,
        may_be_empty: bool = False,
        step: int = 1,
        **kwargs: Any,
    ) -> None:
        bounds = {"min": least, "max": most, "step": step}
        super().__init__(label, render_kw=bounds, **kwargs)
        self._bounds, self._may_be_empty = (least, most), may_be_empty

    def process_formdata(self, valuelist: Any) -> None:
        least, most = self._bounds
        raw = "".join(valuelist).strip()
        self.data = _whole(raw)
        if self._may_be_empty and not raw:
            return
        if self.data is None or not least <= self.data <= most:
            raise ValueError(self.sentence.format(least=least, most=most))


class Minutes(Number):
    """Whole minutes between two bounds."""

    sentence = lazy("Write whole minutes from {least} to {most}")

    def __init__(
        self, label: str, least: int, most: int, may_be_empty: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(label, least, most, may_be_empty, step=5, **kwargs)


class Money(Field):
    """An amount such as "65" or "65.50", stored in minor units; empty: None."""

    widget = TextInput()

    def _value(self) -> Any:
        if self.raw_data:
            return self.raw_data[0]
        return "" if self.data is None else f"{self.data / 100:.2f}".removesuffix(".00")

    def process_formdata(self, valuelist: Any) -> None:
        try:
            self.data = text.cents(text.line(valuelist[0] if valuelist else "", 20))
        except ValueError:
            raise ValueError(_("Write an amount such as 65 or 65.50")) from None


class Clock(Field):
    """A wall time from an `<input type=time>`: "09:30" → time(9, 30)."""

    widget = TimeInput()

    def _value(self) -> Any:
        return (
            self.raw_data[0] if self.raw_data else self.data.strftime("%H:%M") if self.data else ""
        )

    def process_formdata(self, valuelist: Any) -> None:
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

    def _value(self) -> Any:
        return self.raw_data[0] if self.raw_data else self.data.isoformat() if self.data else ""

    def process_formdata(self, valuelist: Any) -> None:
        raw = valuelist[0].strip() if valuelist else ""
        self.data = None
        if raw:
            try:
                found = date.fromisoformat(raw[:10])
            except ValueError:
                raise ValueError(_("Choose a day, such as 2026-11-20")) from None
            if not scheduling.is_possible_day(found):
                raise ValueError(_("Choose a day from 1970 to 2099"))
            self.data = found


class DayHours(Field):
    """Hours of one day, up to two stretches: four time inputs of one name, in order
    (`templates/_hours.html`).
    """

    def walls(self) -> list[str]:
        """The four times: from, to, from, to; empty ones are ""."""
        if self.raw_data:
            return [*self.raw_data, *[""] * 4][:4]
        return [
            wall for stretch in ([*(self.data or []), ["", ""], ["", ""]])[:2] for wall in stretch
        ]

    def process_formdata(self, valuelist: Any) -> None:
        start, end, start_again, end_again = [value[:5] for value in [*valuelist, *[""] * 4][:4]]
        stretches = [pair for pair in ([start, end], [start_again, end_again]) if any(pair)]
        self.data = []
        try:
            self.data = opening_hours.check_walls(stretches)
        except scheduling.BadTime:
            raise ValueError(
                _(
                    "Write a start and a later end; a second stretch begins after the first has"
                    " ended"
                )
            ) from None


def arg_int(value: str | None, default: int | None = None) -> int | None:
    """A whole number from a query string; 404 for anything else, since no link of ours has it."""
    if value is None or value == "":
        return default
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        abort(404)
    return int(value)
