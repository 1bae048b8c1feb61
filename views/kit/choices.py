"""Fields with a list of choices. A choice is a pair: its value, and its words.

A list in groups is a mapping from the name of a group to its pairs.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from wtforms import RadioField, SelectField, SelectMultipleField, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.widgets import CheckboxInput, ListWidget, RadioInput

from base.catalogue import _

Pairs = Iterable[tuple[Any, str]]


class ChoicePair(SelectChoice):
    """One choice of a list. It unpacks into its value and its words."""

    def __iter__(self) -> Iterator[Any]:
        return iter((self.value, self.label))


def paired(choices: Pairs | Mapping[str, Pairs] | None) -> list[ChoicePair] | None:
    """The choices in the form that WTForms expects; None: they are set later."""
    if choices is None:
        return None
    if isinstance(choices, Mapping):
        return [
            ChoicePair(value, words, optgroup=group)
            for group, pairs in choices.items()
            for value, words in pairs
        ]
    return [ChoicePair(value, words) for value, words in choices]


class _ListedChoice(SelectField):
    """The choices of a field, given as pairs."""

    def __init__(self, *args: Any, choices: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, choices=paired(choices), **kwargs)

    @property
    def choices(self) -> Any:
        """The list of choices, each as a `ChoicePair`."""
        return super().choices

    @choices.setter
    def choices(self, choices: Pairs | Mapping[str, Pairs] | None) -> None:
        SelectField.choices.fset(self, paired(choices))

    @property
    def has_several(self) -> bool:
        """Whether there are several to choose from, besides an entry for any of them."""
        return sum(bool(one.value) for one in self.choices or ()) > 1


class Several(_ListedChoice, SelectMultipleField):
    """A field for several choices of a list; the page draws the boxes."""


class Ticks(Several):
    """A field for several choices of a list, as boxes to tick."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class Radio(_ListedChoice, RadioField):
    """A field for one of a few choices, as plain radio buttons."""


class Choice(_ListedChoice, SelectField):
    """A drop-down list whose errors are sentences."""

    def pre_validate(self, form: Any) -> None:
        try:
            super().pre_validate(form)
        except ValidationError:
            raise ValidationError(_("Choose one from the list")) from None


class Options(Choice):
    """A field for one of a few choices, as radio cards."""

    widget = ListWidget(prefix_label=False)
    option_widget = RadioInput()
