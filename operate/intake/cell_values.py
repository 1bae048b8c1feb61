"""Values of cells besides times: amounts, telephone numbers and words, as clinic programs and
spreadsheets write them. Pure.
"""

import re

from base.text import search_key

from . import languages
from .moments import NoValue, is_dated

_SPOILED = re.compile(r"\d[.,]?\d*e\+?\d+", re.A | re.I)
_CURRENCY = re.compile(r"\b[a-z]{1,2}\$|[£€$]|zł|kč|\b[a-z]{3}\b", re.I)
SIGNS = {"£": "GBP", "€": "EUR", "zł": "PLN", "Kč": "CZK"}  # several countries have a dollar
CODES = [
    "GBP",
    "EUR",
    "USD",
    "AUD",
    "CAD",
    "NZD",
    "CHF",
    "CZK",
    "DKK",
    "SEK",
    "NOK",
    "ISK",
    "PLN",
    "HUF",
    "RON",
    "BGN",
    "TRY",
    "ZAR",
    "INR",
    "SGD",
    "HKD",
    "AED",
    "ILS",
    "JPY",
    "BRL",
    "MXN",
]

# words that programs write for an empty cell
NOTHING = ("", "-", "–", "—", "n/a", "none", "null", "nil")
YES = ("yes", "y", "true", "1", "x", "t", "on", *languages.YES)
PAID = (
    "paid",
    "paid in full",
    "fully paid",
    "settled",
    *(word for word, status in languages.STATUSES.items() if status == "paid"),
)
UNPAID = (
    *languages.UNPAID,
    "unpaid",
    "not paid",
    "outstanding",
    "due",
    "overdue",
    "open",
    "pending",
    "owing",
    "invoiced",
    "billed",
    "waived",
    "void",
    "written off",
)
PARTLY_PAID = (
    "partly paid",
    "part paid",
    "partially paid",
    "partial",
    "deposit paid",
    "deposit",
    "refunded",
    "partially refunded",
)
NO = ("no", "n", "false", "0", "f", "off", *languages.NO, *NOTHING)
_WORDS = {  # our status → other programs' words
    "confirmed": (
        "confirmed, booked, scheduled, upcoming, active, accepted, approved, reserved, new, show"
    ),
    "pending": (
        "pending, tentative, requested, unconfirmed, not confirmed, awaiting confirmation, waiting"
    ),
    "arrived": (
        "arrived, checked in, check in, checkedin, started, in progress, in session, waiting room"
    ),
    "delivered": (
        "delivered, attended, completed, complete, done, finished, seen, fulfilled, kept,"
        " checked out"
    ),
    "invoiced": "invoiced, billed",
    "paid": "paid",
    "offered": "offered",
    "cancelled": (
        "cancelled, canceled, cancelled by client, canceled by client, cancelled by patient,"
        " cancelled by practitioner, client cancelled, late cancel, late cancelled, late canceled,"
        " late cancellation, deleted, declined, archived, rejected"
    ),
    "no_show": (
        "no show, noshow, did not arrive, did not attend, did not show, dna, missed, absent, no"
        " showed, failed to attend, failed to arrive, not attended, fta"
    ),
}
STATUSES = {
    **languages.STATUSES,
    **{word.strip(): status for status, words in _WORDS.items() for word in words.split(",")},
}

_NEGATED = re.compile(r"\b(not|never|no longer|un|sin|non|no cancel\w*)\b")

_TITLE = re.compile(
    r"((dr|prof|mr|mrs|ms|mx|miss|herr|frau|mme|mlle|sig|sra|srta|dhr|mevr)\b\.?\s+)+(?=\S)",
    re.I,
)

# Words that files use for a client who gave no name.
UNNAMED = ("walk in", "walkin", "walk in client", "walk in customer")


def plain_spaces(raw: str) -> str:
    """The cell with ordinary spaces. Programs write narrow and non-breaking ones before AM and
    between thousands.
    """
    return (
        raw if raw.isascii() else re.sub(r"[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]", " ", raw)
    )


def is_spoiled(raw: str) -> bool:
    """Whether a spreadsheet turned the number into one such as 1.39073E+18, so that its digits are
    lost.
    """
    return bool(_SPOILED.fullmatch(raw.strip()))


def identifier(raw: str) -> str:
    """An ID without the decimals that a spreadsheet gives to a number: 123.0 → 123."""
    return re.sub(r"^(\d+)[.,]0+$", r"\1", raw, flags=re.A)


def amount(raw: str) -> int | None:
    """An amount in minor units: 65, "65 GBP", "£1,234.50", "1.234,50"; None for nothing.

    Raises NoValue.
    """
    text = re.sub(r"[\s']", "", _CURRENCY.sub("", "" if raw.strip().lower() in NOTHING else raw))
    if not text:
        return None
    text = re.sub(r"[.,][-–—]{1,2}$", "", text)  # 65,– for 65,00
    if found := re.fullmatch(r"(\d{1,3}(?:[.,]\d{3})+|\d{1,7})(?:[.,](\d{1,2}))?", text, re.A):
        whole = re.sub(r"[.,]", "", found[1])
        if len(whole) <= 7:
            return int(whole) * 100 + int((found[2] or "0").ljust(2, "0"))
    raise NoValue("no amount")


def is_of_thousands(raw: str) -> bool:
    """Whether the amount has one point or comma, and three digits behind it: 1.250. A program that
    writes three decimals would mean less.
    """
    return bool(re.fullmatch(r"\d{1,3}[.,]\d{3}", re.sub(r"\s", "", _CURRENCY.sub("", raw)), re.A))


def currency(raw: str) -> str:
    """The currency that an amount names, "" if it names none."""
    words = re.findall(r"[A-Z]{3}", raw.upper())
    return next((word for word in words if word in CODES), "") or next(
        (SIGNS[sign] for sign in SIGNS if sign in raw), ""
    )


def phones(raw: str) -> list[str]:
    """The telephone numbers of a cell, each with its name there: "Mobile: 0400 000 001, Home: 02
    7010 0001".
    """
    raw = re.sub(r"(^|[,;\n]\s*|:\s*)'(?=[\d+(])", r"\1", raw.strip())  # marked as text
    parts = [part.strip() for part in re.split(r"[,;\n]|:::", raw) if part.strip()]
    if not all(len(re.findall(r"\d", part)) >= 5 for part in parts):
        return [raw] if raw else []
    return parts


def bare_phone(raw: str) -> str:
    """A number without its name: "Mobile: 0400 000 001" → "0400 000 001"."""
    return re.sub(r"^[^\d+(:]*:\s*", "", raw)


def words_of(raw: str) -> str:
    """The words of a cell, in the form for look-ups."""
    return re.sub(r"[\s_\-/]+", " ", search_key(raw)).strip()


def status(raw: str) -> str:
    """Our status for another program's word. Raises NoValue."""
    word = words_of(raw)
    if re.search(r"\bcancel", word) and not _NEGATED.search(word):
        return "cancelled"  # with any further words: by whom, how late, why
    if word not in STATUSES:
        word = re.sub(r" *\([^()]*\)$", "", word)  # No show (charged)
    if word not in STATUSES:
        raise NoValue("no status")
    return STATUSES[word]


def yes(raw: str) -> bool:
    """Whether a box is ticked. Raises NoValue."""
    word = search_key(raw)
    if word not in (*YES, *NO):
        raise NoValue("neither yes nor no")
    return word in YES


def paid(raw: str, rate: int | None) -> bool | None:
    """Whether a cell says that all of `rate` is paid; None: a part is paid.

    `rate`: in minor units; None: not known. A cell says it by a tick, in words, by a date or by an
    amount. Raises NoValue.
    """
    word = words_of(raw)
    if word in PARTLY_PAID:
        return None
    if word in (*PAID, *UNPAID):
        return word in PAID
    if word in (*YES, *NO):
        return word in YES
    if is_dated(raw):
        return True
    if not any(character.isdigit() for character in raw):
        raise NoValue("no amount")
    given = amount(raw)
    return None if given and rate and given < rate else bool(given)


def without_title(raw: str) -> tuple[str, str]:
    """The title before a name, and the name. "" if it has none."""
    found = _TITLE.match(raw)
    return (found[0].strip(), raw[found.end() :]) if found else ("", raw)


def names(raw: str) -> tuple[str, str]:
    """First and last name from one cell: "Ada Lovelace", or "Lovelace, Ada"."""
    last, comma, first = raw.partition(",")
    if comma and first.strip():
        return first.strip(), last.strip()
    first, _, last = raw.strip().partition(" ")
    return first, last.strip()


def without_mark(raw: str) -> str:
    """The cell without the sign with which spreadsheets, and our own downloads, mark it as text."""
    is_marked = raw[:1] == "'" and (raw[1:2].isdigit() or raw[1:2] in tuple("=+-@("))
    return raw[1:] if is_marked else raw
