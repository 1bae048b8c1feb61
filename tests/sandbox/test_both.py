"""Both imitations on one port, as `python -m sandbox` serves them."""

import threading
from datetime import UTC, datetime

import httpx
import pytest
from graph_world import IMMUTABLE, WINDOW, Receiver, event
from werkzeug.serving import make_server

from sandbox import __main__ as both
from sandbox import caldav, graph
from sandbox.graph.seed import ANA, ROBIN
from sandbox.seed import ROBIN as GOOGLE_ROBIN
from sandbox.store import Store


@pytest.fixture
def served(tmp_path):
    """The two apps, and a client of the port they listen on."""
    apps = both.open_both(tmp_path / "kept", "development")
    server = make_server("127.0.0.1", 0, apps, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}") as client:
        yield apps, client
    server.shutdown()
    server.server_close()


def test_each_request_goes_to_the_imitation_it_is_meant_for(served):
    apps, web = served
    google = {
        "Authorization": f"Bearer {apps.google.connect(GOOGLE_ROBIN, ['calendar'])['access_token']}"
    }
    microsoft = {
        "Authorization": f"Bearer {apps.graph.connect(ROBIN, ['User.Read'])['access_token']}"
    }
    assert web.get("/calendar/v3/users/me/calendarList", headers=google).status_code == 200
    assert web.get("/v1.0/me", headers=microsoft).json()["mail"] == ROBIN
    assert web.post("/token").json()["error"] == "invalid_client"
    assert web.post("/common/oauth2/v2.0/token").json()["error"] == "unauthorized_client"
    assert (
        "Google" in web.get("/sandbox/").text and "Microsoft" in web.get("/sandbox/outlook/").text
    )
    signed_in = httpx.BasicAuth(caldav.app.ROBIN, caldav.app.SECRET)
    asked = web.request("PROPFIND", "/", headers={"Depth": "0"}, auth=signed_in)
    assert asked.status_code == 207 and "/principals/robin/" in asked.text
    assert web.request("PROPFIND", "/cal/robin/", headers={"Depth": "1"}).status_code == 401
    page = web.get("/").text
    assert 'href="/sandbox/"' in page and 'href="/sandbox/outlook/"' in page


def test_on_the_wire_ids_are_encoded_and_links_lead_back(served):
    apps, web = served
    web.headers = {
        "Authorization": (
            f"Bearer {apps.graph.connect(ANA, ['Calendars.ReadWrite'])['access_token']}"
        )
    }
    made = web.post("/v1.0/me/events", json=event()).json()["id"]
    encoded = made.replace("/", "%2F")
    assert (
        web.get(f"/v1.0/me/events/{encoded}").status_code,
        web.get(f"/v1.0/me/events/{made}").status_code,
    ) == (200, 400)
    assert web.get("/v1.0/me/outlook/supportedTimeZones").status_code == 403
    first = web.get("/v1.0/me/calendarView", params=WINDOW | {"$top": 1}).json()["@odata.nextLink"]
    assert first.startswith(str(web.base_url)) and web.get(first).status_code == 200


def test_new_ones_begin_with_some_weeks_and_kept_ones_as_they_were_left(tmp_path):
    first = both.open_both(tmp_path / "kept", "development")
    assert first.google.user(GOOGLE_ROBIN).count() and first.graph.user(ROBIN).count()
    made = first.graph.user(ROBIN).add("Lunch", "2026-11-23T12:00", "2026-11-23T13:00")
    first.graph.user(ROBIN).delete_occurrence(
        next(each["id"] for each in first.graph.user(ROBIN).events() if each["recurrence"]), 1
    )
    first.google.store.save()
    first.graph.store.save()
    own = first.caldav.user()
    lunch = own.add(
        "Lunch", datetime(2026, 11, 23, 12, tzinfo=UTC), datetime(2026, 11, 23, 13, tzinfo=UTC)
    )
    first.caldav.store.save()
    again = both.open_both(tmp_path / "kept", "development")
    assert [each["id"] for each in again.graph.user(ROBIN).events()] == [
        each["id"] for each in first.graph.user(ROBIN).events()
    ]
    assert made in {each["id"] for each in again.graph.user(ROBIN).events()}
    assert [each["id"] for each in again.caldav.user().events()] == [lunch]
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o700


def test_tokens_deltas_and_subscriptions_survive_a_restart(tmp_path, moving):
    def start():
        return graph.create(
            Store(tmp_path / "microsoft.json"), clock=lambda: moving.now, sender=Receiver()
        )

    before = start()
    headers = {
        "Authorization": f"Bearer {before.connect(ROBIN, ['Calendars.ReadWrite'])['access_token']}",
        "Prefer": IMMUTABLE,
    }

    def caller(app):
        return httpx.Client(
            transport=httpx.WSGITransport(app=app), base_url="http://sandbox/v1.0", headers=headers
        )

    link = caller(before).get("/me/calendarView/delta", params=WINDOW).json()["@odata.deltaLink"]
    body = {
        "changeType": "updated",
        "notificationUrl": "https://clinic.example/",
        "resource": "/me/events",
    }
    made = (
        caller(before)
        .post("/subscriptions", json=body | {"expirationDateTime": "2026-11-25T00:00:00Z"})
        .json()["id"]
    )
    before.store.save()
    after = start()
    late = after.user(ROBIN).add("Lunch", "2026-11-23T12:00", "2026-11-23T13:00")
    assert [item["id"] for item in caller(after).get(link).json()["value"]] == [late]
    assert [each["id"] for each in after.channels.live()] == [made]


def test_the_sandbox_refuses_production(tmp_path, monkeypatch):
    monkeypatch.setenv("KALENDS_ENV", "production")
    with pytest.raises(RuntimeError):
        both.main(["--port", "0", "--store", str(tmp_path / "kept")])
    assert list((tmp_path / "kept").iterdir()) == []
    with pytest.raises(RuntimeError):
        graph.create(environment="production")
