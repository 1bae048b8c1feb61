"""Providers call these addresses when something changed. Check the secret, mark the calendar, wake
the worker, and answer at once.

No session, no cookie. A caller who does not know a channel's secret learns nothing: unknown, forged
and late calls get the same answer.
"""

from flask import Blueprint, Response, abort, request

from base.database import database
from sync.connect import gateway
from sync.providers import registry
from sync.two_way.reading import channel_upkeep

blueprint = Blueprint("webhooks", __name__)

MOST_OCTETS, LONGEST_TOKEN, MOST_CALLS = 256 * 1024, 4096, 500


@blueprint.post("/<kind>/<uuid:channel>")
def call(kind: str, channel):
    """Pass on a call with the right secret. The adapter knows the answer that the provider expects,
    also while a channel is being opened.
    """
    webhook = registry.row_of(kind).webhook if kind in gateway.kinds() else None
    if webhook is None:
        abort(404)
    token = webhook.handshake(request.args)
    if token is not None:
        return _repeated(token)
    if (request.content_length or 0) > MOST_OCTETS:
        abort(413)
    body = request.stream.read(MOST_OCTETS + 1)[:MOST_OCTETS]
    calls = webhook.calls(request.headers, body)[:MOST_CALLS]
    with database.waking_once():
        genuine = [channel_upkeep.called(kind, str(channel), call) for call in calls]
    return "", webhook.answer(any(genuine))


def _repeated(token: str) -> Response | tuple[str, int]:
    """The answer to a handshake: the text that the provider sent."""
    if len(token) > LONGEST_TOKEN:
        return "", 404
    return Response(token, content_type="text/plain; charset=utf-8")
