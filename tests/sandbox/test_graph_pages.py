"""Outlook's pages on which to play the outside user, in plain forms, and the control addresses."""

import re

import pytest
from graph_world import code

from sandbox.graph import control
from sandbox.graph.seed import ANA, CLIENT_ID, LEE, ROBIN, sample_weeks

PAGE = f"/sandbox/outlook/accounts/{ROBIN}"
TIMES = {"start": "2026-11-23T12:00", "end": "2026-11-23T13:00"}


def press(edge, path, **form):
    answer = edge.post(path, data=form)
    assert answer.status_code == 303, answer.text
    return edge.get(answer.headers["Location"])


def address(outlook, event):
    return f"{PAGE}/calendars/{outlook.calendar()['id']}/events/{event}"


def test_the_first_page_leads_to_every_account_and_names_what_it_imitates(edge):
    page = edge.get("/sandbox/outlook/").text
    assert (
        f'href="{PAGE}"' in page
        and ANA in page
        and "not Microsoft, an imitation" in page
        and "Google" not in page
    )
    assert "no mailbox" in edge.get(f"/sandbox/outlook/accounts/{LEE}").text
    assert edge.get("/sandbox/outlook/accounts/nobody@clinic.example").status_code == 404


def test_no_page_holds_a_script_or_inline_style(edge, graph):
    sample_weeks(graph)
    for path in ("/sandbox/outlook/", PAGE):
        assert not re.search(r"<script|style=|onclick|<style", edge.get(path).text)
    assert (
        edge.get(re.search(r'stylesheet" href="([^"]+)"', edge.get(PAGE).text)[1]).status_code
        == 200
    )


def test_events_are_added_timed_all_day_and_repeating(edge, outlook):
    home = outlook.calendar()["id"]
    page = press(
        edge,
        f"{PAGE}/events",
        subject="Lunch <with> Alex",
        show_as="tentative",
        repeat="weekly",
        calendar=home,
        **TIMES,
    ).text
    assert (
        "Lunch &lt;with&gt; Alex" in page
        and page.count("<mark>repeats</mark>") == page.count("<mark>tentative</mark>") == 2
    )
    press(
        edge, f"{PAGE}/events", subject="Fair", all_day="1", show_as="oof", calendar=home, **TIMES
    )
    fair = next(event for event in outlook.events() if event["subject"] == "Fair")
    assert (fair["isAllDay"], fair["showAs"], fair["end"]["dateTime"]) == (
        True,
        "oof",
        "2026-11-24T00:00:00",
    )


def test_an_event_is_moved_retitled_freed_and_deleted(edge, outlook):
    event = outlook.add("Lunch", *TIMES.values())
    form = {
        "from": "2026-11-20",
        "subject": "Late lunch",
        "start": "2026-11-23T14:00",
        "end": "2026-11-23T15:00",
        "show_as": "free",
    }
    assert "<mark>free</mark>" in press(edge, address(outlook, event), do="change", **form).text
    kept = outlook.events()[0]
    assert (kept["subject"], kept["start"]["dateTime"], kept["showAs"]) == (
        "Late lunch",
        "2026-11-23T14:00:00",
        "free",
    )
    press(edge, address(outlook, event), do="delete", **form)
    assert outlook.count() == 0
    assert edge.post(address(outlook, event), data=form | {"do": "delete"}).status_code == 404


def test_one_occurrence_of_a_series_can_be_deleted(edge, outlook):
    series = outlook.add("Daily", *TIMES.values(), recurrence="daily")
    shown = edge.get(PAGE).text.count("<strong>Daily</strong>")
    press(
        edge, address(outlook, outlook.instances(series)[1]), do="delete", **{"from": "2026-11-20"}
    )
    assert edge.get(PAGE).text.count("<strong>Daily</strong>") == shown - 1


def test_a_wrong_time_is_explained_and_changes_nothing(edge, outlook):
    form = {"subject": "x", "calendar": outlook.calendar()["id"], **TIMES}
    for odd in ({"end": "2026-11-23T11:00"}, {"start": "noon"}, {"calendar": "none"}):
        assert edge.post(f"{PAGE}/events", data=form | odd).status_code == 400
    assert outlook.count() == 0


def test_what_an_application_wrote_is_marked_and_shared_calendars_to_read_stay_as_they_are(
    edge, ms, graph
):
    ms.create()
    holidays = next(
        key
        for key, each in graph.user(ROBIN).calendars.items()
        if each["name"] == "Public holidays"
    )
    graph.user("office@clinic.example").add("Bank holiday", "2026-11-24", calendar=holidays)
    page = edge.get(PAGE).text
    assert (
        page.count("from Kalends") == 1
        and "Bank holiday" in page
        and page.count("<summary>Change</summary>") == 1
    )


def test_calendars_are_added_and_deleted(edge, outlook):
    press(edge, f"{PAGE}/calendars", name="Choir")
    choir = next(key for key, each in outlook.calendars.items() if each["name"] == "Choir")
    press(edge, f"{PAGE}/calendars/{choir}/deletion")
    assert choir not in outlook.calendars


def test_access_is_revoked_with_a_button(edge, ms, graph):
    assert "Kalends may use these calendars" in edge.get(PAGE).text
    press(edge, f"{PAGE}/revocation", client=CLIENT_ID)
    assert ms.get("/me").status_code == 401 and graph.oauth.grant(CLIENT_ID, ROBIN) is None


@pytest.mark.parametrize(("kind", "status"), [("503", 503), ("429", 429), ("401", 401)])
def test_microsoft_fails_for_a_while_and_works_again(edge, ms, kind, status):
    page = press(edge, "/sandbox/outlook/trouble", kind=kind, minutes="5")
    assert f"Answers {status} until 11:45 UTC" in page.text
    assert ms.get("/me").status_code == status
    assert "Everything works." in press(edge, "/sandbox/outlook/trouble/end").text
    assert ms.get("/me").status_code == 200


def test_buttons_on_other_sites_are_ignored(edge, outlook):
    answer = edge.post(
        f"{PAGE}/calendars", data={"name": "x"}, headers={"Origin": "https://elsewhere.example"}
    )
    assert (answer.status_code, len(outlook.calendars)) == (403, 4)


def test_the_control_addresses_turn_switches_and_play_the_user(edge, ms, graph, outlook):
    def tell(to, **body):
        return edge.post(f"/sandbox/outlook/{to}", json=body)

    made = tell(f"users/{ROBIN}/add", subject="Lunch", **TIMES).json()["answer"]
    tell("control/switches", page_cap=1, quota_per_10_minutes=50, oauth_admin_consent=True)
    assert (graph.page_cap, graph.quota.per_10_minutes, graph.oauth.admin_consent) == (1, 50, True)
    tell("control/fail", status=429, path="/events$")
    assert (
        code(ms.get("/me/events")) == "ApplicationThrottled"
        and ms.get("/me/events").status_code == 200
    )
    assert (
        tell(f"users/{ROBIN}/show_as", event_id=made, what="oof").status_code == 200
        and outlook.events()[0]["showAs"] == "oof"
    )
    assert (
        tell("control/switches", colour=1).status_code
        == tell("control/drop", subscription_id="none").status_code
        == 400
    )
    assert tell("control/explode").status_code == tell(f"users/{ROBIN}/graph").status_code == 404
    assert edge.get("/sandbox/outlook/requests").json()[-1]["operation"] == "events.list"


def test_every_switch_and_action_of_the_control_addresses_exists(graph, outlook):
    for name in control.SWITCHES.values():
        owner, _, attribute = name.rpartition(".")
        assert attribute in vars(getattr(graph, owner) if owner else graph)
    assert [
        name for name in control.USER_ACTIONS if not callable(getattr(outlook, name, None))
    ] == []
