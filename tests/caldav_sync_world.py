"""The engine over real rows and the imitation of a CalDAV server."""

import os
import re
from dataclasses import replace
from typing import ClassVar

import httpx
from sync_world import SyncWorld

from base import scheduling
from sandbox.caldav import create
from sandbox.caldav.app import ROBIN, SECRET
from sync.connect import arrival, gateway
from sync.tables.accounts import Account
from sync.two_way import first_list

FIRST = re.compile(rb"<d:sync-token></d:sync-token>|<s:getctag/>")
ROW = re.compile(rb"<d:response>.*?</d:response>", re.DOTALL)


class CalDavSyncWorld(SyncWorld):
    """A person of the Linden clinic, with an account at a server of one character."""

    kind, email, other_email = "caldav-nextcloud", "robin@outside.test", ""
    character, each_fault = "right", 5
    batch, lists, items = r"\.ics$", r"/cal/robin/[^/]+/$", r"\.ics$"
    passing: ClassVar = {
        "throttled": {"status": 429},
        "refused for now": {"status": 423},
        "much": {"status": 429, "retry_after_seconds": 7200},
        "fault": {"status": 500},
        "away": {"status": 503},
    }
    lost_place: ClassVar = {"status": 403}
    making, updating = "/cal/robin/", "PUT"

    def __init__(self, linden, clock):
        super().__init__(linden, clock, None)
        setup = gateway.setup()
        gateway.set_up(replace(setup, endpoints={}, by_password=True))

    def imitation(self):
        return create(self.character, lambda: self.clock.now)

    def endpoints(self):
        return None

    def transport(self, kind):
        return Watched(self.sandbox, self.look, self.lies)

    # ---- what differs between providers ----

    def reference_of(self, event):
        return event["reference"] or None

    def title_of(self, event):
        return event["summary"]

    def source(self):
        return self.robin.source

    def is_ours(self, calendar, reference):
        return reference in calendar.description or reference.replace(":", "-") in calendar.path

    def revoke(self):
        self.sandbox.secret = "another"

    def repeat(self, event, calendar):
        self.robin.change(event["id"], calendar, rrule={"FREQ": "WEEKLY"})

    def invite(self, event, calendar, *emails):
        self.robin.change(event["id"], calendar, attendee=[f"mailto:{one}" for one in emails])

    def add_repeating(self, title, starts_at, calendar, rule="weekly", times=None):
        until = f";COUNT={times}" if times else ""
        ends_at = starts_at + scheduling.timedelta(hours=1)
        told = f"FREQ={rule.upper()}{until}"
        return self.robin.add(title, starts_at, ends_at, calendar, rule=told)

    def copy(self, event, calendar):
        home = next(
            path for path, one in self.robin.calendars.items() if event["id"] in one.resources
        )
        return self.robin.copy(event["id"], calendar, home)

    def version_of(self, event):
        return event["etag"]

    def refusal(self, status):
        return ""

    def times_of(self, event):
        start, end = event["start"], event["end"]
        if not isinstance(start, scheduling.datetime):
            zone = self.linden.street.zone
            return tuple(scheduling.midnight(day, zone) for day in (start, end))
        return start, end

    def writes(self):
        changing = ("PUT", "DELETE", "MKCALENDAR", "MKCOL")
        return sum(record.method in changing for record in self.sandbox.requests)

    # ---- connecting ----

    def arrive(self, user=None, email=None, *granted):
        address = f"https://dav.test{self.sandbox.principal}"
        who = user or self.user
        known = Account.at(who, self.kind)
        return arrival.sign_in(who, self.kind, address, ROBIN, SECRET, known)

    def connect(self, user=None, email=None, *granted):
        account = self.arrive(user)
        first_list.read_list(account.id)
        return Account.get_by_id(account.id)


class Watched(httpx.WSGITransport):
    """The imitation, with somebody looking on; the next lists may lack what stands there."""

    def __init__(self, app, look, lies=()):
        super().__init__(app=app)
        self.look, self.lies = look, lies

    def handle_request(self, request):
        self.look("before", request)
        answer = super().handle_request(request)
        self.look("after", request)
        is_list = request.method == "REPORT" and FIRST.search(request.content)
        if self.lies and is_list and answer.status_code == 207:
            shorten, body = self.lies.pop(), answer.read()
            rows = ROW.findall(body)
            head, tail = body.partition(b"<d:response>")[0], body.rpartition(b"</d:response>")[2]
            kept = b"".join(shorten(rows)) if rows else b""
            return httpx.Response(207, content=head + kept + tail if rows else body)
        return answer


def _of(character: str) -> type[CalDavSyncWorld]:
    return type(f"{character.title()}World", (CalDavSyncWorld,), {"character": character})


# servers on which a calendar of ours can be made; a look further than usual takes all
FEW, MORE = ("plain", "forgetful", "counting", "numbered"), ("orchard", "old", "lazy")
CALDAV = (
    CalDavSyncWorld,
    *map(_of, (*FEW, *MORE) if "MACHINE_EXAMPLES" in os.environ else FEW),
)
