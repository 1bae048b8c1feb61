"""The audit entries of a clinic as sentences: who did what.

Names of people, services and links; never of clients.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from flask import url_for

from models import AuditEntry, Clinic, Feed, Practitioner, Service, User, Venue
from sync.providers import registry
from sync.tables.accounts import Account

from . import sync_words
from .display import STATUS_NAMES, moment, plain_action

_DEEDS = {
    "booking.made": "made {it}",
    "booking.moved": "moved {it}",
    "booking.given": "gave {it} to another calendar",
    "booking.changed": "changed {it}",
    "booking.undone": "undid a change of {it}",
    "bookings.added": "imported {count} bookings",
    "patients.added": "imported {count} clients",
    "patient.added": "added {it}",
    "patient.changed": "changed {it}",
    "patient.archived": "archived {it}",
    "patient.returned": "brought back {it}",
    "patient.merged": "merged another record into {it}",
    "patient.parted": "undid merging another record into {it}",
    "clinic.ids_read": "put away the list of changed internal IDs",
    "service.added": "added {it}",
    "service.changed": "changed {it}",
    "service.archived": "archived {it}",
    "service.returned": "brought back {it}",
    "venue.added": "added {it}",
    "venue.changed": "changed {it}",
    "venue.archived": "archived {it}",
    "venue.returned": "brought back {it}",
    "practitioner.added": "opened {it}",
    "practitioner.hours": "changed the hours of {it}",
    "practitioner.online": "changed which online bookings {it} takes",
    "online.changed": "changed online booking",
    "time_off.added": "added time off",
    "time_off.changed": "changed time off",
    "time_off.removed": "deleted time off",
    "time_off.returned": "brought back time off",
    "dated_hours.added": "set other hours on {day}",
    "dated_hours.changed": "changed other hours on {day}",
    "dated_hours.removed": "removed the other hours on {day}",
    "venue.holidays": "changed the public holidays of {it}",
    "practitioner.archived": "closed {it}",
    "practitioner.returned": "opened {it} again",
    "user.invited": "invited {it}",
    "user.invite_link": "made an invitation link for {it}",
    "user.reset_link": "made a link for a new password for {it}",
    "user.address_asked": "sent {it} a link for a new e-mail address",
    "user.password": "set the password of {it}",
    "user.changed": "changed the record of {it}",
    "user.left": "noted that {it} left",
    "user.returned": "brought back {it}",
    "user.signed_out_everywhere": "signed out on every device",
    "sync.settings": "changed how bookings of {it} appear outside: {settings}",
    "feed.generated": "made {it}",
    "feed.changed": "changed what {it} shows",
    "feed.rotated": "regenerated the URL of {it}",
    "feed.revoked": "stopped {it}",
    "account.connected": "connected {it}",
    "account.reconnected": "reconnected {it}",
    "account.refused": "could not connect {provider} ({why})",
    "account.started": "began to sync with {it}",
    "account.paused": "paused {it}",
    "account.resumed": "went on with {it}",
    "account.changed": "changed how {it} syncs",
    "account.resync": "asked for a resync of {it}",
    "account.leaving": "stopped {it}: {goal}",
    "account.ended": "ended the removal of our events in {provider}; up to {count} stay there",
    "account.reminded": "sent a reminder to look at {it}",
    "account.gone": "finished disconnecting {provider}",
    "source.on": "let {it} block booking",
    "source.off": "let {it} block booking no more",
    "source.rules": "changed what blocks booking in {it}",
    "clinic.founded": "set up the clinic",
    "clinic.changed": "changed the settings: {settings}",
    "clinic.plan": "moved the clinic to the plan “{plan}”",
    "import.begun": "sent in a CSV file",
    "import.discarded": "threw a CSV file away",
    "import.failed": "could not check a CSV file",
}
_SETTINGS = {
    "name": "name",
    "contact": "contact for help",
    "currency": "currency",
    "privacy_ceiling": "what may leave of a client’s name",
    "notes_may_leave": "whether notes may leave",
    "internal_ids": "internal IDs",
    "feed_preset": "how new links begin",
    "empty_when_stopped": "what stopped links show",
    "sync_allowed": "bookings may leave",
    "identifier": "clients appear as",
    "hide_sensitive": "hide sensitive information",
    "mode": "way of syncing",
    "sync_shared": "shared calendars may block time",
    "sync_existing": "bookings may go to calendars that are there",
}
_VALUES = {
    True: "on",
    False: "off",
    None: "not chosen",
    "one_way": "one way, by private link",
    "two_way": "both ways",
}
# Whose, and what it is called, is private.
_GONE = {
    "account": "an account outside",
    "remote_calendar": "a calendar outside",
}
_GOALS = {"off": "one way from then on", "disconnect": "disconnect", "restart": "start over"}


# columns of bookings, clients, services, venues … as a person reads them; what moved or changed
# hands is told apart
FIELDS = {
    "patient": "client",
    "service": "service",
    "rate_cents": "rate",
    "notes": "notes",
    "first_name": "first name",
    "last_name": "last name",
    "internal_id": "internal ID",
    "email": "e-mail",
    "phone": "phone",
    "name": "name",
    "duration_minutes": "length",
    "gap_before_minutes": "gap before",
    "buffer_minutes": "gap after",
    "offers": "who offers it",
    "price_cents": "price",
    "colour": "colour",
    "bookable_online": "online booking",
    "online_choice": "with whom clients book",
    "online_approval": "approval",
    "online_notice_hours": "least notice",
    "online_horizon_days": "furthest ahead",
    "takes_online": "online bookings",
    "takes_new_online": "new clients",
    "online_most": "most online bookings a day",
    "is_on": "on or off",
    "needs_approval": "approval",
    "lapse_hours": "how long requests wait",
    "change_hours": "until when clients change bookings",
    "notice_hours": "least notice",
    "horizon_days": "furthest ahead",
    "outside_blocks": "whether outside events block",
    "when_stale": "what happens while calendars cannot be asked",
    "stale_minutes": "how old calendars may be",
    "asks": "what clients must leave",
    "note_allowed": "notes of clients",
    "consent": "consent",
    "welcome": "welcome",
    "cancellation": "cancellation rule",
    "embed_origins": "sites that may embed the page",
    "address": "address",
    "zone_name": "time zone",
    "hours": "hours",
    "role": "role",
    "title": "title",
    "details": "description",
    "identifier": "how clients appear",
    "hide_sensitive": "hide sensitive information",
    "statuses": "which bookings",
    "past_days": "days back",
    "future_days": "days ahead",
}


def field_words(detail: dict) -> str:
    """Which fields changed, by name and never with what they say: "notes and rate"."""
    named = [FIELDS[name] for name in detail.get("fields", []) if name in FIELDS]
    return " and ".join(filter(None, [", ".join(named[:-1]), *named[-1:]]))


def lines(clinic: Clinic, entries: list[AuditEntry], zone: ZoneInfo) -> list[dict]:
    """For each entry `who`, `what` and, where there is a page to open, its `url`.

    Times in the zone.
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


def _names(clinic: Clinic) -> dict[str, dict]:
    """What rows are called, by kind and id, one query a kind."""
    users = dict(User.select(User.id, User.name).where(User.clinic == clinic).tuples())
    calendars = (
        Practitioner.select(Practitioner.id, Practitioner.user, Venue.name)
        .join(Venue)
        .where(Practitioner.clinic == clinic)
        .tuples()
    )
    tables = (
        (Service, "the service “{}”"),
        (Venue, "the venue “{}”"),
        (Feed, "the private link “{}”"),
    )
    named = {}
    for table, phrase in tables:
        rows = table.select(table.id, table.name).where(table.clinic == clinic).tuples()
        named[table._meta.table_name] = {row: phrase.format(name) for row, name in rows}
    return {
        **named,
        "user": users,
        "practitioner": {
            row: f"the calendar of {users[user]} at {venue}" for row, user, venue in calendars
        },
        "owner_of": {row: user for row, user, _ in calendars},
        **_connected(clinic, users),
    }


def _connected(clinic: Clinic, users: dict[int, str]) -> dict[str, dict[int, str]]:
    """Connected accounts, and since when: a number may have been another's before."""
    rows = list(Account.select().where(Account.clinic == clinic))
    return {
        "account": {
            row.id: f"the {registry.of(row.kind).name} account of {users[row.user_id]}"
            for row in rows
        },
        "since": {row.id: row.created_at for row in rows},
    }


def _what(entry: AuditEntry, names: dict[str, dict], zone: ZoneInfo) -> str:
    detail, deed = entry.detail, entry.action.partition(".")[2]
    count = detail.get("count", 1)
    it = {
        "booking": "a booking" if count == 1 else f"{count} bookings",
        "patient": "a client’s record",
    }.get(entry.kind)
    it = it or names.get(entry.kind, {}).get(
        entry.subject, _GONE.get(entry.kind, "something that is gone")
    )
    if entry.kind == "account" and names["since"].get(entry.subject, entry.at) > entry.at:
        it = _GONE["account"]
    if entry.kind == "user" and entry.subject == entry.user_id:
        it = "their own"
    other = f"set {{it}} to {STATUS_NAMES[deed].lower()}" if deed in STATUS_NAMES else None
    pattern = _DEEDS.get(entry.action, other) or plain_action(entry.action).replace(
        "{", ""
    ).replace("}", "")
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
        provider=registry.name(detail.get("kind")),
        why=detail.get("why", ""),
        day=detail.get("day", "a date"),
        goal=_GOALS.get(detail.get("goal"), ""),
    )
    if entry.action == "booking.moved" and "was" in detail and "now" in detail:
        was, now = (moment(datetime.fromisoformat(detail[key]), zone) for key in ("was", "now"))
        words += f" from {was} to {now}"
    if "from" in detail and "to" in detail:
        words += ", " + ", ".join(
            f"{side} {names['practitioner'].get(detail[side], 'a calendar')}"
            for side in ("from", "to")
        )
    if fields := field_words(detail):
        words += f" ({fields})"
    if entry.kind == "booking" and detail.get("status") in STATUS_NAMES:
        words += f", now {STATUS_NAMES[detail['status']].lower()}"
    return words


def _value(name: str, value) -> str:
    if name in ("identifier", "privacy_ceiling") and value in sync_words.IDENTIFIER_NAMES:
        return sync_words.IDENTIFIER_NAMES[value].lower()
    if name == "empty_when_stopped":
        return "empty for 30 days" if value else "nothing, at once"
    return (
        _VALUES[value]
        if value is None or isinstance(value, bool)
        else _VALUES.get(value, str(value))
    )


def _url(entry: AuditEntry, names: dict[str, dict]) -> str | None:
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
        return url_for(endpoint, **{argument: entry.subject})
    return None
