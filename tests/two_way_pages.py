"""The steps of two-way sync as a person clicks them, and the person's account at an imitation
provider, by its own addresses.
"""

import httpx
from playwright.sync_api import expect

SECONDS = 1000  # Playwright counts thousandths
PAGES = {"Google": "/sandbox", "Outlook": "/sandbox/outlook"}


class Outside:
    """The person's account at the imitation Google or Outlook."""

    def __init__(self, live, provider, email):
        self.provider, self.email = provider, email
        self.http, self.pages = httpx.Client(base_url=live.sandbox, timeout=20), PAGES[provider]

    def do(self, what, **choice):
        answer = self.http.post(f"{self.pages}/users/{self.email}/{what}", json=choice)
        assert answer.status_code == 200, answer.text
        return answer.json()["answer"]

    def add(self, title, start, end):
        self.do(
            "add",
            **{"summary" if self.provider == "Google" else "subject": title},
            start=start,
            end=end,
        )

    def ours(self) -> list[dict]:
        """Events of ours in calendars of ours; and that there are no two of a booking."""
        events = [
            event
            for calendar in self.calendars_of_ours()
            for event in self.do("events", calendar=calendar)
        ]
        references = [self._mark(event) for event in events]
        assert len(references) == len(set(references)) and all(references)
        return events

    def starts_at(self, event) -> str:
        """When an event begins, as text that sorts by time; empty for whole days."""
        if self.provider == "Google":
            return event["start"].get("dateTime", "")
        return "" if event["isAllDay"] else event["start"]["dateTime"]

    def _mark(self, event) -> str:
        if self.provider == "Google":
            return event["extendedProperties"]["private"]["kalendsReference"]
        return next((value for value in event["_properties"].values() if value.startswith("[")), "")

    def calendars_of_ours(self) -> list[str]:
        return [
            calendar["id"]
            for calendar in self.do("list_calendars")
            if "kalends:"
            in str(calendar.get("description", "")) + str(calendar.get("properties", ""))
        ]


def connect(page, email, provider="Google"):
    """From the empty page to "Up to date", as a person clicks."""
    page.goto("/sync/")
    if not page.get_by_label("Let my bookings appear").is_checked():
        page.get_by_label("Let my bookings appear").check()
        expect(page.locator("#flash")).to_contain_text("appear in other calendars")
    page.get_by_label("Initials").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#flash")).to_contain_text("Saved")
    page.get_by_label(f"Both ways, with {provider}").check()
    page.get_by_role("link", name=f"Connect with {provider}").click()
    allow(page, email)
    expect(page.locator("#flash")).to_contain_text("Connected")
    start(page)


def allow(page, email):
    """On the provider's own page: choose the account, tick every box, and agree."""
    page.get_by_label(email).check()
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Allow").click()


def start(page):
    page.get_by_role("button", name="Start sync").click()
    in_step(page)


def in_step(page):
    expect(page.locator("[id^=status-]")).to_contain_text("Up to date.", timeout=150 * SECONDS)
