"""Accounts, their calendars, and each account's own list of calendars."""

import hashlib
import secrets

from . import paging
from .errors import Refused, invalid, not_found
from .times import zone

ROLES = ("freeBusyReader", "reader", "writerWithoutPrivateAccess", "writer", "owner")
ENTRY_FIELDS = (
    "summaryOverride",
    "colorId",
    "backgroundColor",
    "foregroundColor",
    "hidden",
    "selected",
    "defaultReminders",
)
CALENDAR_FIELDS = ("summary", "description", "location", "timeZone")
BLIND_SCOPES = frozenset(["calendar.events.freebusy"])


def open_account(
    store, email: str, name: str | None = None, time_zone: str = "Europe/Paris"
) -> dict:
    """The account of an e-mail address. A new one gets its primary calendar."""
    if email not in store.accounts:
        subject = str(int(hashlib.sha256(email.encode()).hexdigest()[:17], 16)).zfill(21)
        store.accounts[email] = {
            "email": email,
            "sub": subject,
            "name": name or email.split("@")[0].title(),
            "entries": {},
        }
        add_calendar(store, email, email, time_zone, calendar_id=email)
    return store.accounts[email]


def add_calendar(
    store,
    owner: str,
    summary: str,
    time_zone: str,
    calendar_id: str | None = None,
    client: str | None = None,
    **fields,
) -> dict:
    """A new calendar in its owner's list. `client` is the application that made it."""
    calendar_id = calendar_id or f"{secrets.token_hex(32)}@group.calendar.google.com"
    store.calendars[calendar_id] = {
        "id": calendar_id,
        "summary": summary,
        "timeZone": time_zone,
        "owner": owner,
        "client": client,
        "roles": {},
        "events": {},
        "oldest_sync": 0,
        "revision": store.tick(),
        **fields,
    }
    share(store, calendar_id, owner, "owner")
    return store.calendars[calendar_id]


def share(store, calendar_id: str, email: str, role: str | None) -> None:
    """Give an account a role on a calendar, or take it away (None).

    Sync tokens of the calendar become invalid with the change.
    """
    roles, entries = store.calendars[calendar_id]["roles"], store.accounts[email]["entries"]
    store.calendars[calendar_id]["oldest_sync"] = store.tick()
    roles.pop(email, None)
    if role is None:
        entries[calendar_id] = entries[calendar_id] | {"deleted": True, "revision": store.revision}
        return
    roles[email] = role
    entries[calendar_id] = {
        "colorId": str(len(entries) % 24 + 1),
        "selected": True,
        "revision": store.revision,
    }


def remove_calendar(store, calendar: dict) -> None:
    for email in list(calendar["roles"]):
        share(store, calendar["id"], email, None)
    del store.calendars[calendar["id"]]


def reach(
    call, least: str = "freeBusyReader", calendar_id: str | None = None
) -> tuple[dict, str, bool]:
    """Three values: the calendar of a call, the account's role there, and whether the call's scopes
    show only times.

    Raises Refused: 404 if the account has no such calendar, 403 if no scope reaches it or the role
    is too weak.
    """
    wanted = calendar_id or call.path["calendarId"]
    email = call.account["email"]
    calendar = call.store.calendars.get(email if wanted == "primary" else wanted)
    role = calendar and calendar["roles"].get(email)
    if role is None:
        raise not_found()
    scopes = {scope for scope in call.scopes if _scope_reaches(scope, calendar, role, call)}
    if not scopes:
        raise Refused(
            403, "insufficientPermissions", "Request had insufficient authentication scopes."
        )
    if ROLES.index(role) < ROLES.index(least):
        raise Refused(403, "forbidden", f"You need to have {least} access to this calendar.")
    return calendar, role, scopes <= BLIND_SCOPES


def _scope_reaches(scope: str, calendar: dict, role: str, call) -> bool:
    if scope == "calendar.app.created":
        return calendar["client"] == call.client_id and calendar["owner"] == call.account["email"]
    if scope.startswith("calendar.events.owned"):
        return role == "owner"
    return scope != "calendar.events.public.readonly"


def is_primary(calendar: dict, email: str) -> bool:
    return calendar["id"] == email


def calendar_answer(calendar: dict) -> dict:
    answer = {
        "kind": "calendar#calendar",
        "etag": _etag(calendar["revision"]),
        "id": calendar["id"],
    }
    answer |= {name: calendar[name] for name in CALENDAR_FIELDS if calendar.get(name)}
    answer["conferenceProperties"] = {"allowedConferenceSolutionTypes": ["hangoutsMeet"]}
    if not is_primary(calendar, calendar["owner"]):
        answer["dataOwner"] = calendar["owner"]
    return answer


def entry_answer(store, email: str, calendar_id: str) -> dict:
    """An entry of an account's list. A removed one is little more than its id."""
    entry = store.accounts[email]["entries"][calendar_id]
    answer = {
        "kind": "calendar#calendarListEntry",
        "etag": _etag(entry["revision"]),
        "id": calendar_id,
    }
    if entry.get("deleted"):
        return answer | {"deleted": True}
    calendar = store.calendars[calendar_id]
    answer |= {
        "accessRole": calendar["roles"][email],
        "defaultReminders": [],
        "backgroundColor": "#9fe1e7",
        "foregroundColor": "#000000",
    }
    answer |= {name: calendar[name] for name in CALENDAR_FIELDS if calendar.get(name)}
    answer |= {name: entry[name] for name in ENTRY_FIELDS if entry.get(name)}
    if is_primary(calendar, email):
        return answer | {"primary": True}
    return answer | {"dataOwner": calendar["owner"]}


def list_entries(call) -> dict:
    """calendarList.list"""
    since = paging.read_sync_token(call, "calendarList", 0)
    if since is not None and (
        "minAccessRole" in call.query or "showOwnOrganizationOnly" in call.query
    ):
        raise invalid("Not together with syncToken.", "syncToken")
    if since is not None and False in (call.query.get("showDeleted"), call.query.get("showHidden")):
        raise invalid("Deleted and hidden entries are always part of an increment.", "syncToken")
    entries = call.account["entries"]
    rows = (
        ([calendar_id], entry_answer(call.store, call.account["email"], calendar_id))
        for calendar_id in sorted(entries)
        if _is_wanted(call, entries[calendar_id], calendar_id, since)
    )
    answer, started_at = paging.page(call, rows, size=call.query.get("maxResults", 100))
    if "nextPageToken" not in answer:
        answer["nextSyncToken"] = paging.sync_token(call, "calendarList", started_at)
    return {"kind": "calendar#calendarList", "etag": _etag(call.store.revision)} | answer


def _is_wanted(call, entry: dict, calendar_id: str, since: int | None) -> bool:
    if since is not None:
        return entry["revision"] > since
    if entry.get("deleted"):
        return call.query.get("showDeleted", False)
    role = call.store.calendars[calendar_id]["roles"][call.account["email"]]
    strong_enough = ROLES.index(role) >= ROLES.index(call.query.get("minAccessRole", ROLES[0]))
    return strong_enough and (not entry.get("hidden") or call.query.get("showHidden", False))


def get_entry(call) -> dict:
    """calendarList.get"""
    calendar, _, _ = reach(call)
    return entry_answer(call.store, call.account["email"], calendar["id"])


def patch_entry(call) -> dict:
    """calendarList.patch"""
    calendar, _, _ = reach(call)
    entry = call.account["entries"][calendar["id"]]
    call.check_etag(_etag(entry["revision"]))
    changes = {name: call.body[name] for name in ENTRY_FIELDS if name in call.body}
    entry |= changes | {"revision": call.store.tick()}
    call.app.channels.announce_list(call.account["email"])
    return entry_answer(call.store, call.account["email"], calendar["id"])


def get_calendar(call) -> dict:
    """calendars.get"""
    return calendar_answer(reach(call)[0])


def insert_calendar(call) -> dict:
    """calendars.insert"""
    fields = _calendar_fields(call.body)
    if not fields.get("summary"):
        raise Refused(400, "required", "Missing title.")
    primary = call.store.calendars[call.account["email"]]
    fields.setdefault("timeZone", primary["timeZone"])
    calendar = add_calendar(
        call.store,
        call.account["email"],
        fields.pop("summary"),
        fields.pop("timeZone"),
        client=call.client_id,
        **fields,
    )
    call.app.channels.announce_list(call.account["email"])
    return calendar_answer(calendar)


def patch_calendar(call) -> dict:
    """calendars.patch"""
    calendar, _, _ = reach(call, "owner")
    call.check_etag(_etag(calendar["revision"]))
    calendar |= _calendar_fields(call.body) | {"revision": call.store.tick()}
    return calendar_answer(calendar)


def delete_calendar(call) -> None:
    """calendars.delete"""
    calendar, _, _ = reach(call, "owner")
    call.check_etag(_etag(calendar["revision"]))
    if is_primary(calendar, calendar["owner"]):
        raise Refused(400, "cannotDeletePrimaryCalendar", "The primary calendar cannot be deleted.")
    call.app.channels.announce_list(*calendar["roles"])
    remove_calendar(call.store, calendar)


def _calendar_fields(body: dict) -> dict:
    fields = {name: body[name] for name in CALENDAR_FIELDS if name in body}
    if fields.get("timeZone"):
        zone(fields["timeZone"])
    return fields


def _etag(revision: int) -> str:
    return f'"p{revision:015d}"'


HANDLERS = {
    "calendarList.list": list_entries,
    "calendarList.get": get_entry,
    "calendarList.patch": patch_entry,
    "calendars.get": get_calendar,
    "calendars.insert": insert_calendar,
    "calendars.patch": patch_calendar,
    "calendars.delete": delete_calendar,
}
