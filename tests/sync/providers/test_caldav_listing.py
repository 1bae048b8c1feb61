"""Which of the things that servers list are calendars, what they are called, and what their owner
may do there.
"""

import httpx
import pytest

from base.outgoing import exchange
from sync.providers.caldav.adapter import CalDav
from sync.providers.caldav.login import Login
from sync.providers.errors import ProviderError, Unavailable

HOME, ME = "/cal/robin/", "/who/robin/"
CALENDAR = "<D:resourcetype><D:collection/><C:calendar/>{}</D:resourcetype>"
NAMED = "<D:displayname>{}</D:displayname>"
MULTI = (
    '<D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"'
    ' xmlns:N="http://nextcloud.com/ns" xmlns:S="http://calendarserver.org/ns/">{}</D:multistatus>'
)


def item(name, props, status="200 OK"):
    prop = f"<D:prop>{props}</D:prop><D:status>HTTP/1.1 {status}</D:status>"
    return f"<D:response><D:href>{name}</D:href><D:propstat>{prop}</D:propstat></D:response>"


def rights(*names):
    each = "".join(f"<D:privilege>{name}</D:privilege>" for name in names)
    return f"<D:current-user-privilege-set>{each}</D:current-user-privilege-set>"


def owned(by, me=ME):
    told = f"<D:owner><D:href>{by}</D:href></D:owner>"
    who = f"<D:href>{me}</D:href>"
    return f"{told}<D:current-user-principal>{who}</D:current-user-principal>"


def components(*names):
    each = "".join(f'<C:comp name="{name}"/>' for name in names)
    return f"<C:supported-calendar-component-set>{each}</C:supported-calendar-component-set>"


def listed(*items, status=207):
    """What is found: (name, access, id) by order."""
    answer = MULTI.format("".join(items)).encode()

    def handle(request):
        assert request.headers["Depth"] == "1" and b"resourcetype" in request.content
        return httpx.Response(status, stream=httpx.ByteStream(answer))

    login = Login(f"https://dav.test{ME}", "robin", "x", (HOME,), is_hosted=False)
    http = exchange.http_client(transport=httpx.MockTransport(handle))
    calendars = CalDav(http, lambda stale: login.written()).calendars()
    return [(one.name, one.access, one.calendar_id) for one in calendars]


PLAIN = CALENDAR.format("")
ACCESS = {  # what a server says of rights → the access
    "nothing": ("", "owner"),
    "all, as Xandikos": (rights("<D:all/>"), "owner"),
    "write": (rights("<D:read/>", "<D:write/>"), "owner"),
    "in parts, as iCloud": (rights("<D:read/>", "<D:write-content/>", "<D:bind/>"), "owner"),
    "one part alone": (rights("<D:read/>", "<D:write-content/>"), "reader"),
    "a share to read, as sabre": (
        rights("<D:read/>", "<D:write-properties/>") + owned(ME),
        "reader",
    ),
    "busy times alone": (rights("<C:read-free-busy/>"), "times"),
    "another's, to write": (rights("<D:all/>") + owned("/who/ana/"), "writer"),
    "another's, spelled otherwise": (
        rights("<D:all/>") + owned("https://dav.test/who/robin"),
        "owner",
    ),
    "a share to write": (
        rights("<D:write/>") + "<D:share-access><D:read-write/></D:share-access>",
        "writer",
    ),
    "an owner without an address": (rights("<D:all/>") + "<D:owner/>", "owner"),
}


@pytest.mark.parametrize("how", ACCESS)
def test_what_may_be_done_in_a_calendar(how):
    told, access = ACCESS[how]
    assert listed(item(f"{HOME}a/", PLAIN + told)) == [("a", access, f"{HOME}a/")]


def test_one_that_was_shared_with_the_account_is_not_its_own():
    told = CALENDAR.format("<S:shared/>") + rights("<D:all/>")
    assert listed(item(f"{HOME}a/", told))[0][1] == "writer"
    told = CALENDAR.format("<S:shared-owner/>") + rights("<D:all/>")
    assert listed(item(f"{HOME}a/", told))[0][1] == "owner"  # it was shared out


NO_CALENDARS = {
    "the home": item(HOME, "<D:resourcetype><D:collection/></D:resourcetype>"),
    "an address book": item(
        f"{HOME}a/",
        '<D:resourcetype><D:collection/><K:addressbook xmlns:K="x"/></D:resourcetype>',
    ),
    "an inbox": item(f"{HOME}a/", CALENDAR.format("<C:schedule-inbox/>")),
    "an outbox": item(f"{HOME}a/", CALENDAR.format("<C:schedule-outbox/>")),
    "a subscription": item(f"{HOME}a/", CALENDAR.format("<S:subscribed/>")),
    "a bin": item(f"{HOME}a/", CALENDAR.format("<N:trash-bin/>")),
    "a deleted calendar": item(f"{HOME}a/", CALENDAR.format("<N:deleted-calendar/>")),
    "a file of SOGo's": item(f"{HOME}personal.ics", "<D:resourcetype/>"),
    "tasks": item(f"{HOME}a/", PLAIN + components("VTODO")),
    "a journal and tasks": item(f"{HOME}a/", PLAIN + components("VTODO", "VJOURNAL")),
    "what may not be seen": item(f"{HOME}a/", PLAIN, "403 Forbidden"),
    "what is not there": item(f"{HOME}a/", PLAIN, "404 Not Found"),
    "one at another host": item("https://evil.test/cal/a/", PLAIN),
    "one at no address": item("http://[::1", PLAIN),
}


@pytest.mark.parametrize("what", NO_CALENDARS)
def test_what_is_no_calendar_is_not_offered(what):
    good = item(f"{HOME}good/", PLAIN + components("VEVENT", "VTODO"))
    found = listed(NO_CALENDARS[what], good)
    assert found == [("good", "owner", f"{HOME}good/")]


NAMES = {  # as told → as shown
    "Robin": "Robin",
    "": "a b",
    "R&amp;amp;D &amp;lt;2&amp;gt;": "R&D <2>",  # DAViCal escapes twice
    "Feet &#55358;&#56758;": "Feet 🦶",  # SOGo writes the two halves
    "<![CDATA[A & B]]>": "A & B",
    "bad\x07 &#xFFFF;&#0;": "bad",
    "n" * 5000: "n" * 1024,
}


@pytest.mark.parametrize("told", NAMES)
def test_a_calendar_has_the_name_that_it_tells(told):
    ((name, _, calendar_id),) = listed(item(f"{HOME}a%20b/", PLAIN + NAMED.format(told)))
    assert (name, calendar_id) == (NAMES[told], f"{HOME}a%20b/")


def test_each_calendar_is_listed_once_by_its_shortest_address():
    told = PLAIN + NAMED.format("Robin")
    spelled = (f"{HOME}a/", f"https://dav.test{HOME}a/", f"https://dav.test:443{HOME}a/")
    assert listed(*(item(one, told) for one in spelled)) == [("Robin", "owner", f"{HOME}a/")]


@pytest.mark.parametrize("status", [200, 204, 404, 500, 302])
def test_another_answer_is_no_empty_list(status):
    with pytest.raises(ProviderError):
        listed(item(HOME, ""), status=status)


def test_a_list_without_even_the_home_is_no_answer():
    with pytest.raises(Unavailable):
        listed()
