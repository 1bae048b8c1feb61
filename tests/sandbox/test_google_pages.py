"""The page on which to play the outside user, in plain forms."""

import re

import pytest

from sandbox.seed import ANA, CLIENT_ID, ROBIN, sample_weeks

PAGE = f"/sandbox/accounts/{ROBIN}"


def press(web, path, **form):
    answer = web.post(path, data=form)
    assert answer.status_code == 303, answer.text
    return web.get(answer.headers["Location"])


def address(calendar, event):
    return f"{PAGE}/calendars/{calendar}/events/{event}"


def test_the_first_page_leads_to_every_account(web):
    page = web.get("/sandbox/").text
    assert f'href="{PAGE}"' in page and ANA in page
    assert web.get("/sandbox/accounts/nobody@clinic.example").status_code == 404


def test_no_page_holds_a_script_or_inline_style(web, sandbox):
    sample_weeks(sandbox)
    for path in ("/sandbox/", PAGE):
        assert not re.search(r"<script|style=|onclick|<style", web.get(path).text)


def test_events_are_added_timed_all_day_and_repeating(web, robin):
    times = {"start": "2026-11-23T12:00", "end": "2026-11-23T13:00", "calendar": ROBIN}
    page = press(
        web, f"{PAGE}/events", summary="Lunch <with> Alex", free="1", repeat="WEEKLY", **times
    )
    assert "Lunch &lt;with&gt; Alex" in page.text
    assert page.text.count("<mark>repeats</mark>") == 2  # two weeks are shown
    press(web, f"{PAGE}/events", summary="Fair", all_day="1", **times)
    series, fair = robin.events()[1], robin.events()[0]
    assert (series["recurrence"], series["transparency"]) == (["RRULE:FREQ=WEEKLY"], "transparent")
    assert (fair["start"], fair["end"]) == ({"date": "2026-11-23"}, {"date": "2026-11-24"})


def test_an_event_is_moved_retitled_freed_and_deleted(web, robin):
    event = robin.add("Lunch", "2026-11-23T12:00", "2026-11-23T13:00")
    form = {
        "from": "2026-11-20",
        "summary": "Late lunch",
        "start": "2026-11-23T14:00",
        "end": "2026-11-23T15:00",
    }
    assert "Late lunch" in press(web, address(ROBIN, event), do="move", **form).text
    assert robin.events()[0]["start"]["dateTime"] == "2026-11-23T14:00:00Z"
    press(web, address(ROBIN, event), do="free", **form)
    assert robin.events()[0]["transparency"] == "transparent"
    press(web, address(ROBIN, event), do="busy", **form)
    assert "transparency" not in robin.events()[0]
    press(web, address(ROBIN, event), do="delete", **form)
    assert robin.count() == 0
    assert web.post(address(ROBIN, event), data=form | {"do": "delete"}).status_code == 410


def test_a_wrong_time_is_explained_and_changes_nothing(web, robin):
    answer = web.post(
        f"{PAGE}/events",
        data={
            "summary": "x",
            "start": "2026-11-23T12:00",
            "end": "2026-11-23T11:00",
            "calendar": ROBIN,
        },
    )
    assert answer.status_code == 400 and "time range is empty" in answer.text
    for odd in ({"start": "noon"}, {"calendar": "none"}):
        form = {
            "summary": "x",
            "start": "2026-11-23T12:00",
            "end": "2026-11-23T13:00",
            "calendar": ROBIN,
        } | odd
        assert web.post(f"{PAGE}/events", data=form).status_code == 400
    assert robin.count() == 0


def test_one_occurrence_of_a_series_can_be_deleted(web, robin):
    series = robin.add(
        "Daily", "2026-11-23T09:00", "2026-11-23T10:00", recurrence=["RRULE:FREQ=DAILY;COUNT=3"]
    )
    press(web, address(ROBIN, robin.instances(series)[1]), do="delete", **{"from": "2026-11-20"})
    assert web.get(PAGE).text.count("<strong>Daily</strong>") == 2


def test_what_an_application_wrote_is_marked(web, api, robin):
    robin.add("By hand", "2026-11-23T12:00", "2026-11-23T13:00")
    assert "from Kalends" not in web.get(PAGE).text
    api.insert()
    assert web.get(PAGE).text.count("from Kalends") == 1


def test_calendars_of_others_show_no_more_than_their_role_allows(web, sandbox, robin):
    rota = next(each for each in robin.calendars.values() if each["summary"] == "Room rota")
    sandbox.user(rota["owner"]).add(
        "Meeting about Robin", "2026-11-23T09:00", "2026-11-23T10:00", rota["id"]
    )
    page = web.get(PAGE).text
    assert (
        "Meeting about Robin" not in page
        and "<strong>Busy</strong>" in page
        and "<summary>Change</summary>" not in page
    )


def test_calendars_are_added_and_deleted(web, robin):
    press(web, f"{PAGE}/calendars", summary="Choir")
    choir = next(key for key, each in robin.calendars.items() if each["summary"] == "Choir")
    press(web, f"{PAGE}/calendars/{choir}/deletion")
    assert choir not in robin.calendars


def test_access_is_revoked_with_a_button(web, api, sandbox):
    api.events()
    assert "Kalends may use these calendars" in web.get(PAGE).text
    press(web, f"{PAGE}/revocation", client=CLIENT_ID)
    assert api.events().status_code == 401 and sandbox.oauth.grant(CLIENT_ID, ROBIN) is None


@pytest.mark.parametrize(("kind", "status"), [("503", 503), ("429", 429), ("401", 401)])
def test_google_fails_for_a_while_and_works_again(web, api, kind, status):
    page = press(web, "/sandbox/trouble", kind=kind, minutes="5")
    assert f"Answers {status} until 11:45 UTC" in page.text
    assert api.events().status_code == status
    assert "Everything works." in press(web, "/sandbox/trouble/end").text
    assert api.events().status_code == 200


def test_buttons_on_other_sites_are_ignored(web, robin):
    answer = web.post(
        f"{PAGE}/calendars", data={"summary": "x"}, headers={"Origin": "https://elsewhere.example"}
    )
    assert answer.status_code == 403
    assert len(robin.calendars) == 4
