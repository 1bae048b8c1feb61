"""The status of a booking, from all columns of its line together. Each column may change the
status, so none is ignored.
"""

from base.bookings.statuses import STATUSES
from base.catalogue import _

from . import cell_values, languages, moments
from .check_report import Cells
from .moments import NoValue
from .sheet import short

# words of programs for a client who is, or is not, in the lists
_ACTIVE = ("active", "current", "new", "enabled", *languages.ACTIVE)
_ARCHIVED = (
    *("archived", "inactive", "deceased", "discharged", "former", "past", "disabled"),
    *languages.ARCHIVED,
)
# each of these implies the one before it
_COURSE = ("offered", "pending", "confirmed", "arrived", "delivered", "invoiced", "paid")


_ENDED = (
    "void",
    "voided",
    "waived",
    "written off",
    "refunded",
    "cancelled",
    "canceled",
    "credited",
)
_INVOICES = {
    None: ("draft", "not invoiced", "uninvoiced", "unbilled", "not billed", "to be invoiced", "no"),
    "paid": (*cell_values.PAID, "closed", "complete", "completed"),
    "ended": _ENDED,
    "partly": tuple(word for word in cell_values.PARTLY_PAID if word not in _ENDED),
    "invoiced": (
        *cell_values.UNPAID,
        "sent",
        "issued",
        "approved",
        "authorised",
        "authorized",
        "yes",
    ),
}
_SHOWN = {  # Outlook's files contain the numbers
    "tentative": ("1", "tentative", "maybe"),
    "busy": ("2", "4", "5", "busy", "out of office", "oof", "away", "working elsewhere", "opaque"),
    "free": ("3", "free", "available", "transparent"),
}


def status(cells: Cells, rate: int | None, is_over: bool) -> str:
    """The status from its own column and from the columns about the result: whether the client
    came, and whether the booking was cancelled, invoiced or paid. `is_over`: the booking's time is
    past.
    """
    raw, word = cells.text("status", 40), "confirmed"
    try:
        word = cell_values.status(raw) if raw else word
    except NoValue:
        cells.fault(
            "status",
            _(
                "“{raw}” is no status that we know. Write one of {statuses}.",
                raw=short(raw),
                statuses=", ".join(STATUSES).replace("_", "-"),
            ),
        )
    if _is_tentative(cells) and not raw:
        word = "pending"
    attended = _attended(cells, is_over)
    invoiced = _invoice(cells)
    is_missed = says_yes(cells, "no_show") or attended == "no_show"
    is_cancelled = says_yes(cells, "cancelled") or attended == "cancelled"
    yes_columns = {
        "arrived": says_yes(cells, "arrived"),
        "delivered": attended == "delivered",
        "invoiced": says_yes(cells, "invoiced") or invoiced == "invoiced",
        "paid": _is_paid(cells, rate) or invoiced == "paid",
    }
    if is_missed and (yes_columns["arrived"] or yes_columns["delivered"]):
        column = "arrived" if yes_columns["arrived"] else "attended"
        cells.fault(column, _("This line says that the client came, and that the client did not."))
    if is_missed:
        word = "no_show"
    if is_cancelled:
        word = "cancelled"
    for column, is_so in yes_columns.items():
        if is_so and word not in _COURSE:
            what = "attended" if column == "delivered" else column
            cells.note(
                what,
                _(
                    "It is {what} as well. It comes in as {word}.",
                    what=what,
                    word=word.replace("_", "-"),
                ),
            )
        elif is_so and _COURSE.index(column) > _COURSE.index(word):
            word = column
    return word


def _is_tentative(cells: Cells) -> bool:
    """Whether a calendar program shows the event as tentative. An event that is shown as free is
    refused, since it would block time here.
    """
    raw = cells.text("shown_as", 40)
    try:
        shown = shown_as(raw) if raw else "busy"
    except NoValue:
        cells.fault("shown_as", _("Write free, tentative or busy."))
        return False
    if shown == "free":
        cells.fault(
            "shown_as",
            _(
                "It is shown as free there, so it takes no time. A booking here would. Leave this"
                " column out if it should come in."
            ),
        )
    return shown == "tentative"


def _attended(cells: Cells, is_over: bool) -> str | None:
    """ "delivered", "no_show" or "cancelled", if a column says so. "Not yet" for a future booking
    counts as nothing.
    """
    found = None
    for raw in filter(None, cells.texts("attended", 40)):
        try:
            word = _came(raw)
        except NoValue:
            cells.fault("attended", _("Write yes or no."))
            continue
        if word == "no_show" and not is_over:
            continue
        found = word or found
    return found


def _came(raw: str) -> str | None:
    """Whether the client came, from one cell; None: not known yet. Raises NoValue."""
    try:
        return "delivered" if cell_values.yes(raw) else "no_show"
    except NoValue:
        pass
    try:
        word = cell_values.status(raw)
    except NoValue:
        if not moments.in_any_order(raw):
            raise
        return "delivered"
    if word in ("no_show", "cancelled"):
        return word
    return "delivered" if word in ("arrived", "delivered") else None


def _invoice(cells: Cells) -> str | None:
    """ "invoiced" or "paid", if columns about its invoice say so."""
    found = None
    for raw in filter(None, cells.texts("invoice_status", 40)):
        try:
            word = invoice(raw)
        except NoValue:
            cells.fault("invoice_status", _("Write paid, invoiced or not invoiced."))
            continue
        if word == "partly":
            cells.note("invoice_status", _("Only a part is paid. It comes in as not paid."))
        elif word == "ended":
            cells.note(
                "invoice_status",
                _("Its invoice is “{raw}”. It comes in as not paid.", raw=short(raw)),
            )
        found = {"partly": "invoiced", "ended": None}.get(word, word) or found
    return found


def _is_paid(cells: Cells, rate: int | None) -> bool:
    """Whether a column says that everything is paid."""
    is_paid = False
    for raw in filter(None, cells.texts("paid", 40)):
        try:
            found = cell_values.paid(raw, rate)
        except NoValue:
            cells.fault("paid", _("Write yes or no, when it was paid, or how much."))
            continue
        if found is None:
            cells.note("paid", _("Only a part is paid. It comes in as not paid."))
        is_paid |= bool(found)
    return is_paid


def says_yes(cells: Cells, column: str) -> bool:
    """Whether a column says yes: in words, by a date, or by a word for what it is about."""
    is_yes = False
    for raw in filter(None, cells.texts(column, 40)):
        try:
            is_yes |= _says(raw, column)
        except NoValue:
            cells.fault(column, _("Write yes or no, or when it happened."))
    return is_yes


def _says(raw: str, column: str) -> bool:
    """Whether one cell says yes. Raises NoValue."""
    try:
        return cell_values.yes(raw)
    except NoValue:
        word = cell_values.words_of(raw)
    if word in _ACTIVE or word in _ARCHIVED:
        return word in _ARCHIVED
    if cell_values.STATUSES.get(word) == column or moments.in_any_order(raw):
        return True
    raise NoValue("neither yes nor a moment")


def invoice(raw: str) -> str | None:
    """The meaning of an invoice's state for its booking: "paid", "invoiced", "partly" (paid),
    "ended" (without being paid) or None (there is none yet). Raises NoValue.
    """
    word = cell_values.words_of(raw)
    found = next((meaning for meaning, words in _INVOICES.items() if word in words), "")
    if found == "":
        raise NoValue("no state of an invoice")
    return found


def shown_as(raw: str) -> str:
    """ "free", "tentative" or "busy", from words or Outlook's numbers. Raises NoValue."""
    word = cell_values.words_of(raw)
    found = next((meaning for meaning, words in _SHOWN.items() if word in words), None)
    if found is None:
        raise NoValue("neither free nor busy")
    return found
