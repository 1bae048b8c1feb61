"""Mailboxes and their calendars. A shared calendar is the owner's, with other rights."""

import base64
import secrets
import uuid

from . import filters, paging, properties
from .errors import Refused, invalid, not_found
from .times import LISTED, WINDOWS, zone

PERSONAL_TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad"
WORK_TENANT = "5c0e1a52-77d4-4c0c-9a53-3f0c5b1f6f10"
MINE, EDITOR, READER = "owner", "editor", "reader"
COLORS = (
    "auto",
    "maxColor",
    *(
        f"light{name}"
        for name in ("Blue", "Green", "Orange", "Gray", "Yellow", "Teal", "Pink", "Brown", "Red")
    ),
)
WRITABLE = ("name", "color")


def open_account(
    store,
    email: str,
    name: str | None = None,
    time_zone: str = "Europe/Paris",
    personal: bool = False,
    mailbox: bool = True,
) -> dict:
    """The account of an address. A new one gets its default calendar; an account without a mailbox
    has none.
    """
    if email not in store.accounts:
        store.accounts[email] = {
            "email": email,
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, email)),
            "name": name or email.split("@")[0].title(),
            "tenant": PERSONAL_TENANT if personal else WORK_TENANT,
            "zone": time_zone,
            "mailbox": mailbox,
        }
        if mailbox:
            add_calendar(store, email, "Calendar", isDefaultCalendar=True)
    return store.accounts[email]


def add_calendar(store, owner: str, name: str, **fields) -> dict:
    """A new calendar of its owner. `roles`: each reader's rights, by address."""
    calendar_id = "AAMkAGCal" + secrets.token_urlsafe(42)
    store.calendars[calendar_id] = {
        "id": calendar_id,
        "name": name,
        "owner": owner,
        "roles": {owner: MINE},
        "events": {},
        "color": "auto",
        "isDefaultCalendar": False,
        "_properties": {},
        "_revision": store.tick(),
        **fields,
    }
    return store.calendars[calendar_id]


def default(store, email: str) -> dict:
    return next(
        calendar
        for calendar in store.calendars.values()
        if calendar["owner"] == email and calendar["isDefaultCalendar"]
    )


def visible(store, email: str) -> list[dict]:
    """The calendars in a mailbox: the default first, then by name."""
    seen = [calendar for calendar in store.calendars.values() if email in calendar["roles"]]
    return sorted(
        seen,
        key=lambda one: (
            not (one["isDefaultCalendar"] and one["owner"] == email),
            one["name"],
            one["id"],
        ),
    )


def reach(call, writing: bool = False) -> dict:
    """The calendar that a call names, or the default one.

    Raises Refused: 404 when it is not in this mailbox, 403 when it may not be changed.
    """
    email, wanted = call.account["email"], call.path.get("calendar_id")
    calendar = call.store.calendars.get(wanted) if wanted else default(call.store, email)
    if calendar is None or email not in calendar["roles"]:
        raise not_found()
    if writing:
        check_writable(calendar, email)
    return calendar


def check_writable(calendar: dict, email: str) -> None:
    """Raises Refused (403) for readers."""
    if calendar["roles"][email] == READER:
        raise Refused(
            403, "ErrorAccessDenied", "Access is denied. Check credentials and try again."
        )


def answer(call, calendar: dict) -> dict:
    """The calendar as this mailbox sees it."""
    email, owner = call.account["email"], call.store.accounts[calendar["owner"]]
    role, is_default = (
        calendar["roles"][email],
        calendar["isDefaultCalendar"] and calendar["owner"] == email,
    )
    shown = {
        "id": calendar["id"],
        "name": (
            calendar["name"]
            if calendar["owner"] == email or not calendar["isDefaultCalendar"]
            else owner["name"]
        ),
        "color": calendar["color"],
        "hexColor": "",
        "isDefaultCalendar": is_default,
        "changeKey": change_key(calendar["_revision"]),
        "canShare": role == MINE,
        "canViewPrivateItems": role == MINE,
        "canEdit": role != READER,
        "isRemovable": not is_default,
        "isTallyingResponses": is_default,
        "allowedOnlineMeetingProviders": [],
        "defaultOnlineMeetingProvider": "unknown",
        "owner": {"name": owner["name"], "address": owner["email"]},
    }
    return properties.expand(call, calendar, shown)


def change_key(revision: int) -> str:
    return base64.b64encode(f"key{revision:012d}".encode()).decode()


def list_calendars(call) -> dict:
    """calendars.list"""
    rows = filters.chosen(call, visible(call.store, call.account["email"]))
    return paging.collection(call, rows, lambda one: answer(call, one))


def get_calendar(call) -> dict:
    """calendars.get and defaultCalendar.get"""
    return paging.selected(call, answer(call, reach(call)))


def create_calendar(call) -> dict:
    """calendars.create"""
    fields = _fields(call)
    if not fields.get("name"):
        raise invalid("A calendar needs a name.", "ErrorInvalidRequest")
    _check_name(call, fields["name"])
    return answer(call, add_calendar(call.store, call.account["email"], **fields))


def update_calendar(call) -> dict:
    """calendars.update and defaultCalendar.update"""
    calendar, fields = reach(call, writing=True), _fields(call)
    if fields.get("name", calendar["name"]) != calendar["name"]:
        _check_name(call, fields["name"])
    kept = calendar["_properties"] | fields.pop("_properties", {})
    calendar |= fields | {"_properties": kept, "_revision": call.store.tick()}
    return answer(call, calendar)


def delete_calendar(call) -> None:
    """calendars.delete"""
    calendar = reach(call)
    if calendar["isDefaultCalendar"] and calendar["owner"] == call.account["email"]:
        raise Refused(
            400, "ErrorDeleteDistinguishedFolder", "Distinguished folders cannot be deleted."
        )
    remove(call.app, calendar, call.account["email"])


def remove(app, calendar: dict, email: str) -> None:
    """Deletes a calendar of one's own, or takes a shared one out of the mailbox."""
    if calendar["owner"] == email:
        del app.store.calendars[calendar["id"]]
    else:
        calendar["roles"].pop(email)
    app.store.tick()


def _fields(call) -> dict:
    fields = {name: call.body[name] for name in WRITABLE if call.body.get(name) is not None}
    if fields.get("color", "auto") not in COLORS or not isinstance(fields.get("name", ""), str):
        raise invalid("The name or the color is not allowed.", "ErrorPropertyValidationFailure")
    if "singleValueExtendedProperties" in call.body:
        if not call.app.calendar_properties:
            raise invalid("Extended properties are not supported on calendars here.")
        fields["_properties"] = properties.read(call.body)
    return fields


def _check_name(call, name: str) -> None:
    own = [
        one
        for one in visible(call.store, call.account["email"])
        if one["owner"] == call.account["email"]
    ]
    if name.casefold() in [one["name"].casefold() for one in own]:
        raise Refused(
            409,
            "ErrorFolderExists",
            "A folder with the specified name already exists., Could not create folder with name"
            f" {name}.",
        )


def me(call) -> dict:
    """me.get"""
    account = call.account
    shown = {
        "id": account["id"],
        "displayName": account["name"],
        "mail": account["email"] if account["mailbox"] else None,
        "userPrincipalName": account["email"],
    }
    return paging.selected(call, shown)


def zones(call) -> dict:
    """outlook.supportedTimeZones and outlook.supportedTimeZones.byStandard"""
    standard = call.path.get("TimeZoneStandard", "Windows")
    if standard not in ("Windows", "Iana"):
        raise invalid("TimeZoneStandard is Windows or Iana.", "BadRequest")
    names = sorted(WINDOWS) if standard == "Windows" else LISTED
    return {
        "value": [{"alias": name, "displayName": f"({zone(name).key}) {name}"} for name in names]
    }


HANDLERS = {
    "me.get": me,
    "calendars.list": list_calendars,
    "calendars.create": create_calendar,
    "calendars.get": get_calendar,
    "defaultCalendar.get": get_calendar,
    "calendars.update": update_calendar,
    "defaultCalendar.update": update_calendar,
    "calendars.delete": delete_calendar,
    "outlook.supportedTimeZones": zones,
    "outlook.supportedTimeZones.byStandard": zones,
}
