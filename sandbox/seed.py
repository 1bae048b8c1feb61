"""The people with whom the sandbox starts, and a few weeks of events."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from . import calendars

CLIENT_ID, CLIENT_SECRET = "sandbox-client", "sandbox-secret"
ROBIN, ANA, KIM = "robin.hale@gmail.example", "ana.costa@gmail.example", "kim.larsen@gmail.example"
PEOPLE = (
    (ROBIN, "Robin Hale", "Europe/London"),
    (ANA, "Ana Costa", "Europe/Lisbon"),
    (KIM, "Kim Larsen", "Europe/Berlin"),
)
HOLIDAYS, OFFICE = "en.sandbox#holiday@group.v.calendar.google.com", "office@clinic.example"


def people(google) -> None:
    """Three accounts without events. Each has a primary and a family calendar, the holidays to
    read, and the others' rota as busy times.
    """
    store = google.store
    for email, name, zone in PEOPLE:
        calendars.open_account(store, email, name, zone)
        calendars.add_calendar(store, email, "Family", zone)
    calendars.open_account(store, OFFICE, "Office", "Europe/London")
    calendars.add_calendar(store, OFFICE, "Public holidays", "Europe/London", HOLIDAYS)
    rota = calendars.add_calendar(store, OFFICE, "Room rota", "Europe/London")
    for email, _, _ in PEOPLE:
        calendars.share(store, HOLIDAYS, email, "reader")
        calendars.share(store, rota["id"], email, "freeBusyReader")
    google.oauth.register(CLIENT_ID, CLIENT_SECRET)


def sample_weeks(google) -> None:
    """Add events for everyone, from this week on."""
    for email, _, zone in PEOPLE:
        user = google.user(email)
        today = google.clock().astimezone(ZoneInfo(zone)).date()
        monday = today - timedelta(days=today.weekday())
        family = next(
            each["id"]
            for each in user.calendars.values()
            if each["summary"] == "Family" and each["owner"] == email
        )

        def at(day: int, clock: str, monday=monday):
            return datetime.combine(monday + timedelta(days=day), time.fromisoformat(clock))

        user.add(
            "Team meeting",
            at(0, "08:30"),
            at(0, "09:15"),
            recurrence=["RRULE:FREQ=WEEKLY;BYDAY=MO"],
        )
        user.add("Dentist", at(8, "11:00"), at(8, "11:45"), visibility="private")
        user.add("Lunch with Alex", at(10, "12:30"), at(10, "13:30"))
        user.add(
            "Maybe: course on hand therapy", at(11, "14:00"), at(11, "17:00"), status="tentative"
        )
        user.add("Recycling goes out", monday + timedelta(days=9), transparency="transparent")
        user.add(
            "School run",
            at(0, "15:15"),
            at(0, "15:45"),
            family,
            recurrence=["RRULE:FREQ=WEEKLY;BYDAY=TU,TH"],
        )
        user.add("Half-term trip", monday + timedelta(days=14), monday + timedelta(days=17), family)
