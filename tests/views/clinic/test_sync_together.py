"""An owner asks several people at once, and makes links for those who agreed."""

import pytest

from base.tables.outbox import Letter
from models import Feed

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True, scope="session")


def test_people_are_asked_and_those_who_agreed_get_a_link_that_only_they_see(
    signed_in, linden, letters, stranger
):
    olive, pat, quinn = signed_in(linden.olive), linden.pat, linden.quinn
    assert signed_in(linden.maya).get("/team/sync/").status_code == 403
    everyone = {"person": [pat.id, quinn.id, stranger.id]}
    pat.change_sync(sync_allowed=True, identifier="initials")
    quinn.change_sync(sync_allowed=False)
    for _press in range(2):  # the second press does nothing more
        olive.post("/team/sync/", data=everyone | {"deed": "ask"})
        olive.post("/team/sync/", data=everyone | {"deed": "link"})
    (link,) = Feed.select()
    assert (link.user, link.scope) == (pat, "person")
    page = olive.get("/team/sync/").get_data(as_text=True)
    assert "Pat Linden" in page and str(link.uuid) not in page
    sent = {letter["To"]: letter.get_content() for letter in letters.send()}
    assert set(sent) == {"pat@linden.test", "quinn@linden.test"}
    assert "made a private link for you" in sent["pat@linden.test"]
    assert "/sync/links/" in sent["pat@linden.test"] and str(link.uuid) not in str(sent)
    assert "asks you to switch calendar sync on" in sent["quinn@linden.test"]


def test_an_invitation_to_sync_is_not_sent_once_there_is_no_reason(signed_in, linden, letters):
    linden.quinn.change_sync(sync_allowed=False)
    signed_in(linden.olive).post("/team/sync/", data={"person": [linden.quinn.id], "deed": "ask"})
    assert Letter.select().where(Letter.kind == "sync_ask").count() == 1
    linden.quinn.change_sync(sync_allowed=True, identifier="initials")
    assert letters.send() == []
