"""Connecting a calendar with a name and a password: what is asked, stored, shown, and never
shown.
"""

import html
import re

import httpx
import pytest
from caldav_servers import SECRET, USER, Server
from caldav_sync_world import CalDavSyncWorld
from online_world import text_of

from sync.connect import gateway
from sync.providers import registry
from sync.tables import starting
from sync.tables.accounts import Account, RemoteCalendar
from sync.two_way import first_list
from views.sync.words import connect_words, two_way_words

KIND = "caldav-nextcloud"


@pytest.fixture
def server(linden):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    made, before = Server("radicale"), gateway.setup()
    gateway.set_up(
        gateway.GatewaySetup(
            secret=b"secret",
            transport=lambda kind: httpx.WSGITransport(app=made.app),
            by_password=True,
        )
    )
    yield made
    gateway.set_up(before)
    made.close()


@pytest.fixture
def pat(signed_in, linden, server):
    return signed_in(linden.pat)


def send(browser, kind=KIND, account="", **fields):
    told = {"address": "cloud.test", "user": USER, "password": SECRET} | fields
    return browser.post(f"/connect/{kind}/password?account={account}", data=told)


def test_the_page_says_where_the_password_is_made_and_asks_nobody(pat, server):
    body = pat.get("/connect/caldav-apple/departure").get_data(as_text=True)
    assert "account.apple.com" in body and 'name="address"' not in body
    body = pat.get(f"/connect/{KIND}/departure").get_data(as_text=True)
    assert 'name="address"' in body and "Security" in body
    assert "makes none for them" in pat.get("/connect/caldav-zoho/departure").get_data(as_text=True)
    assert pat.get("/connect/google/departure").status_code == 404
    assert server.app.requests == []


@pytest.mark.parametrize(
    ("service", "asked"),
    [
        ("apple", ["E-mail address of your Apple account", "App password"]),
        ("zoho", ["CalDAV address of your calendar", "Your Zoho address", "App password"]),
        ("posteo", ["Your Posteo address", "Password of your Posteo account"]),
        ("nextcloud", ["Address of your Nextcloud", "Your user name in Nextcloud", "App password"]),
    ],
)
def test_each_service_asks_in_its_own_words(pat, service, asked):
    body = pat.get(f"/connect/caldav-{service}/departure").text
    form = body.split('id="password-form"')[1]
    labels = re.findall(r"<label[^>]*>([^<]*)</label>", form)
    assert [html.unescape(one).strip() for one in labels] == asked
    assert ("delete it" in form) == ("App password" in asked)
    assert "/help/two-way-caldav" in body


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("caldav-posteo", "We forget the password."),
        (KIND, "We forget the password; delete it there as well, in the settings of"),
        ("microsoft", "We forget Microsoft’s permission; withdraw it there as well, at"),
        ("google", "Google’s permission is given back."),
        ("published", "We forget the address."),
    ],
)
def test_what_becomes_of_access_is_said_for_each_way_in(kind, said):
    assert two_way_words.forgetting(registry.row_of(kind)).startswith(said)


def test_what_was_typed_comes_back_to_be_corrected_but_never_the_password(pat, server):
    send(pat, address="cloud.test", user="robbin", password="hunter2")
    account = Account.get()
    first_list.read_list(account.id)
    assert "Nextcloud is not syncing yet; see above." in text_of(pat.get(f"/sync/?mode={KIND}"))
    page = pat.get(f"/connect/{KIND}/departure?account={account.id}").text
    assert 'value="cloud.test"' in page and 'value="robbin"' in page and "hunter2" not in page
    Account.update(sealed="of another key").execute()
    page = pat.get(f"/connect/{KIND}/departure?account={account.id}").text
    assert 'name="user"' in page and "robbin" not in page


def test_signing_in_asks_no_server_and_a_job_follows(pat, linden, server):
    answer = send(pat)
    account = Account.get()
    assert answer.status_code == 303 and answer.location.endswith(f"#account-{account.id}")
    assert server.app.requests == [] and SECRET not in account.sealed
    assert "asking Nextcloud which calendars" in pat.get("/sync/").get_data(as_text=True)
    first_list.read_list(account.id)
    body = pat.get("/sync/").get_data(as_text=True)
    assert "robin@cloud.test" in body and "Start sync" in body and SECRET not in body


def test_a_wrong_password_is_said_with_the_way_to_another_try(pat, server):
    send(pat, password="wrong")
    first_list.read_list(Account.get().id)
    body = pat.get("/sync/").get_data(as_text=True)
    assert connect_words.refusal("WrongPassword", "Nextcloud").replace("’", "’") in body
    assert f"/connect/{KIND}/departure" in body


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"password": ""}, "Write or paste the password"),
        ({"user": ""}, "Write your user name"),
        ({"address": "file:///etc/passwd"}, "This is no address"),
        ({"address": "https://someone:else@cloud.test/"}, "This is no address"),
        ({"address": "http://"}, "This is no address"),
    ],
)
def test_what_cannot_be_used_is_said_and_the_password_is_not_shown_again(pat, fields, said):
    answer = send(pat, **fields)
    body = answer.get_data(as_text=True)
    assert answer.status_code == 422 and said in body and SECRET not in body
    assert not Account.select().exists()


def test_a_person_may_connect_several_and_each_stays(pat, linden, server):
    send(pat)
    send(pat, kind="caldav", address="https://dav.test/")
    for account in Account.select():
        first_list.read_list(account.id)
    assert {(row.kind, row.health) for row in Account.select()} == {(KIND, "ok"), ("caldav", "ok")}


def test_two_of_one_kind_are_told_apart_and_corrected_one_by_one(pat, linden, server):
    send(pat, address="https://cloud.one.test/")
    send(pat, address="https://cloud.two.test/", password="wrong")
    one, two = Account.select().order_by(Account.id)
    for account in (one, two):
        first_list.read_list(account.id)
    body = pat.get("/sync/").get_data(as_text=True)
    assert f"/connect/{KIND}/departure?account={two.id}" in body
    assert f"account={one.id}" in pat.get(f"/connect/{KIND}/departure?account={one.id}").get_data(
        as_text=True
    )
    send(pat, account=two.id, address="https://cloud.two.test/")
    two = Account.select().order_by(Account.id.desc()).get()
    first_list.read_list(two.id)
    assert [
        (row.email, row.place, row.health) for row in Account.select().order_by(Account.id)
    ] == [
        ("robin@cloud.one.test", "https://cloud.one.test", "ok"),
        ("robin@cloud.two.test", "https://cloud.two.test", "ok"),
    ]
    body = pat.get("/settings/apps/").get_data(as_text=True)
    assert "robin@cloud.one.test" in body and "robin@cloud.two.test" in body


@pytest.mark.parametrize("phase", ["naming", "off"])
def test_an_account_that_is_not_synced_is_connected_again_in_its_place(pat, server, phase):
    send(pat)
    first = Account.get()
    first_list.read_list(first.id)
    Account.update(phase=phase, health="reconnect", health_word="AuthExpired").execute()
    kept = Account.get().sealed
    assert "Connect another account" in text_of(pat.get(f"/sync/?mode={KIND}"))
    send(pat)
    for account in list(Account.select()):
        first_list.read_list(account.id)
    again = Account.get()
    first_list.read_list(again.id)
    again = Account.get()
    assert (Account.select().count(), again.id, again.health) == (1, first.id, "ok")
    assert again.sealed != kept and again.phase == phase


def test_the_same_account_is_not_connected_twice(pat, linden, server):
    send(pat)
    first_list.read_list(Account.get().id)
    Account.update(phase="active").execute()
    send(pat)
    send(pat, kind="caldav", address="https://cloud.test/robin/")
    for again in list(Account.select().order_by(Account.id))[1:]:
        first_list.read_list(again.id)
    words = [row.health_word for row in Account.select().order_by(Account.id)]
    assert words == ["", "ConnectedTwice", "ConnectedTwice"]
    assert "You connected this account already" in pat.get("/sync/").get_data(as_text=True)


def test_equal_paths_at_two_servers_are_two_calendars_and_at_one_server_one(linden):
    def there(user, kind, place, role):
        account = starting.connect(user, kind, "robin", "sealed", (), None, place=place)
        facts = {"clinic": linden.clinic, "account": account, "name": "Robin", "role": role}
        RemoteCalendar.create(calendar_id="/dav/robin/", **facts)
        return starting.in_use(account, ["/dav/robin/"])

    there(linden.pat, KIND, "https://one.test", "destination")
    assert there(linden.quinn, KIND, "https://two.test", "listed") == set()
    assert there(linden.quinn, KIND, "https://one.test", "listed") == {"/dav/robin/"}
    assert there(linden.quinn, "caldav", "https://one.test", "listed") == {"/dav/robin/"}
    assert there(linden.quinn, "caldav", "https://two.test", "listed") == set()


@pytest.mark.parametrize("name", ["nobody", "colleague"])
def test_only_an_account_of_ones_own_is_corrected(pat, linden, server, signed_in, name):
    theirs = 999
    if name == "colleague":
        linden.quinn.change_sync(sync_allowed=True, identifier="internal_id")
        send(signed_in(linden.quinn))
        theirs = Account.get().id
    assert pat.get(f"/connect/{KIND}/departure?account={theirs}").status_code == 404
    assert send(pat, account=theirs).status_code == 404
    assert pat.get(f"/connect/caldav/departure?account={theirs}").status_code == 404


def test_an_address_in_a_private_network_is_refused_with_the_way_out(pat, server):
    gateway.set_up(gateway.GatewaySetup(secret=b"secret", by_password=True))
    send(pat, address="https://127.0.0.1:9/")
    first_list.read_list(Account.get().id)
    account = Account.get()
    assert (account.health, account.health_word) == ("reconnect", "PrivateServer")
    assert "KALENDS_PRIVATE_HOSTS" in pat.get("/sync/").get_data(as_text=True)


def test_where_no_calendar_can_be_made_one_that_is_there_is_chosen(pat, linden, clock):
    world = type("Bare", (CalDavSyncWorld,), {"character": "bare"})(linden, clock)
    world.book()
    account = Account.get_by_id(world.start().id)
    assert (account.phase, account.health) == ("active", "waiting")  # one refusal is not believed
    for _ in range(2):
        world.later(minutes=1)
        account = world.run(account)
    assert (account.phase, account.health) == ("naming", "ok")
    body = pat.get("/sync/").get_data(as_text=True)
    assert "makes no calendars for" in body and ">Robin" in body
    (own,) = account.calendars.where(RemoteCalendar.name == "Robin")
    pat.post(f"/sync/accounts/{account.id}/start", data={"name": "Kalends", "into": own.id})
    account = world.run(account)
    assert account.phase == "active"
    world.assert_in_step(account)
