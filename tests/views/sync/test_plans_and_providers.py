"""Calendar sync and Apps offer exactly the providers that are set up here and in the clinic's plan,
and every link to a provider leads on.
"""

import html
import re
from dataclasses import replace

import pytest
from sync_world import SyncWorld

from models import PLANS, Clinic, Feed, FeedRead
from sync.connect import gateway
from sync.providers import registry


@pytest.fixture(params=PLANS)
def plan(request, linden, clock):
    """The features of a plan that the clinic has now; every provider is set up."""
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    SyncWorld(linden, clock)
    setup = gateway.setup()
    endpoints = dict.fromkeys(
        (kind for kind, row in registry.PROVIDERS.items() if row.registration),
        setup.endpoints["google"],
    )
    gateway.set_up(replace(setup, endpoints=endpoints, by_password=True))
    Clinic.get_by_id(linden.clinic.id).change_plan(request.param, None)
    return PLANS[request.param]


def seen(browser, path: str) -> tuple[str, set[str]]:
    """The words of a page, and the addresses of its links to providers."""
    text = html.unescape(browser.get(path).get_data(as_text=True))
    links = set(re.findall(r'href="(/connect/[^"]*/departure[^"]*)"', text))
    return " ".join(re.sub("<[^>]*>", " ", text).split()), links


def test_only_what_the_plan_has_is_offered_and_each_link_leads_on(plan, signed_in, linden):
    pat, found = signed_in(linden.pat), seen(signed_in(linden.pat), "/settings/apps/")[1]
    for kind, row in registry.PROVIDERS.items():
        words, links = seen(pat, f"/sync/?mode={kind}")
        is_in_plan = row.feature in plan
        assert (f"/connect/{kind}/departure" in links) is is_in_plan
        assert (f"plan has no sync with {row.name}" in words) is not is_in_plan
        found |= links
    for link in found:
        assert "/sync/" not in pat.get(link).headers.get("Location", ""), link


ADVICE = "Both ways is best for most people"


def test_both_ways_is_advised_where_the_plan_has_it(plan, signed_in, linden):
    pat = signed_in(linden.pat)
    assert (ADVICE in seen(pat, "/sync/")[0]) is any(
        row.is_widespread and row.feature in plan for row in registry.PROVIDERS.values()
    )


def test_a_link_that_google_or_outlook_reads_leads_to_the_faster_way(plan, signed_in, linden):
    if "feed" not in plan:
        return
    feed = Feed.generate(linden.pat, "My phone", linden.pat, practitioner=linden.calendar)
    pat, at, seen_first = signed_in(linden.pat), feed.created_at, "For changes within seconds"
    assert seen_first not in seen(pat, "/sync/links/")[0]
    for kind in ("google", "microsoft"):
        row = registry.PROVIDERS[kind]
        FeedRead.delete().execute()
        FeedRead.create(feed=feed, family=row.product, first_at=at, last_at=at, count=1)
        advice = f"For changes within seconds, sync both ways with {row.name} ."
        assert (advice in seen(pat, "/sync/links/")[0]) is (row.feature in plan)
        Feed.update(kind="availability").where(Feed.id == feed.id).execute()
        assert seen_first not in seen(pat, "/sync/links/")[0]
        Feed.update(kind="bookings").where(Feed.id == feed.id).execute()


def test_whoever_syncs_both_ways_is_advised_no_more(signed_in, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    world, pat = SyncWorld(linden, clock), signed_in(linden.pat)
    assert ADVICE in seen(pat, "/sync/")[0]
    world.start()
    feed = Feed.generate(linden.pat, "My phone", linden.pat, practitioner=linden.calendar)
    at, google = feed.created_at, "Google Calendar"
    FeedRead.create(feed=feed, family=google, first_at=at, last_at=at, count=1)
    assert ADVICE not in seen(pat, "/sync/")[0]
    assert "For changes within seconds" not in seen(pat, "/sync/links/")[0]


def test_what_is_not_set_up_is_not_offered_and_the_page_says_who_can_help(signed_in, linden, clock):
    gateway.set_up(gateway.GatewaySetup())
    for kind, row in registry.PROVIDERS.items():
        words, links = seen(signed_in(linden.pat), f"/sync/?mode={kind}")
        assert not links and f"{row.name} is not set up in this Kalends" in words


def test_a_plan_promises_both_ways_only_with_what_is_written_to(signed_in, linden):
    page = html.unescape(signed_in(linden.olive).get("/settings/plan").get_data(as_text=True))
    cells = re.findall(r'<td data-label="Syncs both ways with">(.*?)</td>', page, re.DOTALL)
    both = [row.name for row in registry.PROVIDERS.values() if not row.reads_only]
    assert cells and all(set(cell.strip().split(", ")) <= set(both) for cell in cells)
    assert any(set(cell.strip().split(", ")) == set(both) for cell in cells)


def test_who_has_no_links_in_the_plan_is_not_sent_to_them(signed_in, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    SyncWorld(linden, clock)  # Google alone
    advice = "for any other app a private link does"
    assert advice in seen(signed_in(linden.pat), "/sync/?mode=google")[0]
    Clinic.get_by_id(linden.clinic.id).change_plan("basic", None)
    assert advice not in seen(signed_in(linden.pat), "/sync/?mode=google")[0]


@pytest.mark.parametrize("lacks", ["sync_allowed", "identifier"])
def test_what_comes_first_is_said_before_any_provider_is_asked(lacks, plan, signed_in, linden):
    linden.pat.change_sync(**{lacks: None if lacks == "identifier" else False})
    pat = signed_in(linden.pat)
    for kind, row in registry.PROVIDERS.items():
        words, links = seen(pat, f"/sync/?mode={kind}")
        assert not links
        if row.feature in plan:
            assert "First tick the box on top" in words or "First choose how clients" in words
