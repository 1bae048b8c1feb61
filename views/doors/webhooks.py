"""Providers call here when something changed. Check the secret, mark what is to be looked at,
wake, and answer at once.

No session, no cookie. Whoever does not know a channel's secret learns nothing: unknown, forged and
late calls are all alike.
"""

from flask import Blueprint, Response, abort, request

from base.database import database
from sync.connect import connections
from sync.providers import registry
from sync.two_way.reading import channels

blueprint = Blueprint("webhooks", __name__)

MOST_OCTETS, LONGEST_TOKEN, MOST_CALLS = 256 * 1024, 4096, 500


@blueprint.post("/<kind>/<uuid:channel>")
def call(kind: str, channel):
    """What is believed is passed on; how that is answered, and what a provider asks while a channel
    is being opened, its adapter knows.
    """
    webhook = registry.of(kind).webhook if kind in connections.kinds() else None
    if webhook is None:
        abort(404)
    token = webhook.handshake(request.args)
    if token is not None:
        return (
            Response(token, content_type="text/plain; charset=utf-8")
            if len(token) <= LONGEST_TOKEN
            else ("", 404)
        )
    if (request.content_length or 0) > MOST_OCTETS:
        abort(413)
    told = webhook.calls(request.headers, request.stream.read(MOST_OCTETS + 1)[:MOST_OCTETS])[
        :MOST_CALLS
    ]
    with database.waking_once():
        believed = [
            channels.called(
                kind,
                str(channel),
                each.channel_id,
                each.secret,
                each.what,
                each.remote_id,
                each.etag,
            )
            for each in told
        ]
    return "", webhook.answer(any(believed))
