"""The catalogue of sentences: what the program says to people, in one place.

Every sentence that stands in Python goes through one of three functions, by GNU gettext's
conventions, so that `translations/messages.pot` holds them all. The English sentence is the key.
English is the only language so far; `translations` holds the one in use.
"""

import gettext
from collections.abc import Mapping
from contextvars import ContextVar

ENGLISH = gettext.NullTranslations()
translations: ContextVar[gettext.NullTranslations] = ContextVar("translations", default=ENGLISH)


def _(message: str, /, **values: object) -> str:
    """The sentence in the language in use, `{name}` in it filled from the values.

    Times, numbers and amounts are formatted by whoever calls. Nothing is escaped: templates do it.
    """
    return _filled(translations.get().gettext(message), values)


def ngettext(one: str, many: str, count: int, /, **values: object) -> str:
    """The sentence for so many; `{count}` in it is the number, with commas from 1,000 on."""
    said = translations.get().ngettext(one, many, count)
    return _filled(said, {"count": f"{count:,}", **values})


def _filled(message: str, values: Mapping[str, object]) -> str:
    return message.format(**values) if values else message


class Lazy(str):
    """A sentence of a table that is made before a language is chosen.

    Equal to its English words, so that it can be compared, stored and joined; put into a page or
    into another sentence it is in the language in use.
    """

    __slots__ = ("message", "values")
    message: str
    values: Mapping[str, object]

    def __new__(cls, message: str, values: Mapping[str, object]) -> "Lazy":
        """Of the English sentence and what fills it."""
        lazy = super().__new__(cls, _filled(message, values))
        lazy.message, lazy.values = message, values
        return lazy

    def __getnewargs__(self) -> tuple[str, Mapping[str, object]]:  # type: ignore[override]
        return self.message, self.values

    def __str__(self) -> str:
        return _(self.message, **self.values)

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def format(self, *args: object, **values: object) -> str:
        """As text does, in the language in use."""
        return str(self).format(*args, **values)

    def lower(self) -> str:
        """As text does, in the language in use."""
        return str(self).lower()


def paragraph(*sentences: str) -> str:
    """Sentences one after another; those that are "" are left out."""
    return " ".join(str(sentence) for sentence in sentences if sentence)


def lazy(message: str, /, **values: object) -> Lazy:
    """The same for tables of modules and classes: looked up when it is shown."""
    return Lazy(message, values)
