"""Pages that anyone may read: about this server, and how a provider is set up."""

import re

import pytest

from sync.providers import registry
from views.kit import guides


@pytest.mark.parametrize("path", ["/about", "/privacy"])
def test_anyone_reads_them_and_no_clinic_is_named(app, linden, path):
    page = app.test_client().get(path)
    assert page.status_code == 200 and "Linden" not in page.text
    assert "Set-Cookie" not in page.headers


def test_the_privacy_page_says_what_google_asks_for(app):
    text = " ".join(app.test_client().get("/privacy").text.split())
    assert "Google API Services User Data Policy" in text and "Limited Use requirements" in text


OAUTH = [row for row in registry.PROVIDERS.values() if not row.by_password]


@pytest.mark.parametrize("row", OAUTH, ids=lambda row: row.kind)
def test_each_guide_is_a_help_page_with_this_server_s_own_addresses(app, row):
    page = app.test_client().get(f"/help/{row.kind}-setup")
    assert page.status_code == 200
    base = app.config["SETTINGS"].base_url
    addresses = (f"{base}/connect/{row.kind}", f"{base}/about", f"{base}/privacy")
    assert all(f'value="{address}"' in page.text for address in addresses)
    ids = re.findall(r'<h2 id="([\w-]+)"', page.text)
    assert set(guides.headings(row.guide)) <= set(ids) and len(ids) == len(set(ids))
    article = page.text.split("<article>")[1].split("</article>")[0]
    assert not re.search(r"\*\*|```|^\|", re.sub(r"<pre .*?</pre>", "", article), re.MULTILINE)


def test_owners_alone_find_them_in_help(signed_in, linden, app):
    assert "/help/google-setup" in signed_in(linden.olive).get("/help/").text
    for browser in (signed_in(linden.pat), app.test_client()):
        assert "-setup" not in browser.get("/help/").text


def test_a_guide_of_nobody_is_not_there(app):
    assert app.test_client().get("/help/nextcloud-setup").status_code == 404
