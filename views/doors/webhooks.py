"""Providers call here when something changed. Check the secret, mark what is to be looked at,
nudge, and answer at once.

No session, no cookie. Whoever does not know a channel's secret learns nothing: unknown, forged and
late calls are all alike.
"""

from flask import Blueprint, Response, abort, request

from sync.connect import connections
from sync.providers import ADAPTERS
from sync.two_way import channels, work

blueprint = Blueprint("webhooks", __name__)

MOST_OCTETS, LONGEST_TOKEN, MOST_CALLS = 256 * 1024, 4096, 500


@blueprint.post("/<kind>/<uuid:channel>")
def call(kind: str, channel):
    """Google: 200 where it is believed, else 404. Microsoft: 202 in any case, and the handshake
    while a channel is being opened.
    """
    if kind not in connections.kinds():
        abort(404)
    token = request.args.get("validationToken") if kind == "microsoft" else None
    if token is not None:
        return (
            Response(token, content_type="text/plain; charset=utf-8")
            if len(token) <= LONGEST_TOKEN
            else ("", 404)
        )
    if (request.content_length or 0) > MOST_OCTETS:
        abort(413)
    told = ADAPTERS[kind].calls(
        request.headers, request.stream.read(MOST_OCTETS + 1)[:MOST_OCTETS]
    )[:MOST_CALLS]
    believed = [
        channels.called(
            kind, str(channel), each.channel_id, each.secret, each.what, each.remote_id, each.etag
        )
        for each in told
    ]
    for account_id in {found for found in believed if found}:
        work.nudge(account_id)
    if kind == "microsoft":
        return "", 202
    return "", 200 if any(found is not None for found in believed) else 404
