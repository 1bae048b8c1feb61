"""The audit entries of a clinic as sentences: who did what. They name people, services and feeds,
never clients.
"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import url_for

from base.catalogue import _, lazy, listed, ngettext
from base.tables.audit import AuditEntry
from models import Clinic, Feed, Service, Venue
from people import row_names
from sync.providers import registry
from sync.tables import account_names
from sync.tables import listed as accounts
from sync.tables import own_changes as sync_history

from . import sync_words
from .display import STATUS_NAMES, moment, plain_action

_DEEDS = {
    "booking.made": lazy("made {it}"),
    "booking.moved": lazy("moved {it}"),
    "booking.given": lazy("gave {it} to another calendar"),
    "booking.changed": lazy("changed {it}"),
    "booking.undone": lazy("undid a change of {it}"),
    "bookings.added": lazy("imported {count} bookings"),
    "patients.added": lazy("imported {count} clients"),
    "patient.added": lazy("added {it}"),
    "patient.changed": lazy("changed {it}"),
    "patient.archived": lazy("archived {it}"),
    "patient.returned": lazy("brought back {it}"),
    "patient.merged": lazy("merged another record into {it}"),
    "patient.checked": lazy("checked {it}, who booked online"),
    "patient.parted": lazy("undid merging another record into {it}"),
    "clinic.ids_read": lazy("put away the list of changed internal IDs"),
    "service.added": lazy("added {it}"),
    "service.changed": lazy("changed {it}"),
    "service.archived": lazy("archived {it}"),
    "service.returned": lazy("brought back {it}"),
    "venue.added": lazy("added {it}"),
    "venue.changed": lazy("changed {it}"),
    "venue.archived": lazy("archived {it}"),
    "venue.returned": lazy("brought back {it}"),
    "practitioner.added": lazy("opened {it}"),
    "practitioner.hours": lazy("changed the hours of {it}"),
    "practitioner.online": lazy("changed which online bookings {it} takes"),
    "online.changed": lazy("changed online booking"),
    "letters.again": lazy("sent {count} messages again"),
    "letters.changed": lazy("changed letters to clients"),
    "texts.changed": lazy("changed text messages"),
    "texts.secret": lazy("made a new secret for text messages"),
    "texts.removed": lazy("removed the service for text messages"),
    "earlier.changed": lazy("changed the waiting list’s settings"),
    "earlier.asked": lazy("put a client on the waiting list"),
    "earlier.offered": lazy("offered an earlier time"),
    "earlier.ended": lazy("took a client off the waiting list"),
    "online.named": lazy("changed the address of the booking page"),
    "online.unmade": lazy("could not finish what a client pressed online: a time of {it}"),
    "time_off.added": lazy("added time off"),
    "time_off.changed": lazy("changed time off"),
    "time_off.removed": lazy("deleted time off"),
    "time_off.returned": lazy("brought back time off"),
    "dated_hours.added": lazy("set other hours on {day}"),
    "dated_hours.changed": lazy("changed other hours on {day}"),
    "dated_hours.removed": lazy("removed the other hours on {day}"),
    "venue.holidays": lazy("changed the public holidays of {it}"),
    "practitioner.archived": lazy("closed {it}"),
    "practitioner.returned": lazy("opened {it} again"),
    "user.invited": lazy("invited {it}"),
    "user.invite_link": lazy("made an invitation link for {it}"),
    "user.reset_link": lazy("made a link for a new password for {it}"),
    "user.address_asked": lazy("sent {it} a link for a new e-mail address"),
    "user.password": lazy("set the password of {it}"),
    "user.changed": lazy("changed the record of {it}"),
    "user.left": lazy("noted that {it} left"),
    "user.returned": lazy("brought back {it}"),
    "user.signed_out_everywhere": lazy("signed out on every device"),
    "sync.settings": lazy("changed how bookings of {it} appear outside: {settings}"),
    "feed.generated": lazy("made {it}"),
    "feed.changed": lazy("changed what {it} shows"),
    "feed.rotated": lazy("regenerated the URL of {it}"),
    "feed.revoked": lazy("stopped {it}"),
    "account.connected": lazy("connected {it}"),
    "account.reconnected": lazy("reconnected {it}"),
    "account.refused": lazy("could not connect {provider} ({why})"),
    "account.started": lazy("began to sync with {it}"),
    "account.paused": lazy("paused {it}"),
    "account.resumed": lazy("went on with {it}"),
    "account.changed": lazy("changed how {it} syncs"),
    "account.resync": lazy("asked for a resync of {it}"),
    "account.leaving": lazy("stopped {it}: {goal}"),
    "account.ended": lazy(
        "ended the removal of our events in {provider}; up to {count} stay there"
    ),
    "account.reminded": lazy("sent a reminder to look at {it}"),
    "account.gone": lazy("finished disconnecting {provider}"),
    "source.on": lazy("let {it} block booking"),
    "source.off": lazy("let {it} block booking no more"),
    "source.rules": lazy("changed what blocks booking in {it}"),
    "source.named": lazy("changed the name of {it}"),
    "clinic.founded": lazy("set up the clinic"),
    "clinic.changed": lazy("changed the settings: {settings}"),
    "clinic.plan": lazy("moved the clinic to the plan “{plan}”"),
    "import.begun": lazy("uploaded a CSV file"),
    "import.discarded": lazy("threw a CSV file away"),
    "import.failed": lazy("could not check a CSV file"),
}
_SETTINGS = {
    "name": lazy("name"),
    "contact": lazy("contact for help"),
    "currency": lazy("currency"),
    "week_start": lazy("first day of the week"),
    "twelve_hours": lazy("12-hour clock"),
    "date_order": lazy("order of dates"),
    "paper": lazy("paper"),
    "privacy_ceiling": lazy("what may leave of a client’s name"),
    "notes_may_leave": lazy("whether notes may leave"),
    "internal_ids": lazy("internal IDs"),
    "feed_preset": lazy("how new links begin"),
    "empty_when_stopped": lazy("what stopped links show"),
    "sync_allowed": lazy("bookings may leave"),
    "identifier": lazy("clients appear as"),
    "hide_sensitive": lazy("hide sensitive information"),
    "mode": lazy("way of syncing"),
    "titles_for": lazy("titles of events from other calendars"),
    "sync_shared": lazy("shared calendars may block time"),
    "sync_existing": lazy("bookings may go to calendars that are there"),
}
_VALUES = {
    True: lazy("on"),
    False: lazy("off"),
    None: lazy("not chosen"),
    "one_way": lazy("one way, by private link"),
    "two_way": lazy("both ways"),
    "nobody": lazy("for nobody else"),
    "managers": lazy("for managers"),
    "everyone": lazy("for everyone"),
}
# The owner and the name are private.
_GONE = {
    "account": lazy("an account outside"),
    "remote_calendar": lazy("a calendar outside"),
}
_GOALS = {
    "off": lazy("one way from then on"),
    "disconnect": lazy("disconnect"),
    "restart": lazy("start over"),
}


_OWN_DEEDS = {  # of people about themselves
    "user.password": lazy("set their password"),
    "user.changed": lazy("changed their own record"),
    "sync.settings": lazy("changed how their bookings appear outside: {settings}"),
}


# words for columns of bookings, clients, services, venues …; a change of time or calendar has its
# own sentence
FIELDS = {
    "patient": lazy("client"),
    "service": lazy("service"),
    "rate_cents": lazy("rate"),
    "notes": lazy("notes"),
    "first_name": lazy("first name"),
    "last_name": lazy("last name"),
    "internal_id": lazy("internal ID"),
    "email": lazy("e-mail"),
    "phone": lazy("phone"),
    "texts": lazy("text messages"),
    "name": lazy("name"),
    "duration_minutes": lazy("length"),
    "gap_before_minutes": lazy("gap before"),
    "buffer_minutes": lazy("gap after"),
    "offers": lazy("who offers it"),
    "price_cents": lazy("price"),
    "colour": lazy("colour"),
    "bookable_online": lazy("online booking"),
    "online_choice": lazy("with whom clients book"),
    "online_approval": lazy("approval"),
    "online_notice_hours": lazy("least notice"),
    "online_horizon_days": lazy("furthest ahead"),
    "takes_online": lazy("online bookings"),
    "takes_new_online": lazy("new clients"),
    "online_most": lazy("most online bookings a day"),
    "is_on": lazy("on or off"),
    "needs_approval": lazy("approval"),
    "lapse_hours": lazy("how long requests wait"),
    "change_hours": lazy("until when clients change bookings"),
    "notice_hours": lazy("least notice"),
    "horizon_days": lazy("furthest ahead"),
    "outside_blocks": lazy("whether outside events block"),
    "when_stale": lazy("what happens while calendars cannot be asked"),
    "stale_minutes": lazy("how old calendars may be"),
    "asks": lazy("what clients must leave"),
    "note_allowed": lazy("notes of clients"),
    "consent": lazy("consent"),
    "welcome": lazy("welcome"),
    "cancellation": lazy("cancellation rule"),
    "embed_origins": lazy("sites that may embed the page"),
    "address": lazy("address"),
    "zone_name": lazy("time zone"),
    "hours": lazy("hours"),
    "role": lazy("role"),
    "title": lazy("title"),
    "details": lazy("description"),
    "identifier": lazy("how clients appear"),
    "hide_sensitive": lazy("hide sensitive information"),
    "statuses": lazy("which bookings"),
    "past_days": lazy("days back"),
    "future_days": lazy("days ahead"),
}


def field_words(detail: dict[str, Any]) -> str:
    """The names of the fields that changed, never their content: "notes and rate"."""
    named = [str(FIELDS[name]) for name in detail.get("fields", []) if name in FIELDS]
    return listed(named)


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
        return str(_GONE["remote_calendar"])
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
        return str(_GONE["account"])
    if entry.kind == "remote_calendar":
        return _calendar_outside(entry, names)
    gone = _GONE.get(entry.kind, _("something that is gone"))
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
    deeds = _DEEDS | _OWN_DEEDS if is_own else _DEEDS
    pattern = deeds.get(entry.action, other) or plain_action(entry.action).replace("{", "").replace(
        "}", ""
    )
    settings = ", ".join(
        f"{words} → {_value(name, detail[name])}"
        for name, words in _SETTINGS.items()
        if name in detail
    )
    words = pattern.format(
        it=it,
        count=count,
        settings=settings,
        plan=detail.get("plan", ""),
        provider=_provider(entry, names),
        why=detail.get("why", ""),
        day=detail.get("day", _("a date")),
        goal=_GOALS.get(detail.get("goal"), ""),
    )
    if entry.action == "booking.moved" and "was" in detail and "now" in detail:
        was, now = (moment(datetime.fromisoformat(detail[key]), zone) for key in ("was", "now"))
        words += _(" from {was} to {now}", was=was, now=now)
    if "from" in detail and "to" in detail:
        was, now = (
            names["practitioner"].get(detail[side], _("a calendar")) for side in ("from", "to")
        )
        words += _(", from {was}, to {now}", was=was, now=now)
    if fields := field_words(detail):
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
        _VALUES[value]
        if value is None or isinstance(value, bool)
        else _VALUES.get(value, str(value))
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
