"""The rules for text: its bounds and cleaning, how it is searched, and how much of a client's name
may be shown.
"""

import re
import traceback
import unicodedata

from base.catalogue import _

# Direction embeddings, overrides and isolates can make one name look like another (Unicode UAX #9,
# "Trojan Source").
# The plain marks U+200E and U+200F stay: Hebrew and Arabic names need them.
# Unicode's own line and paragraph ends become plain ones: some calendar programs end a line there,
# others do not.
_MENDED = dict.fromkeys(
    (
        *range(0x00, 0x09),
        0x0B,
        0x0C,
        *range(0x0E, 0x20),
        *range(0x7F, 0xA0),
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
        0xFEFF,
        0xFFFE,
        0xFFFF,
    )
) | {0x2028: "\n", 0x2029: "\n"}
_UNFIT = re.compile("[\r\ud800-\udfff" + "".join(map(chr, _MENDED)) + "]")
# Letters that Unicode does not decompose, and how people type them.
_LETTERS = str.maketrans(
    {
        "ł": "l",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "æ": "ae",
        "œ": "oe",
        "ħ": "h",
        "ı": "i",
        "’": "'",
    }
)

# Characters that no one-line field may contain: two texts that look alike would differ, or a line
# would end unexpectedly.
_HIDDEN = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, 0xFFFE, 0xFFFF}
# Arabic and Syriac signs that Unicode lists as formatting characters, but which are visible.
_SEEN_SIGNS = {
    *range(0x0600, 0x0606),
    0x06DD,
    0x070F,
    0x08E2,
}
_MARKS, _JOINERS = {0x200E, 0x200F, 0x061C}, {0x200C, 0x200D}
# Scripts in which joiners change how a word is written (Unicode TR 31, §2.3): Arabic to Mongolian,
# and the extensions of Arabic.
_JOINING = re.compile(
    "[\u0600-\u0fff\u1000-\u109f\u1780-\u18af\ua840-\ua87f\ufb50-\ufdff\ufe70-\ufefc]"
)
_LOCAL = "[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_EMAIL = re.compile(
    rf"{_LOCAL}(?:\.{_LOCAL})*@(?:{_LABEL}\.)+(?![0-9]+$){_LABEL}", re.ASCII | re.IGNORECASE
)

# The safest first.
IDENTIFIERS = (
    "none",
    "internal_id",
    "initials",
    "first_name",
    "first_name_last_initial",
    "full_name",
)
_BETWEEN_DIGITS = dict.fromkeys(map(ord, "0123456789 ()/.-\N{NO-BREAK SPACE}"))


class TooLong(ValueError):
    """The text has more than `limit` characters."""

    def __init__(self, limit: int):
        super().__init__(limit)
        self.limit = limit


class NotOneLine(ValueError):
    """The text contains a line break or a character that cannot be seen.

    The message is a sentence for the person who typed it.
    """


class NoAddress(ValueError):
    """This is no e-mail address that a letter could go to."""


def line(value: str | None, limit: int) -> str:
    """One line of text without spaces at its ends. Wrong characters are refused, not removed.

    Raises NotOneLine, TooLong.

    Direction marks may stand in text with right-to-left letters, and joiners between letters that
    need them (Persian, Hindi).
    """
    value = (value or "").strip()
    for place, character in enumerate("" if _is_plain(value) else value):
        if _is_hidden(value, place, character):
            if character in "\r\n\v\f\x85\u2028\u2029":
                raise NotOneLine(_("Write this in one line"))
            before = "".join(one for one in value[:place][-12:] if one.isprintable())
            where = _("after “{before}”", before=before) if before else _("at the start")
            raise NotOneLine(
                _("There is a hidden character {where}. Check the text and save again", where=where)
            )
    if len(value) > limit:
        raise TooLong(limit)
    return value


def is_address(contact: str) -> bool:
    """Whether a contact in free text is an e-mail address alone."""
    return "@" in contact and " " not in contact


def mended(value: str | None, limit: int) -> str:
    """One line from text that other programs wrote.

    Characters that `line` would refuse are left out; line ends and tabs become spaces. Raises
    TooLong.
    """
    if _is_plain(value or ""):
        return line(value, limit)
    value = " ".join(clean(value, len(value or "")).replace("\t", " ").split("\n"))
    return line(
        "".join(one for place, one in enumerate(value) if not _is_hidden(value, place, one)), limit
    )


def _is_plain(value: str) -> bool:
    """Whether `line` and `clean` would return the text unchanged, as for most text: a
    fast check.
    """
    return value.isascii() and value.isprintable()


def _is_hidden(value: str, place: int, character: str) -> bool:
    code = ord(character)
    if code < 0x7F:
        return code < 0x20
    if code in _JOINERS:
        return not (
            (_JOINING.match(value, place - 1) and place and _JOINING.match(value, place + 1))
            or (
                code == 0x200D
                and 0 < place < len(value) - 1
                and unicodedata.category(value[place + 1]) == "So"
            )
        )
    if code in _MARKS:
        return not any(
            unicodedata.bidirectional(one) in ("R", "AL") for one in value if ord(one) not in _MARKS
        )
    return code in _HIDDEN or (
        code not in _SEEN_SIGNS
        and unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    )


def email(value: str | None) -> str:
    """One plain e-mail address (RFC 5321 §4.1.2: dot-string at a domain name), in lower case.

    Raises NoAddress, also for "=?": mail programs would decode what follows (RFC 2047).
    """
    value = (value or "").strip()
    if len(value) > 254 or len(value.partition("@")[0]) > 64 or "=?" in value:
        raise NoAddress
    if not _EMAIL.fullmatch(value):
        raise NoAddress
    return value.lower()


_ORIGIN = re.compile(
    r"https://((?:[a-z0-9-]{1,63}\.)+[a-z0-9-]{2,63})(?::([0-9]{1,5}))?/?", re.ASCII
)


def origin(value: str) -> str:
    """The address of a website without a page, as browsers compare it (RFC 6454):
    "https://www.example.org". Raises NoAddress.
    """
    found = _ORIGIN.fullmatch(value.strip().lower())
    if not found or len(found[1]) > 253 or not 0 < int(found[2] or 443) < 65536:
        raise NoAddress
    port = int(found[2] or 443)
    return f"https://{found[1]}" + (f":{port}" if port != 443 else "")


def clean(value: str | None, limit: int) -> str:
    """The text without control characters, ends trimmed, lines ended by "\\n".

    Characters that override the direction of text are removed, too. Raises TooLong.
    """
    value = without_controls(value or "")
    value = value.strip()
    if len(value) > limit:
        raise TooLong(limit)
    return value


def without_controls(value: str) -> str:
    """The text without the characters that `clean` removes, as a row of an earlier version or of
    another program may contain them. Lines end by "\\n".
    """
    if not _UNFIT.search(value):
        return value
    value = value.replace("\r\n", "\n").replace("\r", "\n").translate(_MENDED)
    # lone surrogates cannot be stored or sent
    return value.encode("utf-8", "ignore").decode("utf-8")


def search_key(*values: str | None) -> str:
    """One lower-case line without accents, for `LIKE` in both databases.

    "Małgorzata Ó Súilleabháin" → "malgorzata o …".
    """
    joined = " ".join(value for value in values if value)
    if joined.isascii():  # most names: three times as fast
        return " ".join(joined.lower().split())
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", joined).casefold())
    plain = "".join(
        c for c in folded if not unicodedata.combining(c) and unicodedata.category(c) != "Cf"
    )
    return " ".join(plain.translate(_LETTERS).split())


def phone_tail(number: str) -> str:
    """The last nine digits of a phone number.

    They are the same with and without country code or leading zero. Empty if there are fewer than
    seven digits: too few to tell people apart.
    """
    digits = "".join(one for one in number if one.isdecimal())
    return digits[-9:] if len(digits) >= 7 else ""


def is_phone(value: str) -> bool:
    """Whether the text is a phone number: seven digits or more, and nothing else but the signs that
    people put between them.
    """
    return bool(phone_tail(value)) and not value.strip("+").translate(_BETWEEN_DIGITS)


def like(value: str) -> str:
    """A search key as a `LIKE` pattern with its own % and _ taken literally.

    The escape character is the backslash.
    """
    escaped = search_key(value).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def cut(identifier: str | None, ceiling: str) -> str:
    """The identifier that may be used: the chosen one, or the clinic's ceiling if that shows less.

    An identifier that is unknown or not chosen yet counts as "none".
    """
    if identifier not in IDENTIFIERS or ceiling not in IDENTIFIERS:
        return "none"
    return min(identifier, ceiling, key=IDENTIFIERS.index)


def client_label(identifier: str, first_name: str, last_name: str, internal_id: str) -> str:
    """The client's name as far as the identifier allows.

    Empty if there is nothing that may be shown: a more open identifier is never used instead.
    """
    first, last = first_name.strip(), last_name.strip()
    if identifier == "internal_id":
        return internal_id
    if identifier == "initials":
        return f"{_initial(first)} {_initial(last)}".strip()
    if identifier == "first_name":
        return first
    if identifier == "first_name_last_initial":
        return f"{first} {_initial(last)}".strip()
    if identifier == "full_name":
        return f"{first} {last}".strip()
    return ""


def _initial(name: str) -> str:
    """The first letter of a name with its accent and a dot: "É."

    Empty if the name has no letter.
    """
    letters = (c for c in unicodedata.normalize("NFKC", name) if c.isalnum())
    letter = next((c for c in letters if ord(c) not in _HIDDEN), "")  # fillers count as letters
    return f"{letter.upper()[0]}." if letter else ""


def cents(raw: str) -> int | None:
    """An amount such as "65", "65.50" or "65,5" in minor units; None for nothing.

    Raises ValueError.
    """
    raw = raw.replace(",", ".").replace(" ", "")
    whole, __, rest = raw.partition(".")
    if not raw:
        return None
    if not (
        raw.isascii()
        and whole.isdigit()
        and len(whole) <= 7
        and (rest or "0").isdigit()
        and len(rest) <= 2
    ):
        raise ValueError("no amount")
    return int(whole) * 100 + int(rest.ljust(2, "0") or 0)


def places(error: BaseException) -> str:
    """The places where an error was raised, innermost first, for the log.

    Its message is left out: it could contain a client's name.
    """
    frames = reversed(traceback.extract_tb(error.__traceback__)[-6:])
    return " < ".join(
        f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames
    )
