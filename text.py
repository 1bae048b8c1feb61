"""What text may be: bounded and clean; how it is searched; and how much of a client's name may be shown."""

import traceback
import unicodedata

# Direction embeddings, overrides and isolates can make one name look like another (Unicode UAX #9, "Trojan Source").
# The plain marks U+200E and U+200F stay: Hebrew and Arabic names need them.
# Unicode's own line and paragraph ends become plain ones: some calendar programs end a line there, others do not.
_MENDED = dict.fromkeys((*range(0x00, 0x09), 0x0B, 0x0C, *range(0x0E, 0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F),
                         *range(0x2066, 0x206A), 0xFEFF, 0xFFFE, 0xFFFF)) | {0x2028: "\n", 0x2029: "\n"}
# Letters that Unicode does not take apart, though people type them so.
_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h", "ı": "i", "’": "'"})

IDENTIFIERS = ("none", "internal_id", "initials", "first_name", "first_name_last_initial", "full_name")  # X5, safest first


class TooLong(ValueError):
    """The text has more than `limit` characters."""

    def __init__(self, limit: int):
        super().__init__(limit)
        self.limit = limit


def clean(value: str | None, limit: int) -> str:
    """The text without control and override characters, ends trimmed, lines ended by "\\n". Raises TooLong."""
    value = (value or "").replace("\r\n", "\n").replace("\r", "\n").translate(_MENDED)
    value = value.encode("utf-8", "ignore").decode("utf-8").strip()  # lone surrogates cannot be stored or sent
    if len(value) > limit:
        raise TooLong(limit)
    return value


def search_key(*values: str | None) -> str:
    """One lower-case line without accents, for `LIKE` in both databases: "Małgorzata Ó Súilleabháin" → "malgorzata o …"."""
    joined = " ".join(value for value in values if value)
    if joined.isascii():  # most names; three times as fast
        return " ".join(joined.lower().split())
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", joined).casefold())
    plain = "".join(c for c in folded if not unicodedata.combining(c) and unicodedata.category(c) != "Cf")
    return " ".join(plain.translate(_LETTERS).split())


def like(value: str) -> str:
    """A search key as a `LIKE` pattern with its own % and _ taken literally (escape character: backslash)."""
    escaped = search_key(value).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def cut(identifier: str | None, ceiling: str) -> str:
    """The chosen identifier, or the clinic's ceiling where that is safer. Not chosen, or unknown: "none"."""
    if identifier not in IDENTIFIERS or ceiling not in IDENTIFIERS:
        return "none"
    return min(identifier, ceiling, key=IDENTIFIERS.index)


def client_label(identifier: str, first_name: str, last_name: str, internal_id: str) -> str:
    """The client as the identifier allows. Empty where there is nothing safe to show: never a step up the ladder."""
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
    """The first letter of a name, accent and all, with its dot: "É." Empty where the name has no letter."""
    letter = next((c for c in unicodedata.normalize("NFKC", name) if c.isalnum()), "")
    return f"{letter.upper()[0]}." if letter else ""


def cents(raw: str) -> int | None:
    """An amount such as "65", "65.50" or "65,5" in minor units; None for nothing. Raises ValueError."""
    raw = raw.replace(",", ".").replace(" ", "")
    whole, _, rest = raw.partition(".")
    if not raw:
        return None
    if not (raw.isascii() and whole.isdigit() and len(whole) <= 7 and (rest or "0").isdigit() and len(rest) <= 2):
        raise ValueError("no amount")
    return int(whole) * 100 + int(rest.ljust(2, "0") or 0)


def places(error: BaseException) -> str:
    """Where a fault came from, innermost first, for the log. Never its message: that could hold a client's name."""
    frames = reversed(traceback.extract_tb(error.__traceback__)[-6:])
    return " < ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames)
