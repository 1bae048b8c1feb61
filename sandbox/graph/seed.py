"""The people with whom the sandbox starts, and a few weeks of events."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from . import calendars

CLIENT_ID, CLIENT_SECRET = "sandbox-client", "sandbox-secret"
ROBIN, ANA, LEE = (
    "robin.hale@clinic.example",
    "ana.costa@outlook.example",
    "lee.guest@partner.example",
)
PEOPLE = ((ROBIN, "Robin Hale", "Europe/London"), (ANA, "Ana Costa", "Europe/Lisbon"))
OFFICE = "office@clinic.example"


def people(graph) -> None:
    """Robin with a work account and Ana with a personal one, each with a default and a family
    calendar; Lee, who has no mailbox; and the office, which shares its holidays to read and its
    rota to edit.
    """
    store = graph.store
    for email, name, zone in PEOPLE:
        calendars.open_account(store, email, name, zone, personal=email == ANA)
        calendars.add_calendar(store, email, "Family")
    calendars.open_account(store, LEE, "Lee Guest", mailbox=False)
    calendars.open_account(store, OFFICE, "Office", "Europe/London")
    for name, role in (("Public holidays", calendars.READER), ("Room rota", calendars.EDITOR)):
        calendars.add_calendar(store, OFFICE, name)["roles"][ROBIN] = role
    graph.oauth.register(CLIENT_ID, CLIENT_SECRET)


def sample_weeks(graph) -> None:
    """Add events for everyone, from this week on."""
    for email, _, zone in PEOPLE:
        user = graph.user(email)
        today = graph.clock().astimezone(ZoneInfo(zone)).date()
        monday = today - timedelta(days=today.weekday())
        family = next(key for key, each in user.calendars.items() if each["name"] == "Family")

        def at(day: int, clock: str, monday=monday):
            return datetime.combine(monday + timedelta(days=day), time.fromisoformat(clock))

        user.add("Team meeting", at(0, "08:30"), at(0, "09:15"), recurrence="weekly")
        user.add("Dentist", at(8, "11:00"), at(8, "11:45"), sensitivity="private")
        user.add("Lunch with Alex", at(10, "12:30"), at(10, "13:30"))
        user.add(
            "Maybe: course on hand therapy", at(11, "14:00"), at(11, "17:00"), showAs="tentative"
        )
        user.add("Recycling goes out", monday + timedelta(days=9), showAs="free")
        user.add(
            "Half-term trip",
            monday + timedelta(days=14),
            monday + timedelta(days=17),
            family,
            showAs="oof",
        )
