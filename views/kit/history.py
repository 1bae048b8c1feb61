"""The audit entries of a clinic as sentences: who did what. They name people, services and feeds,
never clients.
"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import url_for

from base.catalogue import _, ngettext
from base.tables.audit import AuditEntry
from models import Clinic, Feed, Service, Venue
from people import row_names
from sync.providers import registry
from sync.tables import account_names
from sync.tables import listed as accounts
from sync.tables import own_changes as sync_history

from .display import STATUS_NAMES, moment, plain_action
from .words import history_words, sync_words


def lines(clinic: Clinic, entries: list[AuditEntry], zone: ZoneInfo) -> list[dict[str, Any]]:
    """For each entry `who`, `what` and, if a page can be opened, its `url`. Times are in
    the zone.
    """
    names = _names(clinic)
    return [
        {
            "at": entry.at,
            "who": entry.user.name if entry.user else "Kalends",
            "what": _what(entry, names, zone),
            "url": _url(entry, names),
        }
        for entry in entries
    ]


def _names(clinic: Clinic) -> dict[str, dict[Any, Any]]:
    """The names of rows, by kind and id, with one query for each kind."""
    users, calendars = row_names.users(clinic), row_names.calendars(clinic)
    tables: tuple[tuple[Any, str], ...] = (
        (Service, _("the service “{name}”")),
        (Venue, _("the venue “{name}”")),
        (Feed, _("the private link “{name}”")),
    )
    phrases = {
        table._meta.table_name: {
            row: phrase.format(name=name)
            for row, name in row_names.names_of_rows(table, clinic).items()
        }
        for table, phrase in tables
    }
    return {
        **phrases,
        "user": users,
        "practitioner": {
            row: _("the calendar of {name} at {venue}", name=users[user], venue=venue)
            for row, user, venue in calendars
        },
        "owner_of": {row: user for row, user, __ in calendars},
        **_connected(clinic, users),
    }


def _connected(clinic: Clinic, users: dict[int, str]) -> dict[str, dict[Any, Any]]:
    """Connected accounts, and when each was connected: the same id may have belonged to another
    account before.
    """
    rows = list(accounts.of_clinic(clinic))
    account_names.know(rows)
    return {
        "account": {
            row.id: _(
                "the {provider} account of {name}",
                provider=account_names.name_of(row, is_own=False),
                name=users[row.user_id],
            )
            for row in rows
        },
        "since": {row.id: row.created_at for row in rows},
        "provider": {row.id: account_names.name_of(row, is_own=False) for row in rows},
    }


def _is_of_another(entry: AuditEntry, names: dict[str, dict[Any, Any]]) -> bool:
    """Whether the id of the entry's account now belongs to a later account."""
    return bool(names["since"].get(sync_history.account_of(entry), entry.at) > entry.at)


def _calendar_outside(entry: AuditEntry, names: dict[str, dict[Any, Any]]) -> str:
    """A calendar outside by its account, as far as that is known and still exists. Its own name is
    private.
    """
    account = names["account"].get(sync_history.account_of(entry))
    if account is None or _is_of_another(entry, names):
        return str(history_words.GONE["remote_calendar"])
    return _("a calendar in {account}", account=account)


def _provider(entry: AuditEntry, names: dict[str, dict[Any, Any]]) -> str:
    """The provider of an entry; with the account's name, if the person has several there and it
    still exists.
    """
    is_known = entry.kind == "account" and not _is_of_another(entry, names)
    known = names["provider"].get(entry.subject) if is_known else None
    return known or registry.name(entry.detail.get("kind"))


def _it(entry: AuditEntry, names: dict[str, dict[Any, Any]]) -> str:
    """The words for the row that an entry of the history is about."""
    if entry.kind == "booking":
        return ngettext("a booking", "{count} bookings", entry.detail.get("count", 1))
    if entry.kind == "patient":
        return _("a client’s record")
    if entry.kind == "account" and _is_of_another(entry, names):
        return str(history_words.GONE["account"])
    if entry.kind == "remote_calendar":
        return _calendar_outside(entry, names)
    gone = history_words.GONE.get(entry.kind, _("something that is gone"))
    return str(names.get(entry.kind, {}).get(entry.subject, gone))


def _what(entry: AuditEntry, names: dict[str, dict[Any, Any]], zone: ZoneInfo) -> str:
    detail, deed = entry.detail, entry.action.partition(".")[2]
    count, it = detail.get("count", 1), _it(entry, names)
    other = (
        _("set {it} to {status}", it="{it}", status=STATUS_NAMES[deed].lower())
        if deed in STATUS_NAMES
        else None
    )
    is_own = entry.kind == "user" and entry.subject == entry.user_id
    deeds = history_words.DEEDS | history_words.OWN_DEEDS if is_own else history_words.DEEDS
    pattern = deeds.get(entry.action, other) or plain_action(entry.action).replace("{", "").replace(
        "}", ""
    )
    settings = ", ".join(
        f"{words} → {_value(name, detail[name])}"
        for name, words in history_words.SETTINGS.items()
        if name in detail
    )
    words = pattern.format(
        it=it,
        count=f"{count:,}",
        settings=settings,
        plan=detail.get("plan", ""),
        provider=_provider(entry, names),
        why=detail.get("why", ""),
        day=detail.get("day", _("a date")),
        goal=history_words.GOALS.get(detail.get("goal"), ""),
    )
    if entry.action == "booking.moved" and "was" in detail and "now" in detail:
        was, now = (moment(datetime.fromisoformat(detail[key]), zone) for key in ("was", "now"))
        words += _(" from {was} to {now}", was=was, now=now)
    if "from" in detail and "to" in detail:
        was, now = (
            names["practitioner"].get(detail[side], _("a calendar")) for side in ("from", "to")
        )
        words += _(", from {was}, to {now}", was=was, now=now)
    if fields := history_words.field_words(detail):
        words += f" ({fields})"
    if entry.kind == "booking" and detail.get("status") in STATUS_NAMES:
        words += _(", now {status}", status=STATUS_NAMES[detail["status"]].lower())
    return words


def _value(name: str, value: Any) -> str:
    if name in ("identifier", "privacy_ceiling") and value in sync_words.IDENTIFIER_NAMES:
        return sync_words.IDENTIFIER_NAMES[value].lower()
    if name == "empty_when_stopped":
        return _("empty for 30 days") if value else _("nothing, at once")
    return (
        history_words.VALUES[value]
        if value is None or isinstance(value, bool)
        else history_words.VALUES.get(value, str(value))
    )


def _url(entry: AuditEntry, names: dict[str, dict[Any, Any]]) -> str | None:
    pages = {
        "booking": ("bookings.show", "booking_id"),
        "patient": ("patients.show", "patient_id"),
        "user": ("team.show", "user_id"),
        "service": ("services.edit", "service_id"),
        "venue": ("settings.edit_venue", "venue_id"),
    }
    if entry.kind == "practitioner" and entry.subject in names["owner_of"]:
        return url_for("team.show", user_id=names["owner_of"][entry.subject])
    if entry.kind in pages:
        endpoint, argument = pages[entry.kind]
        address: dict[str, Any] = {argument: entry.subject}
        return url_for(endpoint, **address)
    return None
