"""Particulars of Microsoft in the Graph adapter: provisional ids, batches, deltas that only show
where to look, and channels.
"""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from provider_worlds import NOW, WINDOW, event, mark

from sync.providers import open_provider
from sync.providers.base import ChannelCall, Create, Delete, OpenChannel
from sync.providers.errors import (
    AuthExpired,
    Gone,
    NameInUse,
    NoMailbox,
    ProviderError,
    RateLimited,
    SyncTokenExpired,
    Unanswered,
    Unavailable,
    Unsent,
)
from sync.providers.microsoft.adapter import Microsoft
from sync.providers.microsoft.channels import GraphWebhook
from sync.providers.microsoft.shapes import to_create
from sync.providers.wire import http_client

API = "https://graph.example/v1.0"
SOON = NOW + timedelta(days=4)
TOKEN = f"{API}/me/calendars/c1/calendarView/delta?$deltatoken=1"
MADE = {
    "id": "AAkA1",
    "@odata.etag": 'W/"1"',
    "type": "singleInstance",
    "originalStartTimeZone": "UTC",
} | to_create("promised-1", event(), mark())


class Answers:
    """An adapter before a Graph that gives these answers in turn, the last one for ever.

    `asked` is what it was asked.
    """

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []
        http = http_client(httpx.MockTransport(self._answer))
        self.provider = Microsoft(http, lambda stale: "token", API, lambda: NOW)

    def _answer(self, request):
        self.asked.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def bodies(self):
        return [json.loads(request.content) for request in self.asked]


def answer(status=200, headers=None, **body):
    return httpx.Response(status, json=body, headers=headers)


def refusal(status, code="", headers=None):
    return answer(status, headers, error={"code": code, "message": "see robin@work.example"})


def batch(*items):
    """The answer to a batch: (status, body) in the order of its calls, given backwards."""
    responses = [
        {"id": str(number), "status": status, "body": body}
        for number, (status, body) in enumerate(items)
    ]
    return answer(responses=responses[::-1])


ERROR = {"error": {"code": "x", "message": "x"}}


# ---- whatever is not what was asked for ----


@pytest.mark.parametrize(
    "said",
    [
        httpx.Response(200, text="<html>Sign in to this network</html>"),
        httpx.Response(200, json=[]),
        answer(),
        answer(value=None),
        answer(value=[5]),
    ],
    ids=["html", "list", "empty", "null", "numbers"],
)
def test_an_answer_of_another_shape_is_trouble_and_not_nothing(said):
    for sync_token in (TOKEN, None):
        with pytest.raises(Unavailable):
            Answers(said).provider.pull("c1", sync_token, WINDOW)


def test_half_an_event_is_told_as_such_beside_the_good_ones():
    backwards = MADE | {
        "id": "AAkB",
        "end": {"dateTime": "2020-01-01T00:00:00.0000000", "timeZone": "UTC"},
    }
    items = answer(value=[{"id": "AAkA"}, MADE, None, {"subject": "nameless"}, backwards])
    for unrolled in (True, False):
        delta = Answers(
            answer(value=[], **{"@odata.deltaLink": TOKEN}), items, items
        ).provider.pull("c1", None, WINDOW, unrolled=unrolled)
        assert [seen.remote_id for seen in delta.changed] == ["AAkA1"] and delta.sync_token == TOKEN
        assert [(one.remote_id, one.reason) for one in delta.unread] == [
            ("AAkA", "no_start"),
            ("", "no_id"),
            ("", "no_id"),
            ("AAkB", "backwards"),
        ]


@pytest.mark.parametrize("status", [400, 403, 404, 423, 500, 503])
def test_one_event_that_graph_does_not_show_is_looked_for_in_the_list(status):
    told = answer(value=[MADE, MADE | {"id": "AAkA2"}], **{"@odata.deltaLink": TOKEN})
    looks = batch((200, MADE), (status, ERROR))
    listed = answer(value=[MADE, MADE | {"id": "AAkA2", "subject": "from the list"}])
    delta = Answers(told, looks, listed).provider.pull("c1", TOKEN, WINDOW, unrolled=False)
    assert (
        {seen.remote_id: seen.title for seen in delta.changed}["AAkA2"] == "from the list"
        and not delta.tombstones
        and not delta.complete
    )
    source = Answers(
        told, looks, answer(value=[], **{"@odata.deltaLink": TOKEN}), listed
    ).provider.pull("c1", TOKEN, WINDOW)
    assert {seen.remote_id for seen in source.changed} == {"AAkA1", "AAkA2"} and source.complete


@pytest.mark.parametrize(
    "mapping",
    [
        "https://elsewhere.example/v1.0/me",
        "http://graph.example/v1.0/me",
        "https://graph.example.evil.example/v1.0",
        5,
    ],
)
def test_a_token_is_never_carried_elsewhere(mapping):
    graph = Answers(answer(value=[], **{"@odata.nextLink": mapping}))
    with pytest.raises(Unavailable):
        graph.provider.pull("c1", None, WINDOW)
    assert len(graph.asked) == 1


def test_a_place_in_the_history_of_another_service_is_lost():
    graph = Answers(answer(value=[]))
    with pytest.raises(SyncTokenExpired):
        graph.provider.pull("c1", "https://elsewhere.example/delta", WINDOW)
    assert not graph.asked


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (410, ""),
        (400, "SyncStateNotFound"),
        (404, "syncStateNotFound"),
        (400, "SyncStateInvalid"),
        (409, "resyncRequired"),
        (400, "ErrorInvalidRequest"),
    ],
)
def test_every_way_to_lose_the_place_leads_to_a_complete_pull(status, code):
    with pytest.raises(SyncTokenExpired):
        Answers(refusal(status, code)).provider.pull("c1", TOKEN, WINDOW)


def test_pages_without_end_are_trouble():
    with pytest.raises(Unavailable):
        Answers(answer(value=[], **{"@odata.nextLink": f"{API}/more"})).provider.pull(
            "c1", TOKEN, WINDOW
        )


def test_no_place_at_the_end_means_a_complete_pull_next():
    assert Answers(answer(value=[])).provider.pull("c1", TOKEN, WINDOW).sync_token is None


def test_an_account_without_a_mailbox_says_so():
    with pytest.raises(NoMailbox):
        Answers(
            answer(mail=None, userPrincipalName="guest@work.example"),
            refusal(404, "MailboxNotEnabledForRESTAPI"),
        ).provider.calendars()


def test_an_account_without_a_mail_address_is_known_by_its_name():
    assert (
        Answers(answer(mail=None, userPrincipalName="robin@work.example")).provider.email()
        == "robin@work.example"
    )


def test_a_redirect_is_not_followed():
    with pytest.raises(ProviderError):
        Answers(
            httpx.Response(302, headers={"Location": "https://elsewhere.example/"})
        ).provider.email()


def test_every_request_asks_for_lasting_ids_plain_text_and_utc():
    graph = Answers(batch((201, MADE)))
    list(graph.provider.write("c1", [Create("promised-1", event(), mark())]))
    (item,) = graph.bodies()[0]["requests"]
    for prefer in (graph.asked[0].headers["Prefer"], item["headers"]["Prefer"]):
        assert (
            prefer
            == 'IdType="ImmutableId", outlook.body-content-type="text", outlook.timezone="UTC"'
        )


def test_what_can_still_be_read_among_deleted_things_is_gone():
    removed = answer(
        value=[{"id": "AAkA1", "@removed": {"reason": "deleted"}}], **{"@odata.deltaLink": TOKEN}
    )
    graph = Answers(removed, answer(value=[]))
    delta = graph.provider.pull("c1", TOKEN, WINDOW, unrolled=False)
    assert (delta.changed, delta.tombstones, len(graph.asked)) == ((), {"AAkA1"}, 2)


def test_what_is_known_to_be_gone_is_not_looked_for():
    graph = Answers(
        answer(
            value=[{"id": "AAkA1", "@removed": {"reason": "deleted"}}],
            **{"@odata.deltaLink": TOKEN},
        )
    )
    delta = graph.provider.pull("c1", TOKEN, WINDOW, unrolled=False, over={"AAkA1"})
    assert (delta.changed, delta.tombstones, len(graph.asked)) == ((), frozenset(), 1)


def test_one_look_that_finds_nothing_is_no_removal():
    """Of an event that was told as living: the list has the last word."""
    told = answer(value=[MADE], **{"@odata.deltaLink": TOKEN})
    delta = Answers(told, batch((404, ERROR)), answer(value=[MADE])).provider.pull(
        "c1", TOKEN, WINDOW, unrolled=False
    )
    assert ([found.remote_id for found in delta.changed], delta.tombstones) == (
        ["AAkA1"],
        frozenset(),
    )
    delta = Answers(told, batch((404, ERROR)), answer(value=[])).provider.pull(
        "c1", TOKEN, WINDOW, unrolled=False
    )
    assert (delta.changed, delta.tombstones) == ((), frozenset())


def test_what_was_removed_and_stands_there_again_is_told():
    removed = answer(
        value=[{"id": "AAkA1", "@removed": {"reason": "deleted"}}], **{"@odata.deltaLink": TOKEN}
    )
    delta = Answers(removed, answer(value=[MADE])).provider.pull(
        "c1", TOKEN, WINDOW, unrolled=False
    )
    assert ([found.remote_id for found in delta.changed], delta.tombstones) == (
        ["AAkA1"],
        frozenset(),
    )


@pytest.mark.parametrize("turned", [False, True])
def test_what_one_round_tells_as_removed_and_as_living_is_looked_for_in_the_list(turned):
    both = [{"id": "AAkA1", "@removed": {"reason": "deleted"}}, MADE][:: -1 if turned else 1]
    told = answer(value=both, **{"@odata.deltaLink": TOKEN})
    for unrolled in (False, True):
        graph = Answers(
            told,
            *([answer(value=[], **{"@odata.deltaLink": TOKEN})] if unrolled else []),
            answer(value=[MADE]),
        )
        delta = graph.provider.pull("c1", TOKEN, WINDOW, unrolled=unrolled)
        assert ([found.remote_id for found in delta.changed], delta.tombstones) == (
            ["AAkA1"],
            frozenset(),
        )


@pytest.mark.parametrize("kind", ["singleInstance", "seriesMaster"])
def test_an_external_event_that_a_look_does_not_find_is_checked_in_the_list(kind):
    told = answer(value=[MADE | {"type": kind}], **{"@odata.deltaLink": TOKEN})
    nothing = batch((404, ERROR)) if kind == "singleInstance" else refusal(404, "ErrorItemNotFound")
    delta = Answers(
        told, nothing, answer(value=[], **{"@odata.deltaLink": TOKEN}), answer(value=[MADE])
    ).provider.pull("c1", TOKEN, WINDOW)
    assert ([found.remote_id for found in delta.changed], delta.tombstones, delta.complete) == (
        ["AAkA1"],
        frozenset(),
        True,
    )


def test_what_cannot_be_looked_at_is_neither_changed_nor_gone():
    told = answer(value=[MADE], **{"@odata.deltaLink": TOKEN})
    with pytest.raises(Unavailable):
        Answers(told, batch((503, ERROR))).provider.pull("c1", TOKEN, WINDOW, unrolled=False)


# ---- calendars ----


def test_calendars_are_told_without_notes_where_these_cannot_be_had():
    listed = answer(
        value=[
            {
                "id": "c1",
                "name": "Team",
                "canEdit": True,
                "owner": {"address": "robin@work.example"},
            }
        ]
    )
    graph = Answers(
        answer(mail="robin@work.example", userPrincipalName="robin@work.example"),
        refusal(400, "ErrorInvalidUrlQuery"),
        listed,
    )
    assert [
        (calendar.name, calendar.access, calendar.description)
        for calendar in graph.provider.calendars()
    ] == [("Team", "owner", "")]


def test_a_calendar_is_made_without_its_note_where_that_is_refused():
    graph = Answers(refusal(400), answer(201, id="c1", name="Linden"))
    made = graph.provider.create_calendar("Linden", "Europe/London", "Kept by Kalends")
    assert (made.description, graph.bodies()[1]) == ("", {"name": "Linden"})


def test_a_name_that_is_taken_is_told():
    with pytest.raises(NameInUse):
        Answers(refusal(409, "ErrorFolderExists")).provider.create_calendar(
            "Linden", "Europe/London"
        )


# ---- batches ----


def creates(count):
    return [
        Create(f"promised-{number}", event(), mark(f"booking{number}")) for number in range(count)
    ]


def made(number):
    """The good answer to one of these."""
    return 201, MADE | {"id": f"AAkA{number}", "transactionId": f"promised-{number}"}


def test_a_failure_is_its_own_call_s_alone():
    graph = Answers(batch(made(0), (500, ERROR), (400, ERROR), made(3)))
    errors = [type(result.error) for result in graph.provider.write("c1", creates(4))]
    assert (errors, len(graph.asked)) == ([type(None), Unavailable, ProviderError, type(None)], 1)


def test_a_filter_that_lets_everything_through_leads_to_no_other_event():
    graph = Answers(batch((200, {"value": [MADE]})))
    (result,) = graph.provider.write("c1", [Delete("promised-2")])
    assert (result.error, len(graph.asked)) == (None, 1)


def test_a_batch_in_which_nothing_went_through_is_the_last():
    graph = Answers(batch(*[(403, ERROR)] * 20))
    errors = [type(result.error).__name__ for result in graph.provider.write("c1", creates(40))]
    assert (errors, len(graph.asked)) == (["Forbidden"] * 20 + ["Unsent"] * 20, 1)


def test_too_much_at_once_stops_what_is_not_sent_yet_and_keeps_what_went_through():
    items = [
        {"id": str(number), "status": status, "body": body}
        for number in range(1, 20)
        for status, body in [made(number)]
    ]
    graph = Answers(
        answer(
            responses=[
                {"id": "0", "status": 429, "headers": {"Retry-After": "7"}, "body": ERROR},
                *items,
            ]
        )
    )
    first, *rest = graph.provider.write("c1", creates(22))
    assert isinstance(first.error, RateLimited) and first.error.retry_after_seconds == 7
    assert [type(result.error) for result in rest] == [type(None)] * 19 + [Unsent] * 2 and len(
        graph.asked
    ) == 1


def test_calls_that_met_a_dead_access_token_are_sent_once_more_and_no_others():
    graph = Answers(
        batch(made(0), (401, ERROR), (401, ERROR)),
        batch(made(1), (401, ERROR)),
        answer(401, **ERROR),
    )
    errors = [type(result.error) for result in graph.provider.write("c1", creates(3))]
    assert errors == [type(None), type(None), AuthExpired]
    assert [len(json.loads(one.content)["requests"]) for one in graph.asked[:2]] == [3, 2]


def test_a_call_without_an_answer_is_unknown_and_not_failed():
    graph = Answers(answer(responses=[{"id": "1", "status": 201, "body": MADE}]))
    first, second = graph.provider.write("c1", creates(2))
    assert isinstance(first.error, Unanswered) and second.error is None


def test_a_written_event_without_a_readable_answer_is_not_failed():
    (result,) = Answers(batch((201, {"id": "AAkA1"}))).provider.write("c1", creates(1))
    assert isinstance(result.error, Unavailable)


# ---- channels ----


def subscription(**fields):
    return answer(
        201,
        id="s1",
        resource="me/calendars/c1/events",
        expirationDateTime="2026-11-22T11:40:00.0000000Z",
        **fields,
    )


def opened(graph, ends_at):
    return graph.provider.channels.open(
        "c1", "asked", "https://clinic.example/hooks/microsoft", "secret", ends_at
    )


def test_a_channel_ends_when_graph_says_and_tells_of_its_own_end():
    graph = Answers(subscription())
    assert opened(graph, SOON) == OpenChannel(
        "s1", "me/calendars/c1/events", datetime(2026, 11, 22, 11, 40, tzinfo=UTC)
    )
    assert graph.bodies() == [
        {
            "changeType": "created,updated,deleted",
            "notificationUrl": "https://clinic.example/hooks/microsoft",
            "clientState": "secret",
            "lifecycleNotificationUrl": "https://clinic.example/hooks/microsoft",
            "resource": "/me/calendars/c1/events",
            "expirationDateTime": "2026-11-24T11:40:00Z",
        }
    ]


def test_a_channel_never_asks_for_more_than_seven_days_and_settles_for_three():
    graph = Answers(refusal(400, "ExtensionError"), subscription())
    opened(graph, NOW + timedelta(days=30))
    asked = [datetime.fromisoformat(body["expirationDateTime"]) - NOW for body in graph.bodies()]
    assert asked == [timedelta(minutes=10_070), timedelta(minutes=4_220)]


def test_an_address_that_cannot_be_reached_is_refused():
    graph = Answers(refusal(400, "ValidationError"))
    with pytest.raises(ProviderError, match="ValidationError"):
        opened(graph, SOON)


def test_a_channel_that_we_lost_sight_of_makes_room():
    ours = {
        "id": "old",
        "resource": "/me/calendars/c1/events",
        "notificationUrl": "https://clinic.example/hooks/microsoft",
    }
    others = [
        ours | {"id": "a", "resource": "/me/calendars/c2/events"},
        ours | {"id": "b", "notificationUrl": "https://other.example/"},
    ]
    graph = Answers(
        refusal(409, "x"), answer(value=[ours, *others]), httpx.Response(204), subscription()
    )
    opened(graph, SOON)
    assert [
        request.url.path.removeprefix("/v1.0")
        for request in graph.asked
        if request.method == "DELETE"
    ] == ["/subscriptions/old"]


@pytest.mark.parametrize("code", ["ErrorItemNotFound", "ResourceNotFound"])
def test_a_channel_that_is_gone_cannot_be_renewed_and_need_not_be_closed(code):
    graph, channel = Answers(refusal(404, code)), OpenChannel("s1", "", SOON)
    with pytest.raises(Gone):
        graph.provider.channels.renew(channel, SOON)
    graph.provider.channels.close(channel)


def told(*items):
    return GraphWebhook().calls({}, json.dumps({"value": list(items)}).encode())


def test_one_call_may_tell_of_several_channels():
    change = {
        "subscriptionId": "s1",
        "clientState": "secret",
        "changeType": "updated",
        "resource": "x",
        "resourceData": {"id": "AAkA"},
    }
    ends = [
        {"subscriptionId": "s2", "clientState": "other", "lifecycleEvent": event}
        for event in ("reauthorizationRequired", "subscriptionRemoved", "missed", "more", 5)
    ]
    assert told(change, *ends) == [
        ChannelCall("s1", "secret", "changed"),
        *(ChannelCall("s2", "other", what) for what in ("renew", "removed", "missed")),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"5",
        b'{"value": 5}',
        b'{"value": {"a": 1}}',
        b'{"value": [5, null, {}]}',
        b'{"value": [{"subscriptionId": 5}]}',
        b"\xff",
        b"[" * 100_000,
        b'{"value": [{"subscriptionId": "s1", "clientState": "%s"}]}' % (b"x" * 129),
        b'{"value": ["' + b"x" * 1_000_001 + b'"]}',
    ],
    ids=lambda body: str(body[:40]),
)
def test_junk_sent_to_the_webhook_says_nothing(body):
    assert GraphWebhook().calls({}, body) == []


def test_a_call_without_its_secret_is_told_as_such():
    assert told({"subscriptionId": "s1", "clientState": None}) == [ChannelCall("s1", "", "changed")]


def test_secrets_are_not_shown():
    assert "secret" not in repr(told({"subscriptionId": "s1", "clientState": "secret"}))


def test_the_adapter_is_opened_by_its_kind():
    opened = open_provider("microsoft", http_client(), lambda stale: "token", API)
    assert isinstance(opened, Microsoft)
