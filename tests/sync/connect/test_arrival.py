"""Connecting an account, with both providers: each way in which it can fail, the sentence on the
page, and how the person can continue.
"""

import html
import threading
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sync_world import WORLDS

import models
from base import jobs
from sync.connect import arrival, gateway, revoking
from sync.tables import ending
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.pace import Revocation
from sync.two_way import first_list

NAMES = {"google": "Google", "microsoft": "Outlook"}
HTMX = {"HX-Request": "true"}


@pytest.fixture(params=list(WORLDS))
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    made = WORLDS[request.param](linden, clock)
    known = made.endpoints()
    made.sandbox.oauth.register(
        known.client_id, known.client_secret, f"http://localhost/connect/{made.kind}"
    )
    return made


@pytest.fixture
def microsoft(linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    made = WORLDS["microsoft"](linden, clock)
    made.sandbox.oauth.register(
        made.endpoints().client_id,
        made.endpoints().client_secret,
        "http://localhost/connect/microsoft",
    )
    return made


@pytest.fixture
def pat(signed_in, linden):
    return signed_in(linden.pat)


def begin(pat, world) -> dict[str, str]:
    """Out to the provider: what it is asked."""
    out = pat.get(f"/connect/{world.kind}/departure")
    assert out.status_code == 302, out.headers.get("Location")
    world.authorize = urlsplit(out.headers["Location"]).path
    return {
        name: values[0]
        for name, values in parse_qs(urlsplit(out.headers["Location"]).query).items()
    }


def consent(world, asked, decision="allow", **changes) -> str:
    """The pages there, and the address that leads back."""
    form = (
        asked
        | {"decision": decision, "account": world.email, "granted": asked["scope"].split()}
        | changes
    )
    back = world.sandbox.site.test_client().post(world.authorize, data=form)
    return urlsplit(back.headers["Location"])._replace(scheme="", netloc="").geturl()


def connect(pat, world, **changes):
    """There and back; then the job that looks."""
    answer = pat.get(consent(world, begin(pat, world), **changes))
    look()
    return answer


def look():
    models.database.connect(reuse_if_open=True)
    for account in Account.select():
        first_list.read_list(account.id)


def page(pat, path="/sync/") -> str:
    answer = pat.get(path)
    assert answer.status_code == 200, path
    models.database.connect(reuse_if_open=True)
    return html.unescape(answer.get_data(as_text=True))


def lands_on(pat, answer) -> str:
    """The page that a redirect leads to."""
    assert answer.status_code == 303
    return page(pat, answer.headers["Location"].partition("#")[0])


def can_connect(text, world) -> bool:
    return (
        f"Connect with {NAMES[world.kind]}</a>" in text
        and f"/connect/{world.kind}/departure" in text
    )


# ---- refused on the way back ----


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("error=access_denied", "says that access was not given"),
        ("error=access_denied&error_description=AADSTS65004%3A+no", "access was not given"),
        (
            "error=access_denied&error_description=AADSTS90094%3A+admin",
            "wants an administrator’s approval first",
        ),
        ("error=admin_policy_enforced", "wants an administrator’s approval first"),
        ("error=consent_required", "wants you to confirm something first"),
        (
            "error=interaction_required&error_description=AADSTS50076",
            "wants you to confirm something first",
        ),
        ("error=access_denied&error_description=AADSTS50105", "rules keep this account out"),
        ("error=server_error", "does not answer as it should. Try again"),
        ("error=temporarily_unavailable", "does not answer as it should"),
        ("error=unauthorized_client", "does not accept this Kalends"),
        ("error=%3Cscript%3E", "refused, and gave no reason"),
        ("code=never-given", "took too long"),
        ("", "This page had expired"),
    ],
)
def test_each_refusal_says_what_it_is_stores_nothing_and_leaves_the_button(pat, world, query, says):
    state = begin(pat, world)["state"]
    text = lands_on(pat, pat.get(f"/connect/{world.kind}?{query}&state={state}"))
    assert says in text and can_connect(text, world) and not Account.select().exists()
    assert "script>" not in says and "AADSTS" not in text.split("<main")[1].split("Help")[0]


@pytest.mark.parametrize(
    "query", ["code=x&state=foreign", "code=x", "error=access_denied&state=foreign"]
)
def test_a_return_that_is_not_ours_is_refused_and_leaves_the_button(pat, world, query):
    begin(pat, world)
    text = lands_on(pat, pat.get(f"/connect/{world.kind}?{query}"))
    assert "This page had expired" in text and can_connect(text, world)


def test_a_person_may_say_no(pat, world):
    text = lands_on(pat, connect(pat, world, decision="deny"))
    assert (
        "access was not given" in text
        and can_connect(text, world)
        and not Account.select().exists()
    )


def test_boxes_left_empty_are_asked_for(pat, world):
    text = lands_on(pat, connect(pat, world, granted=[]))
    assert "tick every box" in text and can_connect(text, world) and not Account.select().exists()
    stays = "What you allowed stays at Microsoft until you remove it, at myapps.microsoft.com"
    assert (stays in text) is (world.kind == "microsoft")  # Google’s is given back by a job


def test_what_was_allowed_is_given_back_where_the_account_does_not_say_who_it_is(pat, world):
    asked = begin(pat, world)
    back = consent(world, asked)
    world.sandbox.faults.fail(403, path="^(?!.*/token$).*", times=1)
    text = lands_on(pat, pat.get(back))
    assert "Not connected" in text and not Account.select().exists()
    assert Revocation.select().count() == 1
    revoking.retry()
    assert not Revocation.select().exists()
    if world.kind == "google":
        assert world.sandbox.requests[-1].path == "/revoke"


def test_who_connects_a_colleagues_account_is_told_and_who_has_their_own_is_not(
    pat, signed_in, world, linden
):
    linden.quinn.change_sync(sync_allowed=True, identifier="internal_id")
    connect(pat, world)
    said = "A colleague has connected this account, too."
    assert said not in page(pat)
    quinn = signed_in(linden.quinn)
    connect(quinn, world, account=world.other_email)
    assert said not in page(quinn) and said not in page(pat)
    Account.delete().where(Account.user == linden.quinn).execute()
    connect(quinn, world)
    assert said in page(quinn)


def test_an_organisation_that_wants_its_administrator_is_no_refusal_by_the_person(pat, microsoft):
    microsoft.sandbox.oauth.admin_consent = True
    text = lands_on(pat, connect(pat, microsoft))
    assert (
        "administrator’s approval" in text
        and "Cancel" not in text.split('id="flash"')[1].split("</div>")[0]
        and can_connect(text, microsoft)
    )


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 503])
def test_an_error_of_the_token_address_stores_nothing(pat, world, status):
    world.sandbox.faults.fail(status, path="/token$", times=None)
    text = lands_on(pat, connect(pat, world))
    assert can_connect(text, world) and not Account.select().exists()
    world.sandbox.faults.clear()
    connect(pat, world)
    assert Account.get().listed_at


def test_a_provider_that_never_answers_holds_nobody_for_long(pat, world, monkeypatch):
    """Not even one that sends an octet now and then, which no time-out of a single read bounds."""
    over = threading.Event()

    class Silent(httpx.BaseTransport):
        def handle_request(self, request):
            over.wait(20)
            raise httpx.ReadTimeout("over")

    monkeypatch.setattr(arrival, "ARRIVAL_SECONDS", 0.2)
    back = consent(world, begin(pat, world))
    setup = gateway.setup()
    gateway.set_up(
        gateway.GatewaySetup(setup.endpoints, None, 300, b"secret", lambda kind: Silent())
    )
    try:
        text = lands_on(pat, pat.get(back))
    finally:
        over.set()
    assert (
        "does not answer as it should" in text
        and can_connect(text, world)
        and not Account.select().exists()
    )


@pytest.mark.parametrize("lie", [{"error": "invalid_grant"}, {"access_token": ["a"]}], ids=str)
def test_a_token_address_that_lies_stores_nothing_and_leaves_the_button(pat, world, lie):
    back = consent(world, begin(pat, world))
    setup = gateway.setup()
    answers = httpx.MockTransport(lambda request: httpx.Response(200, json=lie))
    gateway.set_up(replace(setup, transport=lambda kind: answers))
    text = lands_on(pat, pat.get(back))
    gateway.set_up(setup)
    assert "does not answer as it should" in text and can_connect(text, world)
    assert not Account.select().exists()


# ---- twice ----


def test_a_second_return_of_one_that_worked_says_that_it_is_connected(pat, world):
    back = consent(world, begin(pat, world))
    kept = pat.get_cookie("kalends").value
    assert "Connected to" in lands_on(pat, pat.get(back))
    assert "Connected to" in lands_on(pat, pat.get(back))
    pat.set_cookie("kalends", kept)  # at once: both bring the same session
    assert "Connected to" in lands_on(pat, pat.get(back)) and Account.select().count() == 1


def test_a_return_of_a_clock_that_was_ahead_is_not_the_one_of_now(pat, world, clock):
    clock.now += timedelta(hours=1)
    back = consent(world, begin(pat, world))
    pat.get(back)
    clock.now -= timedelta(hours=1)
    assert "Not connected" in lands_on(pat, pat.get(back))


def test_a_second_return_while_the_first_asks_is_no_failure(pat, app, world):
    """The browser shows the answer to the second press, and a provider accepts a code once."""
    back, answers = consent(world, begin(pat, world)), []
    second = app.test_client()
    second.set_cookie("kalends", pat.get_cookie("kalends").value)
    setup = gateway.setup()

    class OnceTheCodeIsUsed(httpx.BaseTransport):
        def __init__(self, inner):
            self.inner, self.calls = inner, 0

        def handle_request(self, request):
            self.calls += 1
            if self.calls == 2 and not answers:
                answers.append(None)
                answers[0] = second.get(back)
            return self.inner.handle_request(request)

    reaches = replace(setup, transport=lambda kind: OnceTheCodeIsUsed(setup.transport(kind)))
    gateway.set_up(reaches)
    first = pat.get(back)
    gateway.set_up(setup)
    shown = lands_on(second, answers[0])
    assert "is being checked" in shown or "Connected to" in shown
    assert "Not connected" not in shown + lands_on(pat, first)
    assert Account.select().count() == 1
    refused = models.AuditEntry.select().where(models.AuditEntry.action == "account.refused")
    assert not refused.exists()


def test_a_session_that_ends_meanwhile_leads_back_without_the_code(pat, world):
    back = consent(world, begin(pat, world))
    pat.post("/sign-out")
    answer = pat.get(back)
    assert answer.status_code == 302 and answer.headers["Location"].endswith(
        f"next=/connect/{world.kind}"
    )


def test_an_old_return_is_refused_later(pat, world, clock):
    back = consent(world, begin(pat, world))
    pat.get(back)
    clock.now += timedelta(minutes=11)
    assert "This page had expired" in lands_on(pat, pat.get(back))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_tabs_that_leave_are_both_known_when_they_are_back(pat, world, order):
    backs = [consent(world, begin(pat, world)) for _ in range(2)]
    for number in order:
        assert "Connected to" in lands_on(pat, pat.get(backs[number]))
    assert Account.select().count() == 1


def test_a_return_that_belongs_to_nothing_spoils_no_sign_in(pat, world):
    back = consent(world, begin(pat, world))
    for query in ("", "state=&code=x", "state=another&code=x", "state=another&error=access_denied"):
        pat.get(f"/connect/{world.kind}?{query}")
        pat.get(f"/connect/caldav?{query}")
    assert "Connected to" in lands_on(pat, pat.get(back))


def test_only_the_last_few_sign_ins_under_way_are_kept(pat, world, clock):
    backs = []
    for _ in range(6):
        backs.append(consent(world, begin(pat, world)))
        clock.now += timedelta(seconds=1)
    assert "This page had expired" in lands_on(pat, pat.get(backs[0]))
    assert "Connected to" in lands_on(pat, pat.get(backs[5]))


def test_a_return_at_another_provider_is_none(pat, world):
    back = consent(world, begin(pat, world))
    other = {"google": "microsoft", "microsoft": "google"}[world.kind]
    assert pat.get(back.replace(world.kind, other)).status_code in (303, 404)
    assert not Account.select().exists()


def test_another_account_during_a_removal_is_told_what_to_do(pat, world):
    account = world.start()
    world.book()
    world.run(account)
    ending.begin_departure(Account.get_by_id(account.id), account.user, "disconnect")
    world.revoke()
    world.run(account)
    assert "End now" in page(pat)
    text = lands_on(pat, connect(pat, world, account=world.other_email))
    assert "still to be removed" in text and "disconnect it first" not in text
    assert "End now" in text and f"/connect/{world.kind}/departure" in text


def test_a_return_in_another_persons_session_connects_nothing(pat, world, signed_in, linden):
    back = consent(world, begin(pat, world))
    linden.quinn.change_sync(sync_allowed=True, identifier="internal_id")
    assert (
        "This page had expired"
        in lands_on(signed_in(linden.quinn), signed_in(linden.quinn).get(back))
        or not Account.select().exists()
    )
    assert not Account.select().exists()


# ---- the first list ----


def test_the_page_follows_the_look_and_then_asks_for_a_name(pat, world):
    answer = pat.get(consent(world, begin(pat, world)))
    text = lands_on(pat, answer)
    assert (
        "We are asking" in text and "which calendars you have" in text and "Start sync" not in text
    )
    assert "every 2s" in text and "<noscript>" in text and Account.get().listed_at is None
    look()
    text = page(pat)
    assert "Start sync" in text and "We are asking" not in text
    assert RemoteCalendar.select().where(RemoteCalendar.account == Account.get()).count() > 0


REFUSED = {
    "no mailbox": ("MailboxNotEnabledForRESTAPI", 404, "no calendar that other programs can use"),
    "forbidden": ("ErrorAccessDenied", 403, "does not let Kalends see the calendars"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_an_account_that_cannot_be_used_is_not_offered_and_another_can_be_chosen(
    pat, microsoft, why
):
    reason, status, says = REFUSED[why]
    microsoft.sandbox.faults.fail(status, reason, path="/me/calendars$", times=None)
    text = lands_on(pat, connect(pat, microsoft))
    assert (
        says in text
        and "Start sync" not in text
        and "Try again" in text
        and "Connect another account" in text
    )
    microsoft.sandbox.faults.clear()
    assert "login_hint" not in begin(pat, microsoft)
    connect(pat, microsoft, account=microsoft.other_email)
    (account,) = Account.select()
    assert (
        account.email == microsoft.other_email and account.listed_at and "Start sync" in page(pat)
    )


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_first_list_that_met_an_error_is_tried_again(pat, world, clock, status):
    world.sandbox.faults.fail(status, path="(users/me/calendarList|/me/calendars)$", times=2)
    text = lands_on(pat, connect(pat, world))
    assert (
        "does not answer as it should" in text
        and "We try again at" in text
        and "Start sync" not in text
    )
    look()
    assert Account.get().failures == 1, "not before its time"
    for _ in range(2):
        clock.now += timedelta(minutes=1)
        look()
    assert Account.get().health == "ok" and "Start sync" in page(pat)


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_try_again_and_remove_stand_beside_the_refusal(pat, microsoft, headers):
    microsoft.sandbox.faults.fail(
        404, "MailboxNotEnabledForRESTAPI", path="/me/calendars$", times=None
    )
    connect(pat, microsoft)
    account = Account.get()
    assert pat.post(f"/sync/accounts/{account.id}/check", headers=headers).status_code == (
        200 if headers else 303
    )
    assert "We are asking" in page(pat)
    look()
    assert "no calendar that other programs can use" in page(pat)
    assert pat.post(f"/sync/accounts/{account.id}/disconnection", headers=headers).status_code == (
        200 if headers else 303
    )
    models.database.connect(reuse_if_open=True)
    microsoft.run(account)
    assert not Account.select().exists() and can_connect(
        page(pat, "/sync/?mode=microsoft"), microsoft
    )


def test_a_look_whose_wake_up_was_lost_is_found_by_the_sweep(pat, world, queue):
    jobs.open_queue("unix:///nowhere/redis.sock")
    pat.get(consent(world, begin(pat, world)))
    jobs.open_queue(f"unix://{queue.connection_pool.connection_kwargs['path']}")
    models.database.connect(reuse_if_open=True)
    first_list.sweep()
    assert queue.lrange("rq:queue:sync", 0, -1) == [
        f"sync-two_way-first_list-read_list-{Account.get().id}".encode()
    ]


def test_connecting_again_during_the_first_list_drops_its_outdated_error(pat, world):
    connect(pat, world)
    account = Account.get()
    Account.update(listed_at=None).execute()
    stale = Account.get_by_id(account.id)
    Account.update(consented_at=account.consented_at + timedelta(seconds=1)).execute()
    first_list._trouble(stale, arrival.ScopeMissing("boxes", 403))
    assert Account.get().health == "ok"


def test_an_account_that_an_earlier_version_connected_and_could_not_list_is_looked_at(pat, world):
    """It was stored all the same then, and stood there without a calendar to choose."""
    world.connect()
    Account.update(listed_at=None).execute()
    RemoteCalendar.delete().execute()
    assert "We are asking" in page(pat)
    look()
    assert "Start sync" in page(pat) and RemoteCalendar.select().exists()


def test_an_account_in_use_is_not_replaced(pat, world):
    account = world.start()
    text = lands_on(pat, connect(pat, world, account=world.other_email))
    assert ("stays at Microsoft until" in text) is (world.kind == "microsoft")
    assert "You chose another account" in text and [row.email for row in Account.select()] == [
        account.email
    ]
    if world.kind == "google":  # what the other one allowed is given back, by a job
        before = sum(one.path == "/revoke" for one in world.sandbox.requests)
        revoking.retry()
        assert sum(one.path == "/revoke" for one in world.sandbox.requests) == before + 1
    assert Account.get_by_id(account.id).health == "ok"
    assert world.poll(account).health == "ok"


@pytest.mark.parametrize("has_list", [True, False])
@pytest.mark.parametrize("known", ["nobody", "this account", "another account"])
def test_what_empty_boxes_allowed_is_given_back(pat, linden, clock, known, has_list):
    """But where it may be an account that somebody uses, whose access would end as well."""
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    world = WORLDS["google"](linden, clock)
    world.sandbox.oauth.register(
        world.endpoints().client_id,
        world.endpoints().client_secret,
        "http://localhost/connect/google",
    )
    account = world.start() if known != "nobody" else None
    chosen = world.other_email if known == "another account" else world.email
    asked = begin(pat, world)
    ticked = [scope for scope in asked["scope"].split() if "calendarlist" in scope or not has_list]
    granted = [scope for scope in ticked if has_list or "app.created" in scope]
    text = lands_on(pat, pat.get(consent(world, asked, account=chosen, granted=granted)))
    assert "tick every box" in text
    before = sum(one.path == "/revoke" for one in world.sandbox.requests)
    models.database.connect(reuse_if_open=True)
    revoking.retry()
    is_sure = known == "nobody" or (has_list and known == "another account")
    assert sum(one.path == "/revoke" for one in world.sandbox.requests) == before + is_sure
    assert not Revocation.select().exists()
    if account:
        world.later(hours=2)
        assert world.poll(account).health == "ok"


# ---- the name ----


def test_a_name_that_is_taken_brings_the_form_back_with_the_reason(pat, microsoft):
    connect(pat, microsoft)
    account = Account.get()
    taken = (
        microsoft.robin.add_calendar("Praxis") if hasattr(microsoft.robin, "add_calendar") else None
    )
    assert taken is not None or microsoft.sandbox.faults.fail(
        409, "ErrorFolderExists", method="POST", path="/me/calendars$"
    )
    pat.post(f"/sync/accounts/{account.id}/start", data={"name": "Praxis"})
    models.database.connect(reuse_if_open=True)
    microsoft.run(account)
    text = page(pat)
    assert (
        "there is a calendar “Praxis” in Outlook already" in text
        and 'value="Praxis"' in text
        and "Start sync" in text
    )
    pat.post(f"/sync/accounts/{account.id}/start", data={"name": "Praxis 2"})
    models.database.connect(reuse_if_open=True)
    microsoft.run(account)
    assert (
        Account.get().phase == "active"
        and Account.get().health == "ok"
        and "already" not in page(pat).split("<main")[1][:3000]
    )


def test_a_taken_name_can_be_changed_though_a_calendar_of_ours_was_there_before(pat, microsoft):
    """It was left there, deleted in Outlook, and another calendar has its name by now."""
    account = microsoft.start()
    ours = microsoft.destination(account)
    ending.begin_departure(Account.get_by_id(account.id), account.user, "disconnect", False)
    microsoft.run(account)
    account = microsoft.connect()
    microsoft.robin.delete_calendar(ours)
    earlier = RemoteCalendar.get(RemoteCalendar.account == account, RemoteCalendar.is_ours).name
    assert f"“{earlier}” is there from an earlier" in page(pat)
    microsoft.robin.add_calendar(earlier)
    pat.post(f"/sync/accounts/{account.id}/start", data={"name": earlier})
    models.database.connect(reuse_if_open=True)
    for _ in range(5):
        microsoft.run(account)
        microsoft.later(hours=1)
    assert Account.get().phase == "naming"
    form = page(pat).split(f"/sync/accounts/{account.id}/start", 1)[1].split("</form>")[0]
    assert "Name of the new calendar" in form and "from an earlier connection" not in form
    pat.post(f"/sync/accounts/{account.id}/start", data={"name": "Praxis 2"})
    models.database.connect(reuse_if_open=True)
    for _ in range(5):
        microsoft.run(account)
        microsoft.later(hours=1)
    assert (Account.get().phase, Account.get().health) == ("active", "ok")


def test_a_word_that_means_a_taken_name_elsewhere_does_not_ask_for_a_name_again(microsoft):
    account = microsoft.start()
    microsoft.sandbox.faults.fail(409, "ErrorFolderExists", path=microsoft.lists, times=1)
    microsoft.poll(account)
    assert Account.get_by_id(account.id).phase == "active"
