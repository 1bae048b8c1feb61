"""The catalogue: every sentence that the program writes for people.

Each sentence in Python goes through one of three functions, by GNU gettext's conventions, and so
does what templates count (`ngettext`): `translations/messages.pot` has them all. The English
sentence is the key. English is the only language so far; `translations` contains the one in use.
"""

import gettext
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

ENGLISH = gettext.NullTranslations()
translations: ContextVar[gettext.NullTranslations] = ContextVar("translations", default=ENGLISH)


@contextmanager
def using(chosen: gettext.NullTranslations) -> Iterator[None]:
    """Write in this language within the block."""
    before = translations.set(chosen)
    try:
        yield
    finally:
        translations.reset(before)


def _(message: str, /, **values: object) -> str:
    """The sentence in the language in use, `{name}` in it filled from the values.

    The caller formats times, numbers and amounts. Nothing is escaped: templates do that.
    """
    return _filled(translations.get().gettext(message), values)


def ngettext(one: str, many: str, count: int, /, **values: object) -> str:
    """The sentence for so many; `{count}` in it is the number, with commas from 1,000 on."""
    phrase = translations.get().ngettext(one, many, count)
    return _filled(phrase, {"count": f"{count:,}", **values})


def _filled(message: str, values: Mapping[str, object]) -> str:
    return message.format(**values) if values else message


class Lazy(str):
    """A sentence in a table that is made before a language is chosen.

    It equals its English words, so it can be compared, stored and joined. In a page or another
    sentence it appears in the language in use.
    """

    __slots__ = ("message", "values")
    message: str
    values: Mapping[str, object]

    def __new__(cls, message: str, values: Mapping[str, object]) -> "Lazy":
        """Make a lazy sentence from the English one and the values that fill it."""
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
        """`str.format` of the sentence in the language in use."""
        return str(self).format(*args, **values)

    def lower(self) -> str:
        """`str.lower` of the sentence in the language in use."""
        return str(self).lower()


def paragraph(*sentences: str) -> str:
    """Sentences one after another; those that are "" are left out."""
    return " ".join(str(sentence) for sentence in sentences if sentence)


def listed(names: Iterable[object]) -> str:
    """Names joined for a sentence: "A, B and C"; "" for none."""
    *first, last = [str(name) for name in names] or [""]
    return _(" and ").join(filter(None, [", ".join(first), last]))


def lazy(message: str, /, **values: object) -> Lazy:
    """A sentence for tables of modules and classes: it is translated when it is shown."""
    return Lazy(message, values)
