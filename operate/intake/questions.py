"""Questions about a file that a person must answer: the meaning of its columns, the order of day
and month, the person to whom the bookings belong, and how long a booking lasts.
"""

from itertools import islice

from base import day_names
from base.catalogue import _
from base.region import ORDERS
from base.text import clean
from models import Clinic, Practitioner

from . import cell_values, moments
from .file_columns import COLUMNS, OURS, SEVERAL, STANDS_FOR, TIMES
from .sheet import Sheet, UnreadableFile, keys, short

SAMPLES = 3
MOST_MINUTES = 24 * 60
_LENGTHS = {"end", "duration", "service", "all_day"}  # any of them tells how long a booking lasts
_USUAL = dict(zip(ORDERS, moments.ORDERS, strict=True))


def questions(sheet: Sheet, clinic: Clinic, always: bool = False) -> dict:
    """The questions for the page, with three sample values of each column.

    Empty if no question is open and the clinic has explained each column before. The questions
    contain text of the file, and are deleted with it.
    """
    answered = sheet.choices.get("columns") or {}
    headings = keys(sheet.header)
    if not (
        always
        or sheet.unknown
        or sheet.nameless
        or sheet.missing
        or sheet.doubled
        or sheet.dates is None
        or _lacks_length(sheet)
    ):
        return {}
    first = [cells for __, cells, fault in islice(sheet.lines(), 50) if not fault]
    columns = []
    for n, (heading, key, name) in enumerate(zip(sheet.header, headings, sheet.names, strict=True)):
        cleaned = [
            short(clean(cells[n][:200], 200))
            for cells in first
            if n < len(cells) and cells[n].strip()
        ]
        samples = list(dict.fromkeys(cleaned))[:SAMPLES]
        if (heading.strip() or samples or n in sheet.nameless) and heading.strip() not in OURS:
            columns.append(
                {
                    "key": key,
                    "heading": short(clean(heading[:200], 200)),
                    "samples": samples,
                    "meaning": name,
                    "is_new": key not in answered,
                }
            )
    return {
        "columns": columns,
        "head": None if sheet.has_known_heading else about_headings(sheet),
        "missing": sheet.missing,
        "doubled": sheet.doubled,
        "dates": _both_ways(sheet) if sheet.dates is None else [],
        "preset": sheet.preset,
        "calendars": _calendars(clinic) if sheet.kind == "bookings" else [],
        "minutes": sheet.kind == "bookings",
    }


def about_headings(sheet: Sheet) -> str:
    """The sentence about a file in which no heading is known: it may have none."""
    return _(
        "We take line {line} for the names of the columns. If it is a client or a booking, write a"
        " line of names above it and upload the file again.",
        line=sheet.head_at,
    )


def _lacks_length(sheet: Sheet) -> bool:
    """Whether nothing tells how long the bookings of the file last."""
    is_told = _LENGTHS & set(sheet.names) or sheet.choices.get("minutes")
    return sheet.kind == "bookings" and not is_told


def _both_ways(sheet: Sheet) -> list[dict]:
    """The first dates that can be read in both orders, and both readings."""
    shown: list[dict] = []
    wanted = [n for n, name in enumerate(sheet.names) if name in TIMES]
    for __, cells, __ in sheet.lines():
        for raw in (cell_values.plain_spaces(cells[n])[:40] for n in wanted if n < len(cells)):
            try:
                is_open = moments.order_of([raw]) is None
            except moments.NoValue:
                continue
            if is_open and raw not in {one["raw"] for one in shown}:
                shown.append({"raw": raw, **_readings(raw)})
        if len(shown) >= SAMPLES:
            break
    return shown[:SAMPLES]


def _readings(raw: str) -> dict[str, str]:
    """The day that a date means in each order in which it is valid."""
    found = {}
    for order in moments.ORDERS:
        try:
            day = moments.when(raw, order).date
        except moments.NoValue:
            continue
        words = day_names.plain(day)
        if words not in found.values():
            found[order] = words
    return found


def orders(dates: list[dict], usual: str = "dmy") -> list[tuple[str, list[tuple[str, str]]]]:
    """The possible orders of day, month and year, each with dates of the file and what they would
    mean.

    The year comes first only if the dates allow it. The clinic's `usual` order (`base.region`) is
    the first, as the proposal.
    """
    found = [
        (order, [(one["raw"], one[order]) for one in dates if order in one])
        for order in moments.ORDERS
    ]
    meant = [(order, read) for order, read in found if read or order != moments.YEAR_FIRST]
    return sorted(meant, key=lambda one: one[0] != _USUAL[usual])


def _calendars(clinic: Clinic) -> list[dict]:
    """The people to whom the bookings may belong, if the file does not say."""
    return [
        {"id": row.id, "name": f"{row.user.name}, {row.venue.name}"}
        for row in Practitioner.listed(clinic)
    ]


def people(clinic: Clinic) -> list[dict]:
    """The people with a calendar, each once: ids of users and names."""
    names = {row.user_id: row.user.name for row in Practitioner.listed(clinic)}
    return [{"id": user, "name": name} for user, name in names.items()]


def settled(sheet: Sheet) -> None:
    """Raise UnreadableFile, with a sentence, if the file cannot be read without an answer."""
    if missing := sheet.missing:
        raise UnreadableFile(
            _(
                "We do not find {missing} in the file. A line at its top must name the"
                " columns, with commas, semicolons or tabs between them:"
                " {column}.",
                missing=" and ".join(missing),
                column=", ".join(column.name for column in COLUMNS[sheet.kind]),
            )
        )
    if doubled := sheet.doubled:
        raise UnreadableFile(
            _(
                "Two columns both mean {doubled}. Keep one of them, or say what the other means.",
                doubled=doubled[0],
            )
        )
    if sheet.dates is None:
        example = _both_ways(sheet)[0]
        raise UnreadableFile(
            _(
                "Dates such as {example} can be read with the day or the month first, and"
                " nothing in the file tells which.",
                example=example["raw"],
            )
        )


def faults(kind: str, answers: dict, asked: dict) -> list[str]:
    """The faults of a person's answers (as in `Import.choices`), as sentences."""
    meanings = [meaning for meaning in answers["columns"].values() if meaning]
    calendar, minutes = answers["calendar"], answers["minutes"]
    found = [
        _("Say which column is the {column}.", column=column.name.replace("_", " "))
        for column in COLUMNS[kind]
        if column.needed
        and not (
            column.name in meanings
            or any(STANDS_FOR.get(meaning) == column.name for meaning in meanings)
            or (column.name == "calendar" and calendar)
        )
    ]
    found += [
        _(
            "Two columns are both {name}. Choose another meaning for one of them.",
            name=name.replace("_", " "),
        )
        for name in dict.fromkeys(meanings)
        if meanings.count(name) > 1 and name not in SEVERAL
    ]
    if asked["dates"] and not answers["dates"]:
        found.append(_("Say whether the dates have the day or the month first."))
    if minutes is not None and not 0 < minutes <= MOST_MINUTES:
        found.append(_("A booking lasts 1 to {most} minutes.", most=MOST_MINUTES))
    elif asked.get("minutes") and minutes is None and not _LENGTHS & set(meanings):
        found.append(_("Nothing in the file tells how long a booking lasts. Write the minutes."))
    return found
